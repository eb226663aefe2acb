"""Texts that become code in a page or a table, and small files that become gigabytes."""

import csv
import json
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.indexing import open_index
from glip_pl.gather import gather
from glip_pl.inspection.browse import page
from glip_pl.inspection.html_page import document, table
from glip_pl.inspection.named_set import NamedSet
from tests.inspection.sweep_folder import write_run
from tests.reliability import tiny
from tests.reliability.bombs import Bomb, Call, Write
from tests.reliability.data_bombs import MARK, gather_settings, write_coco, write_mdetr
from tests.reliability.trials import TooLong, within_limits

SCRIPTS: tuple[str, ...] = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
SCRIPTS += ("'><svg onload=alert(1)>", "<a href='javascript:alert(1)'>x</a>")


def texts() -> list[Bomb]:
    """Names and captions that are code in a page, or a formula in a table."""
    pages = [
        Bomb(f"{script} in a page", partial(_write_text, script), _unescaped, {"browse": _browsed})
        for script in SCRIPTS
    ]
    formulas = [
        Bomb(f"{formula} in a table", partial(_write_text, formula), _sheet, {"gather": _table})
        for formula in ("=cmd|' /C calc'!A0", "@SUM(1)", "+cmd|x", "-2+3+cmd|x")
    ]
    return [*pages, *formulas]


def _write_text(text: str, folder: Path, mark: Path) -> Path:
    (folder / "text.txt").write_text(text)
    return folder / "text.txt"


class _Active(HTMLParser):
    """Whether a page holds anything that a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.active = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = [value or "" for _, value in attrs]
        self.active |= tag in ("script", "svg", "iframe") or any(
            name.startswith("on") for name, _ in attrs
        )
        self.active |= any(value.strip().lower().startswith("javascript:") for value in values)


def _judge_page(text: str, path: Path) -> None:
    parser = _Active()
    parser.feed(text)
    if parser.active:
        (path.parent / MARK).touch()


def _browsed(path: Path) -> None:
    """Makes pages of data whose names, captions and files have this text."""
    text = path.read_text()
    for number, write in enumerate((write_coco, write_mdetr)):
        root = path.parent / str(number)
        root.mkdir()
        write(root, f"{text.replace('/', '')}.png")
        file = root / "a.json"
        file.write_text(file.read_text().replace('"a cat"', json.dumps(f"a cat {text}")))
        file.write_text(file.read_text().replace('"x"', json.dumps(text)))
        kind = CocoJson if write is write_coco else MdetrJson
        named = NamedSet(text, kind(file, root))
        index = open_index(named.reader, root / "index")
        _judge_page(page([(named, index)], 3, 0), path)
    _judge_page(document(text, table([text], [[text]])), path)


def _unescaped(path: Path) -> None:
    _judge_page(f"<title>x</title><p title='{path.read_text()}'>{path.read_text()}</p>", path)


def _table(path: Path) -> None:
    """Gathers runs that have this text as the value of a setting, and as a setting."""
    text = path.read_text()
    for number in range(2):
        write_run(
            path.parent / "runs" / str(number), [f"{text}={number}", f"a={text}{number}"], 0.5
        )
    gather(OmegaConf.create(gather_settings(path.parent / "runs")))
    _judge_table(path.parent / "runs" / "gather.csv", path)


def _sheet(path: Path) -> None:
    with (path.parent / "sheet.csv").open("w", newline="") as file:
        csv.writer(file).writerow([path.read_text()])
    _judge_table(path.parent / "sheet.csv", path)


def _judge_table(file: Path, path: Path) -> None:
    """Leaves the mark if a spreadsheet would take a cell for a formula."""
    with file.open(newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    if any(re.match(r"[=+@\t\r-]", cell) and not _is_number(cell) for cell in cells):
        (path.parent / MARK).touch()


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def too_large() -> list[Bomb]:
    """Small files that become gigabytes."""
    kinds: dict[str, Write] = {
        "a compressed archive": _write_compressed,
        "a bytearray": _write_bytearray,
        "a tensor that repeats one number": _write_expanded,
        "layers without end": partial(_write_settings_of, {"layers": 10**9}),
        "a wide model": partial(_write_settings_of, {"channels": 4096, "layers": 64}),
    }
    return [
        Bomb(name, write, _spacious, {"ckpt=": partial(_within_memory, load_trained)})
        for name, write in kinds.items()
    ]


def _write_compressed(folder: Path, mark: Path) -> Path:
    path = folder / "bomb.ckpt"
    torch.save({"glip_pl": {}, "state_dict": {"model.x": torch.zeros(1)}}, path)
    with zipfile.ZipFile(path) as sound:
        entries = {name: sound.read(name) for name in sound.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        with archive.open("archive/data/9", "w", force_zip64=True) as file:
            for _ in range(5 << 10):
                file.write(bytes(1 << 20))
    return path


def _write_bytearray(folder: Path, mark: Path) -> Path:
    torch.save({"glip_pl": {}, "state_dict": {}, "x": Call(bytearray, 5 << 30)}, folder / "b.ckpt")
    return folder / "b.ckpt"


def _write_expanded(folder: Path, mark: Path) -> Path:
    state = {"model.x": torch.zeros(1).expand(10**5, 10**5)}
    torch.save({"glip_pl": {"model": {}}, "state_dict": state}, folder / "bomb.ckpt")
    return folder / "bomb.ckpt"


def _write_settings_of(changes: dict[str, int], folder: Path, mark: Path) -> Path:
    config = tiny.config_of(tiny.write_text_folder(folder / "text"), **changes)
    torch.save({"glip_pl": config, "state_dict": {"model.x": torch.ones(1)}}, folder / "bomb.ckpt")
    return folder / "bomb.ckpt"


def _within_memory(read: Callable[[Path], object], path: Path) -> None:
    """Leaves the mark if the reading needs gigabytes, or does not end."""
    try:
        with within_limits():
            read(path)
    except (MemoryError, RuntimeError, TooLong) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise
        (path.parent / MARK).touch()


def _spacious(path: Path) -> None:
    """Takes all that the file asks for."""
    _within_memory(_everything, path)


def _everything(path: Path) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _ = [archive.read(name) for name in archive.namelist()]
    entries = torch.load(path, weights_only=False)
    _ = [value.contiguous() for value in entries["state_dict"].values()]
    if entries["glip_pl"].get("model"):
        instantiate(entries["glip_pl"]["model"])
