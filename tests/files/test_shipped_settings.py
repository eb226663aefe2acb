from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from glip_pl.files.shipped_settings import CONF_DIR, compose_shipped


def test_settings_are_composed_with_overrides() -> None:
    config = compose_shipped("train", ["model=glip_l", "experiment=shapes_pretrain", "seed=7"])
    assert config.model.layers == 8
    assert config.seed == 7


def test_a_single_group_can_be_composed() -> None:
    assert compose_shipped("model/glip_t").model.layers == 6


def test_a_hydra_that_is_running_goes_on_afterwards() -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        running = GlobalHydra.instance().hydra
        compose_shipped("model/glip_t")
        assert GlobalHydra.instance().hydra is running
        assert compose("make_shapes", ["root=x"]).root == "x"
    assert not GlobalHydra.instance().is_initialized()
