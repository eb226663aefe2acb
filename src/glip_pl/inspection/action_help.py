"""The help of `python -m glip_pl.data` and of each of its actions."""

from collections.abc import Iterator

from glip_pl.files.shipped_settings import CONF_DIR

COMMAND = "python -m glip_pl.data"

HELP = ("--help", "-h", "help")
"""Words that ask for help."""

SUMMARIES = {
    "check": "looks for mistakes in annotations, pictures and names, and between the splits",
    "stats": "counts images, boxes and categories, and shows their sizes",
    "browse": "writes a page with pictures and their boxes",
    "convert": "writes sets as COCO, YOLO, VOC, Label Studio, CVAT, ODVG, or as shards",
    "clean": "shows what the folders of indexes and fetched shards hold, and frees them",
}
"""What each action does."""

EXAMPLES = {
    "check": "check data=custom data.root=/data/cells",
    "stats": "stats data=custom data.root=/data/cells sets=train",
    "browse": "browse data=goldg browse.count=20",
    "convert": "convert data=custom data.root=/data/cells convert.format=yolo output=/data/new",
    "clean": "clean clean.remove=[gone,leftovers]",
}
"""A use of each action."""


def overview() -> str:
    """What the command can do."""
    lines = [f"usage: {COMMAND} {'|'.join(SUMMARIES)} data=<name> key=value ...", ""]
    lines += [f"  {action:8} {summary}" for action, summary in SUMMARIES.items()]
    lines += ["", f"for example: {COMMAND} {EXAMPLES['check']}"]
    return "\n".join([*lines, f"`{COMMAND} <action> --help` shows the settings of an action."])


def help_of(action: str) -> str:
    """What an action does, and its settings."""
    lines = [f"{COMMAND} {action}: {SUMMARIES[action]}", "", "settings, with their defaults:"]
    lines += [f"  {line}" for line in _settings(action)]
    lines += ["", f"for example: {COMMAND} {EXAMPLES[action]}"]
    return "\n".join([*lines, f"`{COMMAND} {action} --cfg job` prints all settings."])


def _settings(action: str) -> Iterator[str]:
    """The settings of an action and those of all that read data, as in the file of settings."""
    wanted = (action,) if action == "clean" else ("sets", "seed", "output", action)
    section = ""
    for line in (CONF_DIR / "data_tools.yaml").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            if section == action:
                yield line
            continue
        section = line.partition(":")[0]
        if section in wanted:
            yield line
