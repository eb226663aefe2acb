from pathlib import Path

import pytest
import torch
from torch import Tensor

from glip_pl.errors import UserError
from glip_pl.models.visual_prompts import VisualPrompts, box_levels, no_examples, region_features
from glip_pl.types import Examples, TextFeatures
from tests.reliability.tiny import config_of, model_of, write_text_folder

SIDES = (32, 16, 8, 4, 2)
"""Positions of each level's side, of pictures of 256 pixels."""


def maps(channels: int = 8) -> list[Tensor]:
    """Levels of two pictures."""
    torch.manual_seed(0)
    return [torch.randn(2, channels, side, side) for side in SIDES]


def examples(images: list[int], boxes: list[list[float]], rows: list[int]) -> Examples:
    """Examples whose rows are not put anywhere."""
    none = torch.zeros(0, dtype=torch.int64)
    count = max(rows) + 1
    return Examples(
        torch.tensor(images), torch.tensor(boxes), torch.tensor(rows), count, none, none
    )


def test_a_box_is_read_at_the_level_whose_anchors_have_its_size() -> None:
    sides = torch.tensor([2.0, 64.0, 100.0, 128.0, 512.0, 5000.0])
    boxes = torch.stack([torch.zeros(6), torch.zeros(6), sides - 1, sides - 1], dim=1)
    assert box_levels(boxes).tolist() == [0, 0, 1, 1, 3, 4]


def test_features_of_a_box_are_those_of_its_place_in_its_picture() -> None:
    levels = [torch.zeros_like(level) for level in maps()]
    levels[0][1, 3, 8:12, 4:8] = 1.0  # pixels 64 to 96 down, 32 to 64 across, of the second picture
    inside, other = [36.0, 68.0, 59.0, 91.0], [120.0, 120.0, 150.0, 150.0]
    found = region_features(levels, torch.tensor([1, 0, 1]), torch.tensor([inside, inside, other]))
    assert found.shape == (3, 25, 8)
    assert found[0, :, 3].min() > 0.7
    assert found[0, :, :3].abs().max() == 0
    assert found[1:].abs().max() == 0


def test_a_row_depends_neither_on_the_order_nor_on_other_examples() -> None:
    part, levels = VisualPrompts(8, 12), maps()
    first, second, third = [3.0, 3.0, 40.0, 50.0], [90.0, 8.0, 200.0, 130.0], [0.0, 0.0, 9.0, 9.0]
    rows = part(levels, examples([0, 1, 0], [first, second, third], [0, 1, 1]))
    turned = part(levels, examples([0, 1, 0], [third, second, first], [0, 0, 1]))
    assert rows.shape == (2, 12)
    assert torch.allclose(rows, turned.flip(0), atol=1e-6)
    alone = part(levels, examples([1], [second], [0])) + part(levels, examples([0], [third], [0]))
    assert torch.allclose(rows[1], alone[0] / 2, atol=1e-6)


def test_every_weight_learns_from_the_rows_and_gets_zeros_without_examples() -> None:
    part, levels = VisualPrompts(8, 12), maps()
    (part(levels, examples([0, 1], [[3.0, 3.0, 40.0, 50.0]] * 2, [0, 1])) ** 3).sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in part.parameters())
    part.zero_grad()
    assert part(levels, no_examples(torch.device("cpu"))).shape == (0, 12)
    part(levels, no_examples(torch.device("cpu"))).sum().backward()
    assert all(one.grad is not None and not one.grad.any() for one in part.parameters())


def test_rows_in_low_precision_are_close() -> None:
    part, levels = VisualPrompts(8, 12), maps()
    shown = examples([0, 1], [[3.0, 3.0, 40.0, 50.0]] * 2, [0, 1])
    rows = part(levels, shown)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = part([level.bfloat16() for level in levels], shown)
    assert torch.allclose(mixed.float(), rows, atol=0.05)
    low = part.bfloat16()([level.bfloat16() for level in levels], shown)
    assert low.dtype == torch.bfloat16
    assert torch.allclose(low.float(), rows, atol=0.1)


def test_rows_replace_the_tokens_they_are_for_and_no_others() -> None:
    text = TextFeatures(torch.zeros(2, 4, 3), torch.ones(2, 4, dtype=torch.bool))
    replaced = text.replaced(torch.tensor([1, 6]), torch.tensor([[1.0] * 3, [2.0] * 3]))
    assert replaced.hidden[:, :, 0].tolist() == [[0, 1, 0, 0], [0, 0, 2, 0]]
    assert not text.hidden.any()


def test_a_model_reads_examples_in_place_of_words(tmp_path: Path) -> None:
    config = config_of(write_text_folder(tmp_path / "text"), visual_prompts=True)
    model = model_of(config).train()
    images, sizes = (
        torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8),
        torch.tensor([[64, 64]] * 2),
    )
    tokens, mask = torch.tensor([[2, 7, 5, 8, 3]] * 2), torch.ones(2, 5, dtype=torch.bool)
    one = examples([1], [[3.0, 3.0, 40.0, 50.0]], [0])
    shown = Examples(one.images, one.boxes, one.rows, 1, torch.tensor([3]), torch.tensor([0]))
    output = model(images, sizes, tokens, mask, shown)
    words = model(images, sizes, tokens, mask)
    assert not torch.allclose(output.alignment[0, :, 3], words.alignment[0, :, 3])
    words.alignment.sum().backward()  # as in a batch that has no examples
    assert all(one.grad is not None and not one.grad.any() for one in model.visual.parameters())
    output.alignment[0, :, 3].sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in model.visual.parameters())


def test_a_model_without_the_part_says_how_to_train_one(tmp_path: Path) -> None:
    model = model_of(config_of(write_text_folder(tmp_path / "text")))
    assert not any(name.startswith("visual") for name in model.state_dict())
    with pytest.raises(UserError, match=r"trained without examples.*data.visual_prompts"):
        model.encode_examples(maps(32), no_examples(torch.device("cpu")))
