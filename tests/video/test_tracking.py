"""Objects keep their numbers through the frames."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from glip_pl import errors
from glip_pl.errors import UserError
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.result import Result
from glip_pl.types import Prompt
from glip_pl.video.tracking import Tracker


def found(*boxes: list[float]) -> Result:
    """What is found in a frame; the last of the boxes scores best."""
    scores = torch.linspace(0.4, 0.9, len(boxes))
    source = ImageSource("frame", None, Image.new("RGB", (200, 100)))
    corners = torch.tensor(boxes).reshape(-1, 4)
    labels = torch.zeros(len(boxes), dtype=torch.int64)
    return Result(source, (100, 200), corners, scores, labels, ("star",), Prompt("star", ()))


def test_two_objects_that_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker(rate=10, threshold=0.3)
    numbers = []
    for step in range(12):
        right, left = 10.0 + 6 * step, 150.0 - 6 * step
        boxes = [[right, 10.0, right + 20, 30.0], [left, 60.0, left + 20, 80.0]]
        hidden = step == 6  # for one frame, which does not end its track
        numbers.append(tracker.numbers(found(*(boxes[:1] if hidden else boxes))))
    assert numbers[0] == [None, None]  # numbered when they are seen again
    first, second = numbers[1]
    assert {first, second} == {1, 2}
    assert all(one == [first, second] for one in numbers[1:6] + numbers[7:])
    assert numbers[6] == [first]


def test_a_frame_without_boxes_is_no_obstacle() -> None:
    tracker = Tracker(rate=10, threshold=0.3)
    assert tracker.numbers(found()) == []
    box = [1.0, 1.0, 30.0, 30.0]
    assert tracker.numbers(found(box)) == [None]
    assert tracker.numbers(found(box)) == [1]
    assert tracker.numbers(found()) == []
    assert tracker.numbers(found(box)) == [1]


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"needs trackers: pip install 'glip_pl\[tracking\]'"):
        Tracker(10, 0.3)


def test_names_at_the_same_place_are_not_confused() -> None:
    """The order of two boxes at one place changes with their scores."""
    tracker = Tracker(rate=10, threshold=0.3)
    box = [20.0, 20.0, 60.0, 60.0]
    seen: dict[int, set[int | None]] = {0: set(), 1: set()}
    for step in range(8):
        labels = [0, 1] if step % 2 else [1, 0]
        frame = replace(found(box, box), labels=torch.tensor(labels), classes=("star", "ring"))
        for label, number in zip(labels, tracker.numbers(frame), strict=True):
            seen[label].add(number)
    assert [len(numbers - {None}) for numbers in seen.values()] == [1, 1]
    assert seen[0] & seen[1] == {None}
