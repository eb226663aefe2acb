"""Ground truth beside detections and the evidence, for the first images of a set."""

from pathlib import Path

import pytorch_lightning as pl
import torch
from PIL import Image

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.inference.decoding import Decoder
from glip_pl.running.build import build_data
from glip_pl.training.callbacks.pictures import Pictures
from glip_pl.training.evaluation import Evaluation, Evaluator
from glip_pl.types import Detections
from tests.conftest import SMALL, Compose


def test_the_first_images_are_drawn_once(world: Path, settings: Compose, tmp_path: Path) -> None:
    data = build_data(settings([*SMALL, f"data.root={world}"]), train=False)
    batch = data.collate([data.test["seen"][row] for row in range(2)])
    boxes = torch.tensor([[10.0, 10.0, 60.0, 60.0]])
    detections = [Detections(boxes, torch.tensor([0.9]), torch.tensor([0]))] * 2
    trainer = pl.Trainer(accelerator="cpu", logger=False, barebones=True)
    pictures = Pictures(str(tmp_path), count=3)
    for _ in range(2):  # two batches of two images
        pictures._draw(trainer, ("test", "seen"), detections, batch, [])
    drawn = sorted((tmp_path / "test").iterdir())
    assert [path.name for path in drawn] == ["seen_00.png", "seen_01.png", "seen_02.png"]
    with Image.open(drawn[0]) as sheet:
        assert sheet.width > 2 * 96  # ground truth to the left, detections to the right


def test_the_evidence_is_drawn_of_the_images_that_are_drawn(
    world: Path, settings: Compose, tmp_path: Path, finding: Path
) -> None:
    data = build_data(settings([*SMALL, f"data.root={world}"]), train=False)
    seen = data.test["seen"]
    batch = data.collate([seen[0], seen[1]])
    evaluator = Evaluator({"seen": Evaluation(seen.new_metric(), seen.vocabulary, data.tokenizer)})
    model = load_trained(finding).model
    trainer = pl.Trainer(accelerator="cpu", logger=False, barebones=True)
    heights = []
    for wanted in (3, 0):  # with evidence and without
        pictures = Pictures(str(tmp_path / str(wanted)), count=3)
        for kept in (2, 1):  # two batches of two images
            pictures._watch("test", evaluator, 0, wanted)
            with torch.inference_mode():
                found = evaluator.step(model, Decoder(), batch, 0)
            assert len(evaluator.outputs) == min(wanted, kept)
            pictures._draw(trainer, ("test", "seen"), found, batch, evaluator.outputs)
        with Image.open(tmp_path / str(wanted) / "test" / "seen_02.png") as sheet:
            heights.append(sheet.height)
    assert heights[0] > heights[1] + 200  # heat maps below
