"""The command writes a file that computes the same, or none."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from glip_pl import export
from glip_pl.exporting import parity
from glip_pl.inference.predictor import Predictor
from glip_pl.running.settings import compose_settings
from tests.conftest import Failing

EXAMPLE = Path(__file__).parents[1] / "scripts" / "example_onnx.py"


def test_mistakes_are_told_before_the_work(tiny_finding: Path, failing: Failing) -> None:
    for more, said in (
        (["format=coco"], "format=coco: choose one of onnx, openvino, torch_export"),
        (["format=tflite"], "format=tflite: must be"),
        (["output=model.xml"], "output=model.xml must end with .onnx"),
        (["check_count=0"], "check_count=0: must be"),
        (["check_images=absent"], "absent"),
    ):
        assert said in failing(export.main, f"ckpt={tiny_finding}", *more)


@pytest.mark.slow
def test_photographs_by_the_example_and_a_refused_file(
    tiny_finding: Path, tiny_text: Path, tmp_path: Path, failing: Failing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    photo = tmp_path / "photos" / "cat.png"
    photo.parent.mkdir()
    Image.fromarray(skimage.data.chelsea()).save(photo)
    output = tmp_path / "model.onnx"
    words = [f"ckpt={tiny_finding}", f"output={output}", f"check_images={photo.parent}"]
    export.export(compose_settings(words, "export"))
    about = json.loads(output.with_suffix(".json").read_text())
    assert about["short_side"] == 32 and about["classes"] is None
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(tiny_text).save_pretrained(tmp_path)
    files = [EXAMPLE, output, tmp_path / "tokenizer.json", photo]
    command = [sys.executable, *map(str, files)]
    done = subprocess.run([*command, "red. square"], capture_output=True, text=True, check=True)
    expected = Predictor.load(tiny_finding, "cpu")(photo, "red. square")
    found = re.findall(r"(\S+) (\w+): (.+), (.+), (.+), (.+)\n", done.stdout)
    assert [name for _, name, *_ in found] == expected.names != []
    assert [float(score) for score, *_ in found] == pytest.approx(
        expected.scores.tolist(), abs=2e-3
    )
    boxes = np.array([corners for _, _, *corners in found], dtype=float)
    pixel = expected.size[0] / 32  # of the model's input, whose height is 32, in the photograph
    assert np.abs(boxes - expected.boxes.numpy()).max() < pixel
    output.unlink()
    monkeypatch.setattr(parity, "PIXELS", -1.0)
    assert "is not written" in failing(export.main, *words)
    assert not output.exists()
