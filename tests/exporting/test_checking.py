"""Pictures of several proportions, each with another text, and a batch of them."""

from pathlib import Path

import pytest
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor


def test_the_users_pictures_are_compared_in_several_sizes(
    tiny_finding: Path, tmp_path: Path
) -> None:
    for number, size in enumerate([(90, 60), (60, 60), (50, 200), (40, 40)]):
        Image.new("RGB", size, (number * 60, 0, 0)).save(tmp_path / f"{number}.png")
    found = pictures(str(tmp_path), 3)
    assert [image.size for _, image in found] == [(90, 60), (60, 60), (50, 200)]
    predictor = Predictor.load(tiny_finding, "cpu")
    graph = Graph(predictor.model, Decoder(), None)
    compared = list(cases(predictor, graph, found))
    assert [inputs["images"].shape[0] for _, inputs in compared] == [1, 1, 1, 3]
    assert len({inputs["images"].shape for _, inputs in compared}) >= 3
    assert len({inputs["tokens"].shape[1] for _, inputs in compared}) >= 3
    assert "0.png" in compared[0][0]
    with pytest.raises(UserError, match="no picture"):
        pictures(str(tmp_path / "absent"), 3)
