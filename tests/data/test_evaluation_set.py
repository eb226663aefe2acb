"""Evaluation visits every image once, in the same way every time, and can be interrupted."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from glip_pl.data.collate import Collate
from glip_pl.data.sampling import ShareSampler
from glip_pl.data.truth import Truth
from glip_pl.prompts.tokens import Tokenizer
from tests.data.conftest import OpenEvaluation
from tests.data.formats.writers import coco, scenes


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 2), (3, 1)])
def test_evaluation_visits_every_image_once(
    open_evaluation: OpenEvaluation, tmp_path: Path, tokenizer: Tokenizer, ranks: int, workers: int
) -> None:
    dataset = open_evaluation(coco(tmp_path, scenes(17)))
    visited: list[int] = []
    for rank in range(ranks):
        loader = DataLoader(
            dataset,
            2,
            sampler=ShareSampler(range(len(dataset)), rank, ranks),
            collate_fn=Collate(tokenizer),
            num_workers=workers,
        )
        visited += [image for batch in loader for image in batch.image_ids]
    assert sorted(visited) == [7 + 3 * row for row in range(17)]


def test_evaluation_is_the_same_every_time(open_evaluation: OpenEvaluation, tmp_path: Path) -> None:
    dataset = open_evaluation(coco(tmp_path, scenes(4)))
    torch.testing.assert_close(dataset[0].image, dataset[0].image, rtol=0, atol=0)
    assert dataset[0].prompt == dataset[3].prompt == dataset.all_names


def test_an_interrupted_evaluation_does_the_other_images(
    open_evaluation: OpenEvaluation, tmp_path: Path
) -> None:
    dataset = open_evaluation(coco(tmp_path, scenes(4)))  # ids 7, 10, 13, 16
    assert dataset.without({7, 13}) == [1, 3]
    assert dataset.without({7, 10, 13, 16}) == [0]  # so that no process is without a batch
    assert dataset.position_of(13) == 2
    with pytest.raises(ValueError, match="99"):
        dataset.position_of(99)


def test_a_picture_that_cannot_be_read_is_black_and_says_why(
    open_evaluation: OpenEvaluation, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    dataset = open_evaluation(coco(tmp_path, scenes(3)))
    names = [dataset.picture_name(image_id) for image_id in (7, 10, 13)]
    (tmp_path / "pictures" / names[0]).unlink()
    (tmp_path / "pictures" / names[2]).write_bytes(b"no picture")
    batch = Collate(tokenizer)([dataset[0], dataset[1], dataset[2]])
    assert batch.unreadable.keys() == {7, 13}
    assert batch.unreadable[7].startswith("no such image") and names[0] in batch.unreadable[7]
    assert f"{names[2]} is broken" in batch.unreadable[13]
    assert int(batch.images[0].max()) == 0
    assert batch.original_sizes[0].tolist() == dataset.index.sizes[0].tolist()
    assert len(batch.boxes[0]) == len(dataset.index.boxes[0])


def test_the_protocol_gets_the_annotations_of_the_file(
    open_evaluation: OpenEvaluation, tmp_path: Path
) -> None:
    dataset = open_evaluation(coco(tmp_path, scenes(4)), limit=1)
    truth = dataset.truth()
    assert isinstance(truth, Truth)
    assert truth.image_ids.tolist() == [7, 10, 13, 16]  # a metric leaves out what it has not seen
    assert dataset.new_metric() is not dataset.new_metric()


def test_sets_of_retention_are_marked(open_evaluation: OpenEvaluation, tmp_path: Path) -> None:
    reader = coco(tmp_path, scenes(4))
    assert not open_evaluation(reader).retention
    assert open_evaluation(reader, retention=True).retention
