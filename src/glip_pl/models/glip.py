"""GLIP: encode the image, encode the text, fuse them, ground every box in every word."""

from collections.abc import Callable
from itertools import zip_longest

from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.models.dynamic_head import DynamicConv
from glip_pl.models.fpn import FPN
from glip_pl.models.fusion import NoFusion
from glip_pl.models.grounding_head import GroundingHead
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.prompt_tuning import ROWS, PromptTable
from glip_pl.models.text_encoder import TextEncoder
from glip_pl.types import Output, TextFeatures


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
    ) -> None:
        """Make `layers` rounds of `fusion(channels, text width, 1 / layers)` and dynamic conv.

        The first of `prompts` learned tables changes the encoded words, the next ones what the
        fusions after the first read, in the first `prompt_rows` places. Raises UserError if there
        are more of them than fusions.
        The head's logits and box codes have learned scales; a larger `initial_gain` makes short
        trainings learn sooner. The released models start at 1.
        """
        super().__init__()
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.fpn = FPN(image_encoder.channels, channels, drop_block)
        self.prompts = nn.ModuleList(
            PromptTable(text_encoder.dim, prompt_rows) for _ in range(prompts)
        )
        self.fusions = nn.ModuleList(
            fusion(channels, text_encoder.dim, 1 / layers) for _ in range(layers)
        )
        self.dynamic_convs = nn.ModuleList(DynamicConv(channels) for _ in range(layers))
        self.head = GroundingHead(channels, text_encoder.dim, initial_gain)
        if prompts > self.readings:
            raise UserError(
                f"model.prompts={prompts}: this model reads its words {self.readings} times "
                "(without fusion once)"
            )

    def encode_image(self, images: Tensor, sizes: Tensor) -> list[Tensor]:
        """Five pyramid levels (B, C, h, w) of padded uint8 images (B, 3, H, W)."""
        levels: list[Tensor] = self.fpn(self.image_encoder(images, sizes))
        return levels

    def encode_text(self, tokens: Tensor, mask: Tensor, learned: bool = True) -> TextFeatures:
        """Word features of token ids (B, T), by default with what a learned prompt adds."""
        features: TextFeatures = self.text_encoder(tokens, mask)
        if not (learned and self.prompts):
            return features
        first, *later = (table(features) for table in self.prompts)
        return TextFeatures(features.hidden + first, features.mask, later)

    @property
    def shallow(self) -> bool:
        """Whether pixels meet words in the head alone (GLIP-T A)."""
        return all(isinstance(fusion, NoFusion) for fusion in self.fusions)

    @property
    def readings(self) -> int:
        """How often words are read before the head does; a learned prompt can change each."""
        return 1 if self.shallow else len(self.fusions)

    def refine(self, levels: list[Tensor]) -> list[Tensor]:
        """What a shallow model makes of an encoded image, before it reads any word."""
        for dynamic_conv in self.dynamic_convs:
            levels = dynamic_conv(levels)
        return levels

    def ground(self, levels: list[Tensor], text: TextFeatures) -> Output:
        """Fuse an encoded image with an encoded prompt and score every anchor and word."""
        added = (None, *text.deeper)  # the first fusion reads the words as they are
        for more, fusion, dynamic_conv in zip_longest(added, self.fusions, self.dynamic_convs):
            if more is not None:
                text = TextFeatures(text.hidden + more, text.mask)
            levels, text = fusion(levels, text)
            levels = dynamic_conv(levels)
        output: Output = self.head(levels, text)
        return output

    def forward(self, images: Tensor, sizes: Tensor, tokens: Tensor, mask: Tensor) -> Output:
        """All of it."""
        return self.ground(self.encode_image(images, sizes), self.encode_text(tokens, mask))
