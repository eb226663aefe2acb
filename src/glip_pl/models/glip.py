"""GLIP: encode the image, encode the text, fuse them, score every box against every token."""

from collections.abc import Callable

from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.models.canvases import Part, joined, joined_levels, parts_of
from glip_pl.models.dynamic_head import GROUPS, DynamicConv
from glip_pl.models.fpn import FPN
from glip_pl.models.grounding_head import GroundingHead
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.prompt_tuning import ROWS, PromptTables
from glip_pl.models.text_encoder import TextEncoder
from glip_pl.models.visual_prompts import VisualPrompts, no_examples
from glip_pl.types import Examples, Output, Padding, TextFeatures

STRIDES = (8, 16, 32)
"""Pixels per position of the stages of the image encoder, C3 to C5."""


class GLIP(nn.Module):
    """Grounded Language-Image Pre-training, figure 2 of the paper."""

    def __init__(
        self,
        image_encoder: ImageEncoder,
        text_encoder: TextEncoder,
        fusion: Callable[..., nn.Module],
        layers: int,
        channels: int,
        drop_block: float = 0.0,
        initial_gain: float = 1.0,
        prompts: int = 0,
        prompt_rows: int = ROWS,
        visual_prompts: bool = False,
        padding: Padding = "shared",
    ) -> None:
        """Build `layers` rounds of `fusion(channels, text width, 1 / layers)` and dynamic conv.

        There are eleven arguments because each is a setting under `model` that people type and that
        every checkpoint stores: three exchangeable modules, and the numbers of the fixed ones.

        `prompts` is the number of tables of a learned prompt, each for the first `prompt_rows`
        tokens (models/prompt_tuning.py). The logits and box codes of the head have learned
        scales: a larger `initial_gain` lets short trainings learn sooner; the released models
        start at 1. With `visual_prompts`, example boxes can stand in for words
        (models/visual_prompts.py). `padding` is described where it is defined (types.py). Raises
        UserError if there are more tables than `readings`, or if the parts do not fit each other.
        """
        super().__init__()
        _check_parts(image_encoder, channels, padding)
        self.padding = padding
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.fpn = FPN(image_encoder.channels, channels, drop_block)
        self.prompts = PromptTables(prompts, text_encoder.dim, prompt_rows)
        parts = [VisualPrompts(channels, text_encoder.dim)] if visual_prompts else []
        self.visual = nn.ModuleList(parts)  # an empty list where the model has no such part
        self.fusions = nn.ModuleList(
            fusion(channels, text_encoder.dim, 1 / layers) for _ in range(layers)
        )
        self.dynamic_convs = nn.ModuleList(DynamicConv(channels) for _ in range(layers))
        self.head = GroundingHead(channels, text_encoder.dim, initial_gain)
        if prompts > self.readings:
            raise UserError(
                f"model.prompts={prompts}: this model reads its tokens {self.readings} times "
                "(once if it has no fusion), and there can be a table for each time"
            )

    def encode_image(self, images: Tensor, sizes: Tensor) -> list[Tensor]:
        """Five pyramid levels (B, C, h, w) of padded uint8 images (B, 3, H, W)."""
        levels: list[Tensor] = self.fpn(self.image_encoder(images, sizes))
        return levels

    def encode_text(self, tokens: Tensor, mask: Tensor, learned: bool = True) -> TextFeatures:
        """Features of token ids (B, T), by default with the additions of a learned prompt."""
        text: TextFeatures = self.text_encoder(tokens, mask)
        return self.prompts(text) if learned else text

    def encode_examples(self, levels: list[Tensor], examples: Examples) -> Tensor:
        """A row of token features (R, C) for each phrase that has examples in encoded pictures.

        Raises UserError if the model has no part for it.
        """
        self.check_reads_examples()
        rows: Tensor = self.visual[0](levels, examples)
        return rows

    def check_reads_examples(self) -> None:
        """Raise UserError if the model has no part for examples."""
        if not len(self.visual):
            raise UserError(
                "this model reads words only: it was trained without examples. Train it, or one "
                "that continues it, with data.visual_prompts=0.5 (docs/tuned_models.md)"
            )

    @property
    def shallow(self) -> bool:
        """Whether only the head compares pixels with tokens (GLIP-T A)."""
        return not any(fusion.reads_words for fusion in self.fusions)

    @property
    def readings(self) -> int:
        """How many layers read the tokens: the most tables that a learned prompt can have."""
        return 1 if self.shallow else len(self.fusions)

    def refine(self, levels: list[Tensor]) -> list[Tensor]:
        """Levels after all dynamic convolutions of a shallow model, which no prompt changes."""
        for conv in self.dynamic_convs:
            levels = conv(levels)
        return levels

    def ground(self, levels: list[Tensor], text: TextFeatures) -> Output:
        """Fuse an encoded image with an encoded prompt; score every anchor against every token."""
        for fusion, conv in zip(self.fusions, self.dynamic_convs, strict=True):
            levels, text = fusion(levels, text)
            levels = conv(levels)
        output: Output = self.head(levels, text)
        return output

    def parts(self, images: Tensor, sizes: Tensor) -> list[Part]:
        """What is computed together of padded images (B, 3, H, W) with true sizes (B, 2)."""
        if self.padding == "own":
            return parts_of(sizes)
        return [Part(tuple(range(len(images))), *images.shape[-2:])]

    def forward(
        self,
        images: Tensor,
        sizes: Tensor,
        tokens: Tensor,
        mask: Tensor,
        examples: Examples | None = None,
    ) -> Output:
        """Predictions for padded uint8 images (B, 3, H, W), true sizes (B, 2), tokens (B, T).

        The `examples` lie in these images and stand in for some of these tokens.
        """
        parts, size = self.parts(images, sizes), (images.shape[-2], images.shape[-1])
        encoded = [self.encode_image(*part.of(images, sizes)) for part in parts]
        text = self.encode_text(tokens, mask)
        if examples is None and self.training and len(self.visual):
            examples = no_examples(images.device)  # every parameter has a gradient in every step
        if examples is not None:
            rows = self.encode_examples(joined_levels(encoded, parts, size), examples)
            text = text.replaced(examples.places, rows[examples.fillers])
        outputs = [
            self.ground(levels, part.texts(text))
            for levels, part in zip(encoded, parts, strict=True)
        ]
        return joined(outputs, parts, size)


def _check_parts(image_encoder: ImageEncoder, channels: int, padding: str) -> None:
    """Raise UserError unless the dynamic head can read the pyramid, and for another padding."""
    if padding not in ("shared", "own"):
        raise UserError(f"model.padding={padding!r:.40} must be shared or own")
    if image_encoder.strides != STRIDES:
        raise UserError(
            f"model.image_encoder: its stages have the strides {image_encoder.strides}, not "
            f"{STRIDES}: choose others with model.image_encoder.stages. A plain transformer needs "
            "one or three stages and patches of 8, 16 or 32 pixels, such as "
            "+model.image_encoder.patch_size=16"
        )
    if channels % GROUPS or channels <= GROUPS:  # a group needs two values in a map of one pixel
        raise UserError(
            f"model.channels={channels}: it must be a multiple of {GROUPS}, and more than {GROUPS}"
        )
