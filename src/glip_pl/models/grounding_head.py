"""Grounding head: scores of every anchor for every token, boxes and centerness (paper 3.1)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.anchors import STRIDES, pyramid_anchors
from glip_pl.models.precision import at_least_float32, without_autocast
from glip_pl.types import Output, TextFeatures

PRIOR_PROBABILITY = 0.01
"""Score of every anchor and token in an untrained model, so that the focal loss starts small."""


class GroundingHead(nn.Module):
    """Dot products with projected tokens, box codes with a scale per level, and centerness."""

    def __init__(self, channels: int, text_dim: int, initial_gain: float = 1.0) -> None:
        """Logits and box codes start `initial_gain` times larger, and learn faster accordingly."""
        super().__init__()
        self.text_projection = nn.Linear(text_dim, channels)
        self.log_scale = nn.Parameter(torch.full((1,), -math.log(initial_gain)))
        self.token_bias = nn.Parameter(torch.zeros(text_dim))
        self.prior_bias = nn.Parameter(torch.full((1,), -math.log(1 / PRIOR_PROBABILITY - 1)))
        self.box = nn.Conv2d(channels, 4, 1)
        self.centerness = nn.Conv2d(channels, 1, 1)
        self.level_scales = nn.ParameterList(
            nn.Parameter(torch.full((1,), initial_gain)) for _ in STRIDES
        )
        for conv in (self.box, self.centerness):
            nn.init.normal_(conv.weight, std=0.01)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # both have a bias

    def forward(self, levels: list[Tensor], text: TextFeatures) -> Output:
        """Predictions for all positions of the levels (B, C, h, w) and all tokens (B, T, C).

        They are in full precision, whatever the rest of the model is computed in.
        """
        with without_autocast(text.hidden):
            return self._predict([at_least_float32(level) for level in levels], text.hidden)

    def _predict(self, levels: list[Tensor], hidden: Tensor) -> Output:
        words = F.normalize(at_least_float32(hidden), dim=-1)
        # Halved before the projection but not before the bias, as in the released models.
        projected = self.text_projection(words / 2) / self.log_scale.exp()
        bias = words @ self.token_bias + self.prior_bias
        # Levels have the channels last in memory: joined this way, nothing is transposed.
        pixels = torch.cat([level.flatten(2).mT for level in levels], dim=1)  # (B, A, C)
        weight = torch.cat([self.box.weight, self.centerness.weight])[:, :, 0, 0]
        assert self.box.bias is not None and self.centerness.bias is not None
        biases = torch.cat([self.box.bias, self.centerness.bias])
        codes, centerness = F.linear(pixels, weight, biases).split([4, 1], dim=2)
        sizes = [level.shape[2] * level.shape[3] for level in levels]
        scales = [scale.expand(size) for scale, size in zip(self.level_scales, sizes, strict=True)]
        shapes = [(level.shape[2], level.shape[3]) for level in levels]
        return Output(
            alignment=pixels @ projected.mT + bias[:, None],
            deltas=codes * torch.cat(scales)[:, None],
            centerness=centerness[..., 0],
            anchors=pyramid_anchors(shapes, pixels.device),
            level_sizes=tuple(sizes),
        )
