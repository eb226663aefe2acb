"""Settings are checked by type and range before anything is built from them."""

from collections.abc import Sequence

import pytest

from glip_pl.errors import UserError
from glip_pl.running.setting_checks import check_examples, check_settings
from glip_pl.running.settings import compose_settings

OUTPUT = "paths.output=out"  # otherwise Hydra's folder, which there is only in a command


def fault(words: Sequence[str], name: str = "train") -> str:
    """What is wrong with the settings of a command."""
    given = [] if name == "gather" else [OUTPUT]
    given += ["name=x"] if name in ("train", "self_train") else []
    with pytest.raises(UserError) as raised:
        check_settings(compose_settings([*given, *words], name))
    return str(raised.value)


def test_a_wrong_value_is_told_with_its_key_and_what_it_must_be() -> None:
    said = fault(["data.batch_size=0", "optimizer.lr=abc"])
    assert said.startswith("data.batch_size=0: must be a whole number of 1 or more or auto, ")
    assert "optimizer.lr=abc: must be a number above 0" in said


def test_many_wrong_values_at_once() -> None:
    """All are found in one pass; a message names the first four and counts the others."""
    words = [
        *("data.workers=-1", "seed=-1", "data.train_transform.short_sides=[]", "shots=abc"),
        *("trainer.max_epochs=0", "trainer.precision=nonsense", "model.layers=abc"),
        *("data.train.detection.weight=0", "data.train.detection.dataset.tolerate=5"),
        *("callbacks.ema.decay=2", "decoder.score_threshold=3", "tuning.trains=head"),
        *("data.eval_transform.max_side=60000", "prompt_memory_gb=0", "keep_going=5"),
        *("data.train.captions.dataset.out_of_image=maybe", "model.image_encoder.bgr=5"),
    ]
    words[-1] = f"+{words[-1]}"  # an argument that the shipped settings do not have
    assert fault(words).endswith(f" and {len(words) - 4} more")


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("predict", ["image=x", "threshold=30"], "threshold=30: must be a number from 0 to 1"),
        ("predict", ["image=x", "threshold=null"], "threshold=null: must be a number"),
        ("predict", ["image=null", "max_boxes=2.5"], "image=null: must be text, not empty, max"),
        ("predict", ["image=x", "device=5"], "quote a text that looks like a number: \"device='5'"),
        ("pseudo_label", ["source.shards=x", "tolerate=5"], "tolerate=5: must be a number"),
        ("self_train", ["experiment=shapes_t", "rounds=0"], "rounds=0: must be a whole number"),
        ("data_tools", ["browse.count=-1"], "browse.count=-1: must be a whole number of 1"),
        ("data_tools", ["check.pictures=no"], "check.pictures=no: must be exist, decode or skip"),
        ("gather", ["sweep=x", "pooled=5"], "pooled=5: must be a list of texts"),
        ("make_shapes", ["world.side=abc"], "world.side=abc: must be a whole number from 32"),
    ],
)
def test_every_command(command: str, words: list[str], message: str) -> None:
    assert message in fault(words, command)


def test_arguments_are_checked_by_the_signature_of_what_they_build() -> None:
    assert "loss._target_={'a': 1}: must be the name" in fault(["loss._target_={a: 1}"])
    reader = "data.train.detection.dataset.reader"
    said = fault(
        [
            *("loss._target_=no.Such", "+optimizer.lrr=1", f"{reader}.annotations=5"),
            *("tokenizer.source=null", "data.train.captions.dataset.reader=5"),
        ]
    )
    assert said.endswith(" and 1 more")
    assert "loss._target_=no.Such: no such class or function" in said
    assert "optimizer.lrr=1: no such setting; did you mean lr?" in said
    assert f"{reader}.annotations=5: must be text" in said
    assert "captions.dataset.reader=5: must be settings with a _target_" in said


def test_a_wrong_value_is_named_where_it_is_given() -> None:
    """Settings that take another setting's value are as wrong as that, and are not named."""
    said = fault(["tuning=prompt", "tuning.lr=-1"])
    assert said == "tuning.lr=-1: must be a number above 0"
    given = fault(["optimizer.lr='${oc.env:HOME}'"])  # not given by another setting
    assert given.startswith("optimizer.lr=/")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.visual_prompts=false"], r"model.visual_prompts=false: the model needs the part"),
        (["tuning=linear_probe"], r"leaves out the part that reads them: add visual"),
    ],
)
def test_examples_are_trained_only_where_something_learns(words: list[str], message: str) -> None:
    given = [OUTPUT, "name=x", "data.visual_prompts=0.5"]
    with pytest.raises(UserError, match=message):
        check_examples(compose_settings([*given, *words]))
    check_examples(compose_settings([OUTPUT, "name=x", *words]))  # there are no examples
    for tuning in ("full", "frozen_text", "head"):
        check_examples(compose_settings([*given, f"tuning={tuning}"]))
