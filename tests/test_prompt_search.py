"""A prompt kit is searched on few pictures, and every command obeys it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.data.images import load_image
from glip_pl.errors import UserError
from glip_pl.evaluate import evaluate
from glip_pl.export import description, graph_of
from glip_pl.inference.predictor import Predictor
from glip_pl.label import label
from glip_pl.predict import predict
from glip_pl.prompt_search import prompt_search
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.prompt_kit import PromptKit, read_kit
from glip_pl.running.settings import compose_settings
from tests.conftest import MINILM, Compose

SIZE = ["data.eval_transform.short_sides=[96]", "data.eval_transform.max_side=96"]


@pytest.fixture
def words(custom: Path, tiny_finding: Path, tmp_path: Path) -> list[str]:
    """Settings of a search on two pictures of each category."""
    return [
        *(f"data.root={custom}", f"ckpt={tiny_finding}", "device=cpu"),
        *(f"output={tmp_path}/kit", "shots=1", "gain=0", "templates=['a photo of a {}']"),
        *("synonyms={circle: [disc, ring shape], star: [pentagram]}", *SIZE),
    ]


@pytest.fixture
def kit(tiny_finding: Path, tmp_path: Path) -> Path:
    """A kit whose thresholds let pass all circles and no star."""
    path = tmp_path / "kit.yaml"
    names = ("circle", "star")
    PromptKit(names, (Wording("disc"), Wording("star", "a ")), (0.0, 1.0), "x").write(path)
    return path


def results(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text())


def test_a_kit_is_searched_and_compared_on_other_pictures(
    words: list[str], settings: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt_search(settings(words, "prompt_search"))
    folder = tmp_path / "kit"
    found = read_kit(folder / "prompt_kit.yaml")
    assert "circle" in found.names and len(found.names) == 8
    said = capsys.readouterr().out
    assert "disc" in said and "4 others, which chose nothing" in said
    figures = results(folder)
    lines = (folder / "tried.jsonl").read_text().splitlines()
    prompt_search(settings(words, "prompt_search"))  # continues: nothing is left to do
    assert (folder / "tried.jsonl").read_text().splitlines() == lines
    assert results(folder) == figures
    assert "1 prompts were encoded" in capsys.readouterr().out

    evaluation = [word for word in words if word.startswith(("data.", "ckpt", "tokenizer"))]
    evaluation += ["data=custom", "data.workers=0", "trainer=cpu", "callbacks.progress=null"]
    for prompt, kind in (("null", "names"), (folder / "prompt_kit.yaml", "kit")):
        config = settings([*evaluation, f"prompt={prompt}"], "evaluate")
        evaluate(config)
        own = results(Path(config.paths.output))["sets"]["custom"]["figures"]["AP"]
        assert own == pytest.approx(figures["mean"][kind]["AP"] / 100, abs=1e-6)


def test_a_folder_with_scores_of_other_pictures_is_refused(
    words: list[str], settings: Compose
) -> None:
    prompt_search(settings(words, "prompt_search"))
    with pytest.raises(UserError, match="differs in: pictures"):
        prompt_search(settings([*words, "shots=full"], "prompt_search"))


def test_splits_with_other_categories_are_refused(
    words: list[str], settings: Compose, custom: Path, tmp_path: Path
) -> None:
    root = tmp_path / "changed"
    shutil.copytree(custom, root)
    path = root / "val" / "_annotations.coco.json"
    path.write_text(path.read_text().replace('"star"', '"comet"'))
    with pytest.raises(UserError, match=r"held-out pictures have the categories .*comet"):
        prompt_search(settings([*words, f"data.root={root}"], "prompt_search"))


def test_predict_obeys_words_and_thresholds(
    kit: Path, tiny_finding: Path, custom: Path, tmp_path: Path
) -> None:
    picture = sorted((custom / "val").glob("*.png"))[0]
    predictor = Predictor.load(tiny_finding, "cpu")
    result = predictor(picture, kit, threshold=0.9)
    assert result.prompt.caption == "disc. a star"
    assert result.classes == ("circle", "star")
    assert result.names and set(result.names) == {"circle"}
    plain = predictor(picture, ["disc", "star"], threshold=0.0)
    assert set(plain.names) == {"disc", "star"}
    words = [f"image={picture}", f"prompt={kit}", f"ckpt={tiny_finding}", f"output={tmp_path}/out"]
    predict(compose_settings([*words, "device=cpu"], "predict"))
    written = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert {box["phrase"] for one in written["images"] for box in one["boxes"]} == {"circle"}


def test_label_obeys_a_kit_unless_thresholds_say_otherwise(
    kit: Path, tiny_finding: Path, custom: Path, tmp_path: Path
) -> None:
    words = [f"images={custom}/val", f"prompt={kit}", f"ckpt={tiny_finding}", "device=cpu"]
    words += ["format=coco"]
    for number, more in enumerate(([], ["thresholds={star: 0.0}"])):
        label(compose_settings([*words, *more, f"output={tmp_path}/labels{number}"], "label"))
        content = json.loads((tmp_path / f"labels{number}" / "annotations.json").read_text())
        names = {one["id"]: one["name"] for one in content["categories"]}
        found = {names[one["category_id"]] for one in content["annotations"]}
        assert found == ({"circle", "star"} if more else {"circle"})


def test_an_export_has_the_names_and_thresholds(kit: Path, tiny_finding: Path) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    graph = graph_of(predictor, compose_settings([f"prompt={kit}"], "export"))
    about = description(predictor, graph, MINILM, tiny_finding, read_kit(kit).thresholds)
    assert about["classes"] == ["circle", "star"]
    assert about["thresholds"] == [0.0, 1.0]
    assert description(predictor, graph, MINILM, tiny_finding)["thresholds"] is None


def test_a_kit_without_thresholds_takes_the_common_one(tiny_finding: Path, custom: Path) -> None:
    predictor = Predictor.load(tiny_finding, "cpu")
    picture = load_image(sorted((custom / "val").glob("*.png"))[0])
    one = PromptKit(("circle",), (Wording("circle"),), (None,), "x")
    found, plain = (predictor(picture, what, threshold=0.2) for what in (one, ["circle"]))
    torch.testing.assert_close(found.scores, plain.scores)
