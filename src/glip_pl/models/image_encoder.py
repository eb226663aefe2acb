"""Image encoder: any network of timm that supports `features_only`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.models import swin
from glip_pl.models.plain_forms import wants_gpu
from glip_pl.models.simple_pyramid import FITTING, TARGETS, SimplePyramid
from glip_pl.models.timm_network import check_maps, load_weights, timm_network


class ImageEncoder(nn.Module):
    """Normalises pixels and returns three stages, C3 to C5, of a network of timm."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        stages: Sequence[int],
        mean: Sequence[float],
        std: Sequence[float],
        bgr: bool = False,
        weights: Mapping[str, Tensor] | None = None,
        recompute: bool = False,
        **timm_options: Any,
    ) -> None:
        """Build the network `name` with `timm_options`; `stages` are timm's `out_indices`.

        One or three stages of a plain transformer, which all have the same stride, become maps at
        strides 8, 16 and 32 (models/simple_pyramid.py). `mean` and `std` are in 0..255, in the
        network's channel order (BGR if `bgr`). `weights` are tensors by timm's names, of which more
        than needed are allowed. With `recompute`, a training stores the input of each Swin block
        only and computes it again. Raises UserError if the network cannot be built, its pretrained
        weights cannot be downloaded or `weights` lack some of them, if it cannot read pictures of
        any size, or if `mean` and `std` cannot normalise three channels.
        """
        super().__init__()
        _check_normalisation(mean, std)
        self.body = timm_network(name, tuple(stages), timm_options)
        self.channels: tuple[int, ...] = tuple(self.body.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(self.body.feature_info.reduction())
        # Stages of Swin are (B, h, w, C), and GLIP normalises each by its own LayerNorm.
        self.channels_last = "NHWC" in str(getattr(self.body, "output_fmt", "NCHW"))
        self.norms = nn.ModuleList(
            nn.LayerNorm(c) if self.channels_last else nn.Identity() for c in self.channels
        )
        swin.adapt(self.body, recompute)
        check_maps(self.body, name, self.channels_last)
        self.pyramid = nn.ModuleList()  # empty where the stages have the strides of GLIP
        if self._is_plain():
            pyramid = SimplePyramid(self.channels, self.strides[0])
            self.pyramid.append(pyramid)
            self.channels, self.strides = pyramid.channels, TARGETS
        self.bgr = bgr
        self.numbers = [float(number) for number in (*mean, *std)]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        if weights is not None:
            load_weights(self.body, name, weights)

    def _is_plain(self) -> bool:
        """Whether the stages are one or three maps of one stride that fits."""
        return (
            len(self.strides) in (1, len(TARGETS))
            and len(set(self.strides)) == 1
            and self.strides[0] in FITTING
        )

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert the weights; mean and deviation stay in full precision."""
        super()._apply(function, recurse)  # type: ignore[no-untyped-call]  # PyTorch has no types
        if self.mean.dtype in (torch.float16, torch.bfloat16):
            numbers = torch.tensor(self.numbers, device=self.mean.device).view(2, 1, 3, 1, 1)
            self.mean, self.std = numbers.unbind()
        return self

    def normalise(self, images: Tensor, sizes: Tensor) -> Tensor:
        """Network input (B, 3, H, W) of uint8 RGB images; zero beyond each true (height, width)."""
        images = images.contiguous()  # batches have the channels last in memory
        pixels = images.flip(1) if self.bgr else images
        pixels = (pixels.to(self.mean.dtype) - self.mean) / self.std
        height, width = images.shape[-2:]
        inside_y = torch.arange(height, device=images.device) < sizes[:, :1]
        inside_x = torch.arange(width, device=images.device) < sizes[:, 1:]
        inside = inside_y[:, None, :, None] & inside_x[:, None, None, :]
        weights: Tensor = next(self.body.parameters())
        return torch.where(inside, pixels, pixels.new_zeros(())).to(weights.dtype)

    def forward(self, images: Tensor, sizes: Tensor) -> list[Tensor]:
        """Stages (B, C, h, w) at strides 8, 16, 32 from padded uint8 images and true sizes."""
        maps: list[Tensor] = self.body(self.normalise(images, sizes))
        stages = [norm(features) for norm, features in zip(self.norms, maps, strict=True)]
        if self.channels_last:
            stages = [features.permute(0, 3, 1, 2) for features in stages]
            if not wants_gpu(images):  # whose convolutions prefer the channels last in memory
                stages = [features.contiguous() for features in stages]
        for pyramid in self.pyramid:
            stages = pyramid(stages)
        return stages

    def train(self, mode: bool = True) -> "ImageEncoder":
        """Training mode except for batch norms: batches are too small for their statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def _check_normalisation(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise UserError unless three channels can be normalised by these numbers."""
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise UserError(
            f"model.image_encoder: mean={[*mean]} and std={[*std]} must have three numbers "
            "each, and those of std must be above 0"
        )
