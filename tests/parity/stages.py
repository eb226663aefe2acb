"""Our outputs of every stage under the names and in the layout of the recorded ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from glip_pl.inference.decoding import Decoder, phrase_scores
from glip_pl.models.glip import GLIP
from glip_pl.types import Batch, Detections, Output
from tests.parity.cases import Case, model

LEVELS = ("p3", "p4", "p5", "p6", "p7")


Run = tuple[Case, dict[str, Tensor], list[Detections]]
"""A case, all stages of our run of it, and what is detected."""


def run(name: str) -> Run:
    """Run a case."""
    case = Case(name)
    glip, batch = model(case.letter), case.batch()
    with torch.inference_mode(), recorded(glip, batch) as stages:
        out = glip(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    stages["image_padded"] = glip.image_encoder.normalise(batch.images, batch.sizes)
    stages["bert_embedded"] = stages["bert_hidden"] * batch.attention_mask[..., None]
    stages["input_ids"] = batch.tokens
    stages |= _raw(out, batch)
    return case, stages, Decoder()(out, batch)


@contextmanager
def recorded(glip: GLIP, batch: Batch) -> Iterator[dict[str, Tensor]]:
    """Fills the dictionary with the modules' outputs while the model runs."""
    stages: dict[str, Tensor] = {}
    handles = []

    def watch(module: Any, keep: Any) -> None:
        def hook(_: nn.Module, __: Any, output: Any) -> None:  # a result would replace the output
            keep(output)

        handles.append(module.register_forward_hook(hook))

    def levels(name: str) -> Any:
        return lambda maps: stages.update(
            {f"{name}_{level}": one for level, one in zip(LEVELS, maps, strict=True)}
        )

    watch(
        glip.image_encoder.get_submodule("body.layers_0"),
        lambda c2: stages.update(swin_c2=c2.permute(0, 3, 1, 2)),
    )
    watch(
        glip.image_encoder,
        lambda maps: stages.update(zip(("swin_c3", "swin_c4", "swin_c5"), maps, strict=True)),
    )
    watch(glip.fpn, levels("fpn"))
    watch(glip.text_encoder, lambda text: stages.update(bert_hidden=text.hidden))
    for layer, (fusion, conv) in enumerate(zip(glip.fusions, glip.dynamic_convs, strict=True)):
        place = layer
        if hasattr(fusion, "cross_attention"):
            place = 3 * layer
            language = f"tower{place:02d}_VLFuse_lang"
            watch(
                fusion.cross_attention,
                lambda both, name=language: stages.update({name: both[1]}),
            )
            language = f"tower{place + 1:02d}_BertEncoderLayer_lang"
            maps = levels(f"tower{place:02d}_VLFuse")
            watch(
                fusion,
                lambda both, name=language, maps=maps: (
                    stages.update({name: both[1].hidden}),
                    maps(both[0]),
                ),
            )
            place += 2
        watch(conv, levels(f"tower{place:02d}_DyConv"))
    try:
        yield stages
    finally:
        for handle in handles:
            handle.remove()


def _raw(out: Output, batch: Batch) -> dict[str, Tensor]:
    scores = torch.stack(
        [
            phrase_scores(alignment, masks)
            for alignment, masks in zip(out.alignment, batch.phrase_masks, strict=True)
        ]
    )
    parts = {
        "dot_logits": out.alignment,
        "bbox_reg": out.deltas,
        "centerness": out.centerness,
        "class_scores": scores,
        "anchors": out.anchors[None],
    }
    return {
        f"{name}_{level}": piece
        for name, values in parts.items()
        for level, piece in zip(LEVELS, values.split(out.level_sizes, dim=1), strict=True)
    }


def pair(name: str, ours: Tensor, case: Case, batch_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Ours and the recorded tensor in one layout, without padded words.

    We never compute those; officially every prompt is padded to 256, and what becomes of padded
    words reaches nothing. Some recordings hold the first words only.
    """
    theirs = case.tensors[name]
    if name.startswith(("bbox_reg", "centerness")):
        theirs = theirs.flatten(2).mT
        return ours.reshape(theirs.shape), theirs
    if name.startswith("anchors"):
        return ours[0], theirs
    if name.startswith("bert") or name.endswith("lang"):
        words = min(ours.shape[1], theirs.shape[1])
        real = batch_mask[:, :words]
        return ours[:, :words][real], theirs[:, :words][real]
    if name == "input_ids":
        return ours, theirs[:, : ours.shape[1]]
    if name.startswith("dot_logits"):
        theirs = theirs[..., : ours.shape[-1]]
        real = batch_mask[:, None].expand_as(theirs)
        return ours[real], theirs[real]
    return ours, theirs


def relative(ours: Tensor, theirs: Tensor) -> float:
    """How far apart two tensors are, as a part of the second one's norm."""
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm().clamp(min=1e-30))


def match(found: Detections, boxes: Tensor, scores: Tensor, labels: Tensor) -> int:
    """How many detections of either side have no partner on the other (the recordings' rule).

    Partners have one label, scores within 1e-3 and corners within 0.05 px.
    """
    near = (
        (found.phrase_ids[:, None] + 1 == labels)
        & ((found.scores[:, None] - scores).abs() < 1e-3)
        & ((found.boxes[:, None] - boxes).abs().amax(-1) < 0.05)
    )
    return int((~near.any(1)).sum()) + int((~near.any(0)).sum())
