"""Names of files and packages, and YAML, that lead elsewhere where they are read carelessly."""

import importlib
import io
import json
import sys
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax import handler, make_parser

import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image

from glip_pl.data.formats import coco, entities, mdetr, odvg, tsv, voc, web_shards
from glip_pl.data.formats.captions import CaptionTable, CocoCaptions
from glip_pl.data.indexing import open_index
from glip_pl.gather import gather
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.predictions import Predictions
from glip_pl.inference.result import Result
from glip_pl.models.text_encoder import load_bert
from glip_pl.pretrained.locations import local_path
from glip_pl.prompts.descriptions import read_descriptions
from glip_pl.prompts.tokens import load_tokenizer
from glip_pl.types import Prompt
from tests.data.formats import writers
from tests.inspection.sweep_folder import write_run
from tests.reliability.bombs import Bomb, code

SECRET = (1, 2, 3)
"""Colour of a picture outside of the data's folder."""

MARK = "mark"


def data_bombs() -> list[Bomb]:
    """All of them; every bomb is read by roads of its own."""
    return [*yaml_bombs(), *name_bombs(), *paths_out()]


TAGS: tuple[str, ...] = (
    "!!python/object/apply:os.mkdir [MARK]",
    "!!python/object/new:os.mkdir [MARK]",
)
TAGS += ("!!python/object/apply:builtins.open [MARK, w]",)


def yaml_bombs() -> list[Bomb]:
    """Tags that call functions, in every YAML file that is read."""
    readers: dict[str, Callable[[Path], object]] = {
        "train.yaml": lambda path: open_index(tsv.TsvYaml(path), path.parent / "index"),
        "explained.yaml": lambda path: read_descriptions(path, "def_wiki"),
        "overrides.yaml": _gathered,
    }
    return [
        Bomb(f"{tag} in {name}", partial(_write_yaml, name, tag), _unsafe_yaml, {name: read})
        for name, read in readers.items()
        for tag in TAGS
    ]


def _write_yaml(name: str, tag: str, folder: Path, mark: Path) -> Path:
    path = folder / name
    path.write_text(f"img: {tag.replace('MARK', str(mark))}\nlabel: x\n")
    return path


def _gathered(path: Path) -> None:
    run = path.parent / "runs" / "0"
    write_run(run, [], 0.5)
    (run / ".hydra" / "overrides.yaml").write_text(path.read_text())
    gather(OmegaConf.create(gather_settings(path.parent / "runs")))


def gather_settings(folder: Path) -> dict[str, Any]:
    return {"sweep": str(folder), "set": None, "figure": "AP", "axis": "a", "pooled": []}


def _unsafe_yaml(path: Path) -> None:
    yaml.unsafe_load(path.read_text())


def name_bombs() -> list[Bomb]:
    """Names of packages in the current folder, whose code leaves the mark if it is imported."""
    names = ("evil/model", "evil.part/model", "evil/../evil/model", "evil")
    roads = {
        "pip://": lambda path: local_path(path.read_text()),
        "tokenizer.source=": lambda path: load_tokenizer(path.read_text()),
        "text_encoder.source=": lambda path: load_bert(path.read_text(), pretrained=True),
    }
    return [
        Bomb(
            f"pip://{name}",
            partial(_write_package, name),
            _import,
            {key: partial(_beside, road) for key, road in roads.items()},
        )
        for name in names
    ]


def _write_package(name: str, folder: Path, mark: Path) -> Path:
    (folder / "evil" / "part" / "model").mkdir(parents=True)
    (folder / "evil" / "__init__.py").write_text(code(mark))
    (folder / "name.txt").write_text(f"pip://{name}")
    return folder / "name.txt"


def _beside(road: Callable[[Path], object], path: Path) -> object:
    """Takes a road where the package can be imported."""
    sys.path.insert(0, str(path.parent))
    try:
        return road(path)
    finally:
        sys.path.remove(str(path.parent))
        sys.modules.pop("evil", None)


def _import(path: Path) -> None:
    _beside(lambda _: importlib.import_module("evil"), path)


def paths_out() -> list[Bomb]:
    """File names that lead out of the data's folder, where a picture of another colour lies."""
    made = [
        Bomb(f"{name} in {kind}", partial(_write_source, kind, name), _followed, {"index": _loaded})
        for kind in SOURCES
        for name in ("../secret.png", "{folder}/secret.png")
    ]
    links = [
        Bomb(f"a {kind} in a shard", partial(_write_link, kind), _followed, {"index": _loaded})
        for kind in ("symbolic link", "hard link", "member outside")
    ]
    listed = Bomb(
        "an older drawing in predictions.json", _write_report, _removed, {"predict": _predicted}
    )
    xml = [
        Bomb("an external entity in VOC", _write_voc_entity, _expanded, {"index": _loaded}),
        Bomb("an external entity in Entities", _write_entity, _expanded, {"entities": _entities}),
    ]
    return [*made, *links, listed, *xml]


def write_coco(root: Path, name: str) -> object:
    images = [{"id": 1, "file_name": name, "width": 9, "height": 9}]
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    content = {"images": images, "annotations": [box], "categories": [{"id": 1, "name": "x"}]}
    return _written(root / "a.json", json.dumps(content))


def write_mdetr(root: Path, name: str) -> object:
    images = [{"id": 1, "file_name": name, "width": 9, "height": 9, "caption": "a cat"}]
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    box["tokens_positive"] = [[2, 5]]
    return _written(root / "a.json", json.dumps({"images": images, "annotations": [box]}))


def _odvg(root: Path, name: str) -> object:
    line = {"filename": name, "width": 9, "height": 9, "grounding": {"caption": "x", "regions": []}}
    return _written(root / "a.jsonl", json.dumps(line))


def _voc(root: Path, name: str) -> object:
    (root / "Annotations").mkdir()
    (root / "JPEGImages").mkdir()
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("0\n")
    name = name.replace("../", "../../")  # pictures lie one folder deeper
    return _written(
        root / "Annotations" / "0.xml",
        f"<annotation><filename>{name}</filename><size><width>9</width><height>9</height></size>"
        "</annotation>",
    )


def _coco_captions(root: Path, name: str) -> object:
    images = [{"id": 1, "file_name": name, "width": 9, "height": 9}]
    captions = [{"id": 1, "image_id": 1, "caption": "x"}]
    return _written(root / "a.json", json.dumps({"images": images, "annotations": captions}))


def _csv(root: Path, name: str) -> object:
    return _written(root / "a.csv", f"file,caption\n{name},a cat\n")


def _tsv(root: Path, name: str) -> object:
    (root / "label.tsv").write_text("1\t{}\n")
    return _written(root / "a.yaml", f"img: {name}\nlabel: label.tsv\n")


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


SOURCES: dict[str, tuple[Callable[[Path, str], object], Callable[[Path], Any]]] = {
    "COCO": (write_coco, lambda root: coco.CocoJson(root / "a.json", root)),
    "MDETR": (write_mdetr, lambda root: mdetr.MdetrJson(root / "a.json", root)),
    "ODVG": (_odvg, lambda root: odvg.OdvgJsonl(root / "a.jsonl", root)),
    "VOC": (_voc, lambda root: voc.VocXml(root, "train")),
    "COCO captions": (_coco_captions, lambda root: CocoCaptions(root / "a.json", root)),
    "CSV captions": (_csv, lambda root: CaptionTable(root / "a.csv", root)),
    "TSV": (_tsv, lambda root: tsv.TsvYaml(root / "a.yaml")),
    "shards": (lambda root, name: None, lambda root: web_shards.WebShards(f"{root}/*.tar")),
}
"""How a file of each format that names one picture is written, and its reader."""


def _secret(folder: Path) -> Path:
    Image.new("RGB", (9, 9), SECRET).save(folder / "secret.png")
    (folder / "secret.txt").write_text("secret words")
    (folder / "root").mkdir()
    return folder / "root"


def _write_source(kind: str, name: str, folder: Path, mark: Path) -> Path:
    root = _secret(folder)
    name = name.format(folder=folder)
    if kind == "shards":
        _shard(root / "0.tar", name, tarfile.REGTYPE)
    else:
        SOURCES[kind][0](root, name)
    (folder / "kind.txt").write_text(f"{kind}\n{name}")
    return folder / "kind.txt"


def _write_link(kind: str, folder: Path, mark: Path) -> Path:
    root = _secret(folder)
    kinds = {"symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE}
    _shard(root / "0.tar", "a.png", kinds.get(kind, tarfile.REGTYPE))
    (folder / "kind.txt").write_text("shards\n../secret.png")
    return folder / "kind.txt"


def _shard(path: Path, name: str, kind: bytes) -> None:
    """A shard of one sample whose picture is a link, or a file of this name."""
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "../secret.png"
        content = io.BytesIO()
        Image.new("RGB", (9, 9), (9, 9, 9)).save(content, "PNG")
        member.size = 0 if kind != tarfile.REGTYPE else len(content.getvalue())
        tar.addfile(member, io.BytesIO(content.getvalue()))
        writers.add(tar, f"{Path(name).with_suffix('')}.txt", b"a cat")


def _loaded(path: Path) -> None:
    """Reads a source and its pictures; leaves the mark if one of them is the secret."""
    kind = path.read_text().splitlines()[0]
    reader = SOURCES[kind][1](path.parent / "root")
    before = sorted(path.parent.rglob("*"))
    index = open_index(reader, path.parent / "index", tolerate=0.9)
    images = reader.open_images()
    for row in range(len(index)):
        if images.load(index.images[row]).getpixel((0, 0)) == SECRET:
            (path.parent / MARK).touch()
    texts = [*index.names, *(index.captions[row] for row in range(len(index)))]
    new = {file for file in path.parent.rglob("*") if "index" not in str(file)} - set(before)
    if new or any("secret words" in text for text in texts):
        (path.parent / MARK).touch()


def _followed(path: Path) -> None:
    """Opens the picture as a program does that joins names."""
    name = path.read_text().splitlines()[1]
    folder = path.parent / "root"
    if Image.open(folder / name).getpixel((0, 0)) == SECRET:
        (path.parent / MARK).touch()


def _write_report(folder: Path, mark: Path) -> Path:
    (_secret(folder) / "predictions.json").write_text(
        json.dumps({"images": [{"picture": "../secret.png"}, {"picture": f"{folder}/secret.png"}]})
    )
    return folder / "root" / "predictions.json"


def _predicted(path: Path) -> None:
    """Writes other predictions into the folder, which removes the drawings that are listed."""
    prompt = Prompt("x", (((0, 1),),))
    predictions = Predictions(path.parent, prompt)
    source = ImageSource("a.png", Path("a.png"), Image.new("RGB", (9, 9)))
    none, labels = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    content = path.read_text()
    predictions.add(Result(source, (9, 9), none, torch.zeros(0), labels, ("x",), prompt))
    predictions.write_report({})
    path.write_text(content)
    if not (path.parents[1] / "secret.png").exists():
        (path.parents[1] / MARK).touch()


def _removed(path: Path) -> None:
    for entry in json.loads(path.read_text())["images"]:
        (path.parent / entry["picture"]).unlink(missing_ok=True)
    if not (path.parents[1] / "secret.png").exists():
        (path.parents[1] / MARK).touch()


ENTITY = '<!DOCTYPE a [<!ENTITY x SYSTEM "{folder}/secret.txt">]>'


def _write_voc_entity(folder: Path, mark: Path) -> Path:
    root = _secret(folder)
    path = Path(str(_voc(root, "a.png")))
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    text = path.read_text().replace(
        "</annotation>", f"<object><name>&x;</name>{box}</object></annotation>"
    )
    path.write_text(ENTITY.format(folder=folder) + text)
    (root / "JPEGImages" / "a.png").write_bytes((folder / "secret.png").read_bytes())
    (folder / "kind.txt").write_text(f"VOC\n{path}")
    return folder / "kind.txt"


def _write_entity(folder: Path, mark: Path) -> Path:
    root = _secret(folder)
    (root / "Annotations").mkdir()
    (root / "Sentences").mkdir()
    (root / "Sentences" / "1.txt").write_text("[/EN#1/people A man] sits .\n")
    path = root / "Annotations" / "1.xml"
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    path.write_text(
        f"{ENTITY.format(folder=folder)}<annotation><object><name>1</name><name>&x;</name>{box}"
        "</object></annotation>"
    )
    (folder / "kind.txt").write_text(f"Entities\n{path}")
    return folder / "kind.txt"


def _entities(path: Path) -> None:
    if "secret words" in repr(entities.read_entities(path.parent / "root", "1")):
        (path.parent / MARK).touch()


class _Texts(handler.ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def characters(self, content: str) -> None:
        self.text += content


def _expanded(path: Path) -> None:
    """Reads XML with a parser that opens external entities."""
    parser, texts_read = make_parser(), _Texts()
    parser.setFeature(handler.feature_external_ges, True)
    parser.setContentHandler(texts_read)
    parser.parse(path.read_text().splitlines()[1])
    if "secret words" in texts_read.text:
        (path.parent / MARK).touch()
