"""Convert a released file: `python -m glip_pl.convert official=X.pth model=glip_t out=Y`."""

from pathlib import Path

from omegaconf import DictConfig

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.running.build import build_model
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import checkpoint_config


def convert(config: DictConfig) -> None:
    """Write the weights alone, under this package's names, with the settings of their model.

    Raises UserError if the file was not released by GLIP's authors or is of another model.
    """
    out = Path(config.out).expanduser()
    if out.suffix != ".safetensors":
        raise UserError(f"out={out} must end with .safetensors")
    source = find_checkpoint(config.official, Path(config.paths.runs))
    if read_checkpoint(source).released is None:
        raise UserError(
            f"{source} is not a released file and needs no conversion: use it with ckpt={source}"
        )
    model = build_model(config, source)
    weights = model.state_dict()
    write_weights(weights, checkpoint_config(config), out)
    count = sum(value.numel() for value in weights.values())
    size = out.stat().st_size / 1e9
    print(f"{out}: {len(weights)} tensors, {count / 1e6:.1f} M parameters, {size:.2f} GB")


main = command("convert")(convert)

if __name__ == "__main__":
    main()
