import pytest
import torch
import torch.nn.functional as F

from glip_pl.models.fpn import FPN, drop_block


def stages() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 4, 10, 12), torch.randn(2, 6, 5, 6), torch.randn(2, 8, 3, 3)]


def test_levels_are_sums_from_coarse_to_fine() -> None:
    torch.manual_seed(1)
    fpn, (c3, c4, c5) = FPN([4, 6, 8], 5).eval(), stages()
    m5 = fpn.lateral[2](c5)
    m4 = fpn.lateral[1](c4) + F.interpolate(m5, size=(5, 6))
    m3 = fpn.lateral[0](c3) + F.interpolate(m4, size=(10, 12))
    p5 = fpn.smooth[2](m5)
    p6 = fpn.p6(p5)
    expected = [fpn.smooth[0](m3), fpn.smooth[1](m4), p5, p6, fpn.p7(F.relu(p6))]
    levels = fpn([c3, c4, c5])
    assert [tuple(level.shape[2:]) for level in levels] == [
        (10, 12),
        (5, 6),
        (3, 3),
        (2, 2),
        (1, 1),
    ]
    assert all(level.equal(by_hand) for level, by_hand in zip(levels, expected, strict=True))


def test_drop_block_changes_p3_and_p4_in_training_only() -> None:
    fpn = FPN([4, 6, 8], 5, drop_block=0.5)
    plain = fpn.eval()(stages())
    torch.manual_seed(2)
    dropped = fpn.train()(stages())
    same = [a.equal(b) for a, b in zip(plain, dropped, strict=True)]
    assert same == [False, False, True, True, True]


@pytest.mark.parametrize("probability", [0.0, 0.3, 9.0])
def test_dropped_squares_are_zero_in_all_channels_and_the_rest_is_scaled(
    probability: float,
) -> None:
    torch.manual_seed(0)
    out = drop_block(torch.ones(2, 3, 20, 20), probability)
    dropped = out[:, 0] == 0
    assert (out.eq(0).all(1) == dropped).all()
    if probability == 0:
        assert out.eq(1).all()
    elif probability == 9:  # a seed at every position
        assert out.eq(0).all()
    else:
        assert 0.1 < dropped.float().mean() < 0.6
        assert float(out[:, 0].mean()) == pytest.approx(1)  # the scale keeps the mean of ones
        # A dropped position lies in a dropped square of 3 x 3.
        padded = F.pad(dropped.float(), (2, 2, 2, 2), value=1)[:, None]
        squares = -F.max_pool2d(-padded, 3, stride=1)
        assert F.max_pool2d(squares, 3, stride=1)[:, 0][dropped].eq(1).all()
