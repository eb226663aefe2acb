import timm

from glip_pl.pretrained.efficientnet_lite0 import load


def test_the_wheel_fills_timms_network_exactly() -> None:
    network = timm.create_model("tf_efficientnet_lite0")
    report = network.load_state_dict(load(), strict=True)
    assert not report.missing_keys
