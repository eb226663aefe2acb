"""Serve a model over HTTP: `python -m glip_pl.serve ckpt=best.ckpt`."""

from pathlib import Path

from omegaconf import DictConfig

from glip_pl.errors import require_extra
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain


def serve(config: DictConfig) -> None:
    """Answer requests until Ctrl-C or SIGTERM.

    Raises UserError if litserve is missing, the port is taken or the model cannot be loaded.
    """
    require_extra("litserve", "server", "the server")
    from glip_pl.inference.encoded_query import read_prompt_file
    from glip_pl.serving.address import Address
    from glip_pl.serving.fields import Defaults
    from glip_pl.serving.limits import Limits
    from glip_pl.serving.server import DetectionServer, run
    from glip_pl.serving.worker import DetectionAPI, ModelSource

    address = Address(config.host, config.port)
    address.check()
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    limits = Limits(**plain(config.limits))
    source = ModelSource(
        str(checkpoint), config.device, config.tokenizer.source, workers=config.workers
    )
    api = DetectionAPI(source, limits.pixels, config.batch.size, config.batch.wait)
    prompt = None if config.prompt is None else Path(config.prompt)
    if prompt is not None:
        read_prompt_file(prompt)  # reports errors before a model is loaded
    defaults = Defaults(config.threshold, config.max_boxes, prompt)
    server = DetectionServer(api, config.workers, limits, defaults)

    def announce() -> None:
        print(f"checkpoint: {checkpoint}")
        print(f"serving at {address} (POST /predict; /docs, /health); Ctrl-C stops", flush=True)

    server.ready = announce
    print("loading the model ...", flush=True)
    run(server, address)
    print("stopped", flush=True)


main = command("serve")(serve)

if __name__ == "__main__":
    main()
