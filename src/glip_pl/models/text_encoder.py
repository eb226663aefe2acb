"""Text encoder: a BERT or a relative of it, from the hub, a local folder or an installed wheel."""

import inspect
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    BertConfig,
)

from glip_pl.errors import UserError, first_line, shown
from glip_pl.pretrained.hub import local_files_only
from glip_pl.pretrained.locations import name_or_path
from glip_pl.types import MAX_TOKENS, TextFeatures

DEFAULT_BERT = "bert-base-uncased"
"""Name of the BERT whose configuration is transformers' default, so that it builds offline."""


def load_bert(source: str, pretrained: bool) -> nn.Module:
    """A BERT or a relative of it, without pooler, with random weights unless `pretrained`.

    Weights are in single precision, whatever the file holds. Runs no code from its folder. Raises
    UserError if it cannot be loaded, or is of another kind.
    """
    name = name_or_path(source)
    # Loading would report the unused weights of the pooler, which are left out on purpose.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options = {"local_files_only": local_files_only(name), "trust_remote_code": False}
    try:
        config: Any = (
            BertConfig()
            if name == DEFAULT_BERT and not pretrained
            else AutoConfig.from_pretrained(name, **options)
        )
        _check_kind(source, config)
        parts = {"dtype": torch.float32, "trust_remote_code": False}
        if "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(config)]).parameters:
            parts["add_pooling_layer"] = False
        if pretrained:
            model = AutoModel.from_pretrained(name, **options | parts)
        else:
            model = AutoModel.from_config(config, **parts)
        _check_states(source, model)
    except UserError:
        raise
    except Exception as error:  # the library raises many kinds on a broken folder
        raise UserError(
            f"{_fault(source, error)}. "
            "Set model.text_encoder.source to a folder with config.json and model.safetensors, or "
            "model.text_encoder.pretrained=false if a checkpoint brings the weights"
        ) from error
    return model  # type: ignore[no-any-return]  # transformers has no types here


def _check_kind(source: str, config: Any) -> None:
    """Raise UserError unless a configuration is that of a BERT or a relative of it."""
    kind = type(config)
    if kind in MODEL_FOR_MASKED_LM_MAPPING and not config.is_encoder_decoder:
        arguments = inspect.signature(MODEL_MAPPING[kind].forward).parameters
        if {"input_ids", "attention_mask"} <= set(arguments):
            return
    raise UserError(
        f"the text encoder {source!r} cannot be read as a BERT: it is of the kind "
        f"{shown(config.model_type)!r}. Set model.text_encoder.source to an encoder that was "
        "trained to fill in masked words, such as BERT, RoBERTa, MPNet, DistilBERT or ELECTRA"
    )


def _check_states(source: str, model: Any) -> None:
    """Raise UserError unless a model gives a state of its width for each token, after each layer.

    It is tried with two tokens, unless it has no memory for its weights.
    """
    config = model.config
    room = [
        part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
        for name, part in model.named_modules()
        if name.rpartition(".")[2] == "position_embeddings" and isinstance(part, nn.Embedding)
    ]
    if min(room, default=MAX_TOKENS) < MAX_TOKENS:
        raise UserError(
            f"the text encoder {source!r} reads {min(room)} tokens at most, and prompts have up to "
            f"{MAX_TOKENS}. Set model.text_encoder.source to one that reads more"
        )
    if model.device.type == "meta":
        return
    tokens = torch.full((1, 2), min(5, config.vocab_size - 1))
    with torch.no_grad():
        output = model.eval()(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True
        )
    states = [output.last_hidden_state, *output.hidden_states]
    shapes = {tuple(state.shape) for state in states}
    if shapes != {(1, 2, config.hidden_size)} or len(states) != config.num_hidden_layers + 2:
        raise UserError(
            f"the text encoder {source!r} does not give {config.hidden_size} numbers for each "
            "token after each layer, as a BERT does. Set model.text_encoder.source to another one"
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those in whose handling it was raised: older transformers raise their own."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _fault(source: str, error: Exception) -> str:
    """Why a text encoder cannot be loaded."""
    if "trust_remote_code" in str(error):
        return f"the text encoder {source!r} needs code from its folder, which is never run"
    if any(isinstance(one, pickle.UnpicklingError) for one in _causes(error)):
        # Its message advises to let the file run code.
        return (
            f"the text encoder {source!r} has weights in a file that is damaged or holds more than "
            "tensors, which is not read because it could run code"
        )
    if isinstance(error, OSError) and not Path(source).is_dir():
        return f"the text encoder {source!r} is neither a local folder nor reachable on the hub"
    return (
        f"the text encoder {source!r} cannot be read as a BERT "
        f"({type(error).__name__}: {first_line(error)})"
    )


class TextEncoder(nn.Module):
    """Hidden states of a BERT or a relative; prompts are not padded to 256 tokens."""

    def __init__(
        self,
        source: str,
        pretrained: bool = True,
        layers: Sequence[int] | None = None,
        recompute: bool = False,
    ) -> None:
        """Token features are the states of the last layer (the paper's), or the mean of `layers`.

        Layer 0 is the output of the embeddings. With `recompute`, a training stores the input of
        each layer only and computes it again. Raises UserError for a layer that does not exist.
        """
        super().__init__()
        self.layers = layers
        self.bert = load_bert(source, pretrained)
        from glip_pl.models import bert  # it imports what commands without a model do not need

        bert.adapt(self.bert, recompute)
        config: Any = self.bert.config  # transformers has no types here
        self.dim: int = config.hidden_size
        self.vocabulary: int = config.vocab_size
        count: int = config.num_hidden_layers
        if layers is not None and not (layers and set(layers) <= set(range(count + 1))):
            raise UserError(
                f"model.text_encoder.layers={list(layers)}: {source} has the layers 0 (embeddings) "
                f"to {count}; null takes the last one"
            )

    def check_tokenizer(self, tokens: int) -> None:
        """Raise UserError if a tokenizer of so many tokens has tokens that this encoder lacks."""
        if tokens > self.vocabulary:
            raise UserError(
                f"the tokenizer has {tokens} tokens and the text encoder knows {self.vocabulary}: "
                "set tokenizer.source to the tokenizer of the text encoder"
            )

    def forward(self, tokens: Tensor, mask: Tensor) -> TextFeatures:
        """Token features (B, T, C) of token ids (B, T); `mask` (B, T) bool marks real ones."""
        output = self.bert(
            input_ids=tokens,
            attention_mask=mask.long(),
            output_hidden_states=self.layers is not None,
        )
        if self.layers is None:
            return TextFeatures(output.last_hidden_state, mask)
        states = [output.hidden_states[layer] for layer in self.layers]
        return TextFeatures(torch.stack(states).mean(0), mask)
