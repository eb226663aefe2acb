from typing import Any

import pytest

from glip_pl.errors import UserError
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.timm_network import timm_network


def test_options_may_be_lists_of_any_kind() -> None:
    network = timm_network("convnext_atto", (1, 2, 3), {"depths": (1, 1, 1, 1), "dims": [8] * 4})
    assert network.feature_info.channels() == [8, 8, 8]


@pytest.mark.parametrize(
    ("name", "stages", "options", "message"),
    [
        ("no_such_network", [1, 2, 3], {}, r"timm cannot build 'no_such_network'.*list_models"),
        ("hf-hub:timm/x", [1, 2, 3], {}, r"name=hf-hub:timm/x: it must be a name that timm lists"),
        ("convnext_atto", [2, 3, 4], {}, r"2 has stride 16, 3 has stride 32; GLIP reads"),
        ("convnext_atto", [1, 2, 3], {"nonsense": 1}, r"cannot build 'convnext_atto'.*'nonsense'"),
        ("vit_tiny_patch16_224", [11], {}, r"64 x 96 pixels.*dynamic_img_size=true"),
        ("mobilevitv2_050", [2, 3, 4], {}, r"map of 2 x 4 positions.*needs 2 x 3.*encoder\.name"),
    ],
)
def test_a_network_that_cannot_be_an_encoder_is_named(
    name: str, stages: list[int], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        ImageEncoder(name, stages, [0.0] * 3, [255.0] * 3, **options)
