import torch

from glip_pl.models.kernels.convolving import convolve, output_size


def test_an_output_has_the_size_of_a_padded_convolution() -> None:
    features = torch.zeros(1, 9, 12, 16)
    assert output_size(features, 1) == (9, 12)
    assert output_size(features, 2) == (5, 6)


def test_more_places_than_a_program_computes() -> None:
    features, weight = torch.randn(1, 10, 10, 16), torch.randn(9, 16, 16)
    positions = torch.zeros(1, 27, 10, 10)
    out = convolve(features, positions, weight, torch.zeros(16), 1)
    kernel = weight.view(3, 3, 16, 16).permute(3, 2, 0, 1)
    plain = torch.nn.functional.conv2d(features.permute(0, 3, 1, 2), kernel / 2, padding=1)
    torch.testing.assert_close(out.permute(0, 3, 1, 2), plain, atol=1e-4, rtol=1e-4)
