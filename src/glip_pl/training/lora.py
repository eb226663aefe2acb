"""Low-rank updates of the encoders (LoRA, Hu et al. 2021), by peft."""

from glip_pl.errors import UserError
from glip_pl.models.glip import GLIP


def add_lora(model: GLIP, rank: int, alpha: float, layers: str) -> None:
    """Add trainable updates to the layers of both encoders whose names match `layers`.

    All else in the encoders is frozen. Raises UserError without peft, or if nothing matches.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError("tuning=lora needs peft: pip install 'glip_pl[lora]'") from error
    for part in (model.image_encoder, model.text_encoder):
        recipe = LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers)
        try:
            inject_adapter_in_model(recipe, part)
        except ValueError as error:
            raise UserError(f"tuning.lora.layers={layers!r} matches no layer: {error}") from error
