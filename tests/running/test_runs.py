import os
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.running.runs import find_checkpoint, run_name


def test_the_newest_run_wins(tmp_path: Path) -> None:
    for age, name in ((30, "a"), (10, "b"), (20, "c")):
        path = tmp_path / name / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    assert find_checkpoint("last", tmp_path) == tmp_path / "b" / "checkpoints" / "last.ckpt"
    with pytest.raises(UserError, match="has a best checkpoint"):
        find_checkpoint("best", tmp_path)
    with pytest.raises(UserError, match="is a folder, not a checkpoint"):
        find_checkpoint(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match=rf"such as {tmp_path}/a/checkpoints/last.ckpt"):
        find_checkpoint(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match=r"no such checkpoint: x\.ckpt \(the setting `ckpt`\)"):
        find_checkpoint("x.ckpt", tmp_path)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "before=null names no checkpoint"),
        ("", "before= names no checkpoint"),
        ("https://a.b/c.pth", "before=https://a.b/c.pth is an address .* download the file"),
        (".", r"is a folder.* \(the setting `before`\)"),
    ],
)
def test_what_is_no_file_is_called_so(wanted: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        find_checkpoint(wanted, tmp_path, "before")


def test_a_folder_with_one_model_is_a_checkpoint(tmp_path: Path) -> None:
    """As `save_pretrained` writes it."""
    file = tmp_path / "model.safetensors"
    file.touch()
    assert find_checkpoint(str(tmp_path), tmp_path) == file


SLURM = {"SLURM_JOB_ID": "123", "SLURM_NTASKS": "16", "SLURM_STEP_ID": "2"}
ELASTIC = {"TORCHELASTIC_RUN_ID": "a/b", "MASTER_PORT": "29500", "TORCHELASTIC_RESTART_COUNT": "1"}


@pytest.mark.parametrize(
    ("environment", "resume", "name"),
    [
        ({}, "auto", "now"),
        (SLURM, "auto", "job_123"),
        (SLURM | {"SLURM_RESTART_COUNT": "3", "SLURM_STEP_ID": "0"}, "auto", "job_123"),
        (SLURM, None, "job_123_2_0"),
        (SLURM | {"SLURM_RESTART_COUNT": "3"}, None, "job_123_2_3"),
        (SLURM | {"SLURM_NTASKS": "1"}, "auto", "job_123"),
        (SLURM | {"SLURM_NTASKS": "1"}, None, "now"),  # a job may train one model after another
        (SLURM | {"SLURM_JOB_NAME": "bash"}, "auto", "now"),
        (ELASTIC, "auto", "torchrun_a-b"),
        (ELASTIC, "last", "torchrun_a-b_29500_1"),
        (ELASTIC | {"TORCHELASTIC_RUN_ID": "none"}, "auto", "now"),
    ],
)
def test_all_processes_of_a_run_find_one_name_and_a_job_that_starts_again_the_old_one(
    environment: dict[str, str], resume: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in [key for key in os.environ if key.startswith(("SLURM", "TORCHELASTIC"))]:
        monkeypatch.delenv(key)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert run_name(resume, "now") == name
