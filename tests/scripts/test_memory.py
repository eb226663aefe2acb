import pytest

from scripts.gpu_budget import Shape
from scripts.memory import GPUS, by_batch, gigabytes, row


def test_a_batch_fits_where_its_state_and_results_leave_room() -> None:
    assert row("glip_t", 4, 4.0, 15.0) == "| glip_t | 4 | 4.0 | 15.0 | yes | yes | yes | yes |"
    assert row("glip_t", 8, 4.0, 31.0).split(" | ")[4] == "no"
    assert list(GPUS.values()) == sorted(GPUS.values())


@pytest.mark.slow
def test_results_of_a_larger_batch_follow_from_those_of_one_and_two() -> None:
    shape = Shape(3, 128, 128, 16)
    state, fixed, each = by_batch("glip_nano", shape)
    assert gigabytes("glip_nano", shape) == pytest.approx((state, fixed + 3 * each), rel=0.02)
