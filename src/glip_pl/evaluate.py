"""Evaluate: `python -m glip_pl.evaluate experiment=zeroshot_coco ckpt=...`."""

from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig

from glip_pl.checkpoints.rebuilding import Trained, load_trained
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.indexing import content_of
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.inference.encoded_query import read_prompt_file
from glip_pl.inference.evaluation_cache import EvaluationCache, log_others
from glip_pl.inference.learned_prompt import fingerprint
from glip_pl.inspection.finishing import finish_test
from glip_pl.prompts.prompt_kit import PromptKit
from glip_pl.running.build import build_data, build_module, build_trainer, retention_sets
from glip_pl.running.cli import command
from glip_pl.running.resolved_settings import process_count, resolve_evaluation
from glip_pl.running.results import score_of
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.training.callbacks.resumed_evaluation import ResumedTest
from glip_pl.training.loggers import close_loggers
from glip_pl.training.trackers.tracked_runs import start_tracked_runs


def evaluate(config: DictConfig) -> float:
    """Test a checkpoint on every test set of the data; returns the mean of the main figures.

    An interrupted evaluation with the same weights and settings continues where it stopped. One
    with images that could not be read tries only these again.
    """
    pl.seed_everything(config.seed, workers=True)
    process_count(config.trainer)  # reports what Lightning refuses before anything is built
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    trained = load_trained(checkpoint)
    config = resolve_evaluation(config, trained.config)
    _check_prompt(config, trained)
    data = build_data(config, train=False)
    key = evaluation_key(config, sha256_of(checkpoint), data.test)
    results = Path(config.paths.output, "results.json")
    folder = Path(config.paths.runs, "unfinished", key)
    caches = {name: EvaluationCache(folder / name) for name in data.test}
    score = score_of(results, key)
    if score is not None:
        print(f"finished before: {results}")
        results.touch()  # the summary of a sweep counts only files written during the sweep
        _remove(caches)  # left by a kill after the results were written
        return score
    log_others(folder)
    results.unlink(missing_ok=True)  # older results, of other weights or settings
    resumed = ResumedTest(caches)
    data.done = resumed.done
    module = build_module(config, trained.model, data, trained.config)
    for evaluation in module.test.sets.values():
        evaluation.metric.read_truth()  # reports errors in the annotations now, not at the end
    start_tracked_runs(Path(config.paths.output), None)
    trainer = build_trainer(config, train=False, extra_callbacks=[resumed])
    try:
        trainer.test(module, data, verbose=False)
        score = finish_test(
            *(trainer, module, data, results, str(checkpoint), checkpoint),
            plain(config.published),
            key,
        )
    finally:
        close_loggers(trainer.loggers)
    if trainer.is_global_zero and not module.test.any_unreadable:
        _remove(caches)
    return score


def _check_prompt(config: DictConfig, trained: Trained) -> None:
    """Report errors in the file of `prompt` before anything slow, and a kit for another model."""
    given = None if config.prompt is None else read_prompt_file(Path(config.prompt))
    if isinstance(given, PromptKit):
        given.warn_unless(fingerprint(trained.model))


def _remove(caches: Mapping[str, EvaluationCache]) -> None:
    for cache in caches.values():
        cache.remove()


def evaluation_key(config: DictConfig, weights: str, sets: Mapping[str, EvaluationSet]) -> str:
    """A key that is equal for evaluations with equal figures; `weights` is the weights' hash."""
    foils = {name: dataset.foils for name, dataset in sets.items() if dataset.foils}
    return key_of(
        {
            **({"foils": foils} if foils else {}),
            "weights": weights,
            "annotations": {name: content_of(dataset.index) for name, dataset in sets.items()},
            "test": plain(config.data.test),
            "retention": {
                name: node and plain(node)
                for name, node in retention_sets(config, tested=True).items()
            },
            "decoder": plain(config.decoder),
            "tokenizer": config.tokenizer.source,
            "prompt": None if config.prompt is None else _hash_of_prompt(config),
            "precision": str(config.trainer.precision),
            "limit": config.trainer.get("limit_test_batches"),
        }
    )


def _hash_of_prompt(config: DictConfig) -> str:
    return sha256_of(Path(config.prompt).expanduser())


main = command("evaluate", output="paths.output")(evaluate)

if __name__ == "__main__":
    main()
