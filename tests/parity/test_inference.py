"""Every stage of every recorded inference case, and the final detections."""

import math

import pytest
import torch

from tests.parity.cases import find, listed, read
from tests.parity.stages import Run, match, pair, relative, run
from tests.parity.weights import tensor_for

CASES = listed(training=False)
TOLERANCE = 1e-4
NOISE_FACTOR = 10
"""Times the official program's own float32 - float64 difference, as the recordings suggest."""

INPUTS = ("rgb_", "det", "attention_mask", "bert_aggregate")
"""Recorded tensors that are no stage of ours; pooled BERT is not read by the released models."""


@pytest.fixture(scope="module", params=CASES)
def recording(request: pytest.FixtureRequest) -> Run:
    """A case and our run of it; tests of one case follow each other."""
    return run(request.param)


def test_the_deterministic_weights_are_the_recorded_ones() -> None:
    for key, sample in read("fill_check.json").items():
        made = tensor_for(key, sample["shape"])
        torch.testing.assert_close(made.flatten()[:4], torch.tensor(sample["first"]))
        assert float(made.double().sum()) == pytest.approx(sample["sum"], rel=1e-4, abs=1e-4)


def test_every_stage_agrees(recording: Run) -> None:
    case, stages, _ = recording
    mask = case.batch().attention_mask
    precision = case.about["precision"]
    compared, far = 0, []
    for stage in case.tensors:
        if stage.startswith(INPUTS):
            continue
        ours, theirs = pair(stage, stages[stage], case, mask)
        assert ours.shape == theirs.shape, stage
        error = relative(ours, theirs)
        largest = float((ours.double() - theirs.double()).abs().max())
        noise, limit = math.inf, TOLERANCE
        if stage in precision:
            noise, peak = precision[stage]["f32_vs_f64"], precision[stage]["max_abs"]
            # A few numbers in which nearly everything cancels are rounding, officially too.
            limit = max(TOLERANCE, NOISE_FACTOR * noise / peak)
        if error > limit or largest > NOISE_FACTOR * noise:
            far.append(f"{stage}: relative {error:.1e}, largest {largest:.1e}, noise {noise:.1e}")
        compared += 1
    assert far == []
    assert compared >= 20


def test_pixels_tokens_and_anchors_are_the_very_same(recording: Run) -> None:
    case, stages, _ = recording
    mask = case.batch().attention_mask
    torch.testing.assert_close(stages["image_padded"], case.tensors["image_padded"])
    assert torch.equal(*pair("input_ids", stages["input_ids"], case, mask))
    for stage in case.tensors:
        if stage.startswith("anchors"):
            assert torch.equal(*pair(stage, stages[stage], case, mask))


def test_phrases_have_the_recorded_tokens(recording: Run) -> None:
    case, _, _ = recording
    batch = case.batch()
    assert [prompt.caption for prompt in batch.prompts] == case.about["captions"]
    for masks in batch.phrase_masks:
        ours = {str(i + 1): row.nonzero()[:, 0].tolist() for i, row in enumerate(masks)}
        assert {label: tokens for label, tokens in ours.items() if tokens} == case.about[
            "label_to_tokens"
        ]


def test_detections_are_equal_as_sets(recording: Run) -> None:
    case, _, detections = recording
    for index, found in enumerate(detections):
        about = case.about["detections"][index]
        theirs = (case.tensors[f"det{index}_{part}"] for part in ("boxes", "scores", "labels"))
        # `unmatched`: detections that float32 and float64 of the official program disagree about.
        assert match(found, *theirs) <= 2 * about["unmatched"]
        assert abs(len(found) - about["count"]) <= about["unmatched"]


def test_there_are_cases() -> None:
    assert CASES + listed(training=True)
    assert find("keys_C.json").is_file()
