"""Low-rank updates of the encoders (LoRA, Hu et al. 2021), by the library peft."""

from glip_pl.errors import UserError, require_extra
from glip_pl.models.glip import GLIP


def add_lora(model: GLIP, rank: int, alpha: float, layers: str) -> None:
    """Add trainable updates to the layers of both encoders whose names match the regex `layers`.

    All other parameters of the encoders are frozen. Raises UserError if peft is not installed or no
    layer matches.
    """
    require_extra("peft", "lora", "tuning=lora")
    from peft import LoraConfig, inject_adapter_in_model

    for encoder in (model.image_encoder, model.text_encoder):
        settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers)
        try:
            inject_adapter_in_model(settings, encoder)
        except ValueError as error:
            raise UserError(f"tuning.lora.layers={layers!r} matches no layer: {error}") from error
