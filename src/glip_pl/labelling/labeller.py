"""A teacher grounds the noun phrases of captions: boxes for a student to learn from (paper 3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from glip_pl.boxes import scale_to
from glip_pl.data.index import Index
from glip_pl.data.picture_size import Exif, FramedPicture, Size
from glip_pl.data.records import Images
from glip_pl.files.writing import write_whole
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.preparation import (
    CaptionedPicture,
    PreparedBatch,
    add_model_input,
    load_pictures,
    prepared_ahead,
)
from glip_pl.labelling.second_opinions import Scorer, agreeing, rescored
from glip_pl.labelling.shards import LabelledPicture, grounding_line, write_lines, write_tar
from glip_pl.labelling.summary import LabelSummary
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.types import Detections, Prompt

STORED = 0.1
"""Score above which boxes are stored; training applies a higher threshold (data/filtering.py)."""


@dataclass(frozen=True, eq=False)
class Labeller:
    """A teacher with the parser that finds phrases in captions; `shard` labels one shard."""

    teacher: Predictor  # its decoder must keep detections whose score is STORED
    phrases: NounPhrases
    batch_size: int = 8
    mirror: bool = False  # average the scores with those of the mirrored picture
    scorer: Scorer | None = None  # another model that also scores the boxes
    exif: Exif = "upright"  # how photographs are shown that are stored turned

    def shard(self, index: Index, images: Images, rows: range, target: Path) -> dict[str, Any]:
        """Label the records `rows` and write them to `target`; returns the shard's manifest.

        A target .jsonl gets ODVG lines, a .tar also the pictures. It appears complete or not at
        all. A picture that cannot be read is left out, and the manifest has a message about it.
        """
        summary = LabelSummary()
        labelled = self._labelled(index, images, rows, summary)
        with write_whole(target) as partial:
            if target.suffix == ".tar":
                write_tar(partial, images, labelled)
            else:
                write_lines(partial, labelled)
        return summary.manifest()

    def _labelled(
        self, index: Index, images: Images, rows: range, summary: LabelSummary
    ) -> Iterator[LabelledPicture]:
        """Yields every picture with a box; adds its counts to the summary."""
        batches = self._batches(index, rows, summary)

        def prepare(captioned: Sequence[CaptionedPicture]) -> PreparedBatch:
            prepared = load_pictures(images, captioned, summary.bad_pictures, self.exif)
            add_model_input(prepared, self.teacher, self.mirror)
            return prepared

        on_gpu = self.teacher.device.type != "cpu"
        for prepared in prepared_ahead(prepare, batches, on_gpu):
            detections_of_batch = self._detections(prepared)
            for record, picture, detections in zip(
                prepared.captioned, prepared.pictures, detections_of_batch, strict=True
            ):
                stored = detections.above(STORED)
                _count(summary, index, record, stored, picture)
                if len(stored):
                    # The picture's own size, not the annotated one: boxes are in its pixels.
                    size = picture.image.height, picture.image.width
                    yield record.name, grounding_line(record.prompt, stored, size)

    def _batches(
        self, index: Index, rows: range, summary: LabelSummary
    ) -> list[list[CaptionedPicture]]:
        """The records whose captions have phrases, `batch_size` at a time; counts all captions."""
        captions = [index.captions[row] for row in rows]
        captioned = [
            CaptionedPicture(row, index.images[row], _size(index, row), Prompt(caption, phrases))
            for row, caption, phrases in zip(rows, captions, self.phrases(captions), strict=True)
        ]
        phrase_count = sum(len(record.prompt.phrases) for record in captioned)
        summary.counts.update(captions=len(rows), phrases=phrase_count)
        with_phrases = [record for record in captioned if record.prompt.phrases]
        return [
            with_phrases[first : first + self.batch_size]
            for first in range(0, len(with_phrases), self.batch_size)
        ]

    def _detections(self, prepared: PreparedBatch) -> list[Detections]:
        """The detections in every picture, with scores that include the second opinions."""
        if prepared.batch is None:
            return []
        detections = self.teacher.ground(prepared.batch)
        if prepared.mirrored_batch is not None:
            in_mirrored = self.teacher.ground(prepared.mirrored_batch)
            for row, mirrored in zip(prepared.mirrored_positions, in_mirrored, strict=True):
                detections[row] = agreeing(
                    detections[row], mirrored, prepared.pictures[row].image.width
                )
        if self.scorer is not None:
            for row, record in enumerate(prepared.captioned):
                confident = detections[row].above(STORED)
                prompt = record.prompt
                texts = [prompt.phrase_text(phrase) for phrase in range(len(prompt.phrases))]
                scores = self.scorer(prepared.pictures[row].image, texts, confident)
                detections[row] = rescored(confident, scores)
        return detections


def _size(index: Index, row: int) -> Size:
    """The annotated size of a record's picture."""
    height, width = index.sizes[row].tolist()
    return height, width


def _count(
    summary: LabelSummary,
    index: Index,
    record: CaptionedPicture,
    stored: Detections,
    picture: FramedPicture,
) -> None:
    """Add a picture's detections to the summary; compare them with the annotations, if any."""
    summary.counts.update(pictures=1, boxes=len(stored))
    summary.quality.add(stored)
    size = (picture.image.height, picture.image.width)
    ground_truth = scale_to(torch.tensor(index.boxes[record.row]), picture.frame, size)
    if len(ground_truth):
        targets = index.targets[record.row].tolist()
        phrases = index.phrases(record.row)
        summary.quality.judge(record.prompt, stored, ground_truth, targets, phrases)
