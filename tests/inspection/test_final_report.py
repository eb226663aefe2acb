"""The report of a test shows its figures, curves and pictures, and is self-contained."""

import json
import re
from pathlib import Path

from glip_pl.evaluate import evaluate
from tests.conftest import MINILM, SMALL, Compose


def test_the_page_has_the_figures_and_pictures(
    settings: Compose, custom: Path, finding: Path
) -> None:
    overrides = [override for override in SMALL if not override.startswith("data.prepare")]
    overrides += ["data=custom", f"data.root={custom}", f"tokenizer.source={MINILM}"]
    overrides += ["data.eval_transform.max_side=96", f"ckpt={finding}"]
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
    assert "Images with the most missed boxes" in page
    assert not re.search(r"(src|href)='(?!data:)", page)
