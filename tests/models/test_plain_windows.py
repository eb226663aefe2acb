"""The form of window attention for export computes what the usual form does."""

import pytest
import torch
from torch.export import Dim

from glip_pl.models import plain_windows
from glip_pl.models.plain_forms import plain_forms
from tests.models.test_swin import block


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (3, 5), (1, 1), (13, 8)])
def test_it_equals_the_usual_form(shift: int, size: tuple[int, int]) -> None:
    layer, features = block(shift), torch.randn(2, *size, 12)
    with torch.inference_mode():
        usual = layer._attn(features)
        plain = plain_windows.attended(layer, features)
    torch.testing.assert_close(plain, usual, rtol=1e-4, atol=1e-5)


def test_an_exported_graph_fits_any_size() -> None:
    layer, features = block(shift=2), torch.randn(2, 9, 14, 12)
    sizes = {0: Dim("B"), 1: Dim("H", max=1000), 2: Dim("W", max=1000)}
    with plain_forms():
        program = torch.export.export(layer, (features,), dynamic_shapes=(sizes,), strict=False)
    for shape in ((1, 8, 8, 12), (3, 21, 6, 12)):
        other = torch.randn(shape)
        torch.testing.assert_close(program.module()(other), layer(other), rtol=1e-4, atol=1e-5)


def test_sides_are_covered_by_windows() -> None:
    assert [plain_windows.windows_along(side, 7) for side in (1, 7, 8, 200)] == [1, 1, 2, 29]
