"""Builds datasets from sources: turns the flat settings of `conf/data` into composed objects."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from glip_pl.data.categories import Categories
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.few_shot import FewShot
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.index import Index
from glip_pl.data.index_writer import OutOfImage
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.known_labels import KnownLabels, LookedFor
from glip_pl.data.picture_size import Exif
from glip_pl.data.prompt_policy import EvaluationPrompts, TrainingFoils, TrainingPrompts
from glip_pl.data.records import Reader
from glip_pl.data.selection import Selection
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.prompts.foils import FoilSampler, foil_wordings
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.rewording import Reworder
from glip_pl.prompts.tokens import Tokenizer


def training_set(
    reader: Reader,
    index_folder: str | Path,
    transform: ResizeFlip,
    tokenizer: Tokenizer,
    sampler: CategorySampler | None = None,
    wordings: Sequence[Wording] | Reworder | None = None,
    packing: CaptionPacking | None = None,
    box_filter: BoxFilter | None = None,
    weigh_by_score: bool = False,
    few_shot: FewShot | None = None,
    out_of_image: OutOfImage = "error",
    tolerate: float = 0.0,
    limit: int | None = None,
    keep_empty: bool = False,
    exif: Exif = "upright",
    foils: FoilSampler | None = None,
    looked_for: LookedFor = "all",
    visual_prompts: float = 0.0,
) -> GroundedDataset:
    """A source to train on; its index is made on first use.

    The arguments are many because each is a setting of its own (`data.train.<name>.dataset.*`), and
    short keys are what people type. `wordings` replace the category names in prompts; `tolerate` is
    the share of annotations, and of pictures, that may be bad; `exif` says how photographs that
    are stored turned were annotated; `looked_for` says which categories are absent where they have
    no box. The others are described where they are used: `Selection`, `TrainingPrompts`,
    `GroundedDataset`. Raises UserError.
    """
    index = open_index(reader, Path(index_folder), out_of_image, tolerate)
    source = source_name(reader)
    categories = Categories.of(index.names, wordings, tokenizer, source)
    _check_sampler(sampler, categories, index, source)
    selection = Selection(few_shot, box_filter, limit, keep_empty=keep_empty)
    records = selection.for_training(index, source)
    absent = TrainingFoils.of(foils, categories)
    known = KnownLabels.of(index, looked_for, source)
    prompts = TrainingPrompts(records, categories, sampler, packing, absent, known)
    return GroundedDataset(
        reader, records, prompts, transform, weigh_by_score, tolerate, exif, visual_prompts
    )


def _check_sampler(
    sampler: CategorySampler | None, categories: Categories, index: Index, source: str
) -> None:
    """Raise UserError if a name exceeds the sampler's tokens, or if boxes need a sampler."""
    if sampler is not None:
        categories.check_budget(sampler.budget)
    elif not index.captioned.all():
        raise UserError(
            f"{source} has boxes of categories; training on them needs the setting `sampler` "
            "(conf/data/train/categories.yaml)"
        )


def evaluation_set(
    reader: Reader,
    index_folder: str | Path,
    transform: ResizeFlip,
    tokenizer: Tokenizer,
    metric: Callable[..., Any],
    chunk: int | None = None,
    wordings: Sequence[Wording] | Reworder | None = None,
    few_shot: FewShot | None = None,
    out_of_image: OutOfImage = "error",
    limit: int | None = None,
    skip: int | None = None,
    retention: bool = False,
    exif: Exif = "upright",
    foils: str | Sequence[str] | None = None,
) -> EvaluationSet:
    """A source to evaluate on; its index is made on first use.

    The arguments are many because each is a setting of its own (`data.val.<name>.*`), and short
    keys are what people type. `wordings` replace the category names in prompts; `exif` says how
    photographs that are stored turned were annotated; `foils` are names of absent objects
    (`read_foils`), which the metric must be able to count. The others are described where they are
    used: `Selection`, `EvaluationPrompts`, `EvaluationSet`. Raises UserError.
    """
    index = open_index(reader, Path(index_folder), out_of_image)
    source = source_name(reader)
    categories = Categories.of(index.names, wordings, tokenizer, source)
    records = Selection(few_shot, limit=limit, skip=skip).for_evaluation(index, source)
    absent = [] if foils is None else foil_wordings(foils, categories.wordings, "foils")
    prompts = EvaluationPrompts(index, categories, chunk, absent)
    return EvaluationSet(reader, records, prompts, transform, metric, retention, exif)
