"""The recorder counts what a GPU would be asked to do."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from scripts.gpu_recorder import Recorder, backward, recording


def test_a_product_is_a_kernel_two_casts_and_its_operations() -> None:
    recorder = Recorder()
    with FakeTensorMode():
        left, right = torch.empty(8, 16), torch.empty(16, 32)
        with recording("bf16", recorder):
            product = left @ right
    counts = recorder.counts
    assert product.dtype == torch.bfloat16
    assert counts.kernels["forward"] == 3
    assert counts.casts["forward"] == 2
    assert counts.flops == {("forward", "bfloat16"): 2 * 8 * 16 * 32}
    assert counts.bytes["forward"] == (8 * 16 + 16 * 32) * (4 + 2 + 2) + 8 * 32 * 2


def test_views_cost_nothing_and_large_results_are_listed() -> None:
    recorder = Recorder(large=1000)
    with FakeTensorMode():
        small = torch.empty(10, 10)
        with recording("fp32", recorder):
            viewed = small.flatten().view(20, 5).mT
            assert not recorder.counts.kernels
            torch.cat([viewed] * 10)
    assert recorder.counts.kernels["forward"] == 1
    assert [name for name, _ in recorder.counts.largest] == ["cat"]


def test_what_the_host_waits_for_is_counted_with_its_phase() -> None:
    recorder = Recorder()
    recorder.phase = "loss"
    with FakeTensorMode():
        values = torch.empty(10)
        with recording("fp32", recorder):
            chosen = values[values > 0]
            bool((values > 0).any())
            torch.tensor([1.0, 2.0])
    assert chosen.dim() == 1
    assert sorted(key.split()[1] for key in recorder.counts.syncs) == [
        "_local_scalar_dense",
        "lift_fresh",
        "nonzero",
    ]


def test_autocast_follows_the_list_of_cuda_in_both_directions() -> None:
    recorder = Recorder()
    with FakeTensorMode():
        weight = torch.nn.Parameter(torch.empty(16, 16))
        with recording("bf16", recorder):
            hidden = torch.empty(4, 16) @ weight
            normed = F.layer_norm(hidden, (16,))
            total: Tensor = normed.sum()
        with recording("fp32", recorder):
            backward(total)
    assert (hidden.dtype, normed.dtype) == (torch.bfloat16, torch.float32)
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_attention_is_one_kernel_each_way_as_on_a_gpu() -> None:
    recorder = Recorder()
    with FakeTensorMode():
        query = torch.empty(2, 4, 49, 32, requires_grad=True)
        bias = torch.empty(1, 4, 49, 49, requires_grad=True)
        with recording("fp32", recorder):
            out = F.scaled_dot_product_attention(query, query, query, attn_mask=bias)
            backward(out.sum())
    assert recorder.counts.by_name["attention"] == 1
    assert recorder.counts.by_name["attention_backward"] == 1
    assert bias.grad is not None
