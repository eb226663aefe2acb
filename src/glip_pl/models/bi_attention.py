"""Cross-attention in both directions between pixels and tokens (paper 3.2).

The image side projects the *text* into the pixels' space. With k_h the text keys of head h,
q.k_h = v.(W_q,h^T k_h) + b_q,h.k_h, and the output projection is folded into the text values, so
no tensor of size pixels x (heads * head width) is ever made. The text side pools raw pixels first
and projects the few pooled vectors afterwards. The results equal those of the equations as the
paper writes them (tests/models/test_bi_attention.py compares both), 2 to 10 times faster on a CPU
(`make bench`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.fused_attention import available, fused_attention
from glip_pl.models.plain_forms import wants_cpu, wants_gpu, wants_plain
from glip_pl.models.pointwise import paired, side_by_side
from glip_pl.models.precision import at_least_float32, product_type
from glip_pl.models.recomputing import recomputed

CHUNK = 1024
"""Pixels that a CPU processes at a time: their logits for 200 tokens in 8 heads take 6 MB."""

HEADROOM = 6.0
"""By how much every exponent is lowered, so that sums over a large map fit half precision."""


def start_as_identity(layer: nn.Linear) -> None:
    """Set the last layer of a residual branch to zero.

    After a random start, a short training makes the tokens of a prompt so similar that phrases
    can no longer be distinguished (docs/architecture.md has the measurement).
    """
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class BiAttention(nn.Module):
    """Bi-directional multi-head cross-attention between pixels and tokens."""

    def __init__(
        self, image_dim: int, text_dim: int, inner_dim: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (inner_dim // heads) ** -0.5
        self.dropout = dropout
        self.image_query = nn.Linear(image_dim, inner_dim)
        self.text_key = nn.Linear(text_dim, inner_dim)
        self.image_value = nn.Linear(image_dim, inner_dim)
        self.text_value = nn.Linear(text_dim, inner_dim)
        self.image_out = nn.Linear(inner_dim, image_dim)
        self.text_out = nn.Linear(inner_dim, text_dim)
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        start_as_identity(self.text_out)

    def _split(self, features: Tensor) -> Tensor:
        """(B, heads, T, D) from (B, T, heads * D)."""
        split: Tensor = features.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split

    def forward(self, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Updates of image (B, N, Ci) and text (B, T, Ct); mask (B, T) bool marks real tokens.

        Padded pixels are attended to, as in the released models. The update of a padded token is
        finite and otherwise arbitrary: no later computation reads it.
        """
        heads = self.heads
        query_weight = self.image_query.weight.unflatten(0, (heads, -1))  # (h, D, Ci)
        query_bias = self.image_query.bias.unflatten(0, (heads, -1))[:, :, None]  # (h, D, 1)
        out_weight = self.image_out.weight.unflatten(1, (heads, -1))  # (Ci, h, D)
        projected = side_by_side(text, self.text_key, self.text_value)
        keys, values = map(self._split, projected)  # (B, h, T, D)
        keys = keys * self.scale
        values = values @ out_weight.permute(1, 2, 0)  # (B, h, T, Ci)
        biases = (keys @ query_bias).squeeze(-1)
        # Below any logit of a real token, yet finite: the softmax of a padded token is not 0 / 0.
        biases = biases.masked_fill(~mask[:, None], torch.finfo(biases.dtype).min / 2)
        update, pooled, total = self._attend(image, keys @ query_weight, biases, values)
        value_weight = self.image_value.weight.unflatten(0, (heads, -1))  # (h, D, Ci)
        value_bias = self.image_value.bias.unflatten(0, (heads, 1, -1))  # (h, 1, D)
        # A token's weights sum to one, except under dropout: the bias is multiplied by their sum.
        text_values = pooled @ value_weight.mT + value_bias * total[..., None]
        return update, self.text_out(text_values.transpose(1, 2).flatten(2))

    def _attend(
        self, pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Update of pixels (B, N, Ci), and pooled pixels (B, h, T, Ci) of all heads and tokens.

        The third result is the sum (B, h, T) of the weights by which a token pools pixels. Keys
        and values (B, h, T, Ci) and key bias (B, h, T) are projected into the space of the pixels.
        """
        if wants_gpu(pixels):
            dtype = product_type(pixels)
            if available(pixels.device, dtype):
                dropout = self.dropout if self.training else 0.0
                update, pooled, total = fused_attention(
                    pixels.to(dtype), keys.to(dtype), at_least_float32(bias), values.to(dtype),
                    dropout,
                )  # fmt: skip
                return update + self.image_out.bias, pooled, total
        rows = keys.flatten(1, 2), bias.flatten(1), values.flatten(1, 2)
        update, pooled, total = self._attend_in_chunks(pixels, *rows)
        heads = (self.heads, -1)
        return update, pooled.unflatten(1, heads), total.unflatten(1, heads)

    def _attend_in_chunks(
        self, pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same as `_attend` for words of all heads in one dimension (B, h * T).

        A CPU processes the pixels in chunks and keeps the softmax over pixels as a running
        maximum, sum and weighted sum, so that logits are computed once and never written to main
        memory. In training the backward pass computes them again.
        """
        if wants_plain():
            update, _, *sums = self._attend_chunk(pixels, keys, bias, values)
            return update, sums[2] / sums[0][..., None], sums[1] / sums[0]
        size = max(1, CHUNK // len(pixels)) if wants_cpu(pixels) else pixels.shape[1]
        top = torch.full_like(bias, float("-inf"))
        normaliser, total = torch.zeros_like(bias), torch.zeros_like(bias)
        pooled = torch.zeros_like(keys)
        updates = []
        for chunk in pixels.split(size, dim=1):
            update, highest, *sums = recomputed(
                self._attend_chunk, chunk, keys, bias, values,
                largest=chunk.shape[1] * bias.numel(),
            )  # fmt: skip
            updates.append(update)
            higher = torch.maximum(top, highest)
            before, now = (top - higher).exp(), (highest - higher).exp()
            normaliser = normaliser * before + sums[0] * now
            total = total * before + sums[1] * now
            pooled = pooled * before[..., None] + sums[2] * now[..., None]
            top = higher
        return torch.cat(updates, dim=1), pooled / normaliser[..., None], total / normaliser

    def _attend_chunk(
        self, pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Update of some pixels (B, n, Ci), and each token's reference logit and sums over them.

        The three sums over these pixels are of weights exp(logit - reference), of the weights
        after dropout, and of the pixels times these.
        """
        logits = paired(pixels, keys, bias)  # (B, n, h * T)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        over_words = logits.unflatten(-1, (self.heads, -1)).softmax(-1).flatten(-2)
        over_words = F.dropout(over_words, self.dropout, self.training)
        highest = logits.detach().amax(1) + HEADROOM  # (B, h * T)
        weights = logits.sub_(highest[:, None]).exp_()  # in place: logits are not needed again
        normaliser = weights.sum(1)
        weights = F.dropout(weights, self.dropout, self.training)
        total = weights.sum(1) if self.training else normaliser
        update = paired(over_words, values.mT, self.image_out.bias.expand(values.shape[0], -1))
        return update, highest, normaliser, total, paired(weights.mT, pixels.mT)
