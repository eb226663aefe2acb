"""What is written in a format is read back: pictures, boxes, names, captions and phrases."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.dataset_factory import training_set
from glip_pl.data.indexing import open_index
from glip_pl.data.transforms import ResizeFlip
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer
from tests.data.formats.writers import DETECTION, GROUNDING, NAMES, Writer, scenes


def by_name(function: Writer) -> str:
    """The name of a writer, as a parameter id."""
    return str(getattr(function, "__name__", function))


@pytest.mark.parametrize("write", DETECTION + GROUNDING, ids=by_name)
def test_boxes_and_pictures_come_back(write: Writer, tmp_path: Path, indexes: Path) -> None:
    wanted = scenes(8)
    reader = write(tmp_path, wanted)
    index = open_index(reader, indexes)
    images = reader.open_images()
    assert len(index) == len(wanted)
    for row, scene in enumerate(wanted):
        assert index.sizes[row].tolist() == [scene.height, scene.width]
        order = np.lexsort(np.asarray(scene.rects()).reshape(-1, 4).T)
        boxes = index.boxes[row]
        assert boxes[np.lexsort(boxes.T)].tolist() == [scene.rects()[i] for i in order]
        picture = images.load(index.images[row])
        assert np.array_equal(np.asarray(picture), np.asarray(scene.picture()))


@pytest.mark.parametrize("write", DETECTION, ids=by_name)
def test_categories_come_back(write: Writer, tmp_path: Path, indexes: Path) -> None:
    wanted = scenes(8)
    index = open_index(write(tmp_path, wanted), indexes)
    used = {NAMES[label] for scene in wanted for label in scene.labels}
    assert used == set(NAMES) == set(index.names)
    for row, scene in enumerate(wanted):
        indexed = zip(index.boxes[row].tolist(), index.targets[row], strict=True)
        expected = zip(scene.rects(), scene.labels, strict=True)
        assert sorted((box, index.names[label]) for box, label in indexed) == sorted(
            (list(map(float, box)), NAMES[label]) for box, label in expected
        )


@pytest.mark.parametrize("write", GROUNDING, ids=by_name)
def test_captions_and_phrases_come_back(write: Writer, tmp_path: Path, indexes: Path) -> None:
    wanted = scenes(8)
    index = open_index(write(tmp_path, wanted), indexes)
    for row, scene in enumerate(wanted):
        assert index.captions[row] == scene.caption
        phrases = index.phrases(row)
        assert len(set(phrases)) == len(phrases)
        indexed = zip(index.boxes[row].tolist(), index.targets[row], strict=True)
        expected = zip(scene.rects(), scene.spans, strict=True)
        assert sorted(
            (box, [list(span) for span in phrases[target]]) for box, target in indexed
        ) == sorted((list(map(float, box)), spans) for box, spans in expected)


@pytest.mark.parametrize("write", DETECTION + GROUNDING, ids=by_name)
def test_samples_of_every_format_have_a_phrase_for_each_box(
    write: Writer, tmp_path: Path, indexes: Path, tokenizer: Tokenizer
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    dataset = training_set(
        write(tmp_path, wanted),
        indexes,
        ResizeFlip([40], 100, flip=0.5),
        tokenizer,
        sampler=CategorySampler(),
    )
    for number, scene in enumerate(wanted):
        sample = dataset.sample(number, np.random.default_rng(number))
        assert min(sample.image.shape[1:]) == 40
        assert len(sample.boxes) == len(scene.boxes)
        texts = [sample.prompt.phrase_text(int(phrase)) for phrase in sample.phrase_ids]
        assert all(texts)
