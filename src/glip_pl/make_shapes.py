"""Write ShapesWorld: `python -m glip_pl.make_shapes root=data/shapes world.seed=0`."""

import time

from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.running.cli import command


def make_shapes(config: DictConfig) -> None:
    """Make ShapesWorld in the folder `root` unless it is already there."""
    started = time.perf_counter()
    made = instantiate(config.world).write(config.root)
    seconds = time.perf_counter() - started
    print(f"{config.root}: {f'made in {seconds:.0f} s' if made else 'already exists'}")


main = command("make_shapes", output="root")(make_shapes)

if __name__ == "__main__":
    main()
