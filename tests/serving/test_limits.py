from glip_pl.running.settings import compose_settings, plain
from glip_pl.serving.limits import Limits


def test_settings_give_the_limits() -> None:
    config = compose_settings(["limits.megabytes=0.5", "limits.megapixels=2"], "serve")
    limits = Limits(**plain(config.limits))
    assert limits.bytes == 500_000
    assert limits.pixels == 2_000_000
    assert limits.waiting > 0
