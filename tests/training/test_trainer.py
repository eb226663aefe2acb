from collections.abc import Iterator

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.running.build import build_trainer
from glip_pl.running.setting_checks import check_settings
from tests.conftest import Compose


@pytest.fixture(autouse=True)
def precision_as_before() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("words", "precision"),
    [
        (["trainer.precision=32-true"], "highest"),
        (["trainer.precision=bf16-mixed"], "high"),
        (["trainer.precision=32-true", "trainer.matmul_precision=medium"], "medium"),
    ],
)
def test_products_of_float32_have_the_precision_of_the_settings(
    settings: Compose, words: list[str], precision: str
) -> None:
    config = settings(["trainer=cpu", *words])
    check_settings(config)
    build_trainer(config, train=False)
    assert torch.get_float32_matmul_precision() == precision


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.matmul_precision=tf32", "trainer.matmul_precision=tf32: must be .*highest"),
        ("+trainer.matmul_precisions=high", "did you mean matmul_precision"),
        ("trainer.log_every_n_steps=x", "trainer.log_every_n_steps=x: must be"),
        ("+trainer.enable_checkpointing=3", "trainer.enable_checkpointing=3: must be"),
    ],
)
def test_wrong_settings_are_found_by_the_arguments_of_both(
    settings: Compose, word: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_settings(settings(["trainer=cpu", word]))


def test_a_training_in_several_processes_exchanges_no_buffers(settings: Compose) -> None:
    config = settings(["trainer=ddp", "++trainer.accelerator=cpu", "trainer.devices=1"])
    check_settings(config)
    strategy = build_trainer(config, train=False).strategy
    assert vars(strategy)["_ddp_kwargs"] == {
        "gradient_as_bucket_view": True,
        "broadcast_buffers": False,
    }
