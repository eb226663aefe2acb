"""transformers' BERT with fewer kernels on a GPU; names of parameters and results stay the same."""

from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertLayer, BertSelfAttention

from glip_pl.models.plain_forms import wants_gpu
from glip_pl.models.pointwise import side_by_side
from glip_pl.models.recomputing import RecomputedBlock, recompute_blocks
from glip_pl.models.rounded_weights import rounded_weights


class JointSelfAttention(BertSelfAttention):
    """transformers' self-attention; on a GPU, queries, keys and values are one product."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Attended tokens (B, T, C), and None; a mask (B, 1, T, T) marks or is added."""
        fused = self.config._attn_implementation == "sdpa" and not self.config.is_decoder
        if not fused or not wants_gpu(hidden_states):
            result: tuple[Tensor, Tensor | None] = super().forward(
                hidden_states, attention_mask, **options
            )
            return result
        size = (-1, self.attention_head_size)
        query, key, value = (
            projected.unflatten(-1, size).transpose(1, 2)
            for projected in side_by_side(hidden_states, self.query, self.key, self.value)
        )
        dropout = self.dropout.p if self.training else 0.0
        context = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=self.scaling
        )
        return context.transpose(1, 2).flatten(2), None


class RoundedLayer(BertLayer, RecomputedBlock):
    """transformers' layer, whose weights are rounded together for autocast; may compute again."""

    def forward(self, hidden_states: Tensor, *rest: Any, **options: Any) -> Tensor:
        """Tokens (B, T, C) after the layer."""
        compute = partial(self._computed, **options)
        output: Tensor = self.recomputed(compute, hidden_states, *rest)
        return output

    def _computed(self, hidden_states: Tensor, *rest: Any, **options: Any) -> Tensor:
        with rounded_weights(self, hidden_states):
            output: Tensor = super().forward(hidden_states, *rest, **options)
        return output


OURS: dict[type, type] = {BertSelfAttention: JointSelfAttention, BertLayer: RoundedLayer}
"""Classes of transformers and their replacements, which have the same parameters."""


def adapt(network: nn.Module, recompute: bool = False) -> None:
    """Replace the classes of BERT in a network of transformers.

    With `recompute`, layers store their input only. Raises UserError if there are none then.
    """
    for module in network.modules():
        module.__class__ = OURS.get(type(module), type(module))
    if recompute:
        recompute_blocks(network, "model.text_encoder.recompute")
