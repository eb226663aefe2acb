"""The card of a model has the figures of its run, in a form that the hub reads."""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from glip_pl.files.hashing import sha256_of
from glip_pl.inference.model_card import model_card, results_of
from glip_pl.inference.predictor import Predictor
from tests.reliability.tiny import config_of, write_own

CONFIG = {"eval_transform": {"short_sides": [128], "max_side": 160}}


def results(**figures: float | None) -> dict[str, Any]:
    one = {"protocol": "COCO AP", "images": 7, "figures": {"AP50": 0.5, "AP/cat": 0.9, **figures}}
    return {"sets": {"cells": one, "empty": {**one, "figures": {"AP": None}}}}


def test_the_hub_reads_the_figures(tmp_path: Path) -> None:
    card = model_card(CONFIG, results(AP=0.1234), "me/cells", license="mit", tags=["cells"])
    path = tmp_path / "README.md"
    card.save(path)
    read = ModelCard.load(path)
    assert read.data.license == "mit" and read.data.library_name == "glip_pl"
    assert "cells" in read.data.tags and "open-vocabulary" in read.data.tags
    measured = {one.metric_type: one.metric_value for one in read.data.eval_results}
    assert measured == {"AP": 12.34, "AP50": 50.0}
    assert "| cells | 7 | COCO AP | 12.3 | 50.0 |" in read.text
    assert "to 128 pixels, the long one to 160 at most" in read.text
    assert "AP/cat" not in read.text


def test_without_results_there_are_no_figures() -> None:
    card = model_card(CONFIG, None, description="Finds cells.")
    assert "Figures" not in card.content and "Finds cells." in card.content
    assert "model-index" not in card.content


def test_the_results_of_the_run_are_taken_if_they_are_of_the_checkpoint(
    tiny_text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    checkpoint = write_own(folder / "best.ckpt", config_of(tiny_text))
    assert results_of(checkpoint) is None
    content = results(AP=0.4) | {"checkpoint": {"sha256": sha256_of(checkpoint)}}
    (tmp_path / "run" / "results.json").write_text(json.dumps(content))
    assert results_of(checkpoint) == content
    found = Predictor.load(checkpoint)
    assert "| cells | 7 | COCO AP | 40.0 |" in found.generate_model_card().content
    other = tmp_path / "other.json"
    other.write_text(json.dumps(results(AP=0.2)))
    assert "| 20.0 |" in found.generate_model_card(results=other).content
    content["checkpoint"]["sha256"] = "of another one"
    (tmp_path / "run" / "results.json").write_text(json.dumps(content))
    assert "Figures" not in found.generate_model_card().content
