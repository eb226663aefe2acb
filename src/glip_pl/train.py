"""Train: `python -m glip_pl.train experiment=shapes_pretrain`."""

import copy
import logging
import warnings
from math import nan
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.inference.large_vocabulary import read_questions
from glip_pl.inference.learned_prompt import learned_prompt
from glip_pl.inspection.final_report import write_page
from glip_pl.metrics.results_file import write_results
from glip_pl.running.build import build_data, build_model, build_module, build_trainer
from glip_pl.running.checks import can_tell_best, one_prompt, warn_of_untrained
from glip_pl.running.cli import command
from glip_pl.running.results import reports_of, show, write
from glip_pl.running.runs import claim, find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.training.freezing import train_only
from glip_pl.training.lora import add_lora
from glip_pl.training.module import GroundingModule

log = logging.getLogger(__name__)

# Frozen parts and batch norms rest on purpose; the table at the start says which parts train.
warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training")

# Ours is, by its sampler (data/mixing.py), which Lightning cannot know.
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")


def train(config: DictConfig) -> float | None:
    """Fit, then test the best weights; returns the best validation AP, for sweeps."""
    pl.seed_everything(config.seed, workers=True)
    weights = None if config.ckpt is None else find_checkpoint(config.ckpt, Path(config.paths.runs))
    results = Path(config.paths.output, "results.json")
    if config.resume == "auto":
        claim(results.parent, _settings_key(config, weights))
        if results.is_file():
            print(f"done before: {results}")
            results.touch()  # of this sweep too, for its summary
            return None
    resume = _resumed(config)
    data = build_data(config, train=True)
    if config.model.prompts:
        config.model.prompt_rows = len(data.tokenizer(one_prompt(data).prompt.caption)["input_ids"])
    if config.shots != "full" and not any(one.dataset.few_shot for one in data.train.values()):
        raise UserError(
            f"shots={config.shots}: no source of these data draws a few; data=custom and odinw do, "
            "others by the setting dataset.few_shot (conf/data/custom.yaml)"
        )
    model = build_model(config, weights)
    train_only(model, config.tuning.trains)
    if weights is None and resume is None:
        warn_of_untrained(model)
    if config.tuning.get("lora") is not None:
        add_lora(model, **config.tuning.lora)
    module = build_module(config, model, data)
    if not can_tell_best(data.val, module.schedule, config.callbacks.get("stop") is not None):
        config.callbacks.best = None
    trainer = build_trainer(config, train=True)
    _set_epochs(trainer, config, data)
    trainer.fit(module, data, ckpt_path=resume)
    checkpoint = trainer.checkpoint_callback
    best = checkpoint.best_model_path if isinstance(checkpoint, ModelCheckpoint) else ""
    score = trainer.callback_metrics.get("val/AP")
    if isinstance(checkpoint, ModelCheckpoint) and checkpoint.best_model_score is not None:
        score = checkpoint.best_model_score
    if best and (data.test or config.model.prompts):
        module.model = build_model(config, Path(best)).to(module.device)
    if config.model.prompts and trainer.is_global_zero:
        _write_prompt(module, data, Path(config.paths.output, "checkpoints", "prompt.safetensors"))
    if data.test:
        module.results = {}
        trainer.test(module, data, verbose=False)
        if trainer.is_global_zero:
            reports = reports_of(module.results, module.test, {})
            show(reports, f"test with {best or 'the last weights'}")
            metrics = {name: one.metric for name, one in module.test.items()}
            page = results.with_name("report.html")
            write_page(page, config.name, data.test, metrics, module.results)
            for name, metric in metrics.items():
                write_results(*metric.truth_and_detections(), results.with_name(f"detections_{name}.json"))
            mean = float(trainer.callback_metrics.get("test/AP", nan))  # none of retention alone
            write(reports, mean, Path(best) if best else None, results)  # last: the run is done
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()  # the next run of a sweep is a run of its own
    if trainer.is_global_zero:
        print(f"pictures: {config.paths.output}/pictures")
        print(f"checkpoints: {config.paths.output}/checkpoints")
    return None if score is None else float(score)


LEARNED = 500
"""Steps after which a fine-tuned model knows a small dataset (docs/results.md)."""


def _set_epochs(trainer: pl.Trainer, config: DictConfig, data: GroundingDataModule) -> None:
    """As many epochs as make LEARNED steps, 3 to 100 of them; 20 validations or so."""
    if config.trainer.max_epochs == "auto":
        samples = sum(source.epoch_length() for source in data.train.values())
        step = data.batch_size * trainer.world_size * trainer.accumulate_grad_batches
        epochs = min(100, max(3, -(-LEARNED // max(1, samples // step))))
        trainer.fit_loop.max_epochs = epochs
        log.info("%d pictures an epoch: %d epochs (trainer.max_epochs)", samples, epochs)
    if config.trainer.check_val_every_n_epoch == "auto":
        trainer.check_val_every_n_epoch = max(1, (trainer.max_epochs or 1) // 20)


def _write_prompt(module: GroundingModule, data: GroundingDataModule, path: Path) -> None:
    """The learned prompt in a file of its own."""
    chunk = one_prompt(data)
    model = module.model.eval()  # no dropout in what is kept
    with torch.no_grad():
        (question,) = read_questions(model, data.tokenizer, [chunk], module.device)
    learned_prompt(chunk.prompt, question, model).write(path)
    numbers = sum(weights.numel() for weights in model.prompts.parameters())
    share = numbers / sum(weights.numel() for weights in model.parameters())
    print(f"learned prompt: {path} ({numbers:,} numbers, {share:.3%} of the model)")


def _settings_key(config: DictConfig, weights: Path | None) -> str:
    """Equal for runs that train the same, wherever they are kept."""
    anywhere = copy.deepcopy(config)
    anywhere.paths.output = ""  # which others follow, such as trainer.default_root_dir
    asked = plain(anywhere)
    asked["callbacks"] = {name: asked["callbacks"].get(name) for name in ("ema", "stop")}
    for place in NO_MATTER:
        group, _, name = place.rpartition(".")
        (asked[group] if group else asked).pop(name, None)
    asked["ckpt"] = None if weights is None else sha256_of(weights)
    explained = config.data.get("descriptions")
    asked["descriptions"] = explained and sha256_of(Path(explained).expanduser())
    return key_of(asked)


NO_MATTER = (
    *("resume", "keep_going", "paths", "logger", "prompt_memory_gb"),
    *("data.workers", "trainer.log_every_n_steps", "trainer.enable_progress_bar"),
)
"""Settings that do not change what is learned, or that follow from the others."""


def _resumed(config: DictConfig) -> Path | None:
    """The checkpoint to go on from. Raises UserError if it holds weights only."""
    if config.resume is None:
        return None
    if config.resume == "auto":
        path = Path(config.paths.output, "checkpoints", "last.ckpt")
        return path if path.is_file() else None
    path = find_checkpoint(config.resume, Path(config.paths.runs, config.name))
    if not read_checkpoint(path).resumable:
        raise UserError(f"{path} holds weights alone; start a new training from them: ckpt={path}")
    return path


main = command("train")(train)

if __name__ == "__main__":
    main()
