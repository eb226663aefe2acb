from dataclasses import replace

import torch

from glip_pl.inference.published_detections import (
    CAPTION,
    PUBLISHED,
    Detection,
    named,
    pairs,
    report,
)
from glip_pl.prompts.prompt_from_text import text_prompt
from glip_pl.types import Detections

SOFA, OTHER_SOFA, REMOTE, PERSON = PUBLISHED


def test_the_caption_is_read_as_it_was_published() -> None:
    prompt = text_prompt(CAPTION)
    assert prompt.caption == CAPTION
    detections = Detections(
        torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]),
        torch.tensor([0.75, 0.5]),
        torch.tensor([2, 0]),
    )
    assert named(detections, prompt) == [
        Detection("remote", 0.75, (1, 2, 3, 4)),
        Detection("person", 0.5, (5, 6, 7, 8)),
    ]


def test_detections_stand_beside_those_of_their_phrase_and_place() -> None:
    moved = replace(OTHER_SOFA, box=(320.0, 290.0, 639.0, 477.0))
    elsewhere = replace(PERSON, box=(400.0, 400.0, 420.0, 440.0))
    of_another_phrase = replace(REMOTE, phrase="sofa")
    assert pairs([moved, elsewhere, SOFA, of_another_phrase]) == [
        (SOFA, SOFA),
        (moved, OTHER_SOFA),
        (None, REMOTE),
        (None, PERSON),
        (elsewhere, None),
        (of_another_phrase, None),
    ]


def test_the_report_ends_with_the_largest_differences() -> None:
    x1, *corners = REMOTE.box
    nearly = replace(REMOTE, score=REMOTE.score - 0.01, box=(x1 + 1.5, *corners))
    lines = report([SOFA, nearly]).splitlines()
    assert len(lines) == 1 + 4 + 1
    sofa = "sofa     0.7998   337.51  205.84  600.71  364.89"
    assert lines[1] == f"{sofa:<50} {sofa}"
    assert lines[2] == f"{'-':<50} sofa     0.7174   317.88  289.49  639.40  477.66"
    assert lines[-1] == (
        "2 of the 4 published detections were found; scores differ by up to 0.0100, corners by up "
        "to 1.50 pixels"
    )
    assert report([]).splitlines()[-1] == "0 of the 4 published detections were found"
