import torch
import triton
import triton.language as tl

from glip_pl.models.kernels.dropout import WORD, kept, kept_elements, new_seeds, threshold


@triton.jit
def kept_by_kernel(out, seeds, limit, SIZE: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: N803  # Triton's language
    numbers = tl.arange(0, SIZE)
    tl.store(out + numbers, kept(numbers, tl.load(seeds), limit).to(tl.int32))


def test_the_kernel_and_pytorch_keep_the_same_elements() -> None:
    seeds = torch.tensor([(1 << 31) - 5])
    out = torch.zeros(1024, dtype=torch.int32)
    kept_by_kernel[(1,)](out, seeds, threshold(0.3), SIZE=1024)
    assert out.bool().equal(kept_elements(torch.arange(1024), seeds[0], 0.3))


def test_the_share_that_is_kept_and_its_independence() -> None:
    numbers = torch.arange(1 << 20)
    first, second = (kept_elements(numbers, torch.tensor(seed), 0.1) for seed in (1, 2))
    assert abs(float(first.double().mean()) - 0.9) < 2e-3
    assert abs(float((first & second).double().mean()) - 0.81) < 2e-3  # seeds do not share a mask
    assert abs(float((first[1:] & first[:-1]).double().mean()) - 0.81) < 2e-3
    assert abs(float((first[256:] & first[:-256]).double().mean()) - 0.81) < 2e-3


def test_nothing_is_dropped_at_probability_zero() -> None:
    assert threshold(0.0) == WORD
    assert kept_elements(torch.arange(10_000), torch.tensor(7), 0.0).all()


def test_seeds_follow_the_generator() -> None:
    torch.manual_seed(3)
    first = new_seeds(torch.device("cpu"))
    second = new_seeds(torch.device("cpu"))
    torch.manual_seed(3)
    assert new_seeds(torch.device("cpu")).equal(first)
    assert not second.equal(first)
