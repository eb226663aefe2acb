"""Rounds of self-training: `python -m glip_pl.self_train experiment=shapes_t teacher=best`."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.files.claim import claim, read_claim
from glip_pl.files.hashing import sha256_of
from glip_pl.files.reading import read_own
from glip_pl.files.writing import write_json
from glip_pl.pseudo_label import pseudo_label
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.setting_checks import check_settings
from glip_pl.running.settings import compose_settings, plain
from glip_pl.train import train

MARK = "self_train.json"
"""File in the folder of the rounds that says to which teacher and settings they belong."""

MAY_CHANGE = ("rounds", "paths", "teacher", "trainer", "logger")
"""Settings that may differ when a command continues the rounds; the teacher is compared by hash."""


def self_train(config: DictConfig) -> float | None:
    """A teacher labels captions; a student trained on its labels is the next round's teacher.

    With `teacher_decay`, students start from their teacher's weights, and the next teacher is the
    weighted mean of both. The same command again continues an interrupted run. Returns the last
    student's score.
    """
    folder = Path(config.paths.output)
    teacher = first_teacher(folder, config)
    read_checkpoint(teacher)  # mistakes are reported before the folder is claimed
    check_settings(_label_settings(config, teacher, folder))
    claim_rounds(folder, config, teacher)
    student, score = teacher, None
    for number in range(1, config.rounds + 1):
        round_folder = folder / f"round_{number}"
        score = _run_round(config, number, round_folder, teacher)
        student = student_checkpoint(round_folder)
        teacher = _next_teacher(config, round_folder, teacher, student)
    print(f"checkpoint of the last student: {student}")
    return score


def first_teacher(folder: Path, config: DictConfig) -> Path:
    """The teacher of the first round; "best" and "last" are resolved only when the run starts.

    If they were resolved again in a continued run, they would name the checkpoint of a student.
    """
    claimed = read_claim(folder / MARK) or {}
    if config.teacher in ("best", "last") and "file" in claimed:
        return Path(claimed["file"])
    return find_checkpoint(config.teacher, Path(config.paths.runs), "teacher")


def claim_rounds(folder: Path, config: DictConfig, teacher: Path) -> None:
    """Raise UserError if the folder holds rounds of other settings or another teacher."""
    settings: Any = OmegaConf.to_container(config, resolve=False)
    for key in MAY_CHANGE:
        settings.pop(key)
    job = {"teacher": sha256_of(teacher), "settings": settings}
    claimed = claim(folder / MARK, job, "Set hydra.run.dir= to another folder.")
    write_json(folder / MARK, {**claimed, "file": str(teacher.resolve())})


def _run_round(config: DictConfig, number: int, round_folder: Path, teacher: Path) -> float | None:
    """Label and train unless the round is complete; returns the student's score."""
    result_file = round_folder / "done.json"
    if result_file.is_file():
        remedy = "remove it to repeat the last step of this round"
        score: float | None = read_own(result_file, lambda done: done["val/AP"], remedy)
        return score
    title = f"round {number} of {config.rounds}"
    print(f"{title}: labelling by {teacher}")
    pseudo_label(_label_settings(config, teacher, round_folder / "labels"))
    print(f"{title}: training of the student")
    score = train(_train_settings(config, round_folder, teacher))
    write_json(result_file, {"teacher": str(teacher), "val/AP": score})
    return score


def _label_settings(config: DictConfig, teacher: Path, output: Path) -> DictConfig:
    """The settings of `pseudo_label`. Raises UserError if `label` has an unknown one."""
    settings = compose_settings([], "pseudo_label")
    with open_dict(settings):
        settings.ckpt, settings.output = str(teacher), str(output)
        settings.paths = plain(config.paths)
        for key, value in plain(config.label).items():
            if key not in (*settings, "scorer"):  # a null group is absent from the settings
                raise UserError(f"label.{key} is no setting of pseudo_label")
            settings[key] = value
        if not OmegaConf.is_interpolation(config.tokenizer, "source"):  # the user has set it
            settings.tokenizer.source = config.tokenizer.source
    return settings


def _train_settings(config: DictConfig, round_folder: Path, teacher: Path) -> DictConfig:
    """The settings of the student's training, which resumes from the round's last checkpoint."""
    settings = config.copy()
    last = round_folder / "checkpoints" / "last.ckpt"
    settings.paths.output = str(round_folder)
    settings.labels = str(round_folder / "labels")
    settings.resume = str(last) if last.is_file() else None
    if config.teacher_decay is not None:
        settings.ckpt = str(teacher)
    return settings


def student_checkpoint(round_folder: Path) -> Path:
    """The best checkpoint of a round; the last one if the training had no validation."""
    best = round_folder / "checkpoints" / "best.ckpt"
    return best if best.is_file() else best.with_name("last.ckpt")


def _next_teacher(config: DictConfig, round_folder: Path, teacher: Path, student: Path) -> Path:
    """The student, or the file of teacher_decay x teacher + (1 - teacher_decay) x student."""
    if config.teacher_decay is None:
        return student
    mean_file = round_folder / "teacher.safetensors"
    if not mean_file.is_file():
        old, new = read_checkpoint(teacher), read_checkpoint(student)
        weights = interpolated(old, new, 1 - config.teacher_decay)
        write_weights(weights, new.config, mean_file)
    return mean_file


main = command("self_train", output="paths.output")(self_train)

if __name__ == "__main__":
    main()
