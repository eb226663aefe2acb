"""Prepares the pictures and prompts of a shard for the teacher, ahead of the model on a GPU."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from PIL import ImageOps

from glip_pl.data.picture_size import Exif, FramedPicture, Size, framed
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.second_opinions import can_be_mirrored
from glip_pl.types import Batch, Prompt


class CaptionedPicture(NamedTuple):
    """A record to label."""

    row: int  # in the index
    name: str  # of its picture
    size: Size  # of its picture in the annotations
    prompt: Prompt


@dataclass(eq=False)
class PreparedBatch:
    """Decoded pictures and the model's input for them; unreadable pictures are left out."""

    captioned: list[CaptionedPicture]
    pictures: list[FramedPicture]
    batch: Batch | None = None  # None if no picture could be read
    mirrored_positions: list[int] = field(default_factory=list)  # in `pictures`
    mirrored_batch: Batch | None = None  # these pictures, mirrored


def load_pictures(
    images: Images, captioned: Sequence[CaptionedPicture], bad_pictures: list[str], exif: Exif
) -> PreparedBatch:
    """The pictures that can be read, as training uses them with the same setting `exif`.

    A message about every other one joins `bad_pictures`.
    """
    prepared = PreparedBatch([], [])
    for record in captioned:
        try:
            image = images.load(record.name)
            prepared.pictures.append(framed(image, record.size, record.name, exif))
            prepared.captioned.append(record)
        except UserError as error:
            bad_pictures.append(str(error))
    return prepared


def add_model_input(prepared: PreparedBatch, teacher: Predictor, mirror: bool) -> None:
    """Add the batch for the teacher, and with `mirror` the batch of the mirrored pictures."""
    prompts = [record.prompt for record in prepared.captioned]
    if prompts:
        shown = [picture.image for picture in prepared.pictures]
        prepared.batch = teacher.batch(shown, prompts)
    if not mirror:
        return
    positions = [row for row, prompt in enumerate(prompts) if can_be_mirrored(prompt)]
    prepared.mirrored_positions = positions
    if positions:
        mirrored = [ImageOps.mirror(prepared.pictures[row].image) for row in positions]
        prepared.mirrored_batch = teacher.batch(mirrored, [prompts[row] for row in positions])


def prepared_ahead(
    prepare: Callable[[Sequence[CaptionedPicture]], PreparedBatch],
    batches: Sequence[Sequence[CaptionedPicture]],
    on_gpu: bool,
) -> Iterator[PreparedBatch]:
    """Yields every batch prepared; on a GPU, a thread prepares the next batch meanwhile.

    On a CPU such a thread would compete with the model for the same cores.
    """
    if not on_gpu:
        yield from map(prepare, batches)
        return
    with ThreadPoolExecutor(1) as executor:
        pending = [executor.submit(prepare, batch) for batch in batches[:1]]
        for number in range(len(batches)):
            prepared = pending.pop().result()
            if number + 1 < len(batches):
                pending.append(executor.submit(prepare, batches[number + 1]))
            yield prepared
