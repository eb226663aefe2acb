"""Evaluate: `python -m glip_pl.evaluate ckpt=runs/.../best.ckpt data=shapes`."""

from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from glip_pl.build import build_data, build_module, build_trainer
from glip_pl.checkpoints.trained import load_trained
from glip_pl.cli import command
from glip_pl.report import show_results
from glip_pl.runs import find_checkpoint


def evaluate(config: DictConfig) -> float:
    """Test a checkpoint on every test set of the data; returns the mean AP."""
    pl.seed_everything(config.seed, workers=True)
    path = find_checkpoint(config.ckpt, Path(config.paths.runs))
    trained = load_trained(path)
    if OmegaConf.is_interpolation(config.tokenizer, "source"):  # nobody asked for another
        config.tokenizer.source = trained.config["tokenizer"]
    data = build_data(config, train=False)
    module = build_module(config, trained.model, data)
    trainer = build_trainer(config, train=False)
    trainer.test(module, data, verbose=False)
    if trainer.is_global_zero:
        show_results(module.results, f"{path}", Path(config.paths.output, "results.json"))
    return float(trainer.callback_metrics["test/AP"])


main = command("evaluate")(evaluate)

if __name__ == "__main__":
    main()
