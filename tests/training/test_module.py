"""The Lightning module in real trainings on a tiny world."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.train import Run
from tests.conftest import SMALL, Compose
from tests.training.commands import Command, Place, start
from tests.training.short_runs import fit, logged, without_evaluation


@pytest.mark.parametrize(
    ("images", "steps"), [(1, 60), pytest.param(4, 240, marks=pytest.mark.slow)]
)
def test_images_are_overfitted(world: Path, settings: Compose, images: int, steps: int) -> None:
    """Wrong anchors, targets, spans or decoding would each keep the AP50 below 0.9."""
    config = settings(
        [
            *SMALL,
            f"data.root={world}",
            "data.train.captions=null",
            f"+data.train.detection.dataset.limit={images}",
            f"data.train.detection.weight={steps}",
            "data.val=null",
            "data.test=null",
            f"data.batch_size={images}",
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


def test_two_processes_give_the_losses_of_one(world: Path, tiny: list[str], tmp_path: Path) -> None:
    """Real gloo processes; the same joint batch gives the same losses."""
    common = [
        *[override for override in SMALL if override != "trainer=cpu"],
        *(*tiny, f"data.root={world}", "trainer.max_epochs=1"),
        "data.val.seen.limit=3",  # does not divide by the processes
        *("data.test=null", "data.train.detection=null", "model.fusion.dropout=0"),
        *(f"callbacks.{name}=null" for name in ("best", "pictures", "ema", "last", "parts")),
        *("++trainer.accelerator=cpu", "trainer.precision=32-true"),
    ]
    alone, together = tmp_path / "alone", tmp_path / "together"
    one = [*common, "trainer=cpu", "data.batch_size=4", f"hydra.run.dir={alone}"]
    two = [*common, "trainer=ddp", "trainer.devices=2", "data.batch_size=2"]
    two.append(f"hydra.run.dir={together}")
    port = find_free_network_port()
    commands = [Command("glip_pl.train", one, tmp_path)]
    commands += [Command("glip_pl.train", two, tmp_path, Place(rank, 2, port)) for rank in range(2)]
    for process in [start(command) for command in commands]:
        process.join()
        assert process.exitcode == 0, (tmp_path / "log.txt").read_text()
    logs = [logged(folder) for folder in (alone, together)]
    for name in ("train/alignment", "train/box", "train/centerness"):
        expected, found = ([float(row[name]) for row in log if row.get(name)] for log in logs)
        assert len(expected) == 4
        # Only rank 0 logs: its own terms differ, so the mean over ranks must be what is logged.
        assert found == pytest.approx(expected, rel=2e-3)
