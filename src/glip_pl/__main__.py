"""The console script `glip-pl`, also `python -m glip_pl`: `glip-pl predict image=...`."""

import sys
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec

from glip_pl.processors import settle_threads
from glip_pl.terminal.closed_output import ends_with_its_reader

COMMANDS = {
    "predict": "detect what a text names in pictures or a video",
    "label": "label a folder as COCO, YOLO, VOC, Label Studio, CVAT or ODVG",
    "demo": "try a model in the browser",
    "serve": "answer requests over HTTP",
    "train": "train, fine-tune (experiment=finetune_custom) or pre-train",
    "evaluate": "evaluate on COCO, LVIS, Flickr30k, RefCOCO, ODinW or own data",
    "prompt_search": "search the words and thresholds of categories on a few pictures",
    "export": "write a model as ONNX, OpenVINO or torch.export",
    "convert": "convert or verify a released file",
    "data": "check, stats, browse, convert, clean: look into datasets",
    "fetch": "download public datasets from their publishers",
    "pseudo_label": "find boxes for the phrases of captions",
    "self_train": "repeat labelling and training",
    "interpolate": "test weights between two models",
    "gather": "summarise a sweep",
    "make_shapes": "generate ShapesWorld",
    "doctor": "say what is installed, and what is missing",
}
"""What each command does, in the order in which people need them."""

HELP = frozenset({"help", "--help", "-h"})
"""Words that ask for the list of commands."""

EXIT_UNKNOWN = 2
"""Exit code for a word that is no command."""


def overview() -> str:
    """All commands on one screen."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    return "\n".join(
        [
            "glip-pl <command> key=value ...   (also python -m glip_pl.<command>)",
            "",
            *lines,
            "",
            'glip-pl predict image=photo.jpg text="a cat. two dogs"',
            "glip-pl <command> --help lists groups of settings, --cfg job every setting;",
            "quote a text once for the shell, or read it from a file: text=@file",
        ]
    )


@ends_with_its_reader()
def main() -> None:
    """Run the command that the first word names; the others are its settings."""
    name, *words = sys.argv[1:] or ["help"]
    name = name.replace("-", "_") if name not in HELP else name
    if name in HELP:
        print(overview())
    elif sys.argv[1:] == ["--version"]:
        from glip_pl import __version__

        print(__version__)
    elif name in COMMANDS:
        settle_threads()  # before PyTorch is imported
        sys.argv = [f"glip-pl {name}", *words]
        module = "glip_pl.inspection.commands" if name == "data" else f"glip_pl.{name}"
        # Lightning starts the processes of further GPUs as `python -m <name of this spec>`.
        sys.modules["__main__"].__spec__ = find_spec(module)
        import_module(module).main()
    else:
        near = get_close_matches(name, COMMANDS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        print(f"error: there is no command {name!r}{hint}\n\n{overview()}", file=sys.stderr)
        sys.exit(EXIT_UNKNOWN)


if __name__ == "__main__":
    main()
