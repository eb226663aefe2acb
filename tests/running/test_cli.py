"""Commands as people mistype them: a message that names the culprit, and no traceback."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image

from glip_pl import evaluate, predict, train
from glip_pl.running.cli import EXIT_USER_ERROR, command, user_message
from tests.conftest import Compose, Failing


def test_misspelt_overrides_and_experiments(failing: Failing) -> None:
    assert "optimizr" in failing(train.main, "optimizr.lr=1")
    said = failing(train.main, "experiment=shapes_pretain")
    assert "shapes_pretain" in said
    assert "shapes_pretrain" in said  # what there is


def test_training_needs_to_be_told_what(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train"])
    with pytest.raises(SystemExit) as stopped:
        train.main()
    assert stopped.value.code == EXIT_USER_ERROR
    assert capsys.readouterr().out.count("python -m glip_pl.train experiment=") == 3


def test_settings_and_outputs_are_checked_before_anything_is_built(
    failing: Failing, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    said = failing(train.main, "data.batch_size=0", "data.root=/nowhere", "ckpt=gone.ckpt")
    assert said == "error: data.batch_size=0: must be a whole number of 1 or more or auto\n"
    said = failing(train.main, "paths.output=file/run", "data.root=/nowhere")
    assert said.startswith("error: cannot write into the folder file/run: Not a directory")


def test_what_a_library_refuses_is_told_without_a_traceback() -> None:
    node = {"a": {"_target_": "torch.nn.GroupNorm", "num_groups": 16, "num_channels": 7}}
    with pytest.raises(InstantiationException) as raised:
        instantiate(node)
    message = user_message(raised.value)
    assert message is not None and message.startswith("ValueError: num_channels")
    assert message.endswith("(while building the setting `a`)")
    assert user_message(KeyError("a fault of the program")) is None


def test_absent_data_name_the_path_the_setting_and_the_document(failing: Failing) -> None:
    said = failing(train.main, "experiment=pretrain_o365_goldg", "paths.data=/nowhere")
    assert "/nowhere/objects365/annotations/objects365_train.json" in said
    assert "paths.data" in said
    assert "data.train.objects365.dataset.reader.annotations" in said
    assert "docs/data.md" in said


def test_a_folder_must_be_given_and_exist(failing: Failing) -> None:
    assert "data.root" in failing(train.main, "experiment=finetune_custom")
    said = failing(train.main, "experiment=finetune_custom", "data.root=/no/such/folder")
    assert "/no/such/folder" in said


def test_a_module_path_that_matches_nothing(failing: Failing, world: Path) -> None:
    said = failing(train.main, f"data.root={world}", "data.prepare=null", "tuning.trains=[hed]")
    assert "'hed'" in said


def test_checkpoints_that_are_not(failing: Failing, tmp_path: Path) -> None:
    words = ("image=x.png", "text=a cat")
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    assert "none.ckpt" in failing(predict.main, *words, "ckpt=none.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    assert "text.ckpt is no readable" in failing(predict.main, *words, "ckpt=text.ckpt")
    assert "train first" in failing(predict.main, *words, "paths.runs=empty")
    assert "no such checkpoint" in failing(evaluate.main, "ckpt=gone.ckpt")


def test_annotations_with_mistakes(failing: Failing, tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "x.png", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 77, "image_id": 1, "category_id": 1, "bbox": [50, 5, 40, 10]}],
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content))
    words = ("experiment=finetune_custom", f"data.root={tmp_path}")
    said = failing(train.main, *words)
    assert "'x.png' of 60x40 pixels has the box [50.0, 5.0, 40.0, 10.0]" in said
    assert "out_of_image=clip" in said
    content["annotations"][0] |= {"category_id": 8, "bbox": [1, 1, 5, 5]}
    path.write_text(json.dumps(content))
    said = failing(train.main, *words)
    assert "annotation 77 has the category 8" in said
    path.write_text("{")
    assert "not valid JSON" in failing(train.main, *words)


def test_evaluation_of_a_checkpoint(tiny_finding: Path, world: Path, settings: Compose) -> None:
    config = settings(
        [
            f"ckpt={tiny_finding}",
            f"data.root={world}",
            "data.prepare=null",
            "data.workers=0",
            "callbacks.progress=null",
            "callbacks.pictures.count=1",
            "+trainer.enable_progress_bar=false",
        ],
        name="evaluate",
    )
    assert 0 <= evaluate.evaluate(config) <= 1
    results = json.loads(Path(config.paths.output, "results.json").read_text())
    assert set(results["sets"]) == {"seen", "rare", "unseen", "synonyms"}


def test_ctrl_c_ends_a_command_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Python's own handler, which it does not install when a shell starts the tests in background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = command("make_shapes")(lambda config: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(sys, "argv", ["command", f"root={tmp_path}"])
    try:
        with pytest.raises(SystemExit) as stopped:
            main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.value.code == 130
    assert capfd.readouterr().err == "stopped by Ctrl-C\n"
