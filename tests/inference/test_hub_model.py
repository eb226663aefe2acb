"""Models are saved, uploaded and read again by the real client, from a local server of the hub."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from glip_pl import predict
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.running.settings import compose_settings
from tests.inference.hub_server import hub_server
from tests.reliability.tiny import PICTURE, TEXT, config_of, write_own, write_text_folder

CLIENT = """
import sys
from pathlib import Path
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.running.runs import find_checkpoint
from tests.reliability.tiny import PICTURE, TEXT

found = Predictor.load(sys.argv[1])
print(found.push_to_hub("owner/name", model_card_kwargs={"license": "mit"}))
again = Predictor.from_pretrained("owner/name")
before, after = (one(PICTURE, TEXT, threshold=0) for one in (found, again))
print(len(after.scores) > 0 and before.scores.tolist() == after.scores.tolist())
print(find_checkpoint("hf://owner/name", Path("runs")) == again.checkpoint)
try:
    Predictor.from_pretrained("nobody/nothing")
except UserError as error:
    print(error)
"""
"""Uploads a checkpoint and reads it from the hub that the environment names."""


def client(checkpoint: Path, folder: Path, endpoint: str) -> list[str]:
    """What the client prints."""
    clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    clean |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder), "HF_TOKEN": "hf_of_a_test"}
    clean |= {"HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", CLIENT, str(checkpoint)]
    done = subprocess.run(words, capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_model_goes_to_the_hub_and_comes_back(tiny_finding: Path, tmp_path: Path) -> None:
    files = {"evil.py": b"raise SystemExit('run')", "weights.bin": b"pickle"}  # a stranger's
    with hub_server(files) as (endpoint, asked):
        commit, same, address, refused = client(tiny_finding, tmp_path / "home", endpoint)
    assert commit == f"{endpoint}/owner/name/commit/{'c' * 40}"
    assert (same, address) == ("True", "True")
    assert "the hub refuses hf://nobody/nothing" in refused
    assert {"README.md", "config.json", "model.safetensors"} < files.keys()
    assert {"text_encoder/config.json", "tokenizer/tokenizer.json"} < files.keys()
    card = files["README.md"].decode()
    assert "license: mit" in card and 'from_pretrained("owner/name")' in card
    assert not any("evil.py" in path or "weights.bin" in path for path in asked)


def test_a_saved_folder_needs_nothing_else(
    tmp_path: Path,
) -> None:
    """Neither the place where it was written nor the text encoder that it was trained from."""
    text = write_text_folder(tmp_path / "text")
    found = Predictor.load(write_own(tmp_path / "own.ckpt", config_of(text)))
    before = found(PICTURE, TEXT, threshold=0)
    assert len(before.scores)
    found.save_pretrained(tmp_path / "saved")
    text.rename(tmp_path / "gone")
    (tmp_path / "saved").rename(tmp_path / "moved")
    for source in (tmp_path / "moved", tmp_path / "moved" / "model.safetensors"):
        after = Predictor.load(source)(PICTURE, TEXT, threshold=0)
        torch.testing.assert_close(after.scores, before.scores, rtol=0, atol=0)
        torch.testing.assert_close(after.boxes, before.boxes, rtol=0, atol=0)

    PICTURE.save(tmp_path / "picture.png")
    words = [f"image={tmp_path}/picture.png", "text='red circle'", f"ckpt={tmp_path}/moved"]
    words += [f"output={tmp_path}/predictions", "threshold=0"]
    predict.predict(compose_settings(words, "predict"))
    written = json.loads((tmp_path / "predictions" / "predictions.json").read_text())
    assert written["checkpoint"]["path"] == str(tmp_path / "moved" / "model.safetensors")


def test_what_cannot_be_saved_or_read_is_told(tiny_finding: Path, tmp_path: Path) -> None:
    found = Predictor.load(tiny_finding)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no model: it has no model\.safetensors"):
        Predictor.from_pretrained(tmp_path / "empty")
    found.config = None
    with pytest.raises(UserError, match="its settings are unknown"):
        found.save_pretrained(tmp_path / "saved")
