import json
import zipfile
from pathlib import Path

import pytest

from glip_pl.inference.predictor import Predictor
from glip_pl.page.finding import LEAST_SCORE, Finding, rows_of
from tests.serving.pictures import PICTURE

NAMES = ["red circle", "square"]


@pytest.fixture
def finding(tiny_finding: Path, tmp_path: Path) -> Finding:
    upload = tmp_path / "photo.png"
    PICTURE.save(upload)
    predictor = Predictor.load(tiny_finding, "cpu")
    return Finding.of(predictor(PICTURE, NAMES, threshold=LEAST_SCORE), upload)


def test_each_phrase_has_its_threshold(finding: Finding) -> None:
    everything = finding.result
    best = max(everything.scores[everything.labels == 0].tolist())
    shown = finding.shown([best, 1.0])
    assert rows_of(shown)[0][:2] == ("red circle", round(best, 3))
    assert len(shown) == 1
    assert len(finding.shown([LEAST_SCORE])) == len(everything)  # one for all phrases
    assert len(finding.shown([1.0])) == 0


def test_files_hold_what_is_shown_and_disappear_with_the_finding(finding: Finding) -> None:
    coco, yolo = finding.write(finding.shown([0.6, 0.6]))
    coco, yolo = finding.write(finding.shown([1.0, LEAST_SCORE]))  # replaces them
    content = json.loads(coco.read_text())
    assert content["images"][0]["file_name"] == "photo.png"
    assert {entry["category_id"] for entry in content["annotations"]} == {2}
    with zipfile.ZipFile(yolo) as archive:
        assert sum(name.endswith("photo.png") for name in archive.namelist()) == 1
    folder = Path(finding.folder.name)
    assert folder.is_dir()
    finding.folder.cleanup()
    assert not folder.exists()
