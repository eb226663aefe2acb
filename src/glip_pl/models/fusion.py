"""Language-aware deep fusion (paper 3.2): layers in which pixels and tokens exchange features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.models.bi_attention import BiAttention, start_as_identity
from glip_pl.models.pointwise import side_by_side
from glip_pl.models.rounded_weights import rounded_weights
from glip_pl.types import TextFeatures


class CrossAttention(nn.Module):
    """Normalises both sides, lets them attend to each other, and adds the scaled updates.

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

    def forward(self, image: Tensor, words: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Fused pixels (B, N, Ci) of all levels and fused tokens (B, T, Ct); mask (B, T) bool."""
        image = self.image_norm(image)
        words = self.text_norm(words)
        added = self.attention.image_out.bias, self.attention.image_value.bias  # to sums in float32
        with rounded_weights(self.attention, image, kept=added):
            image_update, text_update = self.attention(image, words, mask)
        fused_words = words + self.text_scale * text_update
        return image + self.image_scale * image_update, fused_words


class TextLayer(nn.Module):
    """A post-norm BERT layer over the fused tokens."""

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

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, T, C) after self-attention among the real ones, which mask (B, T) marks."""
        with rounded_weights(self, words):
            return self._attended(words, mask)

    def _attended(self, words: Tensor, mask: Tensor) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        query, key, value = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in side_by_side(words, self.query, self.key, self.value)
        )
        context = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None], dropout_p=dropout
        )
        attended = self.attention_out(context.transpose(1, 2).flatten(2))
        words = self.attention_norm(words + F.dropout(attended, dropout))
        expanded = self.contract(F.gelu(self.expand(words)))
        output: Tensor = self.out_norm(words + F.dropout(expanded, dropout))
        return output


class DeepFusion(nn.Module):
    """One round of deep fusion: cross-attention over all levels at once, then a text layer."""

    reads_words = True
    """Whether the levels depend on the text."""

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
        """Raises UserError if the heads do not divide their width, or for another dropout."""
        super().__init__()
        _check_heads("heads", heads, "inner_dim", inner_dim)
        _check_heads("text_heads", text_heads, "the width of the text encoder", text_dim)
        if not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise UserError(f"model.fusion.dropout={dropout}: it must be a number from 0 to 1")
        self.cross_attention = CrossAttention(
            image_dim, text_dim, inner_dim, heads, dropout, initial_scale
        )
        self.text_layer = TextLayer(text_dim, text_heads, dropout)

    def forward(
        self, levels: list[Tensor], text: TextFeatures
    ) -> tuple[list[Tensor], TextFeatures]:
        """Levels (B, C, h, w) updated by the text, and token features updated by the levels."""
        shapes = [level.shape[-2:] for level in levels]
        # Convolutions leave the channels last in memory: joined this way, nothing is transposed.
        pixels = torch.cat([level.flatten(2).mT for level in levels], dim=1)
        pixels, words = self.cross_attention(pixels, text.hidden, text.mask)
        maps = pixels.mT.split([height * width for height, width in shapes], dim=2)
        levels = [level.unflatten(2, shape) for level, shape in zip(maps, shapes, strict=True)]
        return levels, text.updated(self.text_layer(words, text.mask))


def _check_heads(setting: str, heads: int, name: str, width: int) -> None:
    """Raise UserError unless the heads of an attention divide its width."""
    if type(heads) is not int or heads < 1 or width % heads:
        raise UserError(
            f"model.fusion.{setting}={heads}: the heads must divide {name}, which is {width}"
        )


class NoFusion(nn.Module):
    """Replaces the fusion in GLIP-T (A), where only the head compares pixels with tokens."""

    reads_words = False
    """Whether the levels depend on the text."""

    def __init__(self, image_dim: int, text_dim: int, initial_scale: float) -> None:
        """Takes the arguments of DeepFusion, and has no parameters."""
        super().__init__()

    def forward(
        self, levels: list[Tensor], text: TextFeatures
    ) -> tuple[list[Tensor], TextFeatures]:
        """Both unchanged, except that padded tokens become zero, as in the released model."""
        return levels, text.updated(text.hidden * text.mask[..., None])
