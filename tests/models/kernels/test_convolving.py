import torch

from glip_pl.models.kernels.convolving import convolve, output_size


def test_an_output_has_the_size_of_a_padded_convolution() -> None:
    assert output_size(9, 12, 0) == output_size(9, 12, 1) == (9, 12)
    assert output_size(9, 12, 2) == (5, 6)


def test_more_places_than_a_program_computes() -> None:
    features, weight = torch.randn(1, 10, 10, 16), torch.randn(3, 9, 16, 16)
    positions = [None, torch.zeros(1, 10, 10, 27), torch.zeros(1, 5, 5, 27)]
    outs = [None, torch.empty(1, 10, 10, 16), torch.empty(1, 5, 5, 16)]
    convolve(features, positions, weight, torch.zeros(3, 16), outs)
    for branch, stride in ((1, 1), (2, 2)):
        kernel = weight[branch].view(3, 3, 16, 16).permute(3, 2, 0, 1) / 2
        maps = features.permute(0, 3, 1, 2)
        plain = torch.nn.functional.conv2d(maps, kernel, stride=stride, padding=1)
        out = outs[branch]
        assert out is not None
        torch.testing.assert_close(out.permute(0, 3, 1, 2), plain, atol=1e-4, rtol=1e-4)
