"""What `import glip_pl` offers, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import glip_pl


def test_the_public_names_are_there_and_no_others() -> None:
    from glip_pl.inference.predictor import Predictor
    from glip_pl.inference.result import Result
    from glip_pl.inference.results import Results

    assert glip_pl.Predictor is Predictor and glip_pl.load == Predictor.load
    assert glip_pl.Result is Result and glip_pl.Results is Results
    assert set(dir(glip_pl)) == {"Predictor", "Result", "Results", "load", "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'predictor_of'"):
        glip_pl.predictor_of  # noqa: B018


def test_importing_the_package_imports_no_other_one() -> None:
    names = "{'torch', 'PIL', 'numpy', 'hydra'}"
    code = f"import sys, glip_pl; print(sorted({names} & set(sys.modules)))"
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_all_places_tell_the_same_version() -> None:
    root = Path(__file__).parents[1]
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    newest = next(
        line
        for line in (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ") and "Unreleased" not in line
    )
    assert citation["version"] == glip_pl.__version__
    assert newest.startswith(f"## {glip_pl.__version__} - ")
