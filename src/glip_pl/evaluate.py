"""Evaluate: `python -m glip_pl.evaluate experiment=zeroshot_coco ckpt=...`."""

from collections.abc import Mapping
from math import nan
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import WandbLogger

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.indexing import content_of
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.inference.evaluation_cache import EvaluationCache
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.inspection.final_report import write_page
from glip_pl.inspection.misses import worst_misses
from glip_pl.metrics.results_file import write_results
from glip_pl.running.build import build_data, build_module, build_trainer
from glip_pl.running.cli import command
from glip_pl.running.results import reports_of, score_of, show, write
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.training.callbacks.resumed_evaluation import ResumedTest
from glip_pl.training.module import GroundingModule


def evaluate(config: DictConfig) -> float:
    """Test a checkpoint on every test set of the data; returns the mean of the main figures.

    An interrupted evaluation of the same weights by the same settings goes on where it was.
    """
    pl.seed_everything(config.seed, workers=True)
    path = find_checkpoint(config.ckpt, Path(config.paths.runs))
    trained = load_trained(path)
    if OmegaConf.is_interpolation(config.tokenizer, "source"):  # nobody asked for another
        config.tokenizer.source = trained.config["tokenizer"]
    data = build_data(config, train=False)
    if config.prompt is not None:
        read_prompt(Path(config.prompt).expanduser())  # what is wrong with it is told first
    key = evaluation_key(config, sha256_of(path), data.test)
    results = Path(config.paths.output, "results.json")
    known = score_of(results, key)
    if known is not None:
        print(f"done before: {results}")
        results.touch()  # of this sweep too, for its summary
        return known
    results.unlink(missing_ok=True)  # of other weights or settings
    folder = Path(config.paths.runs, "unfinished", key)
    unfinished = {name: EvaluationCache(folder / name) for name in data.test}
    resumed = ResumedTest(unfinished)
    data.done = resumed.done
    module = build_module(config, trained.model, data)
    for one in module.test.values():
        one.metric.read_truth()  # what is wrong with it should be told now, not at the end
    trainer = build_trainer(config, train=False, more=[resumed])
    trainer.test(module, data, verbose=False)
    score = float(trainer.callback_metrics.get("test/AP", nan))  # none of retention alone
    if trainer.is_global_zero:
        reports = reports_of(module.results, module.test, plain(config.published))
        show(reports, f"{path}")
        _show_detections(module, data, trainer, results.parent)
        write(reports, score, path, results, key)
        metrics = {name: one.metric for name, one in module.test.items()}
        page = results.with_name("report.html")
        write_page(page, str(path), data.test, metrics, module.results)
        for parts in unfinished.values():
            parts.remove()
    return score


def evaluation_key(config: DictConfig, weights: str, sets: Mapping[str, EvaluationSet]) -> str:
    """Equal for evaluations that find the same: of the weights' hash and of all that matters."""
    asked = {
        "weights": weights,
        "annotations": {name: content_of(one.index) for name, one in sets.items()},
        "test": plain(config.data.test),
        "retention": plain(config.data.get("retention") or OmegaConf.create()),
        "decoder": plain(config.decoder),
        "tokenizer": config.tokenizer.source,
        "prompt": None if config.prompt is None else sha256_of(Path(config.prompt).expanduser()),
        "precision": str(config.trainer.precision),
        "limit": config.trainer.get("limit_test_batches"),
    }
    return key_of(asked)


def _show_detections(
    module: GroundingModule, data: GroundingDataModule, trainer: pl.Trainer, folder: Path
) -> None:
    """Write what was found, and draw where most was missed."""
    wandb = [one for one in trainer.loggers if isinstance(one, WandbLogger)]
    for name, one in module.test.items():
        path = folder / f"detections_{name}.json"
        write_results(*one.metric.truth_and_detections(), path)
        print(f"detections: {path}")
        place = folder / "misses" / name
        misses = list(worst_misses(data.test[name], one.metric, MISSES))
        for rank, miss in enumerate(misses):
            place.mkdir(parents=True, exist_ok=True)
            miss.picture.save(place / f"{rank:02d}_{miss.missed}_missed_{miss.image_id}.png")
        if misses:
            print(f"worst misses: {place}")
        figures = module.results[name]
        for logger in wandb:
            logger.log_table(f"test/{name}", ["figure", "value"], list(map(list, figures.items())))
            pictures = [miss.picture for miss in misses]
            captions = [f"image {miss.image_id}: {miss.missed} missed" for miss in misses]
            logger.log_image(f"misses/{name}", pictures, caption=captions)


MISSES = 16
"""Pictures of every set."""


main = command("evaluate")(evaluate)

if __name__ == "__main__":
    main()
