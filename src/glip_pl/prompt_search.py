"""Search words and thresholds: `python -m glip_pl.prompt_search data.root=... ckpt=...`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.indexing import content_of
from glip_pl.devices import chosen_device
from glip_pl.errors import UserError, some
from glip_pl.files.claim import claim, exclusive
from glip_pl.files.hashing import sha256_of
from glip_pl.files.writing import write_json
from glip_pl.inference.learned_prompt import fingerprint
from glip_pl.inference.predictor import Predictor
from glip_pl.inspection.wording_scores import Reached, WordingScores
from glip_pl.prompts.descriptions import read_descriptions
from glip_pl.prompts.prompt_from_text import Wording, wordings_of
from glip_pl.prompts.prompt_kit import PromptKit
from glip_pl.prompts.wording_search import (
    Choices,
    Memory,
    Trial,
    read_synonyms,
    search_wordings,
)
from glip_pl.running.build import check_paths
from glip_pl.running.cli import command
from glip_pl.running.resolved_settings import resolve_evaluation
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.types import SHOWN_SCORE

ELSEWHERE = "Set output= to another folder."
"""What to do about a folder with the scores of another search."""


def prompt_search(config: DictConfig) -> None:
    """Search the words and the threshold of each category on a few pictures; write a prompt kit.

    Prints what the names and the chosen words reach on pictures that chose nothing. The same
    command continues an interrupted search. Raises UserError for wrong settings.
    """
    output = Path(config.output)
    choices = choices_of(config)
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    trained = load_trained(checkpoint)
    config = resolve_evaluation(config, trained.config)
    few, others = (opened(config, name) for name in ("few", "held_out"))
    choices.check(few.index.names)
    predictor = Predictor(
        trained.model.to(chosen_device(config.device)),
        instantiate(config.tokenizer),
        few.transform,
        instantiate(config.decoder),
    )
    scores, held_out = (WordingScores(predictor, dataset) for dataset in (few, others))
    job = {
        "weights": sha256_of(checkpoint),
        "pictures": [content_of(few.index), few.rows.tolist()],
        "eval_transform": plain(config.data.eval_transform),
        "decoder": plain(config.decoder),
    }
    claim(output / "job.json", job, ELSEWHERE)
    with exclusive(output, ELSEWHERE):
        memory = Memory.open(output / "tried.jsonl")
        found = search(scores, choices, memory)
        found.kit.write(output / "prompt_kit.yaml")
        show_trials(found)
        compared = Comparison.of(found, held_out)
        write_json(output / "results.json", compared.entry())
    show_comparison(compared, len(few), len(others))
    print(f"{scores.text_passes} prompts were encoded for {len(found.trials)} trials")
    print(f"prompt kit: {output}/prompt_kit.yaml (prompt=... of predict, label, evaluate, export)")


@dataclass(frozen=True)
class Found:
    """A prompt kit, the names that it began with, and what was tried."""

    kit: PromptKit
    first: Sequence[Wording]
    trials: Sequence[Trial]


def search(scores: WordingScores, choices: Choices, memory: Memory) -> Found:
    """Search the wordings of the categories of `scores`, then their thresholds."""
    names = scores.dataset.index.names
    first = wordings_of(names)
    score = memory(scores.average_precision)
    chosen, trials = search_wordings(names, first, choices, score)
    thresholds = tuple(scores.thresholds(chosen))
    kit = PromptKit(tuple(names), tuple(chosen), thresholds, fingerprint(scores.predictor.model))
    return Found(kit, first, trials)


@dataclass(frozen=True)
class Comparison:
    """What names and kit reach on pictures that chose nothing, by category."""

    names: Sequence[str]
    before: Sequence[Reached]  # the names, at the common threshold
    after: Sequence[Reached]  # the kit

    @classmethod
    def of(cls, found: Found, held_out: WordingScores) -> "Comparison":
        """Measure both. Raises UserError if the pictures have other categories."""
        kit, names = found.kit, held_out.dataset.index.names
        if list(names) != list(kit.names):
            raise UserError(
                f"the held-out pictures have the categories {some(list(names))}, and those of the "
                f"search {some(list(kit.names))}: give all splits the same ones"
            )
        thresholds = [SHOWN_SCORE if one is None else one for one in kit.thresholds]
        before = held_out.reached(found.first, [SHOWN_SCORE] * len(names))
        return cls(names, before, held_out.reached(kit.wordings, thresholds))

    def entry(self) -> dict[str, Any]:
        """The figures as JSON holds them, in points; None for categories without boxes."""
        rows = zip(self.names, self.before, self.after, strict=True)
        return {
            "mean": {"names": _points(_mean(self.before)), "kit": _points(_mean(self.after))},
            "categories": {
                name: {"names": _points(before), "kit": _points(after)}
                for name, before, after in rows
            },
        }


def _mean(reached: Sequence[Reached]) -> Reached:
    """The mean of the categories with boxes."""
    precisions = [one.average_precision for one in reached if not isnan(one.average_precision)]
    f1 = [one.f1 for one in reached if not isnan(one.f1)]
    return Reached(
        sum(precisions) / len(precisions) if precisions else nan, sum(f1) / len(f1) if f1 else nan
    )


def _points(reached: Reached) -> dict[str, float | None]:
    values = {"AP": reached.average_precision, "F1": reached.f1}
    return {key: None if isnan(value) else 100 * value for key, value in values.items()}


def show_trials(found: Found) -> None:
    """Print what was tried for each category, the chosen wording marked."""
    table = Table("category", "words", "AP on the few pictures", "")
    for trial in found.trials:
        chosen = found.kit.wordings[trial.category] == trial.wording
        cells = (found.kit.names[trial.category], trial.wording.text)
        figure = "" if isnan(trial.score) else f"{100 * trial.score:.1f}"
        table.add_row(*map(Text, cells), figure, "chosen" if chosen else "")
    Console().print(table)


def show_comparison(compared: Comparison, few: int, others: int) -> None:
    """Print what names and kit reach on the held-out pictures."""
    print(f"chosen on {few} pictures; on {others} others, which chose nothing:")
    table = Table("category", "AP, names", "AP, kit", f"F1, names at {SHOWN_SCORE}", "F1, kit")
    rows = [*compared.entry()["categories"].items(), ("mean", compared.entry()["mean"])]
    for name, figures in rows:
        cells = [figures[of][key] for key in ("AP", "F1") for of in ("names", "kit")]
        table.add_row(Text(name), *("" if cell is None else f"{cell:.1f}" for cell in cells))
    Console().print(table)


def choices_of(config: DictConfig) -> Choices:
    """What is tried, by the settings. Raises UserError if a file cannot be read."""
    given = config.synonyms
    synonyms = read_synonyms(plain(given) if isinstance(given, DictConfig) else given)
    descriptions = {}
    if config.descriptions is not None:
        read = read_descriptions(Path(config.descriptions), "def_wiki")
        descriptions = {name: text.strip() for name, text in read.texts.items()}
    return Choices(synonyms, plain(config.templates), descriptions, config.gain / 100)


def opened(config: DictConfig, name: str) -> EvaluationSet:
    """One of the two sets of `data`. Raises UserError if it cannot be used."""
    node = config.data[name]
    check_paths(node, f"data.{name}")
    dataset: EvaluationSet = instantiate(node)
    if not dataset.vocabulary:
        raise UserError(f"data.{name} has captions: words are searched for categories")
    return dataset


main = command("prompt_search", output="output")(prompt_search)

if __name__ == "__main__":
    main()
