from glip_pl.prompts.prompt_from_text import names_prompt, text_prompt
from glip_pl.prompts.tokens import Tokenizer, tokenize
from glip_pl.prompts.words import prompt_words


def test_pieces_of_a_word_are_joined_and_punctuation_is_left_out(tokenizer: Tokenizer) -> None:
    prompt = text_prompt("a stegosaurus. two blue-green rings")
    words, masks = prompt_words(prompt, tokenizer)
    assert words == ["a", "stegosaurus", "two", "blue-green", "rings"]
    counts = [len(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in words]
    assert masks.sum(1).tolist() == counts
    assert counts[1] > 1 and counts[3] == 3
    assert int(masks.sum(0).max()) == 1  # no token belongs to two words


def test_the_words_of_a_phrase_have_all_its_tokens(tokenizer: Tokenizer) -> None:
    prompt = names_prompt(["red blood cell", "platelet", "猫"])
    words, masks = prompt_words(prompt, tokenizer)
    (phrases,) = tokenize(tokenizer, [prompt])[2]
    assert words == ["red", "blood", "cell", "platelet", "猫"]
    assert masks[:3].any(0).equal(phrases[0]) and masks[3].equal(phrases[1])


def test_words_beyond_what_the_model_reads_are_left_out(tokenizer: Tokenizer) -> None:
    words, masks = prompt_words(text_prompt("cat " * 300), tokenizer)
    assert words == ["cat"] * 254 and masks.shape == (254, 256)
    words, masks = prompt_words(text_prompt("cat"), tokenizer)
    assert words == ["cat"] and masks.shape == (1, 3)
