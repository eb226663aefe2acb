from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glip_pl.checkpoints import official
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.errors import UserError
from tests.parity.cases import read
from tests.parity.weights import filled


@pytest.fixture
def keys() -> dict[str, Any]:
    """Official names, shapes and types of the weights of GLIP-T (A)."""
    return dict(read("keys_A.json"))


def test_no_two_rows_have_the_same_name_on_either_side() -> None:
    for layers, fused in ((6, False), (6, True), (8, True)):
        theirs, ours = zip(*official.table(layers, fused), strict=True)
        assert len(set(theirs)) == len(theirs)
        assert len(set(ours)) == len(ours)


UNKNOWN = (
    "rpn.other.weight",
    "backbone.body.layers.0.blocks.0.attn_mask",
    "backbone.body.norm1.running_mean",
    "language_backbone.body.model.embeddings.token_type_ids",
    "language_backbone.body.model.cls.predictions.bias",
)
"""Keys of modules that no release has, and unknown ones inside modules that it has."""


def test_unknown_keys_have_no_name_and_are_listed(keys: dict[str, Any]) -> None:
    names = official.our_names(keys)
    assert official.unknown_keys(keys) == []
    assert official.our_names([*keys, *UNKNOWN]) == names
    assert official.unknown_keys([*keys, *UNKNOWN]) == list(UNKNOWN)


def test_a_file_of_an_official_prompt_tuning_is_read(
    keys: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = filled(keys)
    state["rpn.tunable_linear.weight"] = torch.randn(1000, 768)
    state["rpn.resizer.fc.weight"] = torch.zeros(64, 768)
    state |= {key: torch.zeros(1) for key in UNKNOWN[:2]}
    entries = {"model": state, "eval_result": np.float64(0.61)}  # as tools/finetune.py writes it
    torch.save(entries, tmp_path / "model_best.pth")
    trained = load_trained(tmp_path / "model_best.pth")
    (table,) = trained.model.prompts
    torch.testing.assert_close(table.get_parameter("weight"), state["rpn.tunable_linear.weight"])
    (warning,) = [record.message for record in caplog.records if "ignored" in record.message]
    assert warning == (
        f"{tmp_path}/model_best.pth: ignored keys that no released GLIP has: "
        f"{UNKNOWN[0]}, {UNKNOWN[1]}"
    )


def test_a_number_of_layers_that_no_release_has_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"dyhead_tower\.999999999 has the number of a layer"):
        official.our_names([*keys, "rpn.head.dyhead_tower.999999999.x"])


def test_a_missing_key_is_named(keys: dict[str, Any]) -> None:
    incomplete = [key for key in keys if "bbox_pred" not in key]
    with pytest.raises(UserError, match=r"are missing: rpn\.head\.bbox_pred"):
        official.our_names(incomplete)


def test_dropped_keys_have_a_reason(keys: dict[str, Any]) -> None:
    without_name = set(keys) - set(official.our_names(keys))
    assert without_name
    assert all(official.dropped(key) for key in without_name)
    assert official.dropped("rpn.resizer.layer_norm.weight")
    assert official.dropped("rpn.head.mlm_head.transform.dense.weight")
    assert official.dropped("language_backbone.body.model.pooler.dense.bias")
    assert official.dropped("rpn.head.bbox_pred.weight") is None


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [True, False])
def test_prefixes_and_other_entries_are_removed(prefix: str, wrapped: bool) -> None:
    state = {f"{prefix}{official.FIRST_LAYER}": torch.ones(1), f"{prefix}a.b": torch.zeros(1)}
    entries = {"model": state, "iteration": 3} if wrapped else state
    weights = official.state_dict(entries)
    assert weights is not None
    assert list(weights) == [official.FIRST_LAYER, "a.b"]


@pytest.mark.parametrize("entries", [{}, {"model": {}}, {"model": 3}, {"x": torch.ones(1)}])
def test_other_files_are_not_taken_for_releases(entries: dict[str, Any]) -> None:
    assert official.state_dict(entries) is None
