"""Rounds of self-training: `python -m glip_pl.self_train experiment=shapes_t teacher=best`."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.files.writing import write_json
from glip_pl.pseudo_label import pseudo_label
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import compose_settings, plain
from glip_pl.train import train


def self_train(config: DictConfig) -> float | None:
    """A teacher labels, a student learns, and is the next round's teacher; returns the last score.

    With `teacher_decay`, students start from their teacher, and the next one is the mean of both:
    a teacher that moves slowly forgets less. The same command again goes on where it was.
    """
    folder = Path(config.paths.output)
    teacher = _first_teacher(folder, config)
    _claim(folder, config, teacher)
    student, score = teacher, None
    for number in range(1, config.rounds + 1):
        here = folder / f"round_{number}"
        done = here / "done.json"
        if done.is_file():
            score = json.loads(done.read_text())["val/AP"]
        else:
            print(f"round {number} of {config.rounds}: {teacher} labels")
            pseudo_label(_label_settings(config, teacher, here / "labels"))
            print(f"round {number} of {config.rounds}: a student learns")
            score = train(_train_settings(config, here, teacher))
            write_json(done, {"teacher": str(teacher), "val/AP": score})
        student = _student(here)
        if config.teacher_decay is None:
            teacher = student
        else:
            teacher = _mean(teacher, student, config.teacher_decay, here / "teacher.safetensors")
    print(f"the last student: {student}")
    return score


def _first_teacher(folder: Path, config: DictConfig) -> Path:
    """The checkpoint that the first round began with: later rounds make newer "best" ones."""
    known = folder / "self_train.json"
    if config.teacher in ("best", "last") and known.is_file():
        return Path(json.loads(known.read_text())["file"])
    return find_checkpoint(config.teacher, Path(config.paths.runs))


def _claim(folder: Path, config: DictConfig, teacher: Path) -> None:
    """Raise UserError if the folder holds rounds by other settings or of another teacher."""
    settings: Any = OmegaConf.to_container(config, resolve=False)
    for key in ("rounds", "paths", "teacher", "trainer", "logger"):  # more rounds may follow
        settings.pop(key)
    asked = {"teacher": sha256_of(teacher), "settings": settings}
    path = folder / "self_train.json"
    known = json.loads(path.read_text()) if path.is_file() else asked
    if any(known.get(key) != value for key, value in asked.items()):
        raise UserError(
            f"{folder} holds rounds by other settings or of another teacher; set hydra.run.dir="
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {**asked, "file": str(teacher.resolve())})


def _label_settings(config: DictConfig, teacher: Path, output: Path) -> DictConfig:
    settings = compose_settings([], "pseudo_label")
    with open_dict(settings):
        settings.ckpt, settings.output = str(teacher), str(output)
        settings.paths = plain(config.paths)
        for key, value in plain(config.label).items():
            if key not in (*settings, "scorer"):  # a group that is absent while it is null
                raise UserError(f"label.{key} is no setting of pseudo_label")
            settings[key] = value
        if not OmegaConf.is_interpolation(config.tokenizer, "source"):  # somebody asked for it
            settings.tokenizer.source = config.tokenizer.source
    return settings


def _train_settings(config: DictConfig, here: Path, teacher: Path) -> DictConfig:
    settings = config.copy()
    last = here / "checkpoints" / "last.ckpt"
    settings.paths.output = str(here)
    settings.labels = str(here / "labels")
    settings.resume = str(last) if last.is_file() else None
    if config.teacher_decay is not None:
        settings.ckpt = str(teacher)
    return settings


def _student(here: Path) -> Path:
    """The best weights of a round, or the last where nothing told which were best."""
    best = here / "checkpoints" / "best.ckpt"
    return best if best.is_file() else best.with_name("last.ckpt")


def _mean(teacher: Path, student: Path, decay: float, path: Path) -> Path:
    """Write decay x teacher + (1 - decay) x student, unless it is there."""
    if not path.is_file():
        old, new = read_checkpoint(teacher), read_checkpoint(student)
        write_weights(interpolated(old, new, 1 - decay), new.config, path)
    return path


main = command("self_train")(self_train)

if __name__ == "__main__":
    main()
