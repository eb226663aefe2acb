"""Explanations of the smallest model: they agree with its detections, and are written to files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.inference.explanation import Explanation
from glip_pl.inference.learned_prompt import learned_prompt
from glip_pl.inference.predictor import Predictor

TEXT = "a red star. two blue rings"


@pytest.fixture(scope="module")
def predictor(tiny_finding: Path) -> Predictor:
    return Predictor.load(tiny_finding, "cpu")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def explained(predictor: Predictor, picture: Image.Image) -> Explanation:
    return predictor.explain(picture, TEXT, threshold=0.1)


def test_the_boxes_are_those_of_the_predictor(
    predictor: Predictor, picture: Image.Image, explained: Explanation
) -> None:
    for limit in (100, 3):
        expected = predictor(picture, TEXT, threshold=0.1, max_boxes=limit)
        result = predictor.explain(picture, TEXT, threshold=0.1, max_boxes=limit).result
        assert len(result) > 2 and result.limited == expected.limited
        assert result.boxes.equal(expected.boxes) and result.scores.equal(expected.scores)
        assert result.names == expected.names
    assert explained.words == ("a", "red", "star", "two", "blue", "rings")


def test_word_scores_give_the_score_of_each_box(explained: Explanation) -> None:
    """A score is the root of centerness times the mean of the phrase's tokens."""
    result, (part,) = explained.result, explained.outputs
    anchors = explained.search.found.anchors
    assert anchors is not None
    tokens = part.word_masks.sum(1).float()
    for row, label in enumerate(result.labels.tolist()):
        words = part.words_of(torch.tensor([label]))
        mean = (explained.word_scores[row] * tokens)[words].sum() / tokens[words].sum()
        score = (mean * part.centerness()[anchors[row]]).sqrt()
        torch.testing.assert_close(score, result.scores[row])


def test_every_box_is_found_by_why_not(explained: Explanation) -> None:
    boxes, names = explained.result.boxes.tolist(), explained.result.names
    reasons = [explained.why_not(box, name) for box, name in zip(boxes, names, strict=True)]
    assert {reason.rule for reason in reasons} == {"found"}
    best = explained.result.scores[0].item()
    assert reasons[0].score == pytest.approx(best)
    with pytest.raises(UserError, match="'a cat' is not what was searched for: 'a red star'"):
        explained.why_not(boxes[0], "a cat")


def test_names_in_several_prompts_are_explained_by_the_prompt_of_each(
    predictor: Predictor, picture: Image.Image
) -> None:
    names = [f"thing_{letter}_{number}" for letter in "abcdefghij" for number in range(10)]
    query = predictor.encode(names)
    assert len(query.questions) > 1
    explained = predictor.explain(picture, query, threshold=0.1, max_boxes=1000)
    assert len(explained.words) == 300 and explained.word_scores.shape[1] == 300
    labels = explained.result.labels.tolist()
    for row in (labels.index(min(labels)), labels.index(max(labels))):
        box, name = explained.result.boxes[row].tolist(), explained.result.names[row]
        reason = explained.why_not(box, name)
        assert reason.rule == "found"
        assert [word for word, _ in reason.word_scores] == name.split("_")
        words = slice(3 * labels[row], 3 * labels[row] + 3)
        scores = [score for _, score in reason.word_scores]
        anchors = explained.search.found.anchors
        assert anchors is not None
        if reason.anchor == anchors[row]:
            assert scores == pytest.approx(explained.word_scores[row, words].tolist())


def test_a_learned_prompt_is_explained_by_the_words_that_it_was_learned_from(
    predictor: Predictor, picture: Image.Image, explained: Explanation
) -> None:
    query = predictor.encode(TEXT)
    learned = learned_prompt(query.prompt, query.questions[0], predictor.model)
    other = predictor.explain(picture, learned, threshold=0.1)
    assert other.words == explained.words
    assert torch.equal(other.word_scores, explained.word_scores)


def test_files_hold_the_arrays_and_a_picture_for_each_word(
    predictor: Predictor, picture: Image.Image, tmp_path: Path
) -> None:
    explained = predictor.explain(picture, r"red star/\x. red ring", threshold=0.1)
    written = explained.save(tmp_path / "out", "../photo")
    names = ["photo_explain.npz", "photo_red.png", "photo_star_x.png", "photo_ring.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert len(written) == 4 and all(path.parent == tmp_path / "out" for path in written)
    with np.load(written[0]) as arrays:
        assert arrays["words"].tolist() == list(explained.words)
        assert arrays["word_scores"].shape == (len(explained.result), len(explained.words))
        assert arrays["heat_maps"].shape[0] == len(explained.words)
        assert arrays["boxes"].shape == (len(explained.result), 4)
    height, width = explained.heat_maps.shape[1:]
    assert abs(height / width - 60 / 80) < 0.1  # cells of the picture, not of the padding
    with Image.open(tmp_path / "out" / "photo_red.png") as drawn:
        assert drawn.size == (480, 360 + 28)


def test_a_repeated_word_is_drawn_where_any_of_its_occurrences_is(explained: Explanation) -> None:
    assert explained.draw(1).tobytes() == explained.draw("RED").tobytes()
    assert explained.draw(1).tobytes() != explained.draw(2).tobytes()
    with pytest.raises(UserError, match="'cat' is no word of the prompt, which has 'a', 'red'"):
        explained.draw("cat")
    with pytest.raises(UserError, match="word 6 is none of the 6 words"):
        explained.draw(6)


def test_one_picture_at_a_time(predictor: Predictor, picture: Image.Image) -> None:
    with pytest.raises(UserError, match="explain takes one picture, not 2"):
        predictor.explain([picture, picture], TEXT)
