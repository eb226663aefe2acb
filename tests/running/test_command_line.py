"""Words of a command line arrive in the settings as they were typed."""

import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.errors import UserError
from glip_pl.running.command_line import readable_words
from glip_pl.running.settings import compose_settings


def setting(word: str, key: str) -> object:
    """The value of a setting of `predict`, after Hydra and OmegaConf have read the word."""
    return compose_settings(readable_words(["image=x.png", word]), "predict")[key]


ORDINARY = (
    "a man's hat",
    'a "red" star',
    "photo (1).png",
    "фото_照片_é.png",
    "a=b",
    "a cat, a dog",
    "{x}.png",
    "[1].png",
    "a: b",
    "5",
    "3.50",
    "1_000",
    "true",
    "C:\\x\\",
    "it's \\' odd\\",
    "a cat. two dogs",
    "猫。",
    "#1 & more!",
)


@pytest.mark.parametrize("value", ORDINARY)
def test_ordinary_words_are_taken_as_typed(value: str) -> None:
    for key in ("text", "image", "names", "output", "ckpt", "prompt", "data.root", "+image"):
        (word,) = readable_words([f"{key}={value}"])
        assert OverridesParser.create().parse_override(word).value() == value


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1))
def test_any_text_that_the_shell_passes_on_arrives(text: str) -> None:
    """Texts in quotes or brackets of their own keep Hydra's meaning, and null and ~ theirs."""
    if text.strip() != text or text[0] in "'\"[@" or text == "null":
        return
    (word,) = readable_words([f"text={text}"])
    value = OverridesParser.create().parse_override(word).value()
    assert value == text or (not isinstance(value, str) and NO_TEXT.fullmatch(text))


NO_TEXT = re.compile(r"[-+]?([\d_.]+(e[-+]?[\d_]+)?|inf|nan)|true|false|null", re.IGNORECASE)
"""Texts that Hydra reads as null, a number or a truth value; commands turn the last two into texts
again."""


def test_a_text_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a b.txt"
    file.write_text('a "red", [round] {thing}=1.\n two dogs\n', encoding="utf-8")
    assert setting(f"text=@{file}", "text") == 'a "red", [round] {thing}=1. two dogs'
    with pytest.raises(UserError, match=r"text=@none\.txt: cannot read the text of this file"):
        readable_words(["text=@none.txt"])
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot read the text of this file"):
        readable_words([f"text=@{file}"])


def test_the_settings_receive_what_was_typed() -> None:
    words = ["image=фото (1).png", "text=a man's ${hat (1)", "names=a=b,c.txt", "output={x}"]
    config = compose_settings(readable_words(words), "predict")
    assert (config.image, config.text) == ("фото (1).png", "a man's ${hat (1)")
    assert (config.names, config.output) == ("a=b,c.txt", "{x}")


def test_what_hydra_understands_keeps_its_meaning() -> None:
    for word in ("text='a man, a dog'", "text=[circle, square]", "text=null", "names=x.txt"):
        assert readable_words([word, "device=cuda"]) == [word, "device=cuda"]
    assert setting("text='a man, a dog'", "text") == "a man, a dog"
    assert setting("text=[circle, square]", "text") == ["circle", "square"]
    assert setting("text=null", "text") is None


@pytest.mark.parametrize(
    ("typed", "members"),
    [
        ("[café, chat noir]", ["café", "chat noir"]),
        ("[a man's hat,'a, b', \"c, é\"]", ["a man's hat", "a, b", "c, é"]),
        ("[猫]", ["猫"]),
        ("[St. Bernard, é,]", ["St. Bernard", "é"]),
    ],
)
def test_lists_of_ordinary_words_are_lists(typed: str, members: list[str]) -> None:
    for key in ("text", "names"):
        assert setting(f"{key}={typed}", key) == members


@pytest.mark.parametrize("words", [["text=a", "red", "star"], ["=5"], ["+=5"], [""], ["image"]])
def test_words_that_are_no_setting_are_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"the word '.*' is no setting: write key=value"):
        readable_words(words)


def test_options_have_arguments() -> None:
    words = ["--config-dir", "folder", "--cfg", "job", "-cn", "predict", "~callbacks.ema"]
    assert readable_words(words) == words


def test_a_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(UserError, match=r"text='caf.udce9' is no text in UTF-8"):
        readable_words(["text=caf\udce9"])
    (word,) = readable_words(["image=caf\udce9.png"])
    assert OverridesParser.create().parse_override(word).value() == "caf\udce9.png"


def test_words_that_are_quoted_once_stay(tmp_path: Path) -> None:
    """A process that Lightning starts receives the words of its parent."""
    once = readable_words(["text=a man's hat", "image=~/x (1).png"])
    assert readable_words(once) == once


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann's")
    assert setting("image=~/a.png", "image") == "/home/ann's/a.png"
    assert setting("image='~/a.png'", "image") == "/home/ann's/a.png"
    assert setting("output=~", "output") == "/home/ann's"
    assert setting("text=~", "text") == "~"
    assert readable_words(["data.root=~/d"]) == ["data.root='/home/ann\\'s/d'"]


def test_options_and_sweeps_stay() -> None:
    words = ["-m", "--cfg", "job", "ckpt=a.ckpt,b.ckpt", "+data.x=1", "~callbacks.ema"]
    assert readable_words(words) == words


def test_the_home_folder_in_lists_and_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann's")
    assert readable_words(["paths.data=~/d"]) == ["paths.data='/home/ann\\'s/d'"]
    monkeypatch.setenv("HOME", "/home/ann")
    assert setting("names=[~/a, b]", "names") == ["/home/ann/a", "b"]
    typed = ["hydra.run.dir=~/r", "+data.x.images=[~/a,~/b]", "source.shards=~/*.tar"]
    assert readable_words(typed) == [
        *("hydra.run.dir=/home/ann/r", "+data.x.images=[/home/ann/a,/home/ann/b]"),
        "source.shards=/home/ann/*.tar",
    ]
    sweep = ["-m", "data.root=~/a,~/b", "ckpt=~/été (1).ckpt", "text=~"]
    assert readable_words(sweep) == [
        *("-m", "data.root=/home/ann/a,/home/ann/b", "ckpt='/home/ann/été (1).ckpt'", "text='~'")
    ]


def test_a_sweep_takes_one_value_as_typed() -> None:
    words = readable_words(["-m", "text=a man's hat", "seed=1,2"])
    assert words == ["-m", "text='a man\\'s hat'", "seed=1,2"]


@pytest.mark.parametrize("word", ["logger=null", "data=5", "+data/train@data.train.x=null"])
def test_a_choice_needs_a_name(word: str) -> None:
    with pytest.raises(UserError, match=r"=(null|5): must be a choice of conf/"):
        readable_words([word])


@pytest.mark.parametrize("word", ["data.prompts=a's", "+note=é", "callbacks.x=a(b"])
def test_other_settings_are_refused_with_the_form_to_type(word: str) -> None:
    with pytest.raises(UserError, match="special to Hydra") as raised:
        readable_words([word])
    (typed,) = shlex.split(str(raised.value).rpartition("the word, ")[2])
    override = OverridesParser.create().parse_override(typed)
    assert override.value() == word.partition("=")[2]
    with pytest.raises(UserError, match="special to Hydra"):
        readable_words(["-m", "text=a man's hat, a cat"])
