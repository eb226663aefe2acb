"""Evaluations as people run them: whole, interrupted, on several processes, over many tasks."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from omegaconf import DictConfig
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glip_pl import evaluate
from glip_pl.inference.predictor import Predictor
from glip_pl.training.callbacks.resumed_evaluation import ResumedTest
from tests.conftest import Compose, launched
from tests.metrics.cases import TWELVE
from tests.training.commands import Command, Place, start

QUIET = [
    *("data.prepare=null", "data.workers=0", "data.batch_size=1", "callbacks.pictures=null"),
    *("callbacks.progress=null", "+trainer.enable_progress_bar=false", "trainer.precision=32-true"),
    *("data.eval_transform.short_sides=[96]", "data.eval_transform.max_side=128"),
]

SEEN_AND_RARE = ["data.test.unseen=null", "data.test.synonyms=null"]


@pytest.fixture
def finding(tiny_finding: Path) -> Path:
    """The smallest model: these tests are about how it is evaluated."""
    return tiny_finding


@pytest.fixture
def run(finding: Path, world: Path, settings: Compose) -> Callable[..., DictConfig]:
    """Evaluates with these overrides and returns the settings."""

    def evaluated(*overrides: str) -> DictConfig:
        words = [f"ckpt={finding}", f"data.root={world}", *QUIET, *overrides]
        config = settings(words, name="evaluate")
        evaluate.evaluate(config)
        return config

    return evaluated


def results(folder: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "results.json").read_text())
    return found


def figures(folder: str | Path) -> dict[str, Any]:
    return {name: one["figures"] for name, one in results(folder)["sets"].items()}


def test_other_programs_compute_the_same_of_the_detections(run: Any, world: Path) -> None:
    output = Path(run().paths.output)
    truth = COCO(str(world / "annotations/seen.json"))
    found = truth.loadRes(str(output / "detections_seen.json"))
    evaluator = COCOeval(truth, found, "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    ours = figures(output)["seen"]
    assert len(found.anns) > 50
    for name, known in zip(TWELVE, evaluator.stats, strict=True):
        assert (-1 if ours[name] is None else ours[name]) == pytest.approx(known, abs=1e-5), name
    assert results(output)["checkpoint"]["sha256"]
    assert results(output)["sets"]["seen"]["images"] == 4
    assert "0.50:0.95" in results(output)["sets"]["seen"]["protocol"]
    second = results(output)["sets"]["seen"]["pycocotools"]
    assert second["agrees"] and second["largest_difference"] < 1e-9 and second["version"]
    assert list((output / "misses" / "seen").glob("00_*_missed_*.png"))


def test_images_have_the_size_that_the_checkpoint_was_trained_with(
    settings: Compose, custom: Path, finding: Path
) -> None:
    """`data=custom` has a size of its own, for trainings: what `predict` finds is evaluated."""
    words = ["data=custom", f"data.root={custom}", f"ckpt={finding}", *QUIET[1:-2]]
    config = settings(words, "evaluate")
    evaluate.evaluate(config)
    output = config.paths.output
    size = results(output)["sets"]["custom"]["image_size"]
    assert size == {"short_side": 32, "max_side": 64, "from": "checkpoint"}

    annotations = json.loads((custom / "val" / "_annotations.coco.json").read_text())
    names = [one["name"] for one in sorted(annotations["categories"], key=lambda one: one["id"])]
    first = annotations["images"][0]
    predictor = Predictor.load(finding)
    with Image.open(custom / "val" / first["file_name"]) as picture:
        predicted = predictor(picture, names, threshold=0)
    found = json.loads(Path(output, "detections_custom.json").read_text())
    scores = sorted((one["score"] for one in found if one["image_id"] == first["id"]), reverse=True)
    assert scores[:20] == pytest.approx(predicted.scores[:20].tolist(), abs=1e-5)

    evaluate.evaluate(settings([*words, "data.eval_transform.short_sides=[96]"], "evaluate"))
    assert results(output)["sets"]["custom"]["image_size"] == {
        **{"short_side": 96, "max_side": 64, "from": "settings"},
        "checkpoint": {"short_side": 32, "max_side": 64},
    }


def test_the_same_evaluation_is_not_done_twice(run: Any, capsys: Any) -> None:
    run(*SEEN_AND_RARE)
    run(*SEEN_AND_RARE)
    assert "finished before" in capsys.readouterr().out
    run(*SEEN_AND_RARE, "decoder.score_threshold=0.06")
    assert "finished before" not in capsys.readouterr().out


def test_an_interrupted_evaluation_goes_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = figures(run("paths.output=${paths.runs}/whole").paths.output)
    seen: list[int] = []
    first: list[int] = []
    remember = ResumedTest.on_test_batch_end

    def interrupted(self: ResumedTest, *given: Any) -> None:
        remember(self, *given)
        seen.extend(given[3].image_ids)
        if len(seen) == 6 and not first:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResumedTest, "on_test_batch_end", interrupted)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run("decoder.max_detections=99")
    first.extend(seen)
    seen.clear()
    config = run("decoder.max_detections=99")  # finds the same, but by settings of its own
    assert len(first) == 6
    assert len(seen) == 10 + 1  # 16 images in all; a finished set looks at its first once more
    assert json.dumps(figures(config.paths.output)) == json.dumps(whole)
    assert not list(Path(config.paths.runs, "unfinished").rglob("*.safetensors"))


def test_many_categories_by_the_protocol_of_lvis(run: Any, world: Path, tmp_path: Path) -> None:
    content = json.loads((world / "annotations/unseen.json").read_text())
    for number, one in enumerate(content["categories"]):
        one["frequency"] = "rcf"[number % 3]
    for image in content["images"]:
        image["neg_category_ids"], image["not_exhaustive_category_ids"] = [1, 2], [3]
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps(content))
    config = run(
        *("data.test.seen=null", "data.test.synonyms=null"),
        f"data.test.unseen.reader.annotations={path}",
        "data.test.unseen.metric._target_=glip_pl.metrics.lvis.LVISAveragePrecision",
        "+data.test.unseen.chunk=3", "decoder.max_detections=300",
    )  # fmt: skip
    found = figures(config.paths.output)["unseen"]
    assert {"AP", "APr", "APc", "APf", "AP_standard"} <= found.keys()
    assert "pycocotools" not in results(config.paths.output)["sets"]["unseen"]
    entries = json.loads((Path(config.paths.output) / "detections_unseen.json").read_text())
    assert {one["category_id"] for one in entries} == set(range(1, 9))


def test_captions_are_asked_for_their_phrases(run: Any, world: Path, tmp_path: Path) -> None:
    content = json.loads((world / "annotations/captions.json").read_text())
    for image in content["images"]:
        mine = [one for one in content["annotations"] if one["image_id"] == image["id"]]
        spans = {tuple(one["tokens_positive"][0]) for one in mine}
        image["tokens_positive_eval"] = [[list(span)] for span in sorted(spans)]
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps(content))
    config = run(
        *("data.test.seen=null", "data.test.rare=null"),
        *("data.test.synonyms=null", "data.test.unseen=null"),
        "+data/eval@data.test.phrases=flickr30k_val",
        f"data.test.phrases.reader.annotations={path}",
        f"data.test.phrases.reader.images={world}/images/captions",
        "data.test.phrases.reader.entities=null",
    )  # fmt: skip
    found = figures(config.paths.output)["phrases"]
    assert 0 <= found["R@1"] <= found["R@5"] <= found["R@10"] <= found["R@all"] <= 1
    assert found["R@all"] > 0
    assert results(config.paths.output)["score"] == pytest.approx(found["R@1"])


def command(finding: Path, world: Path, *words: str) -> list[str]:
    return [
        *(sys.executable, "-m", "glip_pl.evaluate", f"ckpt={finding}", f"data.root={world}"),
        *(*QUIET, *words),
    ]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(
    run: Any, finding: Path, world: Path, tmp_path: Path
) -> None:
    alone = run(*SEEN_AND_RARE).paths.output
    words = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", *SEEN_AND_RARE]
    words = command(finding, world, *words, f"hydra.run.dir={tmp_path}/both")[3:]
    port = find_free_network_port()
    places = [Place(rank, 2, port) for rank in range(2)]
    for process in [start(Command("glip_pl.evaluate", words, tmp_path, at)) for at in places]:
        process.join()
        assert process.exitcode == 0, (tmp_path / "log.txt").read_text()
    assert json.dumps(figures(alone)) == json.dumps(figures(tmp_path / "both"))


@pytest.mark.slow
def test_after_torchrun(finding: Path, world: Path, tmp_path: Path) -> None:
    words = command(finding, world, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    words = [*launch, *words[1:], f"hydra.run.dir={tmp_path}/both"]
    said = launched(words, tmp_path, OMP_NUM_THREADS="1")
    assert (tmp_path / "both" / "results.json").is_file(), said
    assert results(tmp_path / "both")["sets"]["seen"]["images"] == 4


@pytest.mark.slow
def test_a_killed_evaluation_goes_on(finding: Path, world: Path, tmp_path: Path) -> None:
    """SIGKILL, and the next try with two processes instead of one."""
    code = "from glip_pl.inference import evaluation_cache as cache; cache.SAVE_INTERVAL = 0; "
    code += "from glip_pl import evaluate; "
    words = command(finding, world, "trainer=cpu", f"paths.runs={tmp_path}/runs")
    words[1:3] = ["-c", code + "evaluate.main()"]
    launched([*words, f"hydra.run.dir={tmp_path}/whole"], tmp_path)
    process = subprocess.Popen([*words, f"hydra.run.dir={tmp_path}/cut"], cwd=tmp_path)
    unfinished = tmp_path / "runs" / "unfinished"
    while len(list(unfinished.rglob("*.safetensors"))) < 4:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = command(finding, world, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    places = [f"paths.runs={tmp_path}/runs", f"hydra.run.dir={tmp_path}/rest"]
    said = launched([*again, *places], tmp_path)
    assert "images were evaluated before an interruption" in said
    assert json.dumps(figures(tmp_path / "rest")) == json.dumps(figures(tmp_path / "whole"))


def test_progress_is_logged_without_a_terminal(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="glip_pl"):
        run(*SEEN_AND_RARE, "+callbacks.test_progress.every=0")
    assert "batch 8 of 8, about 0 min left" in caplog.text


def test_names_of_nothing_in_the_pictures_are_asked_as_well(
    run: Any, tmp_path: Path, capsys: Any
) -> None:
    names = tmp_path / "foils.txt"
    names.write_text("zebra\npurple cow\n")
    overrides = [*SEEN_AND_RARE, f"foils={names}"]
    with_foils = figures(run(*overrides).paths.output)
    assert "foils: names of absent objects" in capsys.readouterr().out
    without = figures(run(*SEEN_AND_RARE, f"paths.output={tmp_path}/other").paths.output)
    for name in ("seen", "rare"):
        asked = with_foils[name]
        assert {key: asked[key] for key in without[name]} == without[name]
        assert asked["AP_drop"] == pytest.approx(asked["AP"] - asked["AP_beside_foils"])
        for suffix in ("", "_alone"):
            by_name = [asked[f"foil_fires{suffix}/{foil}"] for foil in ("zebra", "purple cow")]
            assert sum(by_name) == pytest.approx(asked[f"foil_fires{suffix}"])
    names.write_text("zebra\nyellow cow\n")  # the same setting is another question
    assert "foil_fires/yellow cow" in figures(run(*overrides).paths.output)["seen"]


def test_foils_that_the_data_name_are_refused(run: Any) -> None:
    with pytest.raises(InstantiationException, match="foils names circle, which the data show"):
        run(*SEEN_AND_RARE, "foils=[zebra,circle]")


def test_of_rivals_the_best_wins_with_foils_too(run: Any, world: Path, tmp_path: Path) -> None:
    words = [*SEEN_AND_RARE, "data.test.seen=null", "data.test.rare=null"]
    words += ["+data/eval@data.test.attributes=shapes_attributes"]
    words += ["foils=[pink circle,grey circle]"]
    plain = figures(run(*words, f"paths.output={tmp_path}/plain").paths.output)["attributes"]
    words += ["decoder.exclusive=true", f"paths.output={tmp_path}/exclusive"]
    exclusive = figures(run(*words).paths.output)["attributes"]
    assert plain.keys() == exclusive.keys() >= {"rivals_boxed", "rivals_won", "foil_fires"}
    detections = json.loads((tmp_path / "exclusive" / "detections_attributes.json").read_text())
    assert len(detections) < len(
        json.loads((tmp_path / "plain" / "detections_attributes.json").read_text())
    )
