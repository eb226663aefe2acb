"""A user's own folder: COCO JSON or YOLO's form, whichever it holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.yolo import YoloFolder
from glip_pl.data.layout import has_annotations
from glip_pl.data.picture_size import Exif
from glip_pl.data.yolo_layout import YAML, find_settings
from glip_pl.errors import UserError


def own_folder(
    root: str | Path,
    splits: Sequence[str],
    named: Mapping[str, str | None] | None = None,
    exif: Exif = "upright",
) -> CocoJson | YoloFolder:
    """The reader of the first of `splits` that a folder has.

    `named` gives the annotation files of some splits, relative to the folder: JSON, or YOLO's
    data.yaml, which is that of all splits. COCO JSON is read where a folder holds both. Raises
    UserError if it holds neither.
    """
    folder = Path(root)
    files = [Path(file).expanduser() for file in (named or {}).values() if file]
    yaml = [folder / file for file in files if file.suffix.lower() in YAML]
    settings = yaml[0] if yaml else None
    try:
        if not files and not has_annotations(folder):
            settings = find_settings(folder)
        if settings is not None:
            return YoloFolder.from_folder(root, settings, splits, exif)
    except OSError as error:
        raise UserError(f"cannot read the folder of the dataset (data.root): {error}") from error
    return CocoJson.from_folder(root, splits, named)
