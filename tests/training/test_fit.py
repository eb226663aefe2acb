"""Training as users run it, on a tiny world: over-fit, resume, two processes."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.indexing import open_index
from glip_pl.inspection.export import write_shards
from glip_pl.inspection.named_set import NamedSet
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.running.build import build_data, build_module, build_trainer
from glip_pl.train import train
from glip_pl.training.freezing import train_only
from glip_pl.types import Batch
from tests.conftest import SHARED, SMALL, Compose


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "csv" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def losses(output: Path) -> list[float]:
    return [float(row["train/loss"]) for row in rows(output) if row.get("train/loss")]


def test_four_images_are_learned_by_heart(world: Path, settings: Compose) -> None:
    """Wrong anchors, targets, spans or decoding would each keep this from reaching 0.9."""
    pl.seed_everything(0)
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
    data = build_data(config, train=True)
    model = instantiate(config.model)
    train_only(model, config.tuning.trains)
    module = build_module(config, model, data)
    build_trainer(config, train=True).fit(module, data)
    trained = data.train["detection"].dataset
    same = EvaluationSet(
        trained.reader,
        config.paths.index,
        instantiate(config.data.eval_transform),
        data.tokenizer,
        COCOAveragePrecision,
    )
    metric = same.new_metric()
    batch = data.collate([same[int(row)] for row in trained.rows])
    module.eval()
    with torch.inference_mode():
        metric.update(module.decoder(module(batch), batch), batch.image_ids)
    assert metric.compute()["AP50"] > 0.9


def run(config: DictConfig) -> Path:
    train(config)
    return Path(config.paths.output)


def short(world: Path, *more: str) -> list[str]:
    return [
        *SMALL,
        f"data.root={world}",
        "data.batch_size=4",
        "trainer.max_epochs=1",
        *more,
    ]


def test_a_run_leaves_logs_checkpoints_pictures_and_results(world: Path, settings: Compose) -> None:
    output = run(settings(short(world, "data.val.seen.limit=4", "callbacks.pictures.count=2")))
    names = set(rows(output)[0])
    assert {"train/loss", "train/alignment", "images/s", "memory_gb", "val/AP"} <= names
    assert any(name.startswith("lr-") for name in names)
    results = json.loads((output / "results.json").read_text())
    assert set(results["sets"]) == {"seen", "rare", "unseen", "synonyms"}
    assert 0 <= results["sets"]["seen"]["figures"]["AP50"] <= 1
    pictures = {path.relative_to(output) for path in output.rglob("*.png")}
    assert Path("pictures/test/unseen_01.png") in pictures
    assert any("step_" in str(path) for path in pictures)
    for name in ("best", "last"):
        checkpoint = output / "checkpoints" / f"{name}.ckpt"
        trained = load_trained(checkpoint)
        assert trained.config["eval_transform"]["short_sides"] == [96]
        # The average of a run is not its last weights.
        content = torch.load(checkpoint, weights_only=True)
        assert "current_model_state" in content


Step = tuple[list[int], list[str], int]
"""The images, captions and sum of all pixels of a batch."""


class Seen(pl.Callback):
    """Remembers what every training step saw, and crashes if asked."""

    def __init__(self, crash_at: int | None) -> None:
        self.steps: list[Step] = []
        self.crash_at = crash_at

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if batch_idx == self.crash_at:
            raise RuntimeError("power is gone")

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        captions = [prompt.caption for prompt in batch.prompts]
        self.steps.append((batch.image_ids, captions, int(batch.images.sum())))


def fit(config: DictConfig, resume: Path | None = None, crash_at: int | None = None) -> list[Step]:
    """Train; what every step saw."""
    pl.seed_everything(0)
    data = build_data(config, train=True)
    model = instantiate(config.model)
    train_only(model, config.tuning.trains)
    trainer = build_trainer(config, train=True)
    seen = Seen(crash_at)
    trainer.callbacks.append(seen)  # type: ignore[attr-defined]  # set by a connector
    trainer.fit(build_module(config, model, data), data, ckpt_path=resume)
    return seen.steps


def shards_of(world: Path, folder: Path) -> Path:
    """The world's captions as five web shards."""
    reader = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    index = open_index(reader, folder / "index")
    write_shards(NamedSet("train/captions", reader), index, folder, range(len(index)), per_shard=3)
    return folder


def test_resuming_in_mid_epoch_sees_the_rest_of_the_data(
    world: Path, settings: Compose, tmp_path: Path
) -> None:
    quiet = [
        *short(world, "data.val=null", "data.test=null", "callbacks.best=null"),
        "data.train_transform.flip=0.5",
        "data.workers=2",
        "+data/train@data.train.web=cap4m",
        f"data.train.web.dataset.reader.shards={shards_of(world, tmp_path / 'shards')}/*.tar",
    ]
    whole = fit(settings(quiet))
    assert len(whole) > 4
    config = settings(quiet)
    with pytest.raises(RuntimeError, match="power is gone"):
        fit(config, crash_at=3)
    last = Path(config.paths.output, "checkpoints/last.ckpt")
    assert fit(settings(quiet), resume=last) == whole[3:]
    content = torch.load(last, weights_only=True)
    assert content["global_step"] == len(whole)


def test_photographs_with_boxes_and_captions_train_as_a_mix(settings: Compose) -> None:
    root = SHARED / "data" / "coco_mini_cc"
    if not root.is_dir():
        pytest.skip("the shared folder with real photographs is not beside this checkout")
    config = settings(
        [
            "experiment=finetune_custom",
            "data=custom_mix",
            f"data.root={root}",
            f"data.captions={root}/annotations/grounding_captions_train.json",
            "data.train_transform.short_sides=[96]",
            "data.train_transform.max_side=160",
            "data.val=null",
            "data.test=null",
            "data.workers=1",
            "data.batch_size=4",
            "trainer=cpu",
            "trainer.max_steps=3",
            "+trainer.enable_progress_bar=false",
            "callbacks.progress=null",
            "callbacks.best=null",
        ]
    )
    steps = fit(config)
    assert len(steps) == 3
    captions = [caption for _, batch, _ in steps for caption in batch]
    assert any(". " in caption for caption in captions)  # categories
    assert any(re.fullmatch(r"[^.]*\.?\s*", caption) for caption in captions)  # sentences


def test_pretrained_parts_train_in_training_mode(world: Path, settings: Compose) -> None:
    """Lightning keeps the modes it finds; a pretrained BERT comes without its dropout."""
    config = settings(
        short(
            world,
            "data.val=null",
            "data.test=null",
            "callbacks.best=null",
            "tuning=full",
            "trainer.max_steps=1",
        )
    )
    data = build_data(config, train=True)
    module = build_module(config, instantiate(config.model), data)
    assert not module.model.text_encoder.bert.training
    trainer = build_trainer(config, train=True)
    before = {name: value.clone() for name, value in module.model.named_buffers()}
    trainer.fit(module, data)
    assert module.model.text_encoder.bert.training
    # But batch norms keep the statistics of their pretraining.
    moved = [n for n, value in module.model.named_buffers() if not value.equal(before[n])]
    assert moved == []


def test_a_loss_that_is_not_finite_stops_with_advice(world: Path, settings: Compose) -> None:
    config = settings(short(world, "data.val=null", "data.test=null", "callbacks.best=null"))
    data = build_data(config, train=True)
    module = build_module(config, instantiate(config.model), data)
    torch.nn.init.constant_(module.model.head.log_scale, float("nan"))
    with pytest.raises(Exception, match=r"the loss is nan at step 0.*optimizer\.lr"):
        build_trainer(config, train=True).fit(module, data)


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
    results = []
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
        results.append(rows(output))
    for name in ("train/alignment", "train/box", "train/centerness"):
        alone, together = ([float(row[name]) for row in one if row.get(name)] for one in results)
        assert len(alone) == 4
        # Only rank 0 logs: its own terms differ, so the mean over ranks must be what is logged.
        assert together == pytest.approx(alone, rel=2e-3)
