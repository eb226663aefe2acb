import copy

import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from glip_pl.models import bert
from glip_pl.models.plain_forms import gpu_forms


def small_bert() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=32,
    )  # fmt: skip
    return BertModel(config, add_pooling_layer=False).eval()


def states(model: BertModel) -> Tensor:
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 4:] = 0
    out = model(torch.arange(14).view(2, 7), attention_mask=mask, output_hidden_states=True)
    return torch.stack(out.hidden_states)


def test_both_forms_compute_what_transformers_does() -> None:
    plain = small_bert()
    expected = states(plain)
    ours = copy.deepcopy(plain)
    bert.adapt(ours)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(states(ours), expected)
    with gpu_forms():
        joint = states(ours)
    torch.testing.assert_close(joint[:, 0], expected[:, 0])
    torch.testing.assert_close(joint[:, 1, :4], expected[:, 1, :4])
    for out in (expected, joint):
        out[:, 0].square().sum().backward()
    for first, second in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad, atol=1e-5, rtol=1e-4)
