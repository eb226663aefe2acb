"""Comparisons of GPU and CPU, and training in bf16; run with `pytest -m gpu`."""

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.models.deform_conv import DeformConv
from scripts.benchmarking import random_batch, random_model
from tests.conftest import Compose

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def a_gpu_is_there() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


def test_gathers_and_the_cuda_kernel_agree() -> None:
    torch.manual_seed(0)
    layer = DeformConv(32, stride=1, groups=16)
    inputs = (torch.randn(2, 32, 17, 23), torch.randn(2, 27, 17, 23))
    on_cpu = layer(*inputs)
    on_gpu = layer.cuda()(inputs[0].cuda(), inputs[1].cuda())
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-3)


def test_a_whole_model_gives_the_same_logits_on_both() -> None:
    torch.manual_seed(0)
    model = random_model("glip_nano", "cpu").eval()
    batch = random_batch(2, 128, 160, "cpu")
    with torch.inference_mode():
        here = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        moved = batch.to("cuda")
        there = model.cuda()(moved.images, moved.sizes, moved.tokens, moved.attention_mask)
    torch.testing.assert_close(there.alignment.cpu(), here.alignment, rtol=1e-2, atol=1e-2)


def test_bf16_training_steps_stay_finite_and_learn(settings: Compose) -> None:
    torch.manual_seed(0)
    model = random_model("glip_t", "cuda").train()
    batch = random_batch(2, 320, 416, "cuda")
    optimizer = instantiate(settings().optimizer)(model)
    losses = []
    for _ in range(10):
        with torch.autocast("cuda", torch.bfloat16):
            output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        total = GroundingLoss()(output, batch).total
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(total.detach()))
    assert all(loss < float("inf") for loss in losses)
    assert losses[-1] < losses[0]
