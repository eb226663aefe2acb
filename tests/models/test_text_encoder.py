"""Word features come from the last layer of a BERT, or are the mean of some layers."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.models.text_encoder import TextEncoder, load_bert
from glip_pl.prompts.tokens import Tokenizer
from tests.conftest import MINILM


def test_layers_are_averaged(tokenizer: Tokenizer) -> None:
    tokens = torch.tensor([tokenizer("a red circle")["input_ids"]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    with torch.inference_mode():
        last, first, both = (
            TextEncoder(MINILM, layers=layers).eval()(tokens, mask).hidden
            for layers in (None, [0], [0, 6])
        )
    assert not torch.allclose(first, last, atol=0.1)
    torch.testing.assert_close(both, (first + last) / 2)


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match=r"has the layers 0 \(embeddings\) to 6"):
        TextEncoder(MINILM, pretrained=False, layers=[0, 7])
    with pytest.raises(UserError, match="null takes the last one"):
        TextEncoder(MINILM, pretrained=False, layers=[])


@pytest.mark.parametrize("pretrained", [True, False])
def test_code_in_the_folder_of_a_text_encoder_is_never_run(
    pretrained: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would ask on the terminal whether to run it."""
    ran = tmp_path / "ran"
    config = {"auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}, "model_type": "evil"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\n"))
    with pytest.raises(UserError, match="needs code from its folder, which is never run"):
        load_bert(str(tmp_path), pretrained)
    assert not ran.exists()


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"model_type": "no_such_model"}',
        '{"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3}',
        '{"model_type": "t5"}',
        '{"model_type": "resnet"}',
    ],
)
def test_a_folder_without_a_bert_is_named(config: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match=r"the text encoder .* cannot be read as a BERT"):
        load_bert(str(tmp_path), pretrained=False)


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("code from a file ran",))


def test_weights_that_would_run_code_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 0}')
    torch.save({"x": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="holds more than tensors, which is not read") as raised:
        load_bert(str(tmp_path), pretrained=True)
    assert "weights_only" not in str(raised.value)
    assert "code from a file ran" not in capsys.readouterr().out


def test_a_tokenizer_with_unknown_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 1}')
    encoder = TextEncoder(str(tmp_path), pretrained=False)
    encoder.check_tokenizer(30522)
    with pytest.raises(UserError, match="has 30523 tokens and the text encoder knows 30522"):
        encoder.check_tokenizer(30523)


SMALL = {
    **{"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"intermediate_size": 8, "vocab_size": 50, "max_position_embeddings": 300},
}


def of_kind(kind: str, folder: Path, **settings: Any) -> str:
    """A folder with the settings of a small encoder."""
    settings = SMALL | {"model_type": kind} | settings
    (folder / "config.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.mark.parametrize("kind", ["roberta", "mpnet", "distilbert", "electra", "deberta-v2"])
def test_relatives_of_bert_are_read_without_pooler_in_single_precision(
    kind: str, tmp_path: Path
) -> None:
    source = of_kind(kind, tmp_path, dtype="float16", embedding_size=6, pad_token_id=1)
    encoder = TextEncoder(source, pretrained=False, layers=[0, 1]).train()
    tokens = torch.randint(2, 50, (2, 20))
    mask = torch.arange(20) < torch.tensor([[20], [9]])
    hidden = encoder(tokens, mask).hidden
    assert hidden.shape == (2, 20, 12)
    assert hidden.dtype == torch.float32
    hidden.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    bert: Any = encoder.bert  # transformers has no types here
    bert.save_pretrained(tmp_path)
    again = TextEncoder(source, pretrained=True, layers=[0, 1])
    assert again.state_dict().keys() == encoder.state_dict().keys()


def test_weights_of_half_precision_are_read_in_single_precision(tmp_path: Path) -> None:
    encoder = TextEncoder(of_kind("bert", tmp_path), pretrained=False)
    bert: Any = encoder.bert  # transformers has no types here
    bert.half().save_pretrained(tmp_path)
    again = TextEncoder(str(tmp_path), pretrained=True)
    assert {value.dtype for value in again.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["bart", "gpt2", "fnet"])
def test_an_encoder_of_another_kind_is_named(kind: str, tmp_path: Path) -> None:
    message = f"cannot be read as a BERT: it is of the kind '{kind}'.*text_encoder.source"
    with pytest.raises(UserError, match=message):
        load_bert(of_kind(kind, tmp_path), pretrained=False)


def test_an_encoder_that_reads_too_few_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reads 255 tokens at most, and prompts have up to 256"):
        load_bert(of_kind("bert", tmp_path, max_position_embeddings=255), pretrained=False)
    of_kind("roberta", tmp_path, max_position_embeddings=257, pad_token_id=1)
    with pytest.raises(UserError, match="reads 255 tokens at most"):  # two places are not used
        load_bert(str(tmp_path), pretrained=False)
