"""The page with labelled pictures shows the boxes that training would use by default."""

import json
from pathlib import Path

from glip_pl.labelling.sample_page import write_sample_page
from tests.labelling.small_jobs import captions, small_job


def test_only_boxes_above_the_training_threshold_are_shown(
    world: Path, tmp_path: Path, finding: Path
) -> None:
    (name, caption), *_ = captions(world)
    table = tmp_path / "captions.csv"
    table.write_text(f'file,caption\n{name},"{caption}"\n')
    source = ["source=table", f"source.annotations={table}"]
    source.append(f"source.images={world}/images/captions")
    job = small_job(tmp_path / "out", finding, *source)
    job.output.mkdir()
    region = {"phrase": [caption[:1]], "tokens_positive": [[0, 1]]}
    boxes = {"bbox": [[1, 1, 9, 9], [5, 5, 20, 20]], "score": [0.9, 0.2]}
    line = {
        "filename": name,
        "height": 96,
        "width": 96,
        "grounding": {"caption": caption, "regions": [region | boxes]},
    }
    (job.output / "annotations.jsonl").write_text(json.dumps(line))
    page = write_sample_page(job, seed=0)
    assert page == job.output / "labels.html"
    text = page.read_text()
    assert text.count("<figure>") == 1
    assert "1 images, 2 boxes" in text
    assert f">{caption[:1]}</mark>" in text
