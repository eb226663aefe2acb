"""Prompts of training and of evaluation, and the phrases that boxes belong to."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.categories import Categories
from glip_pl.data.indexing import open_index
from glip_pl.data.prompt_policy import EvaluationPrompts, TrainingPrompts
from glip_pl.data.selection import Selection
from glip_pl.errors import UserError
from glip_pl.prompts.foils import FoilSampler
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.packing import CaptionPacking
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from tests.data.conftest import OpenTraining
from tests.data.formats.writers import NAMES, coco, mdetr, scenes

ALL_IN_ORDER = CategorySampler(max_negatives=80, full_probability=1.0, shuffle=False)


def test_wordings_replace_names_and_boxes_belong_to_the_name(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    reader = coco(tmp_path, [scene for scene in scenes(8) if scene.boxes])
    wordings = [Wording(name, "a photo of a ", " outside") for name in ("cat", "dog", "hydrant")]
    sample = open_training(reader, wordings=wordings)[0]
    assert sample.prompt.caption.startswith("a photo of a cat outside. a photo of a dog outside.")
    assert [sample.prompt.phrase_text(phrase) for phrase in range(3)] == ["cat", "dog", "hydrant"]


def test_prompts_can_have_all_names_in_order_as_in_the_official_fine_tuning(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    dataset = open_training(coco(tmp_path, scenes(8)))
    captions = {dataset[number].prompt.caption for number in range(len(dataset))}
    assert captions == {"cat. dog . fire hydrant"}


def test_packed_captions_keep_the_words_of_the_boxes(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    dataset = open_training(mdetr(tmp_path, wanted), packing=CaptionPacking(none_probability=0))
    plain = open_training(dataset.reader)
    longer = 0
    for number in range(len(wanted)):
        packed = dataset.sample(number, np.random.default_rng(number))
        alone = plain[number]
        longer += len(packed.prompt.caption) > len(alone.prompt.caption) + 10
        for phrase, original in zip(packed.phrase_ids, alone.phrase_ids, strict=True):
            text = packed.prompt.phrase_text(int(phrase))
            assert text == alone.prompt.phrase_text(int(original))
    assert longer > 3


def test_a_category_that_is_not_in_the_prompt_has_no_phrase(
    tmp_path: Path, indexes: Path, tokenizer: Tokenizer
) -> None:
    reader = coco(tmp_path, [scene for scene in scenes(8) if scene.boxes])
    index = open_index(reader, indexes)
    categories = Categories.of(NAMES, None, tokenizer, "the source")
    records = Selection().for_training(index, "the source")
    sampler = CategorySampler(max_negatives=0, budget=categories.lengths[0])
    prompts = TrainingPrompts(records, categories, sampler)
    # Only "cat. ", which has as many tokens as "dog . ", or that one fits into the prompt.
    targets = np.asarray([0, 1, 1, 0], dtype=np.int32)
    prompt, phrase_ids, _ = prompts(0, targets, np.random.default_rng(0))
    named = {"cat": [0, -1, -1, 0], "dog ": [-1, 0, 0, -1]}
    assert phrase_ids.tolist() == named[prompt.caption]


def test_only_prompts_that_never_vary_are_common(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    (tmp_path / "captions").mkdir()
    reader = coco(tmp_path, scenes(8))
    common = open_training(reader, sampler=ALL_IN_ORDER).prompts.common
    assert common is not None and common.caption == "cat. dog . fire hydrant"
    assert open_training(reader, sampler=CategorySampler()).prompts.common is None
    captions = mdetr(tmp_path / "captions", scenes(8))
    assert open_training(captions, sampler=None).prompts.common is None


def test_a_picture_of_nothing_is_asked_for_something(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    without_negatives = CategorySampler(full_probability=0, none_probability=1)
    reader = coco(tmp_path, scenes(2))  # the second has no box
    dataset = open_training(reader, sampler=without_negatives, keep_empty=True)
    asked = set()
    for seed in range(20):
        sample = dataset.sample(1, np.random.default_rng(seed))
        assert len(sample.boxes) == 0 and len(sample.prompt.phrases) == 1
        asked.add(sample.prompt.caption)
    assert len(asked) == 3


def test_evaluation_asks_for_all_categories_or_for_the_caption(
    tmp_path: Path, indexes: Path, tokenizer: Tokenizer
) -> None:
    (tmp_path / "captions").mkdir()
    random, targets = np.random.default_rng(0), np.asarray([2, 0], dtype=np.int32)
    state = random.bit_generator.state
    boxes = open_index(coco(tmp_path, scenes(4)), indexes)
    categories = Categories.of(boxes.names, None, tokenizer, "the source")
    prompts = EvaluationPrompts(boxes, categories, chunk=2)
    prompt, phrase_ids, _ = prompts(1, targets, random)
    assert prompt == prompts.all_names == prompts.common
    assert phrase_ids.tolist() == [2, 0]
    asked_for = [chunk.prompt.caption for chunk in prompts.vocabulary]
    assert asked_for == ["cat. dog ", "fire hydrant"]
    captions = open_index(mdetr(tmp_path / "captions", scenes(4)), indexes)
    prompts = EvaluationPrompts(captions, Categories.of([], None, tokenizer, "the source"))
    prompt, *_ = prompts(0, targets, random)
    assert (prompt.caption, prompt.phrases) == (captions.captions[0], captions.phrases(0))
    assert prompts.common is None and prompts.vocabulary == ()
    assert random.bit_generator.state == state  # nothing was drawn


def test_foils_join_some_prompts_in_any_place_and_no_box_belongs_to_them(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    reader = coco(tmp_path, [scene for scene in scenes(8) if scene.boxes])
    foils = ["zebra", "purple cow", "blim"]
    dataset = open_training(reader, foils=FoilSampler(foils, most=3, share=0.5))
    plain = open_training(reader)
    known = ["cat", "dog ", "fire hydrant"]
    places: set[int] = set()
    unchanged = 0
    for seed in range(60):
        number = seed % len(dataset)
        sample = dataset.sample(number, np.random.default_rng(seed))
        phrases = [sample.prompt.phrase_text(one) for one in range(len(sample.prompt.phrases))]
        assert sorted(set(phrases) - set(foils)) == known
        unchanged += phrases == known
        places |= {place for place, phrase in enumerate(phrases) if phrase in foils}
        named = [phrases[int(one)] for one in sample.phrase_ids]
        original = plain[number]
        assert named == [original.prompt.phrase_text(int(one)) for one in original.phrase_ids]
    assert 20 < unchanged < 40
    assert places == set(range(6))
    assert dataset.prompts.common is None


def test_foils_that_are_categories_are_refused_and_none_change_nothing(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    reader = coco(tmp_path, scenes(8))
    with pytest.raises(UserError, match=r"data\.foils names Fire hydrant"):
        open_training(reader, foils=FoilSampler(["Fire hydrant"]))
    common = open_training(reader, foils=FoilSampler(None)).prompts.common
    assert common is not None and common.caption == "cat. dog . fire hydrant"


def test_foils_leave_room_for_the_categories(open_training: OpenTraining, tmp_path: Path) -> None:
    reader = coco(tmp_path, scenes(8))
    sampler = CategorySampler(max_negatives=80, full_probability=1.0, shuffle=False, budget=12)
    foils = FoilSampler([f"blim {number}" for number in range(9)], most=9, share=1.0)
    dataset = open_training(reader, sampler=sampler, foils=foils)
    lengths = name_lengths(dataset.tokenizer, ["cat", "dog ", "fire hydrant", "blim 1"])
    for seed in range(20):
        prompt = dataset.sample(0, np.random.default_rng(seed)).prompt
        count = len(prompt.phrases) - 3
        assert sum(lengths[:3]) + count * lengths[3] <= 12
