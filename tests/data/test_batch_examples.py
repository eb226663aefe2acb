from collections import Counter
from dataclasses import replace

import torch

from glip_pl.data.batch_examples import Shown, examples_of, shown_phrases
from glip_pl.data.collate import Collate
from glip_pl.prompts.placeholders import PLACEHOLDER
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Sample


def sample(names: list[str], phrase_ids: list[int], seed: int | None) -> Sample:
    """A picture of 64 pixels whose boxes begin at 0, 8, 16, ... from the left."""
    left = 8.0 * torch.arange(len(phrase_ids))
    boxes = torch.stack([left, left, left + 7, left + 7], dim=1)
    pixels = torch.zeros(3, 64, 64, dtype=torch.uint8)
    ids = torch.tensor(phrase_ids, dtype=torch.int64)
    return Sample(pixels, boxes, ids, names_prompt(names), 1, (64, 64), example_seed=seed)


def test_only_samples_with_a_seed_have_examples_and_a_seed_draws_the_same_ones() -> None:
    batch = [sample(["Star", "moon"], [0, 1], seed) for seed in range(30)]
    found = shown_phrases(batch)
    assert found == shown_phrases(batch)
    assert shown_phrases([replace(one, example_seed=None) for one in batch]) == []
    chosen = Counter(one.phrase for one in found)
    assert all(7 < chosen[phrase] < 23 for phrase in (0, 1))  # about half of 30
    assert {len(one.examples) for one in found} == {1, 2, 3}


def test_examples_have_the_phrase_and_come_from_other_pictures_where_there_are_any() -> None:
    first = [sample(["star", "moon"], [0, 1, 0], seed) for seed in range(80)]
    other = sample(["moon", "STAR "], [1], None)
    found = [one for seed in range(80) for one in shown_phrases([first[seed], other])]
    stars = [one for one in found if one.phrase == 0]
    assert stars
    assert all(list(one.examples) == [(1, 0)] for one in stars)
    moons = [one for one in found if one.phrase == 1]  # only the picture itself has any
    assert moons
    assert len(moons) < len(stars)
    assert all(list(one.examples) == [(0, 1)] for one in moons)


def test_a_phrase_that_is_absent_gets_examples_of_others_too() -> None:
    found = [
        one
        for seed in range(20)
        for one in shown_phrases([sample(["moon", "star"], [0], seed), sample(["star"], [0], None)])
    ]
    assert any(one.phrase == 1 for one in found)


def test_rows_are_put_on_the_tokens_of_their_phrases() -> None:
    samples = [sample(["star", "moon"], [0, 1], 0), sample(["moon"], [0], 0)]
    shown = [Shown(0, 1, [(1, 0)]), Shown(1, 0, [(0, 1), (1, 0)])]
    masks = [torch.tensor([[0, 1, 0, 0], [0, 0, 1, 1]]).bool(), torch.tensor([[0, 1, 0, 0]]).bool()]
    found = examples_of(shown, samples, masks)
    assert found.images.tolist() == [1, 0, 1]
    assert found.rows.tolist() == [0, 1, 1]
    assert found.boxes[:, 0].tolist() == [0, 8, 0]
    assert found.places.tolist() == [2, 3, 4 + 1]
    assert found.fillers.tolist() == [0, 0, 1]


def test_a_training_batch_reads_placeholders_and_evaluation_words(tokenizer: Tokenizer) -> None:
    samples = [sample(["star", "moon"], [0, 1], seed) for seed in range(6)]
    batch = Collate(tokenizer, training=True)(samples)
    assert batch.examples is not None and batch.targets is not None
    texts = [prompt.phrase_text(row) for prompt in batch.prompts for row in (0, 1)]
    assert texts.count(PLACEHOLDER) == batch.examples.count > 0
    masks = torch.stack(batch.phrase_masks)  # (B, 2, T)
    visual = torch.tensor([text == PLACEHOLDER for text in texts]).view(6, 2, 1) & masks
    assert visual.any(1).flatten().nonzero()[:, 0].equal(batch.examples.places.sort().values)
    assert batch.to("cpu").examples is not None
    assert Collate(tokenizer)(samples).examples is None
    plain = Collate(tokenizer, training=True)([replace(one, example_seed=None) for one in samples])
    assert plain.examples is None
