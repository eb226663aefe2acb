"""Fixtures that open written sources as datasets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.dataset_factory import evaluation_set, training_set
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.records import Reader
from glip_pl.data.transforms import ResizeFlip
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer

TRANSFORM = ResizeFlip([40, 48], 100, flip=0.5)

OpenTraining = Callable[..., GroundedDataset]
"""Opens a reader with options of `training_set`."""

OpenEvaluation = Callable[..., EvaluationSet]
"""Opens a reader with options of `evaluation_set`."""


@pytest.fixture
def open_training(indexes: Path, tokenizer: Tokenizer) -> OpenTraining:
    """Opens a reader as a dataset to train on; prompts ask for all categories, in order."""
    sampler = CategorySampler(max_negatives=80, full_probability=1.0, shuffle=False)

    def opened(reader: Reader, **options: Any) -> GroundedDataset:
        options = {"sampler": sampler, **options}
        return training_set(reader, indexes, TRANSFORM, tokenizer, **options)

    return opened


@pytest.fixture
def open_evaluation(indexes: Path, tokenizer: Tokenizer) -> OpenEvaluation:
    """Opens a reader as a dataset to evaluate on."""

    def opened(reader: Reader, **options: Any) -> EvaluationSet:
        return evaluation_set(
            reader, indexes, TRANSFORM, tokenizer, COCOAveragePrecision, **options
        )

    return opened
