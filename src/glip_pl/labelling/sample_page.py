"""An HTML page with random pictures of a labelling job and the boxes a student would learn from."""

from pathlib import Path

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.files.writing import write_whole
from glip_pl.inspection.browse import page
from glip_pl.inspection.named_set import NamedSet
from glip_pl.labelling.job import LabellingJob

PICTURES = 24
"""Number of pictures on the page."""


def write_sample_page(job: LabellingJob, seed: int) -> Path:
    """Write labels.html into the job's folder; `seed` chooses the pictures."""
    reader: Reader
    if isinstance(job.images, ImageFolder):
        reader = OdvgJsonl(job.output / "annotations.jsonl", job.source["images"])
    else:
        reader = WebShards(f"{job.output}/*.tar")
    index = open_index(reader, job.index_folder, "clip", job.tolerate)
    labels = NamedSet("labels", reader, box_filter=BoxFilter())
    path = job.output / "labels.html"
    with write_whole(path) as partial:
        partial.write_text(page([(labels, index)], PICTURES, seed), encoding="utf-8")
    return path
