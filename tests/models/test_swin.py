import pytest
import timm
import torch
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn

from glip_pl.models import swin


def block(shift: int, window: int = 4) -> SwinTransformerBlock:
    torch.manual_seed(0)
    layer = SwinTransformerBlock(
        dim=12,
        input_resolution=(32, 32),
        num_heads=3,
        window_size=window,
        shift_size=shift,
        always_partition=True,
        dynamic_mask=True,
    )
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    swin.adapt(layer)
    return layer.eval()


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (3, 5), (1, 1), (13, 8)])
def test_chunks_give_the_result_of_the_whole_map(
    shift: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = block(shift)
    features = torch.randn(2, *size, 12)
    whole = layer(features)  # with gradients: all windows at once
    for positions in (1, 40, 8192):
        monkeypatch.setattr(swin, "CHUNK", positions)
        with torch.inference_mode():
            torch.testing.assert_close(layer(features), whole.detach(), rtol=1e-4, atol=1e-5)


def test_windows_are_padded_before_they_are_shifted() -> None:
    """The padding is shifted together with the map, as in the released models."""
    layer, features = block(shift=2), torch.randn(1, 6, 6, 12)
    normed = layer.norm1(features)
    by_hand = attend_by_hand(layer, normed)
    torch.testing.assert_close(layer._attn(normed), by_hand, rtol=1e-4, atol=1e-5)


def attend_by_hand(layer: SwinTransformerBlock, normed: Tensor) -> Tensor:
    """Pads, shifts and cuts; positions attend to those that were their neighbours in the map."""
    side = normed.shape[1]
    padded = torch.zeros(1, 8, 8, 12)
    padded[:, :side, :side] = normed
    shifted = torch.roll(padded, (-2, -2), (1, 2))
    regions = torch.zeros(8, 8)
    for number, (rows, columns) in enumerate(
        (r, c)
        for r in (slice(0, 4), slice(4, 6), slice(6, 8))
        for c in (slice(0, 4), slice(4, 6), slice(6, 8))
    ):
        regions[rows, columns] = number
    out = torch.zeros_like(shifted)
    for row in (0, 4):
        for column in (0, 4):
            cut = (slice(row, row + 4), slice(column, column + 4))
            region = regions[cut].flatten()
            mask = torch.where(region[:, None] == region, 0.0, -100.0)[None]
            window = shifted[:, *cut].reshape(1, 16, 12)
            out[:, *cut] = layer.attn(window, mask=mask).view(1, 4, 4, 12)
    return torch.roll(out, (2, 2), (1, 2))[:, :side, :side]


def test_networks_without_windows_stay_as_they_are() -> None:
    network = timm.create_model("resnet10t", num_classes=0)
    kinds = [type(module) for module in network.modules() if type(module) is not nn.Linear]
    swin.adapt(network)
    assert [type(module) for module in network.modules()] == kinds
