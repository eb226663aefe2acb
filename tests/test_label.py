"""The command that labels a folder: the same boxes as the predictor's, whatever interrupts it."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glip_pl import label
from glip_pl.files.claim import exclusive
from glip_pl.inference.predictor import Predictor
from glip_pl.running.settings import compose_settings
from tests.conftest import Failing

NAMES = ["a red circle", "squares"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty pictures in two folders with equal names, the 19th of which cannot be read."""
    random = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / "photos" / f"{number // 10}" / f"{number % 10}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 255, (24 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (tmp_path / "photos/1/8.png").write_bytes(b"no picture " * 99)
    return tmp_path / "photos"


def words(photos: Path, checkpoint: Path, out: Path, *more: str) -> list[str]:
    """The command line."""
    asked = f"names=[{','.join(NAMES)}]"
    common = [f"images={photos}", asked, f"ckpt={checkpoint}", f"output={out}", "device=cpu"]
    return [*common, "threshold=0.12", *more]


def run(overrides: Sequence[str]) -> None:
    label.label(compose_settings(overrides, "label"))


def coco(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "annotations.json").read_text())
    return content


def test_the_boxes_are_those_of_the_predictor(
    photos: Path, tiny_finding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels"
    run(words(photos, tiny_finding, out, f"thresholds={{{NAMES[1]}: 0.2}}"))
    content = coco(out)
    assert len(content["images"]) == 19
    predictor = Predictor.load(tiny_finding, "cpu")
    numbers = {image["file_name"]: image["id"] for image in content["images"]}
    for name, number in numbers.items():
        result = predictor(photos / name, NAMES, threshold=0.12)
        kept = (result.labels == 0) | (result.scores > 0.2)
        found = [one for one in content["annotations"] if one["image_id"] == number]
        assert [one["category_id"] - 1 for one in found] == result.labels[kept].tolist()
        np.testing.assert_allclose([one["score"] for one in found], result.scores[kept], atol=1e-4)
        corners = [[x, y, x + w, y + h] for x, y, w, h in (one["bbox"] for one in found)]
        expected = result.annotated().clipped().boxes[kept.numpy()]
        np.testing.assert_allclose(np.reshape(corners, (-1, 4)), expected, atol=2e-4)
    assert content["annotations"]
    said = capsys.readouterr().out
    assert "19 pictures, " in said
    assert "1 not readable: 1/8.png" in said
    counts = {name: int(said.split(f"{name}: ")[1].split()[0]) for name in NAMES}
    assert sum(counts.values()) == len(content["annotations"])


def test_a_finished_job_says_so_and_other_formats_need_no_model(
    photos: Path, tiny_finding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels"
    run(words(photos, tiny_finding, out))
    before = (out / "annotations.json").stat().st_mtime_ns
    capsys.readouterr()
    run(words(photos, tiny_finding, out))
    said = capsys.readouterr().out
    assert f"already complete: {out}/annotations.json" in said
    assert "1 not readable: 1/8.png" in said
    assert (out / "annotations.json").stat().st_mtime_ns == before
    run(words(photos, tiny_finding, out, "format=label_studio"))
    said = capsys.readouterr().out
    assert "19 of 20 pictures were labelled before" in said
    assert "checkpoint" not in said  # the model was not loaded
    assert f"labelling configuration: {out}/label_studio_config.xml" in said


class _CtrlC(logging.Filter):
    """Stops the command as Ctrl-C does when the unreadable picture is told."""

    def filter(self, record: logging.LogRecord) -> bool:
        raise KeyboardInterrupt


def test_an_interrupted_job_continues(
    photos: Path, tiny_finding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(words(photos, tiny_finding, tmp_path / "whole"))
    interrupt = _CtrlC()
    logger = logging.getLogger("glip_pl.labelling.folder_labels")
    logger.addFilter(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(words(photos, tiny_finding, tmp_path / "parts"))
    finally:
        logger.removeFilter(interrupt)
    assert "4 of 20 pictures are left: the same command continues" in capsys.readouterr().out
    assert not (tmp_path / "parts/annotations.json").exists()
    run(words(photos, tiny_finding, tmp_path / "parts"))
    assert "16 of 20 pictures were labelled before" in capsys.readouterr().out
    assert coco(tmp_path / "parts") == coco(tmp_path / "whole")


def test_mistakes_are_told_before_the_work(
    photos: Path, tiny_finding: Path, tmp_path: Path, failing: Failing
) -> None:
    out = tmp_path / "labels"
    for more, said in (
        ("format=csv", "format=csv: must be coco, yolo, voc"),
        ("threshold=2", "threshold=2: must be"),
        ("thresholds={cat: 2}", "thresholds.cat"),
        ("thresholds={cat: 0.2}", "'cat', which is not searched for"),
        ("images=absent", "images=absent names no picture"),
    ):
        assert said in failing(label.main, *words(photos, tiny_finding, out, more))
    assert not list(out.glob("*.jsonl"))
    with exclusive(out, ""):
        said = failing(label.main, *words(photos, tiny_finding, out))
    assert "another process is writing" in said
    run(words(photos, tiny_finding, out))
    said = failing(label.main, *words(photos, tiny_finding, out, "max_boxes=7"))
    assert "belongs to another job, which differs in: max_boxes" in said


def test_pictures_none_of_which_can_be_read(
    photos: Path, tiny_finding: Path, tmp_path: Path, failing: Failing
) -> None:
    more = words(photos / "1/8.png", tiny_finding, tmp_path / "labels")
    assert "none of the 1 pictures could be read" in failing(label.main, *more)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_job_continues(photos: Path, tiny_finding: Path, tmp_path: Path) -> None:
    for number in range(300):
        Image.new("RGB", (200, 150), (number % 256, 0, 0)).save(photos / f"{number:03d}.png")
    run(words(photos, tiny_finding, tmp_path / "whole"))
    out = tmp_path / "parts"
    command = [sys.executable, "-m", "glip_pl.label", *words(photos, tiny_finding, out)]
    for kill in range(1, 4):
        with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
            lines = 0
            while lines < 20 * kill and process.poll() is None:
                time.sleep(0.005)
                path = out / "journal.jsonl"
                lines = path.read_bytes().count(b"\n") if path.is_file() else 0
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (out / "annotations.json").exists()
    subprocess.run(command, check=True)
    assert coco(out) == coco(tmp_path / "whole")
