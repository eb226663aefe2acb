"""What runs see of a source: prompts, skipped pictures, and every sample once."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from glip_pl.data.collate import Collate
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.opening import evaluation_set, training_set
from glip_pl.data.records import Reader
from glip_pl.data.sampling import Mixture, MixtureSampler, ShareSampler, Source
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.building import Wording
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.tokens import Tokenizer
from tests.data.formats.writers import coco, mdetr, scenes, tsv_captions_v2, web_shards

TRANSFORM = ResizeFlip([40, 48], 100, flip=0.5)


@pytest.fixture
def opened(indexes: Path, tokenizer: Tokenizer) -> Any:
    """Opens a reader as a dataset to train on; prompts ask for all categories, in order."""
    sampler = CategorySampler(max_negatives=80, full_probability=1.0, shuffle=False)

    def dataset(reader: Reader, **options: Any) -> GroundedDataset:
        options = {"sampler": sampler, **options}
        return training_set(reader, indexes, TRANSFORM, tokenizer, **options)

    return dataset


@pytest.fixture
def evaluated(indexes: Path, tokenizer: Tokenizer) -> Any:
    """Opens a reader as a dataset to evaluate on."""

    def dataset(reader: Reader) -> EvaluationSet:
        return evaluation_set(reader, indexes, TRANSFORM, tokenizer, COCOAveragePrecision)

    return dataset


def test_wordings_replace_names_and_boxes_belong_to_the_name(opened: Any, tmp_path: Path) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = coco(tmp_path, wanted)
    wordings = [Wording(name, "a photo of a ", " outside") for name in ("cat", "dog", "hydrant")]
    sample = opened(reader, wordings=wordings)[0]
    assert sample.prompt.caption.startswith("a photo of a cat outside. a photo of a dog outside.")
    assert [sample.prompt.phrase_text(phrase) for phrase in range(3)] == ["cat", "dog", "hydrant"]
    with pytest.raises(UserError, match=r"`wordings` has 2 entries and .* 3 categories"):
        opened(reader, wordings=wordings[:2])


def test_words_that_the_model_cannot_read_are_told(
    opened: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = coco(tmp_path, scenes(8))
    words = [Wording("cat"), Wording("\U0001f436"), Wording("hydrant")]
    opened(reader, wordings=words)
    opened(reader, wordings=words)
    assert caplog.text.count("does not know all of \U0001f436:") == 1
    words[1] = Wording("dog", suffix=" with ears" * 130)
    with pytest.raises(
        UserError, match=r"254 tokens, too few for the words of dog_\(animal\) \(262"
    ):
        opened(reader, wordings=words)


def test_all_names_in_order_as_the_official_fine_tuning(opened: Any, tmp_path: Path) -> None:
    dataset = opened(coco(tmp_path, scenes(8)))
    captions = {dataset[row].prompt.caption for row in range(len(dataset))}
    assert captions == {"cat. dog . fire hydrant"}


def test_packed_captions_keep_the_boxes_words(opened: Any, tmp_path: Path) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    dataset = opened(mdetr(tmp_path, wanted), packing=CaptionPacking(none_probability=0))
    plain = opened(dataset.reader)
    longer = 0
    for row in range(len(wanted)):
        packed = dataset.sample(row, np.random.default_rng(row))
        alone = plain[row]
        longer += len(packed.prompt.caption) > len(alone.prompt.caption) + 10
        for mine, its in zip(packed.phrase_ids, alone.phrase_ids, strict=True):
            assert packed.prompt.phrase_text(int(mine)) == alone.prompt.phrase_text(int(its))
    assert longer > 3


def test_unsure_boxes_are_not_learned_from(opened: Any, tmp_path: Path) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = tsv_captions_v2(tmp_path, wanted)  # every box scores 0.9
    assert len(opened(reader, box_filter=BoxFilter(0.5))[0].boxes) == len(wanted[0].boxes)
    with pytest.raises(UserError, match="no image with a box"):
        opened(reader, box_filter=BoxFilter(0.95))


def test_boxes_weigh_what_their_teacher_was_sure_of(
    opened: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = tsv_captions_v2(tmp_path, wanted)  # every box scores 0.9
    doubted, plain = opened(reader, weigh_by_score=True), opened(reader)
    assert plain[0].weights is None
    assert doubted[0].weights.tolist() == pytest.approx([0.9] * len(wanted[0].boxes))
    mixed = Collate(tokenizer, training=True)([plain[0], doubted[1]])
    assert mixed.weights[0].tolist() == [1.0] * len(wanted[0].boxes)
    assert mixed.weights[1].tolist() == pytest.approx([0.9] * len(wanted[1].boxes))
    assert Collate(tokenizer)([plain[0]]).weights == []


def test_a_bad_picture_is_named_counted_and_replaced(
    opened: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [scene for scene in scenes(9) if scene.boxes]
    reader = coco(tmp_path, wanted)
    (tmp_path / "pictures" / wanted[2].file_name).write_bytes(b"no picture")
    (tmp_path / "pictures" / wanted[3].file_name).unlink()
    with pytest.raises(UserError, match=f"{wanted[2].file_name} is broken"):
        _ = opened(reader)[2]
    dataset = opened(reader, tolerate=0.5)
    assert dataset[2].image_id == dataset[3].image_id == dataset[4].image_id
    assert dataset.problems.errors == 3
    assert wanted[2].file_name in caplog.text and wanted[3].file_name in caplog.text


def test_too_many_bad_pictures_stop_the_run(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glip_pl.data.problems.PATIENCE", 3)
    wanted = [scene for scene in scenes(9) if scene.boxes]
    reader = coco(tmp_path, wanted)
    for scene in wanted:
        (tmp_path / "pictures" / scene.file_name).write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"4 of 4 items are bad, more than the share tolerate=0\.2"):
        _ = opened(reader, tolerate=0.2)[0]


Seen = list[tuple[int, str, int]]


def epoch(mixture: Mixture, tokenizer: Tokenizer, rank: int, workers: int, seen: int = 0) -> Seen:
    """Image, caption and pixels of what a rank of two is given."""
    sampler = MixtureSampler(mixture, 3, rank, 2, lambda: (1, seen))
    loader = DataLoader(
        mixture, 2, sampler=sampler, collate_fn=Collate(tokenizer, True), num_workers=workers
    )
    return [
        (batch.image_ids[row], batch.prompts[row].caption, int(batch.images[row].long().sum()))
        for batch in loader
        for row in range(len(batch))
    ]


def test_workers_and_resuming_change_nothing(
    opened: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    wanted = [scene for scene in scenes(30) if scene.boxes]
    for folder in ("coco", "web"):
        (tmp_path / folder).mkdir()
    sources = [
        Source(opened(coco(tmp_path / "coco", wanted), sampler=CategorySampler())),
        Source(opened(web_shards(tmp_path / "web", wanted), packing=CaptionPacking())),
    ]
    mixture = Mixture(sources)
    whole = [epoch(mixture, tokenizer, rank, workers=0) for rank in range(2)]
    assert epoch(mixture, tokenizer, 1, workers=3) == whole[1]
    assert epoch(mixture, tokenizer, 1, workers=2, seen=12) == whole[1][12:]
    web = Counter(image for share in whole for image, _, _ in share if image < len(wanted))
    # COCO's ids have gaps of three from seven on; web ids count up. Each sample came once.
    expected = Counter([7 + 3 * row for row in range(len(wanted))]) + Counter(range(len(wanted)))
    total = Counter(image for share in whole for image, _, _ in share)
    assert total == expected and web


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (2, 2), (3, 1)])
def test_evaluation_visits_every_image_once(
    evaluated: Any, tmp_path: Path, tokenizer: Tokenizer, ranks: int, workers: int
) -> None:
    dataset = evaluated(coco(tmp_path, scenes(17)))
    found: list[int] = []
    for rank in range(ranks):
        loader = DataLoader(
            dataset,
            2,
            sampler=ShareSampler(range(len(dataset)), rank, ranks),
            collate_fn=Collate(tokenizer),
            num_workers=workers,
        )
        found += [image for batch in loader for image in batch.image_ids]
    assert sorted(found) == [7 + 3 * row for row in range(17)]


def test_evaluation_is_the_same_every_time(evaluated: Any, tmp_path: Path) -> None:
    dataset = evaluated(coco(tmp_path, scenes(4)))
    torch.testing.assert_close(dataset[0].image, dataset[0].image, rtol=0, atol=0)
    assert dataset[0].prompt == dataset[3].prompt


def test_an_interrupted_evaluation_does_the_other_images(evaluated: Any, tmp_path: Path) -> None:
    dataset = evaluated(coco(tmp_path, scenes(4)))  # ids 7, 10, 13, 16
    assert dataset.without({7, 13}) == [1, 3]
    assert dataset.without({7, 10, 13, 16}) == [0]  # so that no process is without a batch
    assert dataset.place_of(13) == 2


def test_boxes_of_categories_are_not_trained_on_without_prompts(
    opened: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="needs the setting `sampler`"):
        opened(coco(tmp_path, scenes(4)), sampler=None)
