"""The Lightning module in real trainings on a tiny world."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from hydra.utils import instantiate
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from torch.optim import Optimizer

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.train import Run
from glip_pl.training.module import GroundingModule
from glip_pl.types import LossTerms
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


class Gradients(pl.Callback):
    """Keeps the gradients of the first step, and ends the training."""

    def __init__(self) -> None:
        self.found: dict[str, torch.Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None:
                self.found[name] = parameter.grad.clone()
        trainer.should_stop = True


def test_accumulated_gradients_are_those_of_the_joint_batch(
    world: Path, tiny: list[str], settings: Compose
) -> None:
    def gradients(batch_size: int, accumulated: int) -> dict[str, torch.Tensor]:
        kept = Gradients()
        words = without_evaluation(world, *tiny, "model.fusion.dropout=0")
        words += [f"data.batch_size={batch_size}", "data.train.captions=null", "callbacks.ema=null"]
        words += [f"+trainer.accumulate_grad_batches={accumulated}", "trainer.max_steps=1"]
        fit(settings(words), change=lambda run: run.trainer.callbacks.append(kept))  # type: ignore[attr-defined]  # set by a connector
        return kept.found

    expected = gradients(8, 1)
    norm = torch.stack([one.norm() for one in expected.values()]).norm()
    for batch_size, accumulated in ((4, 2), (2, 4), (1, 8)):
        found = gradients(batch_size, accumulated)
        assert found.keys() == expected.keys()
        far = max(float((found[name] - one).norm() / norm) for name, one in expected.items())
        assert far < 1e-6, (batch_size, far)


def two_processes(world: Path, tiny: list[str], folder: Path) -> list[str]:
    """Overrides of a training of one epoch by two processes, without evaluation."""
    return [
        *(override for override in SMALL if override != "trainer=cpu"),
        *(*tiny, f"data.root={world}", "trainer.max_epochs=1", "data.val=null", "data.test=null"),
        *("callbacks.best=null", "callbacks.ema=null", "data.batch_size=2"),
        *("++trainer.accelerator=cpu", "trainer.precision=32-true", "trainer=ddp"),
        *("trainer.devices=2", f"hydra.run.dir={folder}"),
    ]


@dataclass(frozen=True)
class Poisoned:
    """One of two processes; the loss of the second is infinite in a step."""

    place: Place
    step: int

    def __call__(self) -> None:
        """Change the loss in this process."""
        self.place()
        if self.place.rank == 0:
            return
        forward, calls = GroundingLoss.forward, count()

        def poisoned(*arguments: Any) -> LossTerms:
            terms = forward(*arguments)
            if next(calls) != self.step:
                return terms
            return terms._replace(box=terms.box + float("inf"))  # its gradient is finite

        # The process has been forked for this test.
        GroundingLoss.forward = poisoned  # type: ignore[method-assign, assignment]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_in_one_process_ends_all_with_one_message(
    world: Path, tiny: list[str], tmp_path: Path
) -> None:
    words = two_processes(world, tiny, tmp_path)
    words.append("callbacks.last.every_steps=1")
    port = find_free_network_port()
    changes = [Poisoned(Place(rank, 2, port), step=2) for rank in range(2)]
    started = perf_counter()
    processes = [start(Command("glip_pl.train", words, tmp_path, change)) for change in changes]
    for process in processes:
        process.join()
    assert perf_counter() - started < 30 + 60  # seconds that a busy machine needs to start them
    log = (tmp_path / "log.txt").read_text()
    assert [process.exitcode for process in processes] == [2, 2], log
    assert log.count("the loss is inf at step 2 (images [") == 1
    last = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 2
    assert all(value.isfinite().all() for value in last["state_dict"].values())


@dataclass(frozen=True)
class Counted:
    """One of two processes, which notes what it exchanges with the other one in each batch."""

    place: Place
    folder: Path

    def __call__(self) -> None:
        """Change the module and torch.distributed in this process."""
        self.place()
        step, batches = GroundingModule.training_step, count()
        notes = self.folder / f"{self.place.rank}.txt"

        def noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*arguments: Any, **options: Any) -> Any:
                with notes.open("a") as file:
                    print(name, file=file)
                return function(*arguments, **options)

            return noted

        for name in EXCHANGES:  # DDP's own reducer calls none of them
            setattr(dist, name, noting(name, getattr(dist, name)))

        def counted(*arguments: Any) -> Any:
            noting(f"batch {next(batches)}", int)()
            return step(*arguments)

        # The process has been forked for this test.
        GroundingModule.training_step = counted  # type: ignore[method-assign, assignment]


EXCHANGES = (
    *("all_reduce", "all_reduce_coalesced", "reduce", "reduce_scatter", "barrier"),
    *("all_gather", "all_gather_object", "all_gather_into_tensor", "monitored_barrier"),
    *("broadcast", "broadcast_object_list"),
)
"""Functions of torch.distributed by which processes wait for one another."""


@pytest.mark.slow
def test_processes_exchange_one_message_a_step_and_another_where_losses_are_logged(
    world: Path, tiny: list[str], tmp_path: Path
) -> None:
    words = two_processes(world, tiny, tmp_path)
    words += ["trainer.log_every_n_steps=4", "callbacks.last.every_steps=100"]
    port = find_free_network_port()
    changes = [Counted(Place(rank, 2, port), tmp_path) for rank in range(2)]
    for process in [start(Command("glip_pl.train", words, tmp_path, one)) for one in changes]:
        process.join()
        assert process.exitcode == 0, (tmp_path / "log.txt").read_text()
    assert "is deprecated. Use `forward_sync" not in (tmp_path / "log.txt").read_text()
    for rank in range(2):
        _, *batches = (tmp_path / f"{rank}.txt").read_text().split("batch ")
        exchanged = [batch.split()[1:] for batch in batches]
        assert len(exchanged) > 5
        for number, names in enumerate(exchanged[:-1]):  # what ends the training follows the last
            assert names == ["all_reduce"] * (2 if number % 4 == 3 else 1), exchanged


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
