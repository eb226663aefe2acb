import json
import subprocess
import sys
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.files.claim import claim, exclusive, read_claim

REMEDY = "Set output= to another folder"


def test_the_first_claim_writes_the_job_and_equal_jobs_agree_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "new" / "job.json"
    job = {"weights": "a", "sizes": (1, 2), "names": {1: "one"}}
    written = {"weights": "a", "sizes": [1, 2], "names": {"1": "one"}}
    assert claim(mark, job, REMEDY) == written
    assert json.loads(mark.read_text()) == written
    assert claim(mark, job, REMEDY) == written


def test_another_job_is_refused_with_the_folder_what_differs_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    claim(Path("out", "job.json"), {"weights": "a", "mirror": True}, REMEDY)
    with pytest.raises(UserError) as refused:
        claim(Path("out", "job.json"), {"weights": "b", "mirror": True, "scorer": None}, REMEDY)
    message = str(refused.value)
    assert str(tmp_path / "out") in message
    assert "differs in: weights, scorer." in message
    assert message.endswith(REMEDY)
    assert json.loads(Path("out", "job.json").read_text()) == {"weights": "a", "mirror": True}


def test_a_mark_may_hold_more_than_the_job(tmp_path: Path) -> None:
    mark = tmp_path / "job.json"
    mark.write_text(json.dumps({"weights": "a", "file": "a.ckpt"}))
    assert claim(mark, {"weights": "a"}, REMEDY) == {"weights": "a", "file": "a.ckpt"}


def test_a_folder_that_is_not_in_use_can_be_claimed_by_another_job(tmp_path: Path) -> None:
    mark = tmp_path / "job.json"
    claim(mark, {"weights": "a"}, REMEDY)
    claim(mark, {"weights": "b"}, REMEDY, in_use=lambda: False)
    assert read_claim(mark) == {"weights": "b"}


@pytest.mark.parametrize("text", [None, "[" * 100_000, "", "{", "[1]", "\xff"])
def test_a_mark_that_is_missing_or_broken_claims_nothing(tmp_path: Path, text: str | None) -> None:
    mark = tmp_path / "job.json"
    if text is not None:
        mark.write_text(text, encoding="latin-1")
    assert read_claim(mark) is None
    claim(mark, {"weights": "a"}, REMEDY)
    assert read_claim(mark) == {"weights": "a"}


def test_of_jobs_that_claim_a_folder_at_once_one_wins(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from glip_pl.errors import UserError\n"
        "from glip_pl.files.claim import claim\n"
        "try:\n"
        "    claim(Path(sys.argv[1]), {'job': sys.argv[2]}, '')\n"
        "    print('claimed')\n"
        "except UserError:\n"
        "    print('refused')\n"
    )
    mark = tmp_path / "job.json"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(mark), job], stdout=subprocess.PIPE, text=True
        )
        for job in ("a", "b", "c")
    ]
    answers = [process.communicate()[0].strip() for process in processes]
    assert sorted(answers) == ["claimed", "refused", "refused"]
    assert read_claim(mark) == {"job": "abc"[answers.index("claimed")]}


def test_only_one_process_holds_a_folder(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from glip_pl.files.claim import exclusive\n"
    code += "with exclusive(Path(sys.argv[1]), 'Wait.'): print('held', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    with (
        pytest.raises(UserError, match=r"another process is writing to .*Wait\."),
        exclusive(tmp_path, "Wait."),
    ):
        pass
    other.kill()  # the lock falls with its process
    other.wait()
    with exclusive(tmp_path, "Wait."):
        pass
