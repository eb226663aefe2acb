from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.labelling.thresholds import Thresholds, above
from tests.annotations.example import FOUND


def test_names_have_thresholds_of_their_own() -> None:
    thresholds = Thresholds(0.3, {"Red  DOG": 0.5})
    assert thresholds.by_label(["cat", "red dog"]) == [0.3, 0.5]
    assert Thresholds(0.3).by_label(["cat", "dog"]) == [0.3, 0.3]
    assert (thresholds.lowest, Thresholds(0.3, {"a": 0.2}).lowest) == (0.3, 0.2)


def test_a_name_that_is_not_searched_for_is_told() -> None:
    with pytest.raises(UserError, match=r"has 'dig' \(did you mean 'dog'\?\).*are cat, dog"):
        Thresholds(0.3, {"dig": 0.5}).by_label(["cat", "dog"])


def test_they_may_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text('{"dog, (red)": 0.5}')
    assert Thresholds.of(0.3, str(path)) == Thresholds(0.3, {"dog, (red)": 0.5})
    assert Thresholds.of(0.3, {"dog": 0.5}) == Thresholds(0.3, {"dog": 0.5})
    assert Thresholds.of(0.3, None) == Thresholds(0.3)
    for text in ("[]", "{", '{"dog": "x"}', '{"dog": null}', '{"dog": 1.5}', '{"dog": NaN}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"no JSON file|of dog must be from 0 to 1"):
            Thresholds.of(0.3, str(path))
    with pytest.raises(UserError, match="no JSON file"):
        Thresholds.of(0.3, str(tmp_path / "absent"))


def test_boxes_must_score_above_the_threshold_of_their_label() -> None:
    assert above(FOUND, [0.4, 0.7]).labels.tolist() == [1, 0]
    assert above(FOUND, [0.5, 0.7]).labels.tolist() == [1]
    kept = above(FOUND, [0.4, 0.75])
    assert kept.boxes.tolist() == [FOUND.boxes[1].tolist()]
    assert kept.scores is not None
    assert kept.scores.tolist() == [0.5]


def test_thresholds_of_a_kit_give_way_to_those_of_the_settings() -> None:
    both = Thresholds(0.3, {"Cat": 0.5}).after({"cat": 0.1, "dog": 0.2, "bird": None})
    assert both.by_label(["cat", "dog", "bird"]) == [0.5, 0.2, 0.3]
