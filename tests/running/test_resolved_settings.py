"""Settings that depend on the data are replaced before anything is built."""

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from glip_pl.errors import UserError
from glip_pl.running.build import build_data
from glip_pl.running.resolved_settings import (
    process_count,
    resolve_evaluation,
    resolve_training,
    write_settings,
)
from glip_pl.running.setting_checks import check_settings
from glip_pl.running.settings import plain
from tests.conftest import MINILM, SMALL, Compose


def tuned(custom: Path, *more: str) -> list[str]:
    """Overrides of a fine-tuning on a user's folder of 16 pictures."""
    words = ["experiment=finetune_custom", f"data.root={custom}", f"tokenizer.source={MINILM}"]
    return [*words, "data.workers=0", "data.batch_size=4", *more]


def resolved(config: DictConfig) -> DictConfig:
    return resolve_training(config, build_data(config, train=True))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer=cpu", "trainer.devices=9999"], "trainer.devices=9999: without a GPU"),
        (["trainer.accelerator=nonsense"], "Lightning refuses .*='nonsense'"),
        (["trainer=cpu", "+trainer.strategy=nonsense"], "Lightning refuses .*='nonsense'"),
        (["trainer=cpu", "+trainer.max_time=abc"], "Lightning refuses .*'abc'"),
    ],
)
def test_what_lightning_refuses_is_told(words: list[str], message: str, settings: Compose) -> None:
    with pytest.raises(UserError, match=message):
        process_count(settings(words).trainer)


@pytest.mark.parametrize(
    ("processes", "accumulated", "epochs", "every"), [(1, 1, 13, 1), (2, 1, 25, 1), (2, 2, 50, 2)]
)
def test_epochs_are_chosen_by_the_steps_of_all_processes(
    processes: int, accumulated: int, epochs: int, every: int, custom: Path, settings: Compose
) -> None:
    words = tuned(custom, "data.train.custom.weight=10")  # 160 pictures: 500 steps or a few more
    words += [f"+trainer.accumulate_grad_batches={accumulated}"]
    words += ["trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={processes}"]
    for overrides in ([], ["trainer.check_val_every_n_epoch=5"]):
        config = settings([*words, *overrides])
        assert process_count(config.trainer) == processes
        trainer = resolved(config).trainer
        assert trainer.max_epochs == epochs
        assert trainer.check_val_every_n_epoch == (5 if overrides else every)
        assert config.trainer.max_epochs == "auto"


def of_a_step(custom: Path, processes: int, *more: str) -> list[str]:
    """A recipe with 64 pictures a step on some processes."""
    processors = ["trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={processes}"]
    return tuned(custom, "data.total_batch=64", *processors, *more)


@pytest.mark.parametrize(
    ("processes", "nodes", "batch", "accumulated"), [(1, 1, 4, 16), (2, 1, 8, 4), (2, 8, 4, 1)]
)
def test_batches_are_accumulated_to_the_pictures_of_a_step(
    processes: int, nodes: int, batch: int, accumulated: int, custom: Path, settings: Compose
) -> None:
    words = of_a_step(custom, processes, f"++trainer.num_nodes={nodes}", f"data.batch_size={batch}")
    words.append("data.train.custom.weight=10")
    trainer = resolved(settings(words)).trainer
    assert trainer.accumulate_grad_batches == accumulated
    assert trainer.max_epochs == 100  # 160 pictures are two steps an epoch


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data.batch_size=3"],
            r"64 is not .*=3 x 2 processes; choose data\.batch_size=1, 2, 4",
        ),
        (["data.batch_size=64"], r"64 is not a multiple of data\.batch_size=64 x 2 processes"),
        (["++trainer.num_nodes=3"], r"train with a number of processes that divides it"),
        (["+trainer.accumulate_grad_batches=3"], r"accumulate_grad_batches=3: .* asks for 8"),
    ],
)
def test_pictures_of_a_step_that_do_not_divide_are_refused(
    words: list[str], message: str, custom: Path, settings: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        resolved(settings(of_a_step(custom, 2, "data.batch_size=4", *words)))


def test_steps_between_validations_do_not_depend_on_processes(
    custom: Path, settings: Compose
) -> None:
    every = ["+trainer.val_check_interval=20", "trainer.check_val_every_n_epoch=null"]
    words = of_a_step(custom, 2, "data.batch_size=4", *every, "trainer.max_epochs=40")
    assert resolved(settings(words)).trainer.val_check_interval == 20 * 8


def test_a_batch_size_is_chosen_on_a_gpu_only(custom: Path, settings: Compose) -> None:
    with pytest.raises(UserError, match=r"auto needs the memory of a GPU: set data\.batch_size"):
        resolved(settings(tuned(custom, "data.batch_size=auto", "trainer=cpu")))
    evaluation = settings(tuned(custom, "data.batch_size=auto"))
    with pytest.raises(UserError, match=r"batch_size=auto is for a training"):
        resolve_evaluation(evaluation, TRAINED)


def test_released_recipes_have_64_pictures_a_step(settings: Compose) -> None:
    for name in ("_o365_shallow", "_o365", "_o365_goldg", "_o365_goldg_cap4m", "_large"):
        data = settings([f"experiment=pretrain{name}"]).data
        assert (data.total_batch, data.grouping) == (64, "orientation")


def test_epochs_that_are_given_stay(custom: Path, settings: Compose) -> None:
    trainer = resolved(settings(tuned(custom, "trainer.max_epochs=40"))).trainer
    assert (trainer.max_epochs, trainer.check_val_every_n_epoch) == (40, 2)


def test_a_learned_prompt_has_a_row_for_each_token(custom: Path, settings: Compose) -> None:
    config = settings(tuned(custom, "tuning=prompt"))
    data = build_data(config, train=True)
    caption = data.val["custom"].all_names.caption
    rows = resolve_training(config, data).model.prompt_rows
    assert rows == len(data.tokenizer(caption)["input_ids"]) < 1000


def test_the_best_weights_are_not_saved_without_a_validation(
    custom: Path, settings: Compose
) -> None:
    assert resolved(settings(tuned(custom))).callbacks.best is not None
    assert resolved(settings(tuned(custom, "data.val=null"))).callbacks.best is None


def test_shots_that_no_source_draws_are_refused(settings: Compose, world: Path) -> None:
    words = [*SMALL, f"data.root={world}", f"tokenizer.source={MINILM}", "shots=1"]
    with pytest.raises(UserError, match=r"shots=1: no training source selects few pictures"):
        resolved(settings(words))


TRAINED = {
    "tokenizer": "checkpoint's",
    "eval_transform": {"short_sides": (800,), "max_side": 1333, "flip": 0.0},
}
"""What a checkpoint says about the input of its model."""


def test_an_evaluation_takes_the_tokenizer_of_the_checkpoint(
    custom: Path, settings: Compose
) -> None:
    words = ["experiment=finetune_custom", f"data.root={custom}"]
    config = resolve_evaluation(settings(words, "evaluate"), TRAINED)
    assert config.tokenizer.source == "checkpoint's"
    assert config.trainer.max_epochs == config.trainer.check_val_every_n_epoch == 1
    config = settings([*words, "tokenizer.source=other"], "evaluate")
    assert resolve_evaluation(config, TRAINED).tokenizer.source == "other"


EVALUATIONS = [
    *(["data=custom"], ["data=shapes"], ["experiment=finetune_custom"], ["data=coco"]),
    *(["experiment=zeroshot_coco"], ["experiment=zeroshot_lvis_minival"]),
    *(["experiment=zeroshot_refcoco"], ["experiment=zeroshot_shapes"]),
    ["experiment=zeroshot_odinw13", "odinw=Aquarium"],
]


@pytest.mark.parametrize("name", ["evaluate", "interpolate"])
@pytest.mark.parametrize("words", EVALUATIONS, ids=lambda words: words[0])
def test_an_evaluation_takes_the_image_size_of_the_checkpoint(
    name: str, words: list[str], custom: Path, settings: Compose
) -> None:
    """Whatever the data's own settings say, each set has the size that `predict` uses too."""
    before = ["before=x"] if name == "interpolate" else []
    roots = [f"data.root={custom}"] if "custom" in words[0] else []
    config = settings([*words, *before, *roots], name)
    check_settings(config)
    transforms = plain(resolve_evaluation(config, TRAINED).data.test).values()
    sizes = {
        (tuple(one["transform"]["short_sides"]), one["transform"]["max_side"])
        for one in transforms
        if one
    }
    assert sizes == {((800,), 1333)}


def test_an_image_size_that_is_set_is_used_and_logged(
    custom: Path, settings: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["data=custom", f"data.root={custom}", "data.eval_transform.short_sides=[96]"]
    transform = resolve_evaluation(settings(words, "evaluate"), TRAINED).data.eval_transform
    assert (transform.short_sides, transform.max_side) == ([96], 1333)
    assert (
        "data.eval_transform.short_sides=[96] is used in place of the checkpoint's own [800]"
        in caplog.text
    )
    caplog.clear()
    resolve_evaluation(
        settings([*words[:2], "data.eval_transform.short_sides=[800]"], "evaluate"), TRAINED
    )
    assert "in place of" not in caplog.text


def test_a_training_needs_an_image_size(custom: Path, settings: Compose) -> None:
    config = settings(tuned(custom, "data.eval_transform.max_side=null"))
    check_settings(config)
    with pytest.raises(UserError, match=r"null means that of the checkpoint, which only an eval"):
        resolved(config)


def test_settings_are_written_without_interpolations(custom: Path, settings: Compose) -> None:
    config = resolved(settings(tuned(custom)))
    write_settings(config)
    text = Path(config.paths.output, "config.yaml").read_text()
    assert "${" not in text
    assert OmegaConf.create(text).trainer.max_epochs == config.trainer.max_epochs
