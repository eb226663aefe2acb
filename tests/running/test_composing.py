"""Command lines that Hydra refuses: one line that names the word and what to type instead."""

import os
from pathlib import Path

import pytest

from glip_pl import predict, train
from glip_pl.running.composing import FULL_ERROR, RaisedErrors
from tests.conftest import Failing


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("thresold=0.5", "no such setting: thresold; did you mean threshold? There are "),
        ("tokenizer.sourc=x", "no such setting: tokenizer.sourc; did you mean source?"),
        ("xyz.nms=1", "no such setting: xyz; there are paths, image, text,"),
        ("threshold=0,5", "Ambiguous value for argument 'threshold=0,5': quote a value"),
        ("model=glip_t", "Could not override 'model'. No match in the defaults list."),
        ("~threshld", "Could not delete"),
    ],
)
def test_a_wrong_word_is_named_in_one_line(failing: Failing, word: str, message: str) -> None:
    said = failing(predict.main, "image=x.png", "text=a", word)
    assert said.startswith(f"error: {message}")
    assert said.count("\n") == 1


def test_choices_are_listed(failing: Failing) -> None:
    said = failing(train.main, "experiment=shapes_pretain")
    assert "Could not find 'experiment/shapes_pretain'; did you mean shapes_pretrain?" in said
    assert "finetune_custom" in said
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_made(failing: Failing, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = ("image=x.png", "text=a", f"hydra.run.dir={tmp_path}/file/run")
    said = failing(predict.main, *words, "hydra.output_subdir=settings")
    assert "Not a directory" in said
    assert "(the folder is hydra.run.dir)" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("chosen", [None, "0", "1"])
def test_the_choice_of_the_user_is_kept(
    chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FULL_ERROR, raising=False)
    if chosen is not None:
        monkeypatch.setenv(FULL_ERROR, chosen)
    raised = RaisedErrors()
    raised.start()
    assert os.environ[FULL_ERROR] == "1"
    raised.end()
    raised.end()
    assert os.environ.get(FULL_ERROR) == chosen
