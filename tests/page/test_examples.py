from pathlib import Path

from PIL import Image

from glip_pl.page.examples import SIDE, write_examples
from glip_pl.prompts.prompt_from_text import text_prompt


def test_examples_are_pictures_with_texts_and_always_the_same(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first, second = write_examples(tmp_path / "first"), write_examples(tmp_path / "second")
    for (path, text), (again, _) in zip(first, second, strict=True):
        with Image.open(path) as picture:
            assert picture.size == (SIDE, SIDE)
        assert Path(path).read_bytes() == Path(again).read_bytes()
        assert len(text_prompt(text).phrases) > 1
