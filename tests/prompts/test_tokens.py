import io
import json
from pathlib import Path

import pytest
import tokenizers
from transformers import PreTrainedTokenizerFast

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import names_prompt, text_prompt
from glip_pl.prompts.tokens import (
    Tokenizer,
    check_budget,
    load_tokenizer,
    name_lengths,
    tokenize,
)
from glip_pl.types import MAX_TOKENS, Prompt


def test_masks_hold_the_words_of_each_phrase_and_nothing_else(tokenizer: Tokenizer) -> None:
    prompts = [
        names_prompt(["fire hydrant", "cat"]),
        Prompt("two red stars beside a ring", (((0, 13), (23, 27)), ((21, 27),))),
    ]
    tokens, attention, masks = tokenize(tokenizer, prompts)
    words = [
        [tokenizer.convert_ids_to_tokens(tokens[row, mask].tolist()) for mask in masks[row]]
        for row in range(2)
    ]
    assert words[0] == [["fire", "hydra", "##nt"], ["cat"]]
    assert words[1] == [["two", "red", "stars", "ring"], ["a", "ring"]]
    # The batch is as long as its longest prompt, not 256.
    assert tokens.shape == attention.shape == (2, int(attention.sum(1).max()))


def test_a_name_that_cleans_to_nothing_has_an_empty_row(tokenizer: Tokenizer) -> None:
    _, _, (masks,) = tokenize(tokenizer, [names_prompt(["(nothing)", "cat"])])
    assert masks.any(1).tolist() == [False, True]


def test_phrases_after_the_limit_have_empty_rows(tokenizer: Tokenizer) -> None:
    prompt = names_prompt(["cat"] * 300)
    tokens, _, (masks,) = tokenize(tokenizer, [prompt])
    assert tokens.shape[1] == MAX_TOKENS
    assert masks[0].any()
    assert not masks[-1].any()
    with pytest.raises(UserError, match=f"the model reads {MAX_TOKENS}"):
        check_budget(tokenizer, prompt)


def byte_level(folder: Path, **special: str) -> str:
    """A folder with a small tokenizer of RoBERTa's kind, whose tokens include the space before."""
    rules = tokenizers.Tokenizer(tokenizers.models.BPE())
    rules.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rules.train_from_iterator(["two red stars beside a ring", "fire hydrant. cat. dog"], trainer)
    rules.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(tokenizer_object=rules, **special).save_pretrained(folder)
    return str(folder)


def test_tokens_that_include_the_space_before_a_word(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(byte_level(tmp_path, pad_token="<pad>"))
    names = ["fire", "red star", "Ünder", "cat"]
    prompts = [
        names_prompt(names),
        Prompt("two red stars beside a ring", (((0, 13), (23, 27)), ((21, 27),))),
    ]
    tokens, attention, masks = tokenize(tokenizer, prompts)
    phrases = [
        [tokenizer.decode(tokens[row, mask]).strip() for mask in masks[row]] for row in range(2)
    ]
    assert phrases == [names, ["two red stars ring", "a ring"]]
    # In the prompt, names are at most as long as alone; none has a token for a space at its end.
    words = int(attention[0].sum()) - 2
    assert words <= sum(name_lengths(tokenizer, names)) <= words + 2


def test_a_tokenizer_that_cannot_pad_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no padding token.*Set tokenizer\.source"):
        load_tokenizer(byte_level(tmp_path))


def test_a_short_prompt_passes(tokenizer: Tokenizer) -> None:
    check_budget(tokenizer, text_prompt("a cat"))
    assert name_lengths(tokenizer, ["cat", "fire hydrant"]) == [2, 4]  # hydra, ##nt


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pip://no_such_wheel/model", r"pip://no_such_wheel/model.*not inside 'no_such_wheel'"),
        ("no/such/folder", "'no/such/folder' is neither a local folder nor reachable on the hub"),
    ],
)
def test_a_missing_tokenizer_is_named(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_tokenizer(source)


def test_code_in_the_folder_of_a_tokenizer_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would ask on the terminal whether to run it."""
    ran = tmp_path / "ran"
    config = {"auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}, "tokenizer_class": "Evil"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\n"))
    with pytest.raises(UserError, match="needs code from its folder, which is never run"):
        load_tokenizer(str(tmp_path))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", "[" * 100_000),
        ("tokenizer_config.json", "[]"),
        ("tokenizer_config.json", "{" + '"a": {' * 50_000),
        ("config.json", '{"model_type": "no_such_model"}'),
        ("readme.txt", "no tokenizer"),
    ],
)
def test_a_folder_without_a_readable_tokenizer_is_named(
    file: str, content: str, tmp_path: Path
) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=r"the tokenizer .*Set tokenizer\.source to a folder"):
        load_tokenizer(str(tmp_path))
