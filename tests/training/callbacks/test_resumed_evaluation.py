"""A test counts what an interrupted one has already detected."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from glip_pl.inference.evaluation_cache import EvaluationCache
from glip_pl.running.build import build_data, build_model, build_module, build_trainer
from glip_pl.training.callbacks.resumed_evaluation import ResumedTest
from glip_pl.types import Detections
from tests.conftest import SMALL, Compose


def test_cached_detections_are_counted_and_their_images_left_out(
    world: Path,
    settings: Compose,
    tiny: list[str],
    tiny_finding: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sets = [f"data.test.{name}=null" for name in ("rare", "unseen", "synonyms")]
    words = [*SMALL, *tiny, f"data.root={world}", "data.eval_transform.max_side=128", *sets]
    config = settings(words, "evaluate")
    data = build_data(config, train=False)
    box = Detections(torch.tensor([[1.0, 2, 30, 40]]), torch.tensor([0.7]), torch.tensor([3]))
    cache = EvaluationCache(tmp_path / "seen")
    cache.add([2, 3], [box, box])
    cache.save()
    resumed = ResumedTest({"seen": EvaluationCache(tmp_path / "seen")})
    assert resumed.done == {"seen": frozenset({2, 3})}
    data.done = resumed.done
    module = build_module(config, build_model(config, tiny_finding), data)
    trainer = build_trainer(config, train=False, extra_callbacks=[resumed])
    pl.seed_everything(0)
    with caplog.at_level("INFO", logger="glip_pl"):
        trainer.test(module, data, verbose=False)
    assert "seen: 2 images were evaluated before an interruption" in caplog.text
    truth, table = module.test.sets["seen"].metric.truth_and_detections()
    assert truth.image_ids.tolist() == [1, 2, 3, 4]
    assert (table.images == 1).sum() == (table.images == 2).sum() == 1  # of images 2 and 3
    assert set(EvaluationCache(tmp_path / "seen").load()) == {1, 2, 3, 4}
