from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints import official
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.errors import UserError
from tests.parity.cases import read
from tests.parity.weights import filled


@pytest.fixture
def keys() -> dict[str, Any]:
    """Names, shapes and types of release A."""
    return dict(read("keys_A.json"))


def test_no_two_rows_take_or_give_one_name() -> None:
    for layers, fused in ((6, False), (6, True), (8, True)):
        theirs, ours = zip(*official.table(layers, fused), strict=True)
        assert len(set(theirs)) == len(theirs)
        assert len(set(ours)) == len(ours)


def test_an_unknown_key_is_named(keys: dict[str, Any]) -> None:
    keys["rpn.other.weight"] = [[1000, 768], "float32"]
    with pytest.raises(UserError, match=r"no released GLIP has: rpn\.other\.weight"):
        official.our_names(keys)


def test_a_prompt_that_was_tuned_officially_is_read(tmp_path: Path) -> None:
    keys = dict(read("keys_A.json"))
    state = filled(keys)
    state["rpn.tunable_linear.weight"] = torch.randn(1000, 768)
    torch.save({"model": state}, tmp_path / "tuned.pth")
    trained = load_trained(tmp_path / "tuned.pth")
    (table,) = trained.model.prompts
    torch.testing.assert_close(table.get_parameter("weight"), state["rpn.tunable_linear.weight"])


def test_a_key_that_is_missing_is_named(keys: dict[str, Any]) -> None:
    kept = [key for key in keys if "bbox_pred" not in key]
    with pytest.raises(UserError, match=r"are missing: rpn\.head\.bbox_pred"):
        official.our_names(kept)


def test_what_is_dropped_has_a_reason(keys: dict[str, Any]) -> None:
    left = set(keys) - set(official.our_names(keys))
    assert left
    assert all(official.dropped(key) for key in left)
    assert official.dropped("rpn.head.mlm_head.transform.dense.weight")
    assert official.dropped("language_backbone.body.model.pooler.dense.bias")
    assert official.dropped("rpn.head.bbox_pred.weight") is None


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [True, False])
def test_wrappers_are_taken_off(prefix: str, wrapped: bool) -> None:
    state = {f"{prefix}{official.FIRST_LAYER}": torch.ones(1), f"{prefix}a.b": torch.zeros(1)}
    content = {"model": state, "iteration": 3} if wrapped else state
    found = official.state_dict(content)
    assert found is not None
    assert list(found) == [official.FIRST_LAYER, "a.b"]


@pytest.mark.parametrize("content", [{}, {"model": {}}, {"model": 3}, {"x": torch.ones(1)}])
def test_other_files_are_no_releases(content: dict[str, Any]) -> None:
    assert official.state_dict(content) is None
