"""A picture gets the same answer whatever else is in its batch, if the model's padding is "own"."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from torch import Tensor

from glip_pl.anchors import canvas_of, level_shapes, places_of, pyramid_anchors
from glip_pl.data.collate import Collate
from glip_pl.files.shipped_settings import compose_shipped
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import Question, detect_categories, read_questions
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.canvases import NOWHERE, joined_levels
from glip_pl.models.glip import GLIP
from glip_pl.models.visual_prompts import region_features
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Batch, Output, Padding, Sample

CPU = torch.device("cpu")

SMALL = ("model.channels=32", "model.fusion.inner_dim=32", "model.fusion.heads=2")

SWIN = (
    "model.image_encoder.name=swin_tiny_patch4_window7_224",
    "model.image_encoder.stages=[1,2,3]",
    "model.image_encoder.weights=null",
    "+model.image_encoder.strict_img_size=false",
    "+model.image_encoder.always_partition=true",
    "+model.image_encoder.embed_dim=24",
)

MODELS = {
    "convolutions": ("model.padding=own", *SMALL),
    "windows": ("model.padding=own", *SMALL, *SWIN),
    "without fusion": ("model.padding=own", "model.channels=32", "model/fusion=none"),
}

DECODER = Decoder(score_threshold=0.2, max_detections=20)


def built(*overrides: str) -> GLIP:
    torch.manual_seed(0)
    model: GLIP = instantiate(compose_shipped("train", list(overrides)).model)
    for name, parameter in model.named_parameters():
        if name.startswith(("dynamic_convs", "head.box", "fpn")) and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.02)  # offsets and pooling matter
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there are detections
    return model.eval()


@pytest.fixture(scope="module")
def models() -> dict[str, GLIP]:
    return {name: built(*overrides).double() for name, overrides in MODELS.items()}


def sample(
    height: int, width: int, number: int = 0, names: Sequence[str] = ("cat", "dog")
) -> Sample:
    random = torch.Generator().manual_seed(height * 1000 + width + number)
    return Sample(
        image=torch.randint(0, 255, (3, height, width), dtype=torch.uint8, generator=random),
        boxes=torch.tensor([[3.0, 4, width - 9, height - 5], [1, 1, 20, 22]]),
        phrase_ids=torch.tensor([0, len(names) - 1]),
        prompt=names_prompt(list(names)),
        image_id=number,
        original_size=(height, width),
    )


def more_padding(batch: Batch, height: int, width: int) -> Batch:
    """The batch with wider padding."""
    images = torch.nn.functional.pad(batch.images, (0, width, 0, height))
    return replace(batch, images=images)


def run(model: GLIP, batch: Batch) -> Output:
    output: Output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    return output


def of_picture(output: Output, row: int, batch: Batch) -> list[Tensor]:
    """Predictions of all anchors of a picture's own canvas, for the words of its prompt."""
    height, width = batch.sizes[row].tolist()
    whole = (batch.images.shape[-2], batch.images.shape[-1])
    places = places_of(canvas_of(height, width), whole, CPU)
    words = int(batch.attention_mask[row].sum())
    alignment = output.alignment[row, places, :words]
    return [alignment, output.deltas[row, places], output.centerness[row, places]]


SIDES = st.sampled_from([(64, 64), (33, 90), (96, 70), (64, 64), (95, 96), (130, 40)])

NAMES = st.lists(
    st.sampled_from(["cat", "red dog", "a fire hydrant", "cup"]), min_size=1, max_size=4
)


@pytest.mark.parametrize("kind", MODELS)
@given(
    st.lists(st.tuples(SIDES, NAMES), min_size=1, max_size=4),
    st.sampled_from([(0, 0), (32, 0), (0, 64), (96, 32)]),
)
@trials(max_examples=8, deadline=None, derandomize=True)
@torch.inference_mode()
def test_a_picture_has_the_boxes_that_it_has_alone(
    models: dict[str, GLIP],
    tokenizer: Tokenizer,
    kind: str,
    wanted: list[tuple[tuple[int, int], list[str]]],
    padding: tuple[int, int],
) -> None:
    """In double precision, so that nothing is hidden by rounding."""
    model, collate = models[kind], Collate(tokenizer)
    samples = [sample(*side, number, names) for number, (side, names) in enumerate(wanted)]
    batch = more_padding(collate(samples), *padding)
    output = run(model, batch)
    found = DECODER(output, batch)
    for row, one in enumerate(samples):
        single = collate([one])
        expected = run(model, single)
        for here, there in zip(
            of_picture(output, row, batch), of_picture(expected, 0, single), strict=True
        ):
            torch.testing.assert_close(here, there, rtol=0, atol=1e-9)
        (alone,) = DECODER(expected, single)
        assert len(found[row]) == len(alone) > 0
        torch.testing.assert_close(found[row].scores, alone.scores, rtol=0, atol=1e-4)
        torch.testing.assert_close(found[row].boxes, alone.boxes, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_without_it_other_pictures_change_the_scores(tokenizer: Tokenizer) -> None:
    """Otherwise the test above would pass for any model."""
    model, collate = built(*SMALL), Collate(tokenizer)
    single, batch = (
        collate(samples) for samples in ([sample(64, 64)], [sample(64, 64), sample(96, 130)])
    )
    alone = of_picture(run(model, single), 0, single)[0]
    assert (of_picture(run(model, batch), 0, batch)[0] - alone).abs().max() > 1e-2
    model.padding = "own"  # released weights can have it too
    torch.testing.assert_close(of_picture(run(model, batch), 0, batch)[0], alone)


@pytest.mark.parametrize("kind", MODELS)
@torch.inference_mode()
def test_categories_are_detected_as_alone(tokenizer: Tokenizer, kind: str) -> None:
    """In single precision, as it is used."""
    model, collate = built(*MODELS[kind]), Collate(tokenizer)
    samples = [sample(64, 64), sample(40, 130), sample(64, 60, 7)]
    vocabulary = [Chunk(0, names_prompt(["cat", "dog"])), Chunk(2, names_prompt(["a red cup"]))]
    questions = read_questions(model, tokenizer, vocabulary, CPU)
    seen: list[Output] = []

    def watch(question: Question, output: Output) -> None:
        seen.append(output)

    batch = collate(samples)
    for memory_gb in (None, 1.0):
        together = detect_categories(model, DECODER, questions, batch, memory_gb, watch)
        for one, found in zip(samples, together, strict=True):
            (alone,) = detect_categories(model, DECODER, questions, collate([one]))
            assert len(found) == len(alone) > 0
            torch.testing.assert_close(found.boxes, alone.boxes, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(found.scores, alone.scores, rtol=0, atol=1e-4)
    assert len(seen) == 4
    anchors = pyramid_anchors(level_shapes(*batch.images.shape[-2:]), CPU)
    assert all(len(output.alignment) == 3 and output.anchors.equal(anchors) for output in seen)
    assert (seen[0].alignment[0] == NOWHERE).any()


def test_the_gradient_of_a_batch_is_the_sum_of_those_of_its_pictures(
    models: dict[str, GLIP], tokenizer: Tokenizer
) -> None:
    """In double precision: convolutions with offsets have steps in their gradient."""
    model, collate = models["convolutions"], Collate(tokenizer, training=True, padding="own")
    samples = [sample(64, 64), sample(40, 130), sample(64, 60, 7)]
    ones = torch.ones(2, dtype=torch.float64)  # instead of the normalisers of each batch
    names = ("fpn.p7.weight", "head.box.weight", "dynamic_convs.0.offset.weight")
    weights = [model.get_parameter(name) for name in names]

    def gradients(batch: Batch) -> list[Tensor]:
        total = GroundingLoss()(run(model, batch), batch, ones).total
        return list(torch.autograd.grad(total, weights))

    together = gradients(collate(samples))
    alone = [gradients(collate([one])) for one in samples]
    for whole, *parts in zip(together, *alone, strict=True):
        torch.testing.assert_close(whole, torch.stack(parts).sum(0), rtol=1e-6, atol=1e-9)


def test_a_picture_has_the_targets_that_it_has_alone(tokenizer: Tokenizer) -> None:
    """Anchors beyond the canvas would be among the candidates that set ATSS's thresholds."""
    boxes = torch.tensor([[x, x, 62.0, 60.0] for x in range(0, 50, 7)])
    first = replace(sample(64, 64), boxes=boxes, phrase_ids=torch.zeros(8, dtype=torch.int64))
    collate = Collate(tokenizer)
    single, batch = collate([first]), collate([first, sample(130, 130)])
    alone = targets_of(single).rows
    places = places_of((64, 64), (160, 160), CPU)
    paddings: tuple[Padding, Padding] = ("own", "shared")
    own, shared = (targets_of(batch, padding).rows for padding in paddings)
    assert own[: len(alone)].equal(places[alone])
    assert not shared[: len(alone)].equal(places[alone])
    assert targets_of(single, "own").rows.equal(alone)


def test_a_full_prompt_costs_nothing_outside_the_canvas(
    models: dict[str, GLIP], tokenizer: Tokenizer
) -> None:
    names = ["cat"] * 200
    collate = Collate(tokenizer, training=True, padding="own")
    batch = collate([sample(32, 32, names=names), sample(96, 32, names=names)])
    with torch.inference_mode():
        output = run(models["without fusion"], batch)
        loss = GroundingLoss()(output, batch, torch.ones(2)).alignment
        alone = [
            GroundingLoss()(run(models["without fusion"], single), single, torch.ones(2)).alignment
            for single in (
                collate([one]) for one in (sample(32, 32, names=names), sample(96, 32, names=names))
            )
        ]
    torch.testing.assert_close(loss, torch.stack(alone).sum())


@torch.inference_mode()
def test_example_boxes_are_read_as_in_a_picture_that_is_alone(
    models: dict[str, GLIP], tokenizer: Tokenizer
) -> None:
    """Those at the border of a canvas too, beyond which the batch has room for other pictures."""
    model, collate = models["convolutions"], Collate(tokenizer)
    samples = [sample(64, 64), sample(96, 130), sample(64, 60, 7)]
    boxes = torch.tensor([[40.0, 30, 63, 63], [2, 2, 50, 60]])
    batch = collate(samples)
    parts = model.parts(batch.images, batch.sizes)
    encoded = [model.encode_image(*part.of(batch.images, batch.sizes)) for part in parts]
    levels = joined_levels(encoded, parts, (96, 160))
    assert [tuple(level.shape[2:]) for level in levels] == level_shapes(96, 160)
    for row, one in enumerate(samples):
        single = collate([one])
        alone = model.encode_image(single.images, single.sizes)
        expected = region_features(alone, torch.zeros(2, dtype=torch.int64), boxes)
        found = region_features(levels, torch.full((2,), row), boxes)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)  # read in float32
