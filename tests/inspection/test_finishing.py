"""What a test leaves; results.json is written last."""

import json
from pathlib import Path

import pytest

from glip_pl import evaluate
from tests.conftest import SMALL, Compose


def test_results_are_written_when_nothing_is_missing(
    finding: Path, world: Path, settings: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [f"data.test.{name}=null" for name in ("rare", "unseen", "synonyms")]
    config = settings([*SMALL, f"ckpt={finding}", f"data.root={world}", *sets], "evaluate")
    output = Path(config.paths.output)
    (output / "report.html").mkdir(parents=True)  # the page cannot be written
    with pytest.raises(IsADirectoryError):
        evaluate.evaluate(config)
    assert not (output / "results.json").exists()
    (output / "report.html").rmdir()
    score = evaluate.evaluate(config)
    results = json.loads((output / "results.json").read_text())
    assert results["score"] == pytest.approx(score)
    assert results["sets"]["seen"]["figures"]["AP"] == pytest.approx(score)
    assert (output / "report.html").stat().st_size > 1000
    assert json.loads((output / "detections_seen.json").read_text())
    assert list((output / "misses" / "seen").glob("00_*_missed_*.png"))
    assert str(output / "results.json") in capsys.readouterr().out
