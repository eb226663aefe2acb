"""The Lightning module in real trainings on a tiny world."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.train import Run
from tests.conftest import SMALL, Compose
from tests.training.short_runs import fit, logged, without_evaluation


def test_four_images_are_overfitted(world: Path, settings: Compose) -> None:
    """Wrong anchors, targets, spans or decoding would each keep the AP50 below 0.9."""
    config = settings(
        [
            *SMALL,
            f"data.root={world}",
            "data.train.captions=null",
            "+data.train.detection.dataset.limit=4",
            "data.train.detection.weight=240",
            "data.val=null",
            "data.test=null",
            "data.batch_size=4",
            "callbacks.ema=null",
            "callbacks.best=null",
            "callbacks.last=null",
            "schedule.warm_up=5",
        ]
    )
    run, _ = fit(config)
    trained = run.data.train["detection"].dataset
    same = evaluation_set(
        trained.reader,
        config.paths.index,
        instantiate(config.data.eval_transform),
        run.data.tokenizer,
        COCOAveragePrecision,
    )
    metric = same.new_metric()
    batch = run.data.collate([same[int(row)] for row in trained.rows])
    run.module.eval()
    with torch.inference_mode():
        metric.update(run.module.decoder(run.module(batch), batch), batch.image_ids)
    assert metric.compute()["AP50"] > 0.9


def test_pretrained_parts_train_in_training_mode(world: Path, settings: Compose) -> None:
    """Lightning keeps the modes it is given; a pretrained BERT comes with its dropout off."""
    before: dict[str, torch.Tensor] = {}

    def remember(run: Run) -> None:
        assert not run.module.model.text_encoder.bert.training
        before.update((name, value.clone()) for name, value in run.module.model.named_buffers())

    words = without_evaluation(world, "tuning=full", "trainer.max_steps=1")
    run, _ = fit(settings(words), change=remember)
    assert run.module.model.text_encoder.bert.training
    # But batch norms keep the statistics of their pretraining.
    buffers = run.module.model.named_buffers()
    assert [name for name, value in buffers if not value.equal(before[name])] == []


def test_a_loss_that_is_not_finite_stops_with_advice(world: Path, settings: Compose) -> None:
    def break_model(run: Run) -> None:
        torch.nn.init.constant_(run.module.model.head.log_scale, float("nan"))

    with pytest.raises(Exception, match=r"the loss is nan at step 0.*optimizer\.lr"):
        fit(settings(without_evaluation(world)), change=break_model)


@pytest.mark.parametrize("processes", [2])
def test_two_processes_give_the_losses_of_one(world: Path, tmp_path: Path, processes: int) -> None:
    """Real gloo processes, launched by Lightning; the same joint batch gives the same losses."""
    common = [
        *[override for override in SMALL if override != "trainer=cpu"],
        f"data.root={world}",
        "data.val.seen.limit=3",  # does not divide by the processes
        "data.test=null",
        "data.train.detection.weight=0",
        "callbacks.best=null",
        "callbacks.pictures=null",
        "callbacks.ema=null",
        "callbacks.last=null",
        "model.fusion.dropout=0",
        "trainer.max_epochs=1",
        "++trainer.accelerator=cpu",
        "trainer.precision=32-true",
    ]
    logs = []
    for count in (1, processes):
        output = tmp_path / str(count)
        overrides = [
            *common,
            "trainer=ddp" if count > 1 else "trainer=cpu",
            f"trainer.devices={count}",
            f"data.batch_size={4 // count}",
            f"hydra.run.dir={output}",
        ]
        subprocess.run(
            [sys.executable, "-m", "glip_pl.train", *overrides],
            check=True,
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        logs.append(logged(output))
    for name in ("train/alignment", "train/box", "train/centerness"):
        alone, together = ([float(row[name]) for row in log if row.get(name)] for log in logs)
        assert len(alone) == 4
        # Only rank 0 logs: its own terms differ, so the mean over ranks must be what is logged.
        assert together == pytest.approx(alone, rel=2e-3)
