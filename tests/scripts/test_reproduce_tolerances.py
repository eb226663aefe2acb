"""Tolerances as distances, shares and limits."""

import pytest

from glip_pl.errors import UserError
from scripts.reproduce.tolerances import read_tolerance, tolerance_of


@pytest.mark.parametrize(
    ("written", "measured", "accepted"),
    [
        (2, 52.0, True),
        ("2", 47.9, False),
        ("20 %", 60.0, True),
        ("20 %", 39.9, False),
        ("at most 1e-4", 1e-5, True),
        ("at most 1e-4", 2e-4, False),
        (0, 50.0, True),
        (0, 50.1, False),
    ],
)
def test_values_near_fifty(written: object, measured: float, accepted: bool) -> None:
    assert read_tolerance(written).accepts(measured, 50.0) is accepted


def test_a_tolerance_is_shown_as_it_is_written() -> None:
    shown = [str(read_tolerance(text)) for text in (2, "20 %", "at most 1e-4")]
    assert shown == ["± 2", "± 20 %", "at most 0.0001"]


@pytest.mark.parametrize("written", ["wide", None, "at most 20 %", ""])
def test_other_forms_are_refused(written: object) -> None:
    with pytest.raises(UserError, match="write a distance"):
        read_tolerance(written)


def test_the_first_name_that_fits_counts() -> None:
    tolerances = {name: read_tolerance(size) for name, size in {"* AR": 1, "seen*": 2}.items()}
    assert tolerance_of("seen AR", tolerances).size == 1
    assert tolerance_of("seen AP", tolerances).size == 2
    with pytest.raises(UserError, match="no tolerance for 'rare AP'"):
        tolerance_of("rare AP", tolerances)
