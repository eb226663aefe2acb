import torch

from glip_pl.models.precision import at_least_float32, without_autocast


def test_low_precision_is_raised_and_float64_is_kept() -> None:
    for dtype, expected in (
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        assert at_least_float32(torch.ones(2, dtype=dtype)).dtype == expected


def test_products_have_the_types_of_their_inputs_inside() -> None:
    matrix = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (matrix @ matrix).dtype == torch.bfloat16
        with without_autocast(matrix):
            assert (matrix @ matrix).dtype == torch.float32
