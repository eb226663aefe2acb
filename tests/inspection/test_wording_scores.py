"""Words are scored as an evaluation does it, with every prompt and every picture encoded once."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from glip_pl.inference.predictor import Predictor
from glip_pl.inspection.wording_scores import WordingScores
from glip_pl.models.glip import GLIP
from glip_pl.prompt_search import opened
from glip_pl.prompts.prompt_from_text import Wording, wordings_of
from glip_pl.types import Detections
from tests.conftest import Compose


@pytest.fixture
def scores(custom: Path, tiny_finding: Path, settings: Compose) -> WordingScores:
    words = [f"data.root={custom}", f"ckpt={tiny_finding}"]
    words += ["data.eval_transform.short_sides=[96]", "data.eval_transform.max_side=96"]
    config = settings(words, "prompt_search")
    return WordingScores(Predictor.load(tiny_finding, "cpu"), opened(config, "held_out"))


def test_the_score_of_a_category_is_its_average_precision(scores: WordingScores) -> None:
    wordings = wordings_of(scores.dataset.index.names)
    reached = scores.reached(wordings, [0.0] * len(wordings))
    for category, one in enumerate(reached):
        value = scores.average_precision(wordings, category)
        assert value == pytest.approx(one.average_precision, nan_ok=True)
        assert math.isnan(one.f1) == math.isnan(value)
    assert not all(math.isnan(one.f1) for one in reached)


def test_each_picture_and_each_prompt_is_encoded_once(
    scores: WordingScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = 0
    encode = GLIP.encode_image

    def counted(self: GLIP, *arguments: object) -> object:
        nonlocal images
        images += 1
        return encode(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(GLIP, "encode_image", counted)
    wordings = wordings_of(scores.dataset.index.names)
    others = [Wording("disc"), *wordings[1:]]
    for _ in range(2):
        scores.average_precision(wordings, 0)
        scores.average_precision(others, 0)
        scores.thresholds(wordings)
    assert images == len(scores.dataset)
    assert scores.text_passes == 2


class Planted(WordingScores):
    """Finds every object with a score above 0.6, the same box again at 0.55, and noise below."""

    def _detections(self, wordings: Sequence[Wording], category: int | None) -> list[Detections]:
        found = []
        for batch, _ in self.pictures:
            (boxes,), (labels,) = batch.boxes, batch.phrase_ids
            noise = boxes + 500
            scores = torch.tensor([0.605, 0.55, 0.3]).repeat_interleave(len(boxes))
            found.append(Detections(torch.cat([boxes, boxes, noise]), scores, labels.repeat(3)))
        return found


def test_a_threshold_gives_the_best_f1(scores: WordingScores) -> None:
    planted = Planted(scores.predictor, scores.dataset)
    wordings = wordings_of(scores.dataset.index.names)
    thresholds = planted.thresholds(wordings)
    shown = [category for category, one in enumerate(thresholds) if one is not None]
    assert shown and all(thresholds[category] == 0.6 for category in shown)
    everything = planted.reached(wordings, [0.0] * len(wordings))
    chosen = planted.reached(wordings, [0.6] * len(wordings))
    none = planted.reached(wordings, [0.61] * len(wordings))
    for category in shown:
        assert chosen[category].f1 == 1
        assert chosen[category].average_precision == pytest.approx(1)
        assert everything[category].f1 == 0.5  # of three boxes for each object one is right
        assert none[category].f1 == 0
