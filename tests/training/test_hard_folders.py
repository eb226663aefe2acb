"""Folders that are unlike a benchmark: they work, or it is said why not."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from PIL import Image

from glip_pl.train import train
from tests.conftest import SMALL, Compose

Tune = Callable[[Path], dict[str, float | None]]


def folder(root: Path, names: Sequence[str], boxed: Sequence[int], images: int = 2) -> Path:
    """Pictures with a box of every category in `boxed`, the same to train and to validate."""
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        content: dict[str, list[dict[str, object]]] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": row, "name": name} for row, name in enumerate(names)],
        }
        for image in range(images):
            Image.new("RGB", (96, 96), (90, 120, 40 * image)).save(root / split / f"{image}.png")
            size = {"width": 96, "height": 96}
            content["images"].append({"id": image, "file_name": f"{image}.png", **size})
            for place, category in enumerate(boxed):
                box = [8 + 7 * (place % 10), 8 + 5 * (place // 10), 20, 20]
                number = len(content["annotations"])
                about = {"id": number, "image_id": image, "category_id": category, "bbox": box}
                content["annotations"].append({**about, "area": 400, "iscrowd": 0})
        path = root / split / "_annotations.coco.json"
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return root


@pytest.fixture
def tune(settings: Compose, tiny: list[str], tiny_finding: Path) -> Tune:
    """A short fine-tuning; returns the figures of the test."""

    def run(root: Path) -> dict[str, float | None]:
        words = [one for one in SMALL if not one.startswith("data.prepare")]
        words += ["experiment=finetune_custom", f"data.root={root}", f"ckpt={tiny_finding}"]
        words += ["data.train_transform.max_side=96", "data.eval_transform.max_side=96"]
        words += [*tiny, "+trainer.limit_train_batches=1"]
        words += ["trainer.max_steps=2", "callbacks.pictures=null"]
        config = settings(words)
        train(config)
        content = json.loads(Path(config.paths.output, "results.json").read_text())
        figures: dict[str, float | None] = content["sets"]["custom"]["figures"]
        return figures

    return run


def test_one_picture_and_a_category_without_a_box(tune: Tune, tmp_path: Path) -> None:
    figures = tune(folder(tmp_path / "one", ["cell", "nothing"], [0], images=1))
    assert "AP/cell" in figures and "AP/nothing" not in figures


@pytest.mark.slow
def test_a_thousand_categories_in_any_script(tune: Tune, tmp_path: Path) -> None:
    names = [f"细胞 {row}" if row % 2 else f"étoile_{row}" for row in range(1000)]
    figures = tune(folder(tmp_path / "many", names, [0, 1, 999]))
    assert f"AP/{names[999]}" in figures


def test_two_categories_of_one_name_are_refused(tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(InstantiationException, match="several categories are called cell"):
        tune(folder(tmp_path / "twice", ["cell", "dish", "cell"], [0, 2]))
