"""Detects by an exported file with numpy, onnxruntime, pillow and tokenizers alone.

python scripts/example_onnx.py model.onnx tokenizer.json photo.jpg "a cat. two dogs"
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps
from tokenizers import Tokenizer


def pixels(image: Image.Image, about: dict[str, Any]) -> tuple[Any, Any]:
    """Images (1, 3, H, W) and sizes (1, 2): the short side as in training, padded with zeros."""
    scale = min(about["short_side"] / min(image.size), about["max_side"] / max(image.size))
    width, height = (max(1, int(side * scale + 1e-6)) for side in image.size)
    block = about["multiple"]
    height_in, width_in = (-(-side // block) * block for side in (height, width))
    padded = np.zeros((height_in, width_in, 3), np.uint8)
    padded[:height, :width] = image.resize((width, height), Image.Resampling.BILINEAR)
    return padded.transpose(2, 0, 1)[None], np.array([[height, width]])


def words(text: str, tokenizer: Tokenizer) -> tuple[Any, Any, Any, list[str]]:
    """Token ids (1, T), their mask (1, T), the tokens of each phrase (1, P, T), and the phrases."""
    encoded = tokenizer.encode(text)
    phrases, masks, start = [], [], 0
    for piece in text.split("."):
        if piece.strip():
            inside = [start <= low < high <= start + len(piece) for low, high in encoded.offsets]
            phrases.append(piece.strip())
            masks.append(inside)
        start += len(piece) + 1
    tokens = np.array([encoded.ids])
    return tokens, np.ones_like(tokens, dtype=bool), np.array([masks]), phrases


def main() -> None:
    model, tokenizer, file, text = sys.argv[1:]
    about = json.loads(Path(model).with_suffix(".json").read_text())
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    reader = Tokenizer.from_file(tokenizer)
    reader.no_padding()  # its file may ask for a fixed length
    reader.enable_truncation(256)
    *values, phrases = *pixels(image, about), *words(text, reader)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    _, boxes, scores, ids = session.run(None, dict(zip(about["inputs"], values, strict=True)))
    boxes *= np.tile(image.size / values[1][0, ::-1], 2)
    shown = scores > 0.3
    for box, score, phrase in zip(boxes[shown], scores[shown], ids[shown], strict=True):
        print(f"{score:.3f} {phrases[phrase]}: {', '.join(f'{side:.1f}' for side in box)}")


if __name__ == "__main__":
    main()
