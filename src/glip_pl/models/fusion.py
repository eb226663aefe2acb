"""Language-aware deep fusion (paper 3.2): words and pixels attend to each other.

The image side projects the *text* into the pixels' space. With k_h the text keys of head h,
q.k_h = v.(W_q,h^T k_h) + b_q,h.k_h, and the output projection is folded into the text values, so
no tensor of size pixels x (heads * head width) is ever made. The text side pools raw pixels first
and projects the few pooled vectors afterwards. Equal to the plain form (the tests hold it as the
oracle), and 2 to 10 times faster on a CPU (`make bench`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.pointwise import paired
from glip_pl.models.recomputing import recomputed
from glip_pl.types import TextFeatures

CACHEFUL = 1024
"""Pixels at a time on a CPU: their logits against 8 x 200 words are 6 MB."""

HEADROOM = 6.0
"""By how much every exponent is lowered, so that sums over a large map fit half precision."""


def start_as_identity(layer: nn.Linear) -> None:
    """Zero the last layer of a residual branch.

    With a random start the words of a prompt grow alike in a short training, and then nothing
    is left to tell phrases apart by (docs/architecture.md has the measurement).
    """
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class BiAttention(nn.Module):
    """Bi-directional multi-head cross-attention between pixels and words."""

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
        """(B, T, heads * D) -> (B, heads, T, D)."""
        split: Tensor = features.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split

    def forward(self, image: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Updates of image (B, N, Ci) and text (B, T, Ct); mask (B, T) bool marks real words.

        Padded pixels are attended to, as in the released models. What padded words pool is
        finite and otherwise arbitrary: nothing reads it.
        """
        heads = self.heads
        query_weight = self.image_query.weight.unflatten(0, (heads, -1))  # (h, D, Ci)
        query_bias = self.image_query.bias.unflatten(0, (heads, -1))[:, :, None]  # (h, D, 1)
        out_weight = self.image_out.weight.unflatten(1, (heads, -1))  # (Ci, h, D)
        keys = self._split(self.text_key(text)) * self.scale  # (B, h, T, D)
        values = self._split(self.text_value(text)) @ out_weight.permute(1, 2, 0)  # (B, h, T, Ci)
        update, pooled, total = self._attend(
            image,
            (keys @ query_weight).flatten(1, 2),
            (keys @ query_bias).flatten(1),
            values.flatten(1, 2),
            mask.repeat(1, heads),
        )
        value_weight = self.image_value.weight.unflatten(0, (heads, -1))  # (h, D, Ci)
        value_bias = self.image_value.bias.unflatten(0, (heads, 1, -1))  # (h, 1, D)
        # Without dropout every map sums to one; with it the bias carries the sum that is left.
        text_values = pooled.unflatten(1, (heads, -1)) @ value_weight.mT
        text_values = text_values + value_bias * total.unflatten(1, (heads, -1))[..., None]
        return update, self.text_out(text_values.transpose(1, 2).flatten(2))

    def _attend(
        self, pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What pixels (B, N, Ci) read, and what the words of all heads pool.

        Keys and values (B, h * T, Ci) and key bias (B, h * T) are of all heads, in the pixels'
        space. Returns the update (B, N, Ci), pooled pixels (B, h * T, Ci), and the sum (B, h * T)
        of each word's weights. On a CPU it goes through the pixels a cacheful at a time, and the
        softmax over pixels is kept as a running maximum, sum and weighted sum, so that logits are
        made once and never lie in main memory. In training they are made again for the backward
        pass.
        """
        # Below any logit of a real word, yet finite: padding pools something, not 0 / 0.
        bias = bias.masked_fill(~mask, torch.finfo(bias.dtype).min / 2)
        on_cpu = pixels.device.type == "cpu"
        size = max(1, CACHEFUL // len(pixels)) if on_cpu else pixels.shape[1]
        top = torch.full_like(bias, float("-inf"))
        normaliser, total = torch.zeros_like(bias), torch.zeros_like(bias)
        pooled = torch.zeros_like(keys)
        updates = []
        for part in pixels.split(size, dim=1):
            update, highest, *sums = recomputed(
                self._part, part, keys, bias, values, largest=part.shape[1] * bias.numel()
            )
            updates.append(update)
            higher = torch.maximum(top, highest)
            before, now = (top - higher).exp(), (highest - higher).exp()
            normaliser = normaliser * before + sums[0] * now
            total = total * before + sums[1] * now
            pooled = pooled * before[..., None] + sums[2] * now[..., None]
            top = higher
        return torch.cat(updates, dim=1), pooled / normaliser[..., None], total / normaliser

    def _part(
        self, pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Some pixels (B, n, Ci): their update; each word's reference logit among them, and sums.

        The sums are of exp(logit - reference) over the pixels: plain, after dropout, and weighing
        the pixels themselves.
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
        update = paired(over_words, values.mT, self.image_out.bias.expand(len(values), -1))
        return update, highest, normaliser, total, paired(weights.mT, pixels.mT)


class CrossAttention(nn.Module):
    """Both sides normalised, fused, and added with learned channel weights.

    The residual starts from the *normalised* features, as in the released models.
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        inner_dim: int,
        heads: int,
        dropout: float,
        initial_scale: float,
    ) -> None:
        super().__init__()
        self.image_norm = nn.LayerNorm(image_dim)
        self.text_norm = nn.LayerNorm(text_dim)
        self.attention = BiAttention(image_dim, text_dim, inner_dim, heads, dropout)
        self.image_scale = nn.Parameter(torch.full((image_dim,), initial_scale))
        self.text_scale = nn.Parameter(torch.full((text_dim,), initial_scale))

    def forward(self, image: Tensor, text: TextFeatures) -> tuple[Tensor, TextFeatures]:
        """Fused image (B, N, C), all levels flattened, and words."""
        image = self.image_norm(image)
        hidden = self.text_norm(text.hidden)
        image_update, text_update = self.attention(image, hidden, text.mask)
        fused = TextFeatures(hidden + self.text_scale * text_update, text.mask)
        return image + self.image_scale * image_update, fused


class TextLayer(nn.Module):
    """A post-norm BERT layer over the fused words."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.attention_out = nn.Linear(dim, dim)
        self.attention_norm = nn.LayerNorm(dim, eps=1e-12)
        self.expand = nn.Linear(dim, 4 * dim)
        self.contract = nn.Linear(4 * dim, dim)
        self.out_norm = nn.LayerNorm(dim, eps=1e-12)
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)  # BERT's initialisation
                nn.init.zeros_(layer.bias)
        start_as_identity(self.attention_out)
        start_as_identity(self.contract)

    def forward(self, text: TextFeatures) -> TextFeatures:
        """Words (B, T, C) after self-attention among the real ones."""
        hidden, dropout = text.hidden, self.dropout if self.training else 0.0
        query, key, value = (
            layer(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        context = F.scaled_dot_product_attention(
            query, key, value, attn_mask=text.mask[:, None, None], dropout_p=dropout
        )
        attended = self.attention_out(context.transpose(1, 2).flatten(2))
        hidden = self.attention_norm(hidden + F.dropout(attended, dropout))
        expanded = self.contract(F.gelu(self.expand(hidden)))
        return TextFeatures(self.out_norm(hidden + F.dropout(expanded, dropout)), text.mask)


class DeepFusion(nn.Module):
    """One round of fusion: cross-attention over all levels at once, then a text layer."""

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        initial_scale: float,
        inner_dim: int,
        heads: int,
        text_heads: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.cross_attention = CrossAttention(
            image_dim, text_dim, inner_dim, heads, dropout, initial_scale
        )
        self.text_layer = TextLayer(text_dim, text_heads, dropout)

    def forward(
        self, levels: list[Tensor], text: TextFeatures
    ) -> tuple[list[Tensor], TextFeatures]:
        """Levels (B, C, h, w) that have read the words, and words that have seen the levels."""
        shapes = [level.shape[-2:] for level in levels]
        # Convolutions leave the channels last in memory: joined this way, nothing is transposed.
        pixels = torch.cat([level.flatten(2).mT for level in levels], dim=1)
        pixels, text = self.cross_attention(pixels, text)
        maps = pixels.mT.split([height * width for height, width in shapes], dim=2)
        levels = [part.unflatten(2, shape) for part, shape in zip(maps, shapes, strict=True)]
        return levels, self.text_layer(text)


class NoFusion(nn.Module):
    """No fusion (GLIP-T A): image and text meet only in the grounding head."""

    def __init__(self, image_dim: int, text_dim: int, initial_scale: float) -> None:
        """Takes what DeepFusion takes, and has no parameters."""
        super().__init__()

    def forward(
        self, levels: list[Tensor], text: TextFeatures
    ) -> tuple[list[Tensor], TextFeatures]:
        """Both unchanged, but for padded words, which the head reads as zero."""
        return levels, TextFeatures(text.hidden * text.mask[..., None], text.mask)
