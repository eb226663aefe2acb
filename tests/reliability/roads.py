"""The ways by which every command reads a checkpoint, in this process."""

import csv
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.convert import convert
from glip_pl.evaluate import evaluate
from glip_pl.inference.predictor import Predictor
from glip_pl.interpolate import interpolate
from glip_pl.predict import predict
from glip_pl.pseudo_label import pseudo_label
from glip_pl.running.settings import compose_settings
from glip_pl.self_train import self_train
from glip_pl.train import train
from glip_pl.training.checkpoint_io import WholeCheckpointIO
from tests.conftest import SMALL
from tests.reliability import tiny

Road = Callable[[Path], object]
"""Reads a checkpoint as a command does."""

COMMANDS: dict[str, Callable[[DictConfig], object]] = {
    "predict": predict,
    "evaluate": evaluate,
    "convert": convert,
    "interpolate": interpolate,
    "pseudo_label": pseudo_label,
    "self_train": self_train,
    "train": train,
}


class Workshop:
    """The settings of every command on the tiny world, composed once, and a sound checkpoint."""

    def __init__(self, folder: Path, world: Path) -> None:
        self.folder = folder
        text_folder = tiny.write_text_folder(folder / "sound")
        self.sound = tiny.write_own(folder / "sound.ckpt", tiny.config_of(text_folder))
        tiny.PICTURE.save(folder / "picture.png")
        with (folder / "captions.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "caption"), ("picture.png", "a red circle")])
        table = [f"annotations={folder}/captions.csv", f"images={folder}"]
        data = [*SMALL, f"data.root={world}", *tiny.overrides(text_folder), "callbacks.best=null"]
        words = {
            "predict": [f"image={folder}/picture.png", "text=circle"],
            "evaluate": data,
            "convert": ["official=x", f"out={folder}/out.safetensors"],
            "verify": ["official=x", "verify=true", f"picture={folder}/picture.png"],
            "interpolate": [*data, "before=x", "shares=[0.5]", f"out={folder}/out.safetensors"],
            "pseudo_label": ["source=table", *(f"source.{word}" for word in table)],
            "self_train": [*data, "data=shapes", "teacher=x"],
            "train": [*data, "data.val=null", "data.test=null", "trainer.max_steps=1"],
        }
        self.settings = {
            name: compose_settings(self._anywhere(overrides), self._command(name))
            for name, overrides in words.items()
        }
        label = self.settings["self_train"].label
        with open_dict(label):
            label.source = self.settings["pseudo_label"].source
        self.number = 0

    def _command(self, name: str) -> str:
        return "convert" if name == "verify" else name

    def _anywhere(self, overrides: list[str]) -> list[str]:
        named = [] if "source=table" in overrides or "text=circle" in overrides else ["name=test"]
        return [*overrides, f"paths.runs={self.folder}/runs", *named]

    def run(self, name: str, **values: Any) -> object:
        """Runs a command with these settings and a new output folder."""
        self.number += 1
        output = str(self.folder / "outputs" / str(self.number))
        config = self.settings[name].copy()
        with open_dict(config):
            if "output" in config:
                config.output = output
            config.paths.output = output
            for key, value in values.items():
                config[key] = value
        try:
            return COMMANDS[self._command(name)](config)
        finally:
            shutil.rmtree(output, ignore_errors=True)

    def resume_last(self, path: Path) -> object:
        """Resumes a run in whose folder the file is last.ckpt; returns a hash of its weights."""
        self.number += 1
        output = self.folder / "outputs" / str(self.number)
        last = output / "checkpoints" / "last.ckpt"
        last.parent.mkdir(parents=True)
        shutil.copy(path, last)
        config = self.settings["train"].copy()
        config.resume, config.paths.output, config.trainer.max_steps = "auto", str(output), 2
        try:
            train(config)
            return tiny.digest(read_checkpoint(last).weights)
        finally:
            shutil.rmtree(output, ignore_errors=True)

    def trained(self, path: Path) -> Path:
        """A checkpoint of a training of one step."""
        config = self.settings["train"].copy()
        config.paths.output = str(path.with_suffix(""))
        train(config)
        shutil.copy(path.with_suffix("") / "checkpoints" / "last.ckpt", path)
        return path

    @property
    def roads(self) -> Mapping[str, Road]:
        """Every way to read a checkpoint, by the setting that names it."""
        return {
            "predict ckpt=": lambda path: self.run("predict", ckpt=str(path)),
            "predict prompt=": lambda path: self.run(
                "predict", ckpt=str(self.sound), text=None, prompt=str(path)
            ),
            "evaluate ckpt=": lambda path: self.run("evaluate", ckpt=str(path)),
            "convert official=": lambda path: self.run("convert", official=str(path)),
            "convert verify=true": lambda path: self.run("verify", official=str(path)),
            "interpolate before=": lambda path: self.run(
                "interpolate", before=str(path), after=str(self.sound)
            ),
            "interpolate after=": lambda path: self.run(
                "interpolate", before=str(self.sound), after=str(path)
            ),
            "pseudo_label ckpt=": lambda path: self.run("pseudo_label", ckpt=str(path)),
            "self_train teacher=": lambda path: self.run("self_train", teacher=str(path)),
            "train ckpt=": lambda path: self.run("train", ckpt=str(path)),
            "train resume=": lambda path: self.run("train", resume=str(path)),
            "train resume=auto": self.resume_last,
            "Trainer.fit": lambda path: WholeCheckpointIO().load_checkpoint(path),
            "Predictor.load": lambda path: Predictor.load(path),
        }
