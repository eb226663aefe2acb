import pytest

from glip_pl.errors import UserError
from glip_pl.running.batch_size import LARGEST, chosen_batch_size, fitting, step_of
from glip_pl.training.step_memory import StepMemory
from tests.conftest import Compose

STEP = StepMemory(state=4_000_000_000, fixed=400_000_000, each=2_700_000_000)
"""About that of glip_t."""

WORDS = ["model=glip_nano", "data=shapes", "data.batch_size=auto", "++trainer.precision=bf16-mixed"]


@pytest.mark.parametrize(
    ("gigabytes", "processes", "total", "size"),
    [
        (24, 1, None, 5),
        (80, 1, None, 23),
        (1000, 1, None, LARGEST),
        (80, 1, 64, 16),
        (80, 8, 64, 8),
        (24, 8, 64, 4),
        (80, 3, 48, 16),
    ],
)
def test_the_largest_batch_that_fits_and_divides_a_step(
    gigabytes: int, processes: int, total: int | None, size: int
) -> None:
    assert fitting(STEP, gigabytes * 1e9, processes, total) == size


@pytest.mark.slow
def test_the_estimate_is_of_the_largest_pictures(settings: Compose) -> None:
    """A wide and a tall picture in one batch are padded to a square."""
    pytest.importorskip("triton", reason="the estimate is of the form of a GPU")
    words = [
        *WORDS,
        "data.train_transform.short_sides=[64,100]",
        "data.train_transform.max_side=250",
    ]
    mixed = step_of(settings([*words, "data.grouping=none"]))
    grouped = step_of(settings([*words, "data.grouping=shape"]))
    assert 1.3 < mixed.each / grouped.each < 256 / 128


@pytest.mark.parametrize(
    ("memory", "processes", "total", "message"),
    [
        (
            4e9,
            1,
            None,
            r"one picture needs 7\.1 GB and more, too much for a GPU of 4\.0 GB.*reco",
        ),
        (8e10, 3, 64, r"total_batch=64 is not a multiple of 3 processes"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(
    memory: float, processes: int, total: int | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fitting(STEP, memory, processes, total)


@pytest.mark.parametrize(
    ("more", "memory", "message"),
    [
        ([], None, r"auto needs the memory of a GPU: set data\.batch_size to a number"),
        (["++trainer.precision=32-true"], 8e10, r"trainer\.precision=32-true: only .* a number"),
        (["data.train_transform.max_side=null"], 8e10, r"no short_sides and max_side; set"),
    ],
)
def test_without_an_estimate_a_number_is_asked_for(
    more: list[str], memory: float | None, message: str, settings: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        chosen_batch_size(settings([*WORDS, *more]), 1, memory)
