"""Tells mistakes in the data of a training before it begins."""

import logging
from collections.abc import Iterator, Sequence
from typing import Literal

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.formats.joined_folders import JoinedImages
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.indexing import source_name
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inspection.missing_pictures import Missing, missing_pictures
from glip_pl.inspection.mistakes import Mistake, mistakes_of
from glip_pl.inspection.split_comparison import ComparedSet, compare_splits

log = logging.getLogger(__name__)

Action = Literal["stop", "warn"]
"""What is done about mistakes that make figures meaningless."""

MISSING = "missing pictures"
"""Kind of mistake: pictures that cannot be found."""


def check_before_training(data: GroundingDataModule, mistakes: Action, pictures: bool) -> None:
    """Log what each set was read from, and warn of the mistakes in the sets and between them.

    With `pictures` every picture is looked for. Raises UserError for mistakes that make figures
    meaningless and for missing pictures beyond what a set tolerates, unless `mistakes` is "warn".
    """
    datasets = _distinct(data)
    found: list[Mistake] = []
    for name, dataset in datasets.items():
        found += mistakes_of(source_name(dataset.reader), dataset.index)
        if pictures:
            found += _missing(name, dataset)
    found += compare_splits(
        [ComparedSet(name, one.reader, one.index) for name, one in datasets.items()], pictures
    )
    stopping = [mistake for mistake in found if mistake.severity == "stops"]
    for mistake in found:
        if mistake not in stopping or mistakes == "warn":
            log.warning("%s", mistake)
    if stopping and mistakes == "stop":
        others = f" (and {len(stopping) - 1} more)" if len(stopping) > 1 else ""
        raise UserError(
            f"{stopping[0]}{others}. `python -m glip_pl.data check` tells more; "
            "checks.mistakes=warn trains nevertheless"
        )


def _distinct(data: GroundingDataModule) -> dict[str, GroundedDataset]:
    """The datasets by name, each source once; logs what each was read from."""
    datasets: dict[str, GroundedDataset] = {}
    for name, dataset in _all(data):
        same = [
            other
            for other, one in datasets.items()
            if one.reader == dataset.reader and len(one) >= len(dataset)
        ]
        if same:
            on_training = same[0].startswith("train/") and not name.startswith("train/")
            remark = ", so its figures are too good" if on_training else ""
            level = logging.WARNING if on_training else logging.INFO
            log.log(level, "%s: the same as %s%s", _setting(name), _setting(same[0]), remark)
            continue
        datasets[name] = dataset
        index = dataset.index
        kinds = f" of {len(index.names)} categories" if index.names else ""
        message = "%s: %d images and %d boxes%s, read from %s"
        boxes, source = len(index.boxes.values), source_name(dataset.reader)
        log.info(message, _setting(name), len(index), boxes, kinds, source)
    return datasets


def _setting(name: str) -> str:
    """The setting of a set that is called by its group and key."""
    return f"data.{name.replace('/', '.')}"


def _all(data: GroundingDataModule) -> Iterator[tuple[str, GroundedDataset]]:
    yield from ((f"train/{key}", source.dataset) for key, source in data.train.items())
    for group, sets in (("val", data.val), ("test", data.test)):
        yield from ((f"{group}/{key}", dataset) for key, dataset in sets.items())


def _folders(images: Images, names: Sequence[str]) -> Sequence[tuple[ImageFolder, Sequence[str]]]:
    """The folders that pictures lie in, with their names there; none for archives."""
    if isinstance(images, JoinedImages):
        return images.by_folder(names)
    return [(images, names)] if isinstance(images, ImageFolder) else []


def _missing(name: str, dataset: GroundedDataset) -> list[Mistake]:
    """The pictures of a dataset that are missing; those inside archives are not looked for."""
    names = list(dict.fromkeys(dataset.index.images[row] for row in dataset.rows.tolist()))
    missing = Missing()
    for folder, inner in _folders(dataset.images, names):
        missing.join(missing_pictures(folder, inner, f"{name}: picture"))
    if not missing.count:
        return []
    message = (
        f"{missing.count} of {len(names)} pictures of {_setting(name)} cannot be used: "
        f"{'; '.join(missing.examples)}"
    )
    tolerated = missing.count <= dataset.problems.tolerate * len(names)
    return [Mistake(MISSING, message, "told" if tolerated else "stops")]
