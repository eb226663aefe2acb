"""Plots show names of categories as users write them."""

from pathlib import Path

from PIL import Image

from glip_pl.inspection.charts import line_plot


def test_the_legend_shows_every_name_literally(tmp_path: Path) -> None:
    names = ["_background_", r"$\frac{ is no formula$", "plain"]
    figure = line_plot({name: [1.0, 2.0] for name in names}, ["1", "full"], "shots", "AP")
    figure.savefig(tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 500
    (legend,) = figure.legends
    shown = [text.get_text().strip().replace(r"\$", "$") for text in legend.get_texts()]
    assert shown == names
