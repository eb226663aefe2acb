"""What to detect is read once, in every form in which it can be given."""

from pathlib import Path

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.inference.encoded_query import encoded_query
from glip_pl.models.glip import GLIP
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer
from tests.reliability.tiny import config_of, model_of, write_prompt


@pytest.fixture(scope="module")
def model(tiny_text: Path) -> GLIP:
    return model_of(config_of(tiny_text))


@pytest.fixture(scope="module")
def words(tiny_text: Path) -> Tokenizer:
    return load_tokenizer(str(tiny_text))


def test_texts_names_and_prompts_are_read_alike(model: GLIP, words: Tokenizer) -> None:
    queries = [
        encoded_query(what, model, words)
        for what in (
            "red circle. square",
            ["red circle", "square"],
            names_prompt(["red circle", "square"]),
        )
    ]
    for query in queries:
        assert query.classes == ("red circle", "square") and query.positions.tolist() == [0, 1]
        (question,) = query.questions
        assert question.text.hidden.equal(queries[0].questions[0].text.hidden)
        assert [chunk.prompt for chunk in query.chunks] == [query.prompt]
    assert encoded_query(queries[0], model, words) is queries[0]


def test_repeated_names_share_a_phrase(model: GLIP, words: Tokenizer) -> None:
    query = encoded_query(["square", "Square", "circle"], model, words)
    assert query.classes == ("square", "Square", "circle")
    assert query.positions.tolist() == [0, 2] and len(query.prompt.phrases) == 2


def test_many_names_are_read_in_several_prompts(model: GLIP, words: Tokenizer) -> None:
    names = [f"{'red ' * (number + 1)}circle" for number in range(30)]
    query = encoded_query(names, model, words)
    assert len(query.questions) == len(query.chunks) > 1
    assert sum(len(question.phrase_masks) for question in query.questions) == 30
    assert query.questions[0].first == 0 and query.questions[-1].first == query.chunks[-1].first


def test_a_learned_prompt_comes_from_its_file(
    words: Tokenizer, tiny_text: Path, tmp_path: Path
) -> None:
    file = write_prompt(tmp_path / "prompt.safetensors", tiny_text)
    query = encoded_query(file, model_of(config_of(tiny_text, prompts=1)), words)
    assert query.classes == ("red circle", "square") and not query.chunks
    assert torch.isfinite(query.questions[0].text.hidden).all()


def test_nothing_to_detect_is_refused(model: GLIP, words: Tokenizer) -> None:
    for what, message in (("", "names nothing"), ([], "list of names is empty")):
        with pytest.raises(UserError, match=message):
            encoded_query(what, model, words)
