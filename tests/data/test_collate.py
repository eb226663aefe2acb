from dataclasses import replace

import torch

from glip_pl.data.collate import Collate
from glip_pl.losses.targets import targets_of
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Prompt, Sample


def sample(height: int, width: int, prompt: Prompt, phrase_ids: list[int]) -> Sample:
    return Sample(
        image=torch.full((3, height, width), 9, dtype=torch.uint8),
        boxes=torch.arange(4.0 * len(phrase_ids)).view(-1, 4),
        phrase_ids=torch.tensor(phrase_ids, dtype=torch.int64),
        prompt=prompt,
        image_id=height,
        original_size=(height * 2, width * 2),
    )


def test_images_are_padded_below_and_to_the_right(tokenizer: Tokenizer) -> None:
    prompt = names_prompt(["cat", "dog"])
    batch = Collate(tokenizer)([sample(40, 70, prompt, [0]), sample(50, 33, prompt, [])])
    assert batch.images.shape == (2, 3, 64, 96)
    assert batch.images[0, :, :40, :70].min() == 9
    assert int(batch.images.sum()) == 9 * 3 * (40 * 70 + 50 * 33)
    assert batch.sizes.tolist() == [[40, 70], [50, 33]]
    assert batch.original_sizes.tolist() == [[80, 140], [100, 66]]
    assert batch.image_ids == [40, 50]


def test_boxes_of_phrases_beyond_the_token_limit_are_dropped_in_training(
    tokenizer: Tokenizer,
) -> None:
    prompt = names_prompt(["cat"] * 200)
    batch = Collate(tokenizer, training=True)([sample(32, 32, prompt, [0, 199, 3])])
    assert batch.phrase_ids[0].tolist() == [0, 3]
    assert batch.boxes[0].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    # In evaluation they stay and count as not found.
    batch = Collate(tokenizer)([sample(32, 32, prompt, [0, 199, 3])])
    assert batch.phrase_ids[0].tolist() == [0, 199, 3]


def test_batches_move_with_all_their_tensors(tokenizer: Tokenizer) -> None:
    batch = Collate(tokenizer)([sample(32, 32, names_prompt(["cat"]), [0])])
    moved = batch.to("meta")
    assert moved.images.is_meta
    assert moved.boxes[0].is_meta
    assert moved.phrase_masks[0].is_meta
    assert moved.prompts == batch.prompts


def test_only_training_batches_have_targets(tokenizer: Tokenizer) -> None:
    prompt = names_prompt(["cat", "dog"])
    samples = [sample(64, 96, prompt, [0]), sample(64, 64, prompt, [1, 1])]
    samples = [replace(one, boxes=one.boxes * 9) for one in samples]
    assert Collate(tokenizer)(samples).targets is None
    batch = Collate(tokenizer, training=True)(samples)
    assert batch.targets is not None
    expected = targets_of(batch)
    assert batch.targets.rows.equal(expected.rows) and len(expected.rows)
    assert batch.to("meta").targets.sums.is_meta  # type: ignore[union-attr]  # it has targets
