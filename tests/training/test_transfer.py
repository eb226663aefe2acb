"""Adapting a trained model: what trains moves, what is frozen does not, whatever the tuning."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.errors import UserError
from glip_pl.evaluate import evaluate
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.inference.predictor import Predictor
from glip_pl.train import train
from tests.conftest import SMALL, Compose

ENCODERS = ("image_encoder.", "text_encoder.")
LATER = ("fusions.", "dynamic_convs.", "head.")
LAST = ("box", "centerness", "text_projection", "log_scale", "token_bias", "prior_bias")
TRAINS = {
    "full": (*ENCODERS, "fpn.", *LATER),
    "frozen_text": ("image_encoder.", "fpn.", *LATER),
    "head": LATER,
    "linear_probe": tuple(f"head.{one}" for one in LAST),  # not the levels' scales
    "prompt": ("prompts.",),
    "prompt_deep": ("prompts.",),
    "lora": ENCODERS,
}
"""Beginnings of names that may change."""

Transfer = Callable[..., Path]


@pytest.fixture
def finding(tiny_finding: Path) -> Path:
    return tiny_finding


@pytest.fixture
def transfer(settings: Compose, custom: Path, tiny: list[str], finding: Path) -> Transfer:
    """Tunes a trained model on a user's folder; returns the run's folder."""

    def run(tuning: str, *words: str) -> Path:
        pretrained = f"ckpt={finding}" if "ckpt" not in "".join(words) else "seed=0"
        config = settings(
            [
                *(one for one in SMALL if not one.startswith("data.prepare")),
                *("experiment=finetune_custom", f"data.root={custom}", f"tuning={tuning}"),
                *("data.train_transform.max_side=96", "data.eval_transform.max_side=96"),
                *(*tiny, "data.batch_size=4"),
                *("trainer.max_epochs=1", pretrained),
                *words,
            ]
        )
        train(config)
        return Path(config.paths.output)

    return run


QUICK = ("linear_probe", "prompt_deep", "lora")
"""Of the tunings, those of the default suite."""


@pytest.mark.parametrize(
    "tuning",
    [pytest.param(one, marks=[] if one in QUICK else pytest.mark.slow) for one in TRAINS],
)
def test_only_what_a_tuning_names_changes(tuning: str, transfer: Transfer, finding: Path) -> None:
    folder = transfer(tuning)
    before = read_checkpoint(finding).weights
    after = read_checkpoint(folder / "checkpoints" / "last.ckpt").weights
    assert set(before) <= set(after)
    changed = {
        name
        for name, value in after.items()
        if not torch.equal(value, before.get(name, torch.zeros_like(value)))
    }
    assert changed
    assert not [name for name in changed if not name.startswith(TRAINS[tuning])]
    for part in TRAINS[tuning]:
        assert any(name.startswith(part) for name in changed), part


def test_every_tuning_is_tested() -> None:
    shipped = {path.stem for path in (CONF_DIR / "tuning").glob("*.yaml")}
    assert shipped - {"frozen_stem"} == set(TRAINS)  # which is for Swin


@pytest.mark.parametrize("tuning", [pytest.param("prompt", marks=pytest.mark.slow), "prompt_deep"])
def test_a_learned_prompt_stands_alone(
    tuning: str,
    transfer: Transfer,
    finding: Path,
    custom: Path,
    settings: Compose,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = transfer(tuning, "trainer.max_epochs=2")
    file = folder / "checkpoints" / "prompt.safetensors"
    assert file.stat().st_size < 300_000
    words = [
        *SMALL,
        *("data=custom", f"data.root={custom}"),
        "data.eval_transform.max_side=96",
    ]
    given = (
        [f"ckpt={folder}/checkpoints/best.ckpt"],
        [f"ckpt={finding}", f"prompt={file}"],
        [f"ckpt={finding}"],
    )
    words.remove("data.prepare=null")
    detected = []
    for one in given:
        config = settings([*words, *one], "evaluate")
        evaluate(config)
        detected.append(Path(config.paths.output, "detections_custom.json").read_text())
    tuned, alone, before = detected
    assert "other weights" not in caplog.text
    assert tuned == alone != before


def test_a_checkpoint_of_lora_is_a_plain_one(transfer: Transfer, custom: Path) -> None:
    folder = transfer("lora", "callbacks.ema=null")
    last = folder / "checkpoints" / "last.ckpt"
    raw = torch.load(last, weights_only=True)["state_dict"]
    adapters = [name for name in raw if ".lora_B." in name and bool(raw[name].any())]
    assert any("text_encoder" in name for name in adapters)
    assert any("image_encoder" in name for name in adapters)
    predictor = Predictor.load(last)
    names = {name for name, _ in predictor.model.named_parameters()}
    assert not [name for name in names if "lora" in name]
    picture = next((custom / "val").glob("*.png"))
    assert len(predictor(picture, "circle. square", threshold=0.0))


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora", "prompt_deep"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tuning: str, settings: Compose, transfer: Transfer, tmp_path: Path
) -> None:
    words = ["schedule=plateau", "shots=3", "callbacks.best=null", "data.test=null"]
    whole = transfer(tuning, *words, "trainer.max_epochs=3", f"paths.output={tmp_path}/whole")
    part = transfer(tuning, *words, f"paths.output={tmp_path}/part")
    last = f"resume={part}/checkpoints/last.ckpt"
    rest = transfer(tuning, *words, last, "trainer.max_epochs=3", f"paths.output={tmp_path}/rest")
    one, other = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (whole, rest)
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_prompt_cannot_be_learned_where_prompts_vary(transfer: Transfer) -> None:
    with pytest.raises(UserError, match=r"data\.train\.custom has other prompts"):
        transfer("prompt", "data.train.custom.dataset.sampler.shuffle=true")


def test_few_shots_train_and_choose(
    transfer: Transfer, custom: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("shots=1", "schedule=plateau", "trainer.max_epochs=2", "ckpt=null")
    with caplog.at_level("WARNING"):
        folder = transfer("head", *words)
    assert "fpn keep their random initial weights" in caplog.text
    assert json.loads((folder / "results.json").read_text())["sets"]["custom"]["images"] == 4
    with (folder / "csv" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    content = json.loads((custom / "train" / "_annotations.coco.json").read_text())
    needed = {category["id"] for category in content["categories"]}
    taken = 0
    for image in sorted(content["images"], key=lambda one: one["id"]):
        shown = {
            one["category_id"] for one in content["annotations"] if one["image_id"] == image["id"]
        }
        taken += bool(shown & needed)
        needed -= shown
    assert 0 < taken < len(content["images"])
    assert len(steps) == 2 * (taken * 8 // 4)  # epochs, copies of one shot, batch


@pytest.mark.slow
def test_resume_auto_goes_on_in_the_same_folder_or_says_that_it_is_done(
    transfer: Transfer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("resume=auto", f"paths.output={tmp_path}/one", "seed=0")
    folder = transfer("head", *place, "data.test=null")
    last = folder / "checkpoints" / "last.ckpt"
    steps = torch.load(last, weights_only=True)["global_step"]
    folder = folder.rename(tmp_path / "moved")
    last = folder / "checkpoints" / "last.ckpt"
    place = ("resume=auto", f"paths.output={folder}", "seed=0")
    transfer("head", *place, "data.test=null")
    assert torch.load(last, weights_only=True)["global_step"] == steps
    with pytest.raises(UserError, match="belongs to another job"):
        transfer("head", *place)
    (folder / "claim.json").unlink()
    transfer("head", *place)
    assert (folder / "detections_custom.json").is_file()
    capsys.readouterr()
    transfer("head", *place)
    assert "finished before" in capsys.readouterr().out
