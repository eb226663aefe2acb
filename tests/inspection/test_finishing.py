"""What a test leaves: results.json is written last, and is complete if all images were read."""

import json
import shutil
from pathlib import Path

import pytest

from glip_pl import evaluate
from tests.conftest import SMALL, Compose


@pytest.fixture
def seen(world: Path, tmp_path: Path) -> Path:
    """A copy of one set of the world, whose pictures may be broken."""
    for folder in ("annotations", "images/seen"):
        shutil.copytree(world / folder, tmp_path / "copy" / folder)
    return tmp_path / "copy"


def test_results_are_written_when_nothing_is_missing(
    tiny_finding: Path, seen: Path, settings: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [f"data.test.{name}=null" for name in ("rare", "unseen", "synonyms")]
    config = settings([*SMALL, f"ckpt={tiny_finding}", f"data.root={seen}", *sets], "evaluate")
    output = Path(config.paths.output)
    (output / "report.html").mkdir(parents=True)  # the page cannot be written
    picture = sorted((seen / "images" / "seen").iterdir())[0]
    content = picture.read_bytes()
    picture.write_bytes(content[:100])
    with pytest.raises(IsADirectoryError):
        evaluate.evaluate(config)
    assert not (output / "results.json").exists()

    (output / "report.html").rmdir()
    evaluate.evaluate(config)
    results = json.loads((output / "results.json").read_text())
    assert results["sets"]["seen"]["images"] == 4
    assert results["key"] == ""  # the same command again evaluates that image
    (reason,) = results["sets"]["seen"]["unreadable"]
    assert picture.name in reason
    said = capsys.readouterr()
    assert "1 of 4" in said.out and "unreadable images" in said.out
    page = (output / "report.html").read_text()
    assert "1 images cannot be read" in page and picture.name in page

    picture.write_bytes(content)
    score = evaluate.evaluate(config)
    results = json.loads((output / "results.json").read_text())
    assert results["score"] == pytest.approx(score)
    assert results["sets"]["seen"]["figures"]["AP"] == pytest.approx(score)
    assert results["sets"]["seen"]["unreadable"] == []
    assert (output / "report.html").stat().st_size > 1000
    assert json.loads((output / "detections_seen.json").read_text())
    assert list((output / "misses" / "seen").glob(f"00_*_missed_{'[0-9]' * 6}.png"))
    assert str(output / "results.json") in capsys.readouterr().out
    assert results["key"] != ""
