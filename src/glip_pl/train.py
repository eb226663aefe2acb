"""Train: `python -m glip_pl.train experiment=shapes_pretrain`."""

import warnings
from pathlib import Path

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger

from glip_pl.build import build_data, build_module, build_trainer, load_initial
from glip_pl.checkpoints.trained import model_weights, read_checkpoint
from glip_pl.cli import command
from glip_pl.report import show_results
from glip_pl.runs import find_checkpoint
from glip_pl.training.tuning import train_only

# Frozen parts and batch norms rest on purpose; the table at the start says which parts train.
warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training")


def train(config: DictConfig) -> float | None:
    """Fit, then test the best weights; returns the best validation AP, for sweeps."""
    pl.seed_everything(config.seed, workers=True)
    resume = None
    if config.ckpt_path is not None:
        resume = find_checkpoint(config.ckpt_path, Path(config.paths.runs, config.name))
        read_checkpoint(resume)
    data = build_data(config, train=True)
    model = instantiate(config.model)
    if config.init is not None:
        load_initial(model, find_checkpoint(config.init, Path(config.paths.runs)))
    train_only(model, config.tuning.trains)
    module = build_module(config, model, data)
    trainer = build_trainer(config, train=True)
    trainer.fit(module, data, ckpt_path=resume)
    checkpoint = trainer.checkpoint_callback
    best = checkpoint.best_model_path if isinstance(checkpoint, ModelCheckpoint) else ""
    score = trainer.callback_metrics.get("val/AP")
    if isinstance(checkpoint, ModelCheckpoint) and checkpoint.best_model_score is not None:
        score = checkpoint.best_model_score
    if data.test:
        if best:
            module.model.load_state_dict(model_weights(read_checkpoint(Path(best))))
        module.results = {}
        trainer.test(module, data, verbose=False)
        if trainer.is_global_zero:
            title = f"test with {best or 'the last weights'}"
            show_results(module.results, title, Path(config.paths.output, "results.json"))
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()  # the next run of a sweep is a run of its own
    if trainer.is_global_zero:
        print(f"pictures: {config.paths.output}/pictures")
        print(f"checkpoints: {config.paths.output}/checkpoints")
    return None if score is None else float(score)


main = command("train")(train)

if __name__ == "__main__":
    main()
