import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from glip_pl.training.cuda_arithmetic import cuda_arithmetic


def test_types_are_those_of_autocast_on_a_gpu() -> None:
    with FakeTensorMode():
        weight, features = torch.empty(16, 16), torch.empty(2, 4, 16)
        with cuda_arithmetic(bf16=True):
            product = features @ weight
            normed = F.layer_norm(product, (16,))
            attended = F.scaled_dot_product_attention(features, features, features)
        with cuda_arithmetic(bf16=False):
            plain = F.scaled_dot_product_attention(features, features, features)
    assert (product.dtype, normed.dtype) == (torch.bfloat16, torch.float32)
    assert (attended.dtype, plain.dtype) == (torch.bfloat16, torch.float32)
    assert attended.shape == features.shape
