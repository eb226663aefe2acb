"""Examples in place of words, from the caller's pictures to detections."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.visual_prompt import (
    NAME,
    example_pictures,
    visual_prompt,
    visual_query,
    words_beside,
)
from tests.reliability.tiny import PICTURE, config_of, write_own, write_text_folder

BOX = [4, 4, 20, 24]
OTHER = [10.0, 2.0, 40.0, 32.0]


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_folder(tmp_path_factory.mktemp("visual") / "text")


@pytest.fixture(scope="module")
def predictor(text_folder: Path) -> Predictor:
    """A small model with random weights that reads examples."""
    path = write_own(text_folder.parent / "a.ckpt", config_of(text_folder, visual_prompts=True))
    return Predictor.load(path, "cpu")


@pytest.fixture(scope="module")
def noisy() -> Image.Image:
    torch.manual_seed(0)
    return Image.fromarray(torch.randint(256, (32, 40, 3), dtype=torch.uint8).numpy())


def test_boxes_are_taken_in_the_forms_that_people_type() -> None:
    for given in (BOX, [BOX], torch.tensor(BOX), {NAME: [BOX]}):
        (found,) = example_pictures(PICTURE, given)
        assert found.boxes[NAME].tolist() == [BOX]
    two = example_pictures([PICTURE, PICTURE], [{"a": BOX}, {"a": [BOX, OTHER], "b": OTHER}])
    assert [{name: len(boxes) for name, boxes in one.boxes.items()} for one in two] == [
        {"a": 1},
        {"a": 2, "b": 1},
    ]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([], "give \\[x1,y1,x2,y2\\]"),
        ([1, 2, 3], "give \\[x1,y1,x2,y2\\]"),
        ("all", "give \\[x1,y1,x2,y2\\]"),
        ({}, "names nothing"),
        ({"a": []}, "give \\[x1,y1,x2,y2\\]"),
        ([[20, 4, 4, 24]], "is no box in .* 40 x 32 pixels"),
        ([[50, 4, 60, 24]], "is no box in"),
        ([[0, 0, float("nan"), 5]], "is no box in"),
        ([10**400, 0, 5, 5], "give \\[x1,y1,x2,y2\\]"),
        ({" ": BOX}, "no words are left of the name ' '"),
        ({"(odd)": BOX}, "no words are left of the name"),
    ],
)
def test_what_is_no_box_is_named(boxes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        example_pictures(PICTURE, boxes)


def test_several_pictures_need_as_many_boxes() -> None:
    with pytest.raises(UserError, match="like= has 2 pictures and boxes= 1"):
        example_pictures([PICTURE, PICTURE], [{"a": BOX}])


def test_a_name_has_the_same_row_whatever_stands_beside_it(
    predictor: Predictor, noisy: Image.Image
) -> None:
    both = predictor.encode_examples(noisy, {"a": BOX, "b": OTHER}, ["red circle"])
    turned = predictor.encode_examples(noisy, {"b": OTHER, "a": BOX})
    rows: list[dict[str, torch.Tensor]] = []
    for query in (both, turned):
        (question,) = query.questions
        of_name = zip(query.classes, question.phrase_masks, strict=True)
        rows.append({name: question.text.hidden[0][mask] for name, mask in of_name})
    assert both.classes == ("red circle", "a", "b")
    assert turned.classes == ("b", "a")
    for name in "ab":
        assert len(rows[0][name]) == 1
        assert torch.allclose(rows[0][name], rows[1][name], atol=1e-6)
    assert not torch.allclose(rows[0]["a"], rows[0]["b"], atol=1e-3)


def test_words_give_the_order_and_examples_stand_in_for_some_of_them(
    predictor: Predictor, noisy: Image.Image
) -> None:
    query = predictor.encode_examples(noisy, {"square": BOX}, ["square", "red circle"])
    assert query.classes == ("square", "red circle")
    (by_words,) = predictor.encode(["square", "red circle"]).questions
    (question,) = query.questions
    assert question.phrase_masks.sum(1).tolist() == [1, 2]
    assert not torch.allclose(question.text.hidden[0, 1], by_words.text.hidden[0, 1], atol=1e-3)


def test_examples_of_a_name_in_several_pictures_are_averaged(
    predictor: Predictor, noisy: Image.Image
) -> None:
    def row(like: Any, boxes: Any) -> torch.Tensor:
        (question,) = predictor.encode_examples(like, boxes).questions
        return question.text.hidden[0][question.phrase_masks[0]]

    first, second = row(noisy, BOX), row(PICTURE, OTHER)
    joint = row([noisy, PICTURE], [BOX, OTHER])
    assert torch.allclose(joint, (first + second) / 2, atol=1e-6)


def test_many_names_take_several_prompts_and_no_file(predictor: Predictor) -> None:
    rows = {f"thing {number}": torch.randn(8) for number in range(300)}
    with torch.inference_mode():
        query = visual_query(predictor.model, predictor.tokenizer, [], rows)
    assert len(query.questions) > 1
    assert sum(len(question.phrase_masks) for question in query.questions) == 300
    with pytest.raises(UserError, match="do not fit one prompt"):
        visual_prompt(query, predictor.model)


def test_detections_by_example_are_those_of_the_written_prompt(
    predictor: Predictor, noisy: Image.Image, tmp_path: Path
) -> None:
    result = predictor(noisy, ["red circle"], like=noisy, boxes={"a": BOX}, threshold=0.0)
    assert result.classes == ("red circle", "a")
    assert set(result.names) == {"red circle", "a"}
    query = predictor.encode_examples(noisy, {"a": BOX}, ["red circle"])
    path = tmp_path / "prompt.safetensors"
    visual_prompt(query, predictor.model).write(path)
    assert read_prompt(path).prompt.caption == "red circle. a"
    read = predictor(noisy, path, threshold=0.0)
    assert read.scores.equal(result.scores)
    assert read.names == result.names


def test_the_evidence_of_an_example_has_its_name(predictor: Predictor, noisy: Image.Image) -> None:
    query = predictor.encode_examples(noisy, {"odd thing": BOX}, ["square"])
    explanation = predictor.explain(noisy, query, threshold=0.0)
    assert explanation.words == ("square", "odd thing")


def test_words_beside_examples() -> None:
    assert words_beside(None) == []
    assert words_beside("a cat. two dogs") == ["a cat", "two dogs"]
    assert words_beside(("a", "b")) == ["a", "b"]
    with pytest.raises(UserError, match="a text or a list of names"):
        words_beside(Path("prompt.safetensors"))


def test_wrong_questions_are_refused(predictor: Predictor, text_folder: Path) -> None:
    with pytest.raises(UserError, match="belong together"):
        predictor(PICTURE, like=PICTURE)
    with pytest.raises(UserError, match="'a' is listed 2 times"):
        predictor.encode_examples(PICTURE, {"a": BOX}, ["a", "A"])
    with pytest.raises(UserError, match="no words are left of '\\(b\\)'"):
        predictor.encode_examples(PICTURE, {"a": BOX}, ["(b)"])
    with pytest.raises(UserError, match="a prompt holds 255 tokens"):
        predictor.encode_examples(PICTURE, {"a": BOX}, ["red " * 300])
    words_only = Predictor.load(write_own(text_folder.parent / "b.ckpt", config_of(text_folder)))
    with pytest.raises(UserError, match=r"reads words only.*data.visual_prompts"):
        words_only(PICTURE, like=PICTURE, boxes=BOX)
