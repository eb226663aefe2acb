"""A prompt kit keeps words and thresholds, and a file that is none says why."""

from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.prompt_kit import PromptKit, is_kit, read_kit

KIT = PromptKit(
    ("RBC", "Platelets", "été"),
    (Wording("red blood cell", "a ", " in blood"), Wording("Platelets"), Wording("été: x")),
    (0.25, None, 0.0),
    "abc",
)


def test_a_file_has_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "kit.yaml"
    KIT.write(path)
    assert read_kit(path) == KIT
    assert "été" in path.read_text(encoding="utf-8")
    assert is_kit(path) and is_kit(Path("kit.YML")) and not is_kit(Path("prompt.safetensors"))


def test_categories_without_an_entry_keep_their_words() -> None:
    words = KIT.wordings_of(["other_name", "été", "Platelets", "RBC"])
    assert words == [Wording("other name"), *reversed(KIT.wordings)]
    with pytest.raises(UserError, match=r"has words for RBC, but the categories are Platelets"):
        KIT.wordings_of(["Platelets", "été"])


def test_a_model_with_other_weights_is_told(caplog: pytest.LogCaptureFixture) -> None:
    KIT.warn_unless("abc")
    assert not caplog.records
    KIT.warn_unless("abd")
    assert "was searched with a model of other weights" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("cat: dog", "it lacks `glip_pl_prompt_kit: 1`"),
        ("[]", "no prompt kit"),
        ("glip_pl_prompt_kit: 2\nnames: {cat: {words: a}}", "it lacks"),
        ("glip_pl_prompt_kit: 1\nnames: {}", "no `names`"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: dog}", "'cat' must have `words"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: ' '}}", "'cat' must have `words"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: 3}}", "'cat' must have `words"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: a, word: b}}", "may have before, after"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: a, threshold: b}}", "is no number"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: a, threshold: 1.5}}", "from 0 to 1"),
        ("glip_pl_prompt_kit: 1\nnames: {cat: {words: a, threshold: .nan}}", "from 0 to 1"),
        ("{", "cannot read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "kit.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=said):
        read_kit(path)
