from glip_pl.prompts.placeholders import PLACEHOLDER, replaceable, with_placeholders
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.types import Prompt


def test_names_give_way_to_placeholders_and_the_others_move() -> None:
    prompt = with_placeholders(names_prompt(["red star", "cat", "moon"]), [0, 2])
    assert prompt.caption == f"{PLACEHOLDER}. cat. {PLACEHOLDER}"
    assert [prompt.phrase_text(row) for row in range(3)] == [PLACEHOLDER, "cat", PLACEHOLDER]
    assert with_placeholders(names_prompt(["a", "b"]), []) == names_prompt(["a", "b"])


def test_phrases_in_pieces_and_overlapping_ones_keep_their_words() -> None:
    caption = "a man and his dog, and a cat beside"
    man, dog, cat = (0, 5), (10, 17), (23, 28)
    prompt = Prompt(caption, ((man,), (man, dog), (cat,), ((14, 17),), ()))
    assert replaceable(prompt) == [2]
    replaced = with_placeholders(prompt, [2])
    assert replaced.caption == f"a man and his dog, and {PLACEHOLDER} beside"
    assert replaced.phrases[:2] == prompt.phrases[:2]


def test_a_long_phrase_overlaps_all_within_it() -> None:
    prompt = Prompt("one two three four", (((0, 13),), ((0, 3),), ((8, 13),), ((14, 18),)))
    assert replaceable(prompt) == [3]
