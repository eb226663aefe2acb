"""Samples of a training set: their boxes and weights, and the pictures that cannot be read."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from glip_pl.data.collate import Collate
from glip_pl.data.grouping import Layout
from glip_pl.data.sampling import Mixture, MixtureSampler, Position, Source
from glip_pl.errors import UserError
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.placeholders import PLACEHOLDER
from glip_pl.prompts.tokens import Tokenizer
from tests.data.conftest import OpenTraining
from tests.data.formats.writers import coco, scenes, tsv_captions_v2, web_shards


def test_boxes_of_categories_beyond_the_token_budget_are_left_out(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    several = [scene for scene in scenes(30) if len(set(scene.labels)) == 3][:1]
    reader = coco(tmp_path, several)
    # "cat. ", "dog . " and "fire hydrant. " have 2, 2 and 4 tokens or more.
    dataset = open_training(reader, sampler=CategorySampler(max_negatives=0, budget=5))
    sample = dataset.sample(0, np.random.default_rng(0))
    shown = {sample.prompt.phrase_text(int(phrase)).strip() for phrase in sample.phrase_ids}
    assert shown < {"cat", "dog", "fire hydrant"}
    assert len(sample.boxes) == len(sample.phrase_ids) < len(several[0].boxes)


def test_boxes_weigh_as_much_as_their_teacher_was_sure_of_them(
    open_training: OpenTraining, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = tsv_captions_v2(tmp_path, wanted)  # every box scores 0.9
    weighted, plain = open_training(reader, weigh_by_score=True), open_training(reader)
    assert plain[0].weights is None
    weights = weighted[0].weights
    assert weights is not None
    assert weights.tolist() == pytest.approx([0.9] * len(wanted[0].boxes))
    mixed = Collate(tokenizer, training=True)([plain[0], weighted[1]])
    assert mixed.weights[0].tolist() == [1.0] * len(wanted[0].boxes)
    assert mixed.weights[1].tolist() == pytest.approx([0.9] * len(wanted[1].boxes))
    assert Collate(tokenizer)([plain[0]]).weights == []


def test_a_bad_picture_is_named_counted_and_replaced(
    open_training: OpenTraining, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [scene for scene in scenes(9) if scene.boxes]
    reader = coco(tmp_path, wanted)
    (tmp_path / "pictures" / wanted[2].file_name).write_bytes(b"no picture")
    (tmp_path / "pictures" / wanted[3].file_name).unlink()
    with pytest.raises(UserError, match=f"{wanted[2].file_name} is broken"):
        _ = open_training(reader)[2]
    dataset = open_training(reader, tolerate=0.5)
    assert dataset[2].image_id == dataset[3].image_id == dataset[4].image_id
    assert dataset.problems.errors == 3
    assert wanted[2].file_name in caplog.text and wanted[3].file_name in caplog.text


def test_too_many_bad_pictures_stop_the_run(
    open_training: OpenTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glip_pl.data.problems.PATIENCE", 3)
    wanted = [scene for scene in scenes(9) if scene.boxes]
    reader = coco(tmp_path, wanted)
    for scene in wanted:
        (tmp_path / "pictures" / scene.file_name).write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"4 of 4 items are bad, more than the share tolerate=0\.2"):
        _ = open_training(reader, tolerate=0.2)[0]


def test_examples_take_a_share_of_the_samples_and_change_nothing_else(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    reader = coco(tmp_path, [scene for scene in scenes(8) if scene.boxes])
    plain, shown = (
        open_training(reader, sampler=CategorySampler(), visual_prompts=share) for share in (0, 0.4)
    )
    seeds = []
    for seed in range(60):
        one, other = (data.sample(0, np.random.default_rng(seed)) for data in (plain, shown))
        assert other.prompt == one.prompt
        assert other.image.equal(one.image) and other.boxes.equal(one.boxes)
        assert one.example_seed is None
        seeds.append(other.example_seed)
    assert 14 < 60 - seeds.count(None) < 34  # 24 are expected
    assert shown[0].example_seed is None  # in evaluation


Samples = list[tuple[int, str, int]]
"""Image id, caption and sum of the pixels of each sample."""


def samples_of_rank(
    mixture: Mixture, tokenizer: Tokenizer, rank: int, workers: int, seen: int = 0
) -> Samples:
    """What a rank of two gets in an epoch after `seen` samples."""
    position = Position(1, 2 * seen, Layout(2, 2))
    sampler = MixtureSampler(mixture, 3, (rank, 2), 2, lambda: position)
    loader = DataLoader(
        mixture, 2, sampler=sampler, collate_fn=Collate(tokenizer, True), num_workers=workers
    )
    return [
        (batch.image_ids[row], batch.prompts[row].caption, int(batch.images[row].long().sum()))
        for batch in loader
        for row in range(len(batch))
    ]


def test_workers_and_resuming_change_nothing(
    open_training: OpenTraining, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    wanted = [scene for scene in scenes(30) if scene.boxes]
    for folder in ("coco", "web"):
        (tmp_path / folder).mkdir()
    settings = {"sampler": CategorySampler(), "visual_prompts": 0.8}
    sources = [
        Source(open_training(coco(tmp_path / "coco", wanted), **settings)),
        Source(open_training(web_shards(tmp_path / "web", wanted), packing=CaptionPacking())),
    ]
    mixture = Mixture(sources)
    whole = [samples_of_rank(mixture, tokenizer, rank, workers=0) for rank in range(2)]
    assert any(PLACEHOLDER in caption for _, caption, _ in whole[1])
    assert samples_of_rank(mixture, tokenizer, 1, workers=3) == whole[1]
    assert samples_of_rank(mixture, tokenizer, 1, workers=2, seen=12) == whole[1][12:]
    web = Counter(image for share in whole for image, _, _ in share if image < len(wanted))
    # COCO's ids start at 7 and rise by 3; those of web shards count from 0. Each sample came once.
    expected = Counter([7 + 3 * row for row in range(len(wanted))]) + Counter(range(len(wanted)))
    total = Counter(image for share in whole for image, _, _ in share)
    assert total == expected and web
