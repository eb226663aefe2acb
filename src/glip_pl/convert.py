"""Convert a released file: `python -m glip_pl.convert official=X.pth model=glip_t out=Y`.

With `verify=true` it prints which released file this is, and writes nothing.
"""

from pathlib import Path

from omegaconf import DictConfig
from PIL import Image

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.rebuilding import rebuild
from glip_pl.checkpoints.releases import release_of
from glip_pl.checkpoints.writing import write_weights
from glip_pl.data.images import load_image, upright
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.published_detections import CAPTION, THRESHOLD, named, report
from glip_pl.running.cli import command
from glip_pl.running.outputs import check_file
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import checkpoint_config, plain


def convert(config: DictConfig) -> None:
    """Write the weights alone, under this package's names, with the settings of their model.

    With `verify` the file is only identified. Raises UserError if the file was not released by
    GLIP's authors or is of another model.
    """
    if config.verify:
        verify(config)
        return
    out = _output(config)
    source = find_checkpoint(config.official, Path(config.paths.runs), "official")
    checkpoint = read_checkpoint(source)
    if checkpoint.released is None:
        raise UserError(
            f"{source} is not a released file and needs no conversion: use it with ckpt={source}"
        )
    weights = rebuild(plain(config.model), checkpoint, source).state_dict()
    write_weights(weights, checkpoint_config(config), out)
    count = sum(value.numel() for value in weights.values())
    size = out.stat().st_size / 1e9
    print(f"{out}: {len(weights)} tensors, {count / 1e6:.1f} M parameters, {size:.2f} GB")


def _output(config: DictConfig) -> Path:
    """The file to write. Raises UserError if there is none, or if the settings contradict it."""
    if config.picture is not None:
        raise UserError(f"picture={config.picture} is only used with verify=true")
    if config.out is None:
        raise UserError(
            "missing on the command line: out=<file>.safetensors, or verify=true to write nothing"
        )
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise UserError(f"out={out} must end with .safetensors")
    check_file(out, "out")
    return out


def verify(config: DictConfig) -> None:
    """Print which released file this is by its hash, and what it detects in `picture`.

    Raises UserError if the picture or the file cannot be read.
    """
    image = None if config.picture is None else _picture(config.picture)
    source = find_checkpoint(config.official, Path(config.paths.runs), "official")
    digest = sha256_of(source)
    release = release_of(digest)
    print(f"{source}: {source.stat().st_size} bytes, SHA-256 {digest}")
    if release is None:
        print("This is none of the released files whose hashes are known (docs/model_zoo.md).")
    else:
        print(f"This is {release.title}, released as {release.file}.")
    if image is None:
        return
    predictor = Predictor.load(source, tokenizer=config.tokenizer.source)
    query = predictor.encode(CAPTION)
    (detections,) = predictor.detect([image], query)
    print(f"Detections above {THRESHOLD} for {CAPTION!r}; published are those of GLIP-T:")
    print(report(named(detections.above(THRESHOLD), query.prompt)))


def _picture(path: str) -> Image.Image:
    """The image of a file. Raises UserError naming the setting if it cannot be read."""
    try:
        return upright(load_image(Path(path)))
    except UserError as error:
        raise UserError(f"{error} (the setting `picture`)") from error


main = command("convert")(convert)

if __name__ == "__main__":
    main()
