"""The small task is a folder in COCO's form; what its tests ask for is in no picture."""

import json
from pathlib import Path

from glip_pl.data.shapes.vocabulary import SHAPES as ALL_SHAPES
from scripts.beyond.few_shapes import COUNTS, few_shapes
from scripts.beyond.foils import CELLS, COLOURS, FEW_SHAPES, SHAPES


def test_the_task_has_its_shapes_and_is_made_once(tmp_path: Path) -> None:
    folder = few_shapes(tmp_path / "task", SHAPES, COLOURS)
    for split, count in COUNTS.items():
        content = json.loads((folder / "annotations" / f"{split}.json").read_text())
        assert [entry["name"] for entry in content["categories"]] == list(SHAPES)
        assert len(content["images"]) == len(list((folder / split).glob("*.png"))) == count
        assert content["annotations"]
    stamp = (folder / "annotations" / "val.json").stat().st_mtime_ns
    few_shapes(folder, SHAPES, COLOURS)
    assert (folder / "annotations" / "val.json").stat().st_mtime_ns == stamp
    assert sorted(path.name for path in tmp_path.iterdir()) == ["task"]


def test_foils_of_tests_and_of_training_are_no_categories_and_differ() -> None:
    for task in (CELLS, FEW_SHAPES):
        assert len({*task.asked, *task.learned}) == len(task.asked) + len(task.learned)
    named = {(colour, shape) for colour in COLOURS for shape in SHAPES}
    for foil in (*FEW_SHAPES.asked, *FEW_SHAPES.learned):
        *colour, noun = foil.split()
        assert (*colour, noun) not in named and foil not in SHAPES
    assert set(ALL_SHAPES) - set(SHAPES) <= set(FEW_SHAPES.asked)
