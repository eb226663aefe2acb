"""Sweeps over the tasks of ODinW: the mean, the file for the challenge, and going on."""

import json
import sys
from pathlib import Path

import pytest

from glip_pl import evaluate
from glip_pl.running.settings import compose_settings
from tests.conftest import MINILM, launched


def odinw(root: Path, world: Path, task: str, *files: str) -> None:
    """A task whose splits, and files beside theirs (`split/name`), hold ShapesWorld's pictures."""
    splits = compose_settings([f"odinw={task}", "data=odinw"]).data.task
    content = json.loads((world / "annotations/seen.json").read_text())
    names = splits.names
    content["categories"] = [{"id": n + 1, "name": name} for n, name in enumerate(names)]
    for one in content["annotations"]:
        one["category_id"] = one["category_id"] % len(names) + 1
    for file in files or (splits.zero_shot_split,):
        split, _, name = file.partition("/")
        path = root / splits.splits[split].annotations
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(name or path.name).write_text(json.dumps(content))
        for picture in (world / "images/seen").iterdir():
            (root / splits.splits[split].images / picture.name).write_bytes(picture.read_bytes())


def test_odinw_goes_on_past_a_missing_task_and_does_it_later(
    tiny_finding: Path,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for task in ("Aquarium", "pistols"):
        odinw(tmp_path / "data", world, task)
    words = [
        *("evaluate", "experiment=zeroshot_odinw13", f"ckpt={tiny_finding}"),
        *(f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs"),
        *("data.workers=0", "callbacks.pictures=null", "callbacks.progress=null"),
        *("+trainer.enable_progress_bar=false", "data.eval_transform.short_sides=[96]"),
        *("trainer=cpu", "hydra.sweeper.params.odinw='Aquarium,Packages,pistols'"),
    ]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):  # for programs that wait for all results
        evaluate.main()
    said = "".join(capfd.readouterr())
    folder = tmp_path / "runs" / "zeroshot_odinw13" / "finding"
    assert "no result for Packages" in said, said
    assert "odinw/Packages" in said
    content = json.loads((folder / "odinw13.json").read_text())
    assert content["tasks"]["Packages"] is None
    known = [content["tasks"][task] for task in ("Aquarium", "pistols")]
    assert content["figures"]["AP"] == pytest.approx(sum(known) / 2)
    submission = json.loads((folder / "submission.json").read_text())
    assert {"image_id", "category_id", "bbox", "score"} == set(submission["pistols_export"][0])
    odinw(tmp_path / "data", world, "Packages")
    evaluate.main()
    said = "".join(capfd.readouterr())
    assert said.count("finished before") == 2
    assert "no result" not in said
    assert json.loads((folder / "odinw13.json").read_text())["tasks"]["Packages"] is not None


@pytest.mark.slow
def test_published_draws_are_trained_on_and_submitted(
    finding: Path, world: Path, tmp_path: Path
) -> None:
    draws = [f"{split}/fewshot_{split}_shot3_seed{seed}.json" for split in ("train", "val")
             for seed in (3, 30)]  # fmt: skip
    odinw(tmp_path / "data", world, "Aquarium", "test", *draws)
    words = [
        *(sys.executable, "-m", "glip_pl.train", "experiment=few_shot_odinw", "odinw=Aquarium"),
        *("shots_seed=3,30", "model=glip_nano", "tuning=prompt", "trainer.max_epochs=1"),
        *(f"ckpt={finding}", f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs"),
        *("data.workers=0", "callbacks.progress=null", "+trainer.enable_progress_bar=false"),
        *("data.eval_transform.max_side=96", "data.train_transform.max_side=96", "trainer=cpu"),
        *(f"tokenizer.source={MINILM}", "trainer.check_val_every_n_epoch=1"),
    ]
    said = launched(words, tmp_path)
    folder = tmp_path / "runs" / "few_shot_odinw" / "finding" / "3" / "prompt"
    submission = json.loads((folder / "submission.json").read_text())
    assert set(submission) == {"Aquarium_Aquarium_Combined.v2-raw-1024.coco"}
    (draws_found,) = submission.values()
    assert set(draws_found) == {"3", "30"}, said
    again = launched([*words, "shots_seed=3,30,300"], tmp_path)
    assert again.count("finished before") == 2
    assert "fewshot_train_shot3_seed300.json" in again
    assert "no result for Aquarium" in again
    other = launched([*words, "optimizer.lr=1e-3"], tmp_path)  # the folder's runs are others
    assert other.count("belongs to another job") == 2
    assert "no result for Aquarium" in other
    several = launched([*words, "tuning=prompt,head"], tmp_path)
    assert "error: tuning has several values" in several
    assert "Launching" not in several
