"""Every `data=` composes and names real things; ODinW's tasks are those of the paper."""

import json
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from glip_pl.data.problems import Problems
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.inspection.check import check
from glip_pl.inspection.named_set import NamedSet
from glip_pl.prompts.prompt_from_text import Wording, clean_name, detection_prompt
from glip_pl.prompts.tokens import Tokenizer, check_budget
from glip_pl.running.settings import compose_settings
from tests.conf.test_experiments import _find, targets
from tests.conftest import MINILM, SHARED, Compose
from tests.data.formats.writers import coco, scenes

DATA = sorted(path.stem for path in (CONF_DIR / "data").glob("*.yaml"))
TRAIN = sorted(path.stem for path in (CONF_DIR / "data" / "train").glob("*.yaml"))
TASKS = sorted(path.stem for path in (CONF_DIR / "odinw").glob("*.yaml"))
KEYS = ("prefix", "name", "suffix")
SHARED_PARTS = {"captions", "categories", "pseudo_captions"}
"""What sources are made of, which are none themselves."""


@pytest.mark.parametrize("name", [name for name in DATA if name != "base"])
def test_data_compose_and_name_real_things(name: str, settings: Compose) -> None:
    words = [f"data={name}", "++data.root=here", "++data.captions=here.json", "++data.shards=*.tar"]
    words += ["++data.roots=[here]"]
    words += ["odinw=dice"] if name == "odinw" else []
    config = settings(["experiment=pretrain_o365", *words])
    plain: Any = OmegaConf.to_container(config.data, resolve=True)
    assert plain["train"] and plain["val"]
    for target in targets(plain):
        assert callable(_find(target)), target


@pytest.mark.parametrize("name", [name for name in TRAIN if name not in SHARED_PARTS])
def test_sources_can_be_put_into_any_mix(name: str, settings: Compose) -> None:
    config = settings(["experiment=pretrain_o365", f"+data/train@data.train.more={name}"])
    plain: Any = OmegaConf.to_container(config.data.train.more, resolve=True)
    assert plain["_target_"].endswith(".Source")
    for target in targets(plain):
        assert callable(_find(target)), target


def test_voc_reads_a_folder_of_the_users_and_its_categories(
    tmp_path: Path, settings: Compose
) -> None:
    """Roboflow's export: XML files beside the pictures of each split."""
    for split, name in (("train", "platelet"), ("valid", "red cell")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.xml").write_text(
            f"<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size>"
            f"<object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax>"
            "<ymax>5</ymax></bndbox></object></annotation>"
        )
    data = settings(["data=voc", f"data.root={tmp_path}"]).data
    for node in (data.train.voc.dataset, data.val.voc):
        contents = instantiate(node.reader, _convert_="all").read(Problems())
        assert contents.names == ["platelet", "red cell"]
        assert len(list(contents.records)) == 1


@pytest.fixture(scope="module")
def tasks() -> dict[str, DictConfig]:
    """The settings of each task of ODinW."""
    words = ["experiment=pretrain_o365", "data=odinw"]
    return {task: compose_settings([*words, f"odinw={task}"]).data.task for task in TASKS}


def test_there_are_35_tasks_of_which_13_are_the_papers(tasks: dict[str, DictConfig]) -> None:
    thirteen = {name for name, task in tasks.items() if task.in_13}
    assert len(TASKS) == 35
    assert thirteen == {
        *("PascalVOC", "AerialMaritimeDrone_large", "Aquarium", "CottontailRabbits"),
        *("EgoHands_generic", "NorthAmericaMushrooms", "Packages", "Raccoon"),
        *("ShellfishOpenImages", "VehiclesOpenImages", "pistols", "pothole"),
        "thermalDogsAndPeople",
    }


def test_tasks_are_those_of_the_catalogue(tasks: dict[str, DictConfig]) -> None:
    catalogue = SHARED / "design" / "odinw_catalog.json"
    if not catalogue.is_file():
        pytest.skip("the shared catalogue is not beside this checkout")
    recorded = json.loads(catalogue.read_text())
    for task in tasks.values():
        official = recorded[task.official_name]
        assert list(task.names) == [one["name"] for one in official["categories"]]
        assert task.zero_shot_split == official["default_eval_split"].strip("()\",'")
        for split, place in task.splits.items():
            assert place.annotations == official["splits"][split]["ann_file"]
            assert place.images == official["splits"][split]["img_dir"].rstrip("/")
        wordings = None
        if task.wordings is not None:
            wordings = [{key: one[key] for key in KEYS} for one in task.wordings]
        assert wordings == official["caption_prompt"]


def test_every_tasks_prompt_fits(tokenizer: Tokenizer, tasks: dict[str, DictConfig]) -> None:
    for task in tasks.values():
        wordings = instantiate(task.wordings, _convert_="all") or [
            Wording(clean_name(one)) for one in task.names
        ]
        check_budget(tokenizer, detection_prompt(list(wordings)))


def test_a_task_reads_its_folder_under_its_own_names(
    tmp_path: Path, tokenizer: Tokenizer, settings: Compose
) -> None:
    """ShellfishOpenImages on disk, with raw names that the task's own names replace."""
    words = ["data=odinw", "odinw=ShellfishOpenImages", f"paths.data={tmp_path}"]
    words.append(f"tokenizer.source={MINILM}")
    config = settings(["experiment=pretrain_o365", *words])
    for split in ("train", "valid", "test"):
        folder = tmp_path / "odinw/ShellfishOpenImages/raw" / split
        folder.mkdir(parents=True)
        coco(folder, scenes(4))
        (folder / "coco.json").rename(folder / "annotations_without_background.json")
        for picture in (folder / "pictures").iterdir():
            picture.rename(folder / picture.name)
    dataset = instantiate(config.data.val.task)
    assert dataset[0].prompt.caption == "Crab. Lobster. Shrimp"
    found = check(NamedSet("val/task", dataset.reader), tokenizer, "decode", 10)
    assert found.passed and found.images == 4


@pytest.mark.parametrize(
    ("shots", "seed", "train", "count"),
    [
        ("3", "30", "fewshot_train_shot3_seed30.json", "full"),
        ("3", "7", "annotations_without_background.json", 3),
        ("2", "30", "annotations_without_background.json", 2),
        ("full", "30", "annotations_without_background.json", "full"),
    ],
)
def test_odinws_published_draws_are_read(shots: str, seed: str, train: str, count: object) -> None:
    words = ["experiment=finetune_odinw", "odinw=pothole", f"shots={shots}", f"shots_seed={seed}"]
    data = compose_settings(words).data
    assert Path(data.train.task.dataset.reader.annotations).name == train
    assert data.train.task.dataset.few_shot.count == count
    assert Path(data.val.task.reader.annotations).name == train.replace("train", "val")
    assert data.val.task.few_shot.count == count
    assert "fewshot" not in data.test.task.reader.annotations


def test_a_draw_of_the_small_validation_set_is_its_own() -> None:
    words = ["experiment=finetune_odinw", "odinw=EgoHands_generic", "shots=1", "shots_seed=3"]
    reader = compose_settings(words).data.val.task.reader
    assert reader.annotations.endswith("mini_val/fewshot_minival_shot1_seed3.json")
