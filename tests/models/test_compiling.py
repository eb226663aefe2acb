import copy

import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from glip_pl.models.compiling import blocks, compile_blocks
from glip_pl.models.plain_forms import gpu_forms
from scripts.benchmarking import random_batch, random_model
from tests.models.test_swin import block

pytest.importorskip("triton", reason="the form of a GPU needs it")


def test_the_blocks_of_a_model_are_found() -> None:
    kinds = [type(block).__name__ for block in blocks(random_model("glip_nano", "cpu"))]
    assert sorted(set(kinds)) == ["CrossAttention", "DynamicConv", "TextLayer"]
    assert len(kinds) == 6


@pytest.mark.slow
def test_every_block_compiles_whole_and_at_most_twice_for_all_shapes() -> None:
    """A graph break raises an error; a new size of a map or of a prompt compiles nothing."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = random_model("glip_nano", "cpu").train()
    names = list(model.state_dict())
    counter = CompileCounterWithBackend("aot_eager")
    compile_blocks(model, counter)
    assert list(model.state_dict()) == names
    prompts = (["cat", "dog"], ["cat", "big dog", "tree", "house"], ["a red cat"])
    sizes = ((96, 128), (128, 96), (160, 128), (128, 192), (96, 96), (160, 192))
    with gpu_forms():
        for index, size in enumerate(sizes):
            batch = random_batch(2, *size, "cpu", prompts[index % 3])
            output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
            output.alignment.sum().backward()
    assert len(list(blocks(model))) <= counter.frame_count <= 2 * len(list(blocks(model)))
    torch._dynamo.reset()


@pytest.mark.slow
def test_blocks_of_a_swin_compile_whole_and_at_most_twice_for_all_maps() -> None:
    """Maps with and without padding on each side; results and gradients stay the same."""
    torch._dynamo.reset()
    stage = nn.Sequential(block(0), block(2)).train()
    eager = copy.deepcopy(stage)
    counter = CompileCounterWithBackend("aot_eager")
    compile_blocks(stage, counter)
    sizes = ((8, 20), (20, 8), (9, 14), (13, 8), (8, 10), (17, 23))
    with gpu_forms():
        for size in sizes:
            features = torch.randn(2, *size, 12)
            results = []
            for network in (stage, eager):
                out = network(features)
                results.append(
                    [out, *torch.autograd.grad(out.square().sum(), list(network.parameters()))]
                )
            torch.testing.assert_close(*results, rtol=1e-3, atol=2e-3)
    assert 2 <= counter.frame_count <= 2 * 2
    torch._dynamo.reset()


def test_as_many_blocks_as_there_are_may_compile() -> None:
    """All blocks of a class count towards one limit, at which an error is raised."""
    stage = nn.Sequential(*(block(0) for _ in range(12)))
    compile_blocks(stage, "eager")
    assert torch._dynamo.config.recompile_limit >= 24
