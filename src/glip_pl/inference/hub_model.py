"""A model on the Hugging Face hub: `save_pretrained`, `push_to_hub` and `from_pretrained`."""

import json
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

from huggingface_hub import ModelCard, ModelHubMixin

from glip_pl.checkpoints.model_folder import (
    TEXT_ENCODER,
    TOKENIZER,
    WEIGHTS,
    checkpoint_file,
    with_own_sources,
)
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.files.writing import write_json
from glip_pl.inference.model_card import model_card, results_of
from glip_pl.models.glip import GLIP
from glip_pl.pretrained.hub import SCHEME, download_model, told
from glip_pl.prompts.tokens import Tokenizer


class HubModel(ModelHubMixin):
    """What a predictor does with folders of a model, on this machine or on the hub.

    Saving, uploading and their options are those of huggingface_hub's ModelHubMixin. Reading is
    ours: the mixin would give settings of a stranger's `config.json` to the constructor.
    """

    model: GLIP
    tokenizer: Tokenizer
    config: dict[str, Any] | None = None  # the settings in the checkpoint
    checkpoint: Path | None = None  # the file that the model was read from

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write weights, settings, tokenizer and the form of the text encoder to a folder."""
        if self.config is None:
            raise UserError(
                "this predictor was not made by Predictor.load: its settings are unknown"
            )
        config = {**with_own_sources(self.config), "lora_scale": None}  # updates are added already
        self.tokenizer.save_pretrained(save_directory / TOKENIZER)
        encoder: Any = self.model.text_encoder.bert.config  # transformers has no types here
        encoder.save_pretrained(save_directory / TEXT_ENCODER)
        write_json(save_directory / "config.json", {"library_name": "glip_pl", **config})
        weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
        write_weights(weights, config, save_directory / WEIGHTS)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card of the model, with the figures of its results.json; for options see model_card.

        Without `results`, those of the run that wrote the checkpoint are used, if they are of it.
        """
        results = kwargs.pop("results", None)
        if results is None and self.checkpoint is not None:
            results = results_of(self.checkpoint)
        elif isinstance(results, str | Path):
            results = json.loads(Path(results).read_text(encoding="utf-8"))
        return model_card(self.config or {}, results, **kwargs)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the model to `owner/name`; returns the address of the commit.

        For the options see huggingface_hub's ModelHubMixin; `model_card_kwargs` are those of
        `model_card`. Raises UserError if the hub cannot be reached or refuses it.
        """
        card = {"name": repo_id, **(options.pop("model_card_kwargs", None) or {})}
        with told(f"{SCHEME}{repo_id}", "uploaded"):
            return super().push_to_hub(repo_id, model_card_kwargs=card, **options)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        **loading: Any,
    ) -> Self:
        """The predictor of a folder that `save_pretrained` wrote, or of `owner/name` on the hub.

        The settings of the hub are huggingface_hub's; `loading` are those of `load`, such as the
        device. No code is run and only tensors and text files are read. Raises UserError if the
        model cannot be downloaded or read.
        """
        place = str(pretrained_model_name_or_path)
        folder = Path(place).expanduser()
        if not folder.is_dir():
            folder = download_model(
                place.removeprefix(SCHEME),
                revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        file = checkpoint_file(folder)
        if file == folder:
            raise UserError(f"{folder} holds no model: it has no {WEIGHTS}")
        return cls.load(file, **loading)

    @classmethod
    @abstractmethod
    def load(cls, checkpoint: str | Path, **loading: Any) -> Self:
        """The predictor of a checkpoint; `Predictor` defines it."""
