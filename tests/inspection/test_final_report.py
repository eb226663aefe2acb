"""The report of a test shows its figures, curves and pictures, and is self-contained."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from glip_pl.evaluate import evaluate
from glip_pl.inspection import final_report
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.running.results import SetReport
from tests.conftest import SMALL, Compose


def test_the_page_has_the_figures_and_pictures(
    settings: Compose, custom: Path, tiny_finding: Path
) -> None:
    overrides = [override for override in SMALL if not override.startswith("data.prepare")]
    overrides += ["data=custom", f"data.root={custom}"]
    overrides += ["data.eval_transform.max_side=96", f"ckpt={tiny_finding}"]
    overrides += ["foils=[zebra,purple cow]"]
    config = settings(overrides, "evaluate")
    evaluate(config)
    output = Path(config.paths.output)
    page = (output / "report.html").read_text()
    figures = json.loads((output / "results.json").read_text())["sets"]["custom"]["figures"]
    for name in ("AP", "AP50"):
        assert f"<td>{100 * figures[name]:.1f}</td>" in page
    categories = {name.removeprefix("AP/") for name in figures if name.startswith("AP/")}
    assert categories and all(f"<td>{name}</td>" in page for name in categories)
    assert page.count("data:image/png;base64,") == 1
    assert page.count("<figure>") == 4  # every image has missed boxes
    assert all(f"<figcaption>{file.name}: " in page for file in (custom / "val").glob("*.png"))
    assert "Images with the most missed boxes" in page
    assert "Foils: names of absent objects" in page
    assert f"<td>purple cow</td><td>{figures['foil_fires/purple cow']:.2f}</td>" in page
    assert not re.search(r"(src|href)='(?!data:)", page)


def test_a_page_that_cannot_be_written_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "report.html"
    page.write_text("older")
    unused: Any = None
    metric = COCOAveragePrecision.__new__(COCOAveragePrecision)
    monkeypatch.setattr(final_report, "_section", lambda *arguments: "\ud800")  # has no UTF-8
    with pytest.raises(UnicodeEncodeError):
        report = SetReport("a", {}, (), "", 0)
        final_report.write_page(page, "title", {"a": unused}, {"a": metric}, [report])
    assert page.read_text() == "older"
    assert list(tmp_path.iterdir()) == [page]
