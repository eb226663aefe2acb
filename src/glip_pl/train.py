"""Train: `python -m glip_pl.train experiment=shapes_pretrain`."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError
from glip_pl.inference.learned_prompt import export_prompt
from glip_pl.inspection.before_training import check_before_training
from glip_pl.inspection.budget_section import section, summary, write_choice
from glip_pl.inspection.finishing import finish_test
from glip_pl.running.build import build_data, build_model, build_module, build_trainer
from glip_pl.running.checks import check_budget, one_prompt, warn_of_untrained
from glip_pl.running.cli import command
from glip_pl.running.resolved_settings import process_count, resolve_training, write_settings
from glip_pl.running.resuming import (
    check_resumed,
    claim_run,
    find_resumed,
    hold_run_folder,
    resumed_settings,
)
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.within_budget import Between, Budget
from glip_pl.training.callbacks.compiled_blocks import CompiledBlocks
from glip_pl.training.callbacks.resumed_epoch import ResumedEpoch
from glip_pl.training.freezing import train_only
from glip_pl.training.interruption import stopped_at_batch_end
from glip_pl.training.loggers import close_loggers
from glip_pl.training.lora import add_lora
from glip_pl.training.module import GroundingModule
from glip_pl.training.restoring import restored
from glip_pl.training.torchrun import meet
from glip_pl.training.trackers.tracked_runs import start_tracked_runs

# Frozen parts and batch norms are in evaluation mode on purpose; the table at the start lists them.
warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training")

# The loader is resumable: its sampler skips the samples that were used before an interruption
# (data/sampling.py), which Lightning cannot know.
warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")


def train(config: DictConfig) -> float | None:
    """Train, then test the best weights; returns the best validation score, for sweeps.

    Returns None without a validation, or if resume=auto finds that the run is finished.
    """
    pl.seed_everything(config.seed, workers=True)
    weights = None if config.ckpt is None else find_checkpoint(config.ckpt, Path(config.paths.runs))
    if config.resume == "auto":
        claim_run(config, weights)
        results = Path(config.paths.output, "results.json")
        if results.is_file():
            print(f"finished before: {results}")
            results.touch()  # the summary of a sweep counts only files written during the sweep
            return None
    with hold_run_folder(config):
        run = prepare(config, weights)
        try:
            shared = {"hydra.run.dir": config.paths.output, "resume": str(run.resumed)}
            with stopped_at_batch_end(run.trainer, shared):
                fit(run)
                return finish(run)
        finally:
            close_loggers(run.trainer.loggers)


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that a training consists of."""

    config: DictConfig  # resolved: every value is the one that is used
    data: GroundingDataModule
    module: GroundingModule
    trainer: pl.Trainer
    resumed: Path | None  # the checkpoint from which it continues
    before: Path | None = None  # the weights from which it started


def prepare(config: DictConfig, weights: Path | None) -> Run:
    """Build a training from its settings; the model starts from `weights` if there are any."""
    process_count(config.trainer)  # reports what Lightning refuses before anything is built
    resumed = find_resumed(config)
    data = build_data(config, train=True)
    rank_zero_only(check_before_training)(data, **config.checks)
    config = resolve_training(config, data)
    check_budget(config, data, weights)
    if resumed is not None:
        check_resumed(config, resumed)
    model = build_model(config, weights)
    train_only(model, config.tuning.trains)
    if weights is None and resumed is None:
        warn_of_untrained(model)
    if config.tuning.get("lora") is not None:
        add_lora(model, **config.tuning.lora)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("tuning.trains names no part of the model, so that nothing would train")
    module = build_module(config, model, data)
    start_tracked_runs(Path(config.paths.output), resumed)
    extra: list[pl.Callback] = [resumed_settings(config, module), ResumedEpoch(data)]
    if config.compile == "blocks":
        extra.append(CompiledBlocks())
    trainer = build_trainer(config, train=True, extra_callbacks=extra)
    if trainer.is_global_zero:
        write_settings(config)
    return Run(config, data, module, trainer, resumed, weights)


def fit(run: Run) -> None:
    """Train. Raises UserError if the checkpoint that is resumed cannot be restored."""
    meet(run.trainer)
    with restored(run.trainer, run.resumed):
        run.trainer.fit(run.module, run.data, ckpt_path=run.resumed, weights_only=True)


def finish(run: Run) -> float | None:
    """Test the best weights, save a learned prompt, and return the best validation score.

    With `forget_at_most`, the weights within the budget are tested, and the score is theirs.
    """
    config, data, module, trainer = run.config, run.data, run.module, run.trainer
    best, score = _best(trainer)
    budget = None
    if config.forget_at_most is not None:
        budget = _budget(run, best)
        best, score = budget.path, budget.score
    if best is not None and (data.test or config.model.prompts):
        module.model = build_model(config, best).to(module.device)
    output = Path(config.paths.output)
    if config.model.prompts and trainer.is_global_zero:
        path = output / "checkpoints" / "prompt.safetensors"
        export_prompt(module.model, data.tokenizer, one_prompt(data), path)
    if data.test:
        trainer.test(module, data, verbose=False)
        opening = ""
        if budget is not None:
            tested = budget.tested(module, data)
            opening = section(budget.choice, tested)
            if trainer.is_global_zero:
                write_choice(budget.choice, tested, output / "budget.json")
        title = f"{config.name}, {best or 'the last weights'}"
        results = output / "results.json"
        finish_test(trainer, module, data, results, title, best, opening=opening)
    if trainer.is_global_zero:
        print(f"pictures: {output}/pictures")
        print(f"checkpoints: {output}/checkpoints")
    return score


def _budget(run: Run, tuned: Path | None) -> Budget:
    """The weights between those before the training and its best ones, `tuned`, that it ends with.

    Raises UserError if there are no best ones.
    """
    if run.before is None or tuned is None:
        raise UserError("forget_at_most: no validation has told which weights are the best")
    between = Between.of(run.config, run.before, tuned)
    budget = Budget.of(between, run.config.forget_at_most, run.data, run.trainer)
    if run.trainer.is_global_zero:
        print(f"{summary(budget.choice)}\nweights: {budget.path}")
    return budget


def _best(trainer: pl.Trainer) -> tuple[Path | None, float | None]:
    """The checkpoint with the best validation score, and that score; None for what is missing."""
    score = trainer.callback_metrics.get("val/AP")
    best = None
    if isinstance(trainer.checkpoint_callback, ModelCheckpoint):
        callback = trainer.checkpoint_callback
        best = Path(callback.best_model_path) if callback.best_model_path else None
        if callback.best_model_score is not None:
            score = callback.best_model_score
    return best, None if score is None else float(score)


GUIDE = """\
Trains a model. Say what to train, for instance:

  a small model on generated pictures, in minutes on a CPU:
    python -m glip_pl.train experiment=shapes_pretrain
  on your own pictures, a folder with COCO JSON for train and val:
    python -m glip_pl.train experiment=finetune_custom data.root=/data/cells
  from a trained model, on one picture of each category:
    python -m glip_pl.train experiment=few_shot shots=1 data.root=/data/cells ckpt=best

  experiment=        what it trains (conf/experiment)
  data= model=       the data and the model
  trainer=gpu        a GPU; also cpu, ddp, fsdp, slurm
  resume=last        continues the newest run
  --help, --cfg job  lists all choices, prints all settings (with an experiment)"""
"""What the command prints if it is told nothing."""

main = command("train", output="paths.output", guide=GUIDE)(train)

if __name__ == "__main__":
    main()
