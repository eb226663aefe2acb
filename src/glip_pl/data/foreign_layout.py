"""Recognises what a folder holds that is no COCO JSON, to say how it can be used."""

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from glip_pl.data.images import SUFFIXES
from glip_pl.errors import some

DEPTH = 4
"""Levels of folders that are searched, the user's own folder included."""

FILES = 5_000
"""Most files that are looked at in all: this is only to give advice."""

FILES_OF_FOLDER = 200
"""Most files of one folder that are looked at, so that pictures do not hide what is beside them."""

HEAD = 1 << 16
"""Bytes at the start of a file that are looked at."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
"""Endings of archives."""

BELOW_VOC = {"annotations", "labels", "train", "training", "val", "valid", "validation", "test"}
"""Folders that lie in a folder of VOC's form, in lower case."""

EXPORT = "export or convert it to COCO JSON"
"""Advice for a format that is not read."""


def not_a_folder(root: Path, setting: str) -> str:
    """The message about a path that is no folder; `setting` names annotation files."""
    if root.is_file():
        if root.name.lower().endswith(ARCHIVES):
            return f"{root} is an archive: unpack it and set data.root to the folder that it holds"
        if root.suffix.lower() == ".json":
            folder = root.parent.parent if root.parent.name == "annotations" else root.parent
            return (
                f"{root} is a file, and data.root is a folder: set data.root={folder} and, unless "
                f"it is found there by its name, {setting}.train={root.relative_to(folder)}"
            )
        return f"{root} is a file: set data.root to the folder of your dataset"
    message = f"no such folder: {root}. Set data.root to the folder of your dataset"
    siblings = [path.name for path in root.parent.iterdir()] if root.parent.is_dir() else []
    near = get_close_matches(root.name, siblings, 1)
    return f"{message} (did you mean {root.parent / near[0]}?)" if near else message


def what_is_there(root: Path, split: str, setting: str, used: Sequence[Path]) -> str:
    """What the folder holds in place of the annotations of `split`, and how to use it.

    `used` are the annotation files of its other splits.
    """
    files = list(islice(_walk(root, DEPTH), FILES))
    found = [file for file in files if file.suffix.lower() == ".json" and _is_coco(file)]
    coco = [file for file in found if file not in used]
    if coco:
        return _advise_coco(root, split, setting, coco)
    if used:
        return (
            f"It has only annotations of other splits ({_listing(root, used)}): files are never "
            f"split automatically, so move some of the pictures into another file, {split}.json"
        )
    for name, examples, advice in _formats(root, files):
        if examples:
            return f"It looks like {name} ({_listing(root, examples)}): {advice}"
    return "It is empty" if not files else f"It holds {_listing(root, files)}"


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """The files of a folder and of its folders, the upper ones first; hidden ones are left out."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(islice(entries, 100_000), key=lambda entry: entry.name)
    except OSError:  # no permission
        return
    visible = [entry for entry in listed if not entry.name.startswith(".")]
    files = (Path(entry.path) for entry in visible if entry.is_file())
    yield from islice(files, FILES_OF_FOLDER)
    for entry in visible if depth > 1 else ():
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth - 1)


def _head(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(HEAD).decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    except OSError:
        return ""


def _is_coco(file: Path) -> bool:
    """Whether a JSON file seems to be of COCO's form; its lists may be in any order."""
    head = _head(file)
    keys = ("images", "annotations", "categories", "info", "licenses")
    lists = sum(f'"{key}"' in head for key in keys)
    return head.startswith("{") and lists >= 2 and '"shapes"' not in head


def _advise_coco(root: Path, split: str, setting: str, files: Sequence[Path]) -> str:
    """How to use COCO JSON files whose names are not those of the splits."""
    by_stem = {file.stem: file for file in reversed(files)}
    near = get_close_matches(f"instances_{split}", by_stem, 1, 0.0)[0]
    name = by_stem[near].relative_to(root)
    return (
        f"There is COCO JSON under other names ({_listing(root, files)}): use "
        f"{setting}.{split}={name}, or rename it to annotations/{split}.json"
    )


def _formats(root: Path, files: Sequence[Path]) -> Iterator[tuple[str, list[Path], str]]:
    """Formats that people keep boxes in: name, files that show it, and what to do."""
    yield "YOLO", _yolo(files), _yolo_advice(root, files)
    xml = {file: _head(file) for file in islice(_with(files, ".xml"), 10)}
    yield (
        "CVAT's XML",
        [file for file, head in xml.items() if re.search(r"<annotations>\s*<version>", head)],
        "export the task as COCO 1.0",
    )
    yield (
        "Pascal VOC",
        [file for file, head in xml.items() if "<annotation" in head and "<object" in head],
        _voc_advice(root, xml),
    )
    lines = list(_with(files, ".jsonl"))
    odvg = f"data.train.odvg.dataset.reader.annotations={lines[0] if lines else ''}"
    yield "ODVG", lines, f"use data=odvg {odvg} data.train.odvg.dataset.reader.images=<folder>"
    tars = list(_with(files, ".tar"))
    shards = f"{tars[0].parent if tars else root}/*.tar"
    yield "web shards", tars, f"if its samples have boxes, use data=web \"data.shards='{shards}'\""
    heads = {file: _head(file) for file in islice(_with(files, ".json"), 10)}
    for name, mark in JSON_FORMATS.items():
        yield name, [file for file, head in heads.items() if re.search(mark, head)], EXPORT
    yield "a table of boxes", list(_with(files, ".csv")), EXPORT
    yield "TFRecord", [file for file in files if ".tfrecord" in file.name], EXPORT
    archives = [file for file in files if file.name.lower().endswith(ARCHIVES)]
    yield "an archive that is not unpacked", archives, "unpack it and set data.root to its folder"
    yield "JSON of another form", list(heads), EXPORT
    pictures = list(_with(files, *SUFFIXES))
    nested = [file for file in pictures if file.parent != root]
    boxes = "training needs boxes: annotate the pictures and export them as COCO JSON"
    yield "an ImageFolder, a folder of pictures for each class", nested, boxes
    yield "pictures without annotations", pictures, boxes


JSON_FORMATS = {
    "LabelMe": r'"shapes"\s*:',
    "Label Studio's own JSON": r'^\[\s*\{(?=[\s\S]*"(completions|annotations|data)"\s*:)'
    r'(?=[\s\S]*"(from_name|file_upload|project|inner_id|rectanglelabels|label)"\s*:)',
    "CreateML": r'^\[\s*\{(?=[\s\S]*"image(filename)?"\s*:)(?=[\s\S]*"coordinates"\s*:)',
    "VGG Image Annotator": r'"_via_|"shape_attributes"\s*:',
}
"""JSON that other programs write, and what its first bytes contain."""


def _with(files: Sequence[Path], *suffixes: str) -> Iterator[Path]:
    return (file for file in files if file.suffix.lower() in suffixes)


def _yolo(files: Sequence[Path]) -> list[Path]:
    """The files of YOLO's form: data.yaml with names, text files with five numbers a line."""
    yaml = _with(files, ".yaml", ".yml")
    settings = [file for file in yaml if re.search(r"^(names|nc)\s*:", _head(file), re.MULTILINE)]
    number = r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
    line = re.compile(rf"\d+(\.0+)?(\s+{number}){{4,}}\s*(\n|$)")
    texts = [file for file in islice(_with(files, ".txt"), 20) if line.match(_head(file))]
    return [*settings, *texts] if texts else []


def _yolo_advice(root: Path, files: Sequence[Path]) -> str:
    """How to use a folder of YOLO's form whose settings are missing, elsewhere or not usable."""
    settings = [file for file in _yolo(files) if file.suffix.lower() != ".txt"]
    if settings and settings[0].parent != root:
        return f"set data.root={settings[0].parent}"
    return (
        f"write {root / 'data.yaml'} with `train: images/train`, `val: images/val` and `names: "
        "[cat, dog]`, the categories in the order of their labels"
    )


def _voc_advice(root: Path, xml: dict[Path, str]) -> str:
    """The setting that reads a folder of VOC's XML files; its splits are lists or folders."""
    folder = next((file.parent for file in xml), root)
    while folder.name.lower() in BELOW_VOC and folder != root:
        folder = folder.parent
    return f"use data=voc data.root={folder} (docs/data.md)"


def _listing(root: Path, files: Sequence[Path]) -> str:
    """The first files, relative to the folder where they are in it."""
    inside = (file.relative_to(root) if file.is_relative_to(root) else file for file in files)
    return some([str(file) for file in inside], 3)
