from math import isnan

from glip_pl.metrics.odinw import average


def test_all_tasks_with_a_result_weigh_equally() -> None:
    figures = average({"Aquarium": 0.25, "Packages": None, "pistols": 0.75, "Raccoon": 0.5})
    assert figures == {"AP": 0.5, "AP_median": 0.5}
    assert average({"Aquarium": 0.25, "pistols": 0.0, "Raccoon": 0.125})["AP_median"] == 0.125


def test_without_any_result_the_mean_is_nan() -> None:
    assert all(isnan(value) for value in average({"Aquarium": None}).values())
