"""Try a model on a page in the browser: `python -m glip_pl.demo ckpt=best.ckpt`."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from glip_pl.errors import require_extra
from glip_pl.inference.predictor import Predictor
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint


def demo(config: DictConfig) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Raises UserError if gradio is missing, the port is taken or the model cannot be loaded.
    """
    require_extra("gradio", "page", "the page")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
    from glip_pl.page.blocks import Page
    from glip_pl.page.hosting import application, run
    from glip_pl.serving.address import Address

    address = Address(config.host, config.port)
    address.check()
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    predictor = Predictor.load(checkpoint, config.device, config.tokenizer.source)
    page = Page(predictor, config.threshold, config.max_boxes)

    def announce() -> None:
        print(f"checkpoint: {checkpoint}")
        print(f"open {address} in a browser; Ctrl-C stops", flush=True)

    with TemporaryDirectory(prefix="glip_pl_page_") as folder:
        run(application(page, address, Path(folder)), address, announce)
    print("stopped", flush=True)


main = command("demo")(demo)

if __name__ == "__main__":
    main()
