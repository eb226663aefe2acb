"""Fetch public datasets from their publishers: `python -m glip_pl.fetch coco lvis --to data`.

An interrupted download is resumed where it stopped, and finished files are not fetched again.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from glip_pl.errors import UserError
from glip_pl.fetching.archives import unpack
from glip_pl.fetching.downloads import File, download, fault_of
from glip_pl.terminal.closed_output import ends_with_its_reader

SOURCES = Path(__file__).with_name("fetching") / "sources.yaml"


def read_sources(listing: Path = SOURCES) -> dict[str, Any]:
    """The datasets of a listing, by name."""
    sources: dict[str, Any] = yaml.safe_load(listing.read_text(encoding="utf-8"))
    return sources


def files_of(source: dict[str, Any]) -> Iterator[File]:
    """The files of a dataset; an entry with `names` stands for one file per name."""
    for entry in source.get("files", ()):
        fields = dict(entry)
        for name in fields.pop("names", [""]):
            yield File(**{**fields, "url": fields["url"].replace("{name}", name)})


def fetch(file: File, root: Path, pause: float = 5.0) -> None:
    """Download, verify and unpack one file, with `pause` seconds between two tries.

    Raises UserError.
    """
    folder, done = root / file.to, root / ".fetched" / file.to / f"{file.name}.done"
    if done.exists():
        print(f"{file.name}: is there already; remove {done} to fetch it again")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_into(folder, file, pause)
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    except OSError as error:
        raise UserError(
            f"{file.name} cannot be put into {folder}: {error}. "
            "Mend that, or give another folder: --to <folder>"
        ) from error


def _fetch_into(folder: Path, file: File, pause: float) -> None:
    path = folder / file.name
    is_ours = not path.exists()
    if is_ours:
        download(file, path, pause)
    elif fault := fault_of(file, path):
        raise UserError(f"{path} is not what {file.url} gives: {fault}. Move it away, run again")
    if file.unpack:
        print(f"{file.name}: unpacking")
        unpack(path, folder, file.flat)
        if is_ours:
            path.unlink()
        else:
            print(f"{path} is not needed any more; it was there before and is left alone")


def fetch_datasets(names: list[str], root: Path, sources: dict[str, Any]) -> None:
    """Fetch datasets by name. Raises UserError."""
    for name in names:
        if name not in sources:
            raise UserError(f"no such dataset: {name}. There are {', '.join(sources)}")
    for name in names:
        if "manual" in sources[name]:
            print(f"{name}: by hand. {sources[name]['manual']}")
        for file in files_of(sources[name]):
            fetch(file, root)


def list_datasets(sources: dict[str, Any]) -> None:
    """Print every dataset with the addresses of its files, or how to get it by hand."""
    for name, source in sources.items():
        print(f"{name}: {source.get('manual', '')}")
        for file in files_of(source):
            print(f"  {file.url}")


@ends_with_its_reader()
def main() -> None:
    """Fetch the datasets that the command line names, or list all."""
    sources = read_sources()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(sources))
    parser.add_argument("--to", type=Path, default=Path("data"), help="the data folder (data)")
    parser.add_argument("--list", action="store_true", help="show all datasets and addresses")
    options = parser.parse_args()
    try:
        if options.list or not options.names:
            list_datasets(sources)
        else:
            fetch_datasets(options.names, options.to, sources)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
