"""Writes the same scenes in every format that has a reader, as its publishers do."""

import base64
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.mdetr_evaluation import FlickrJson, ReferringJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.tsv import TsvYaml
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.records import Reader

NAMES = ["cat", "dog_(animal)", "fire hydrant"]


@dataclass(frozen=True)
class Scene:
    """A picture, its boxes [x, y, width, height], a category and spans of a caption for each."""

    height: int
    width: int
    boxes: list[list[int]]
    labels: list[int]
    caption: str
    spans: list[list[list[int]]]  # of each box

    @property
    def file_name(self) -> str:
        return f"{self.height}_{self.width}.png"

    def picture(self) -> Image.Image:
        """Black, and white inside the boxes."""
        pixels = np.zeros((self.height, self.width, 3), dtype=np.uint8)
        for x, y, width, height in self.boxes:
            pixels[y : y + height, x : x + width] = 255
        return Image.fromarray(pixels)

    def encoded(self) -> bytes:
        buffer = io.BytesIO()
        self.picture().save(buffer, "PNG")
        return buffer.getvalue()

    def corners(self) -> list[list[int]]:
        """First pixel of each box, and the first pixel outside."""
        return [[x, y, x + width, y + height] for x, y, width, height in self.boxes]

    def rects(self) -> list[list[int]]:
        """First and last pixel of each box."""
        return [[x, y, x + width - 1, y + height - 1] for x, y, width, height in self.boxes]


def scenes(count: int, seed: int = 0) -> list[Scene]:
    """Pictures with up to four boxes each; the second has none."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        height, width = 40 + number, 60 + int(random.integers(20))
        boxes, labels, words = [], [], ["ein Bild für dich"]
        spans: list[list[list[int]]] = []
        for _ in range(0 if number == 1 else int(random.integers(1, 5))):
            x, y = int(random.integers(width - 9)), int(random.integers(height - 9))
            boxes.append(
                [x, y, int(random.integers(2, width - x)), int(random.integers(2, height - y))]
            )
            labels.append(int(random.integers(len(NAMES))))
            start = len(" ".join(words)) + 1
            words.append(f"the {NAMES[labels[-1]]} number {len(words)}")
            span = [[start, start + len(words[-1])]]
            # Some phrases have two spans, and some boxes share a phrase.
            if random.random() < 0.3:
                span.insert(0, [0, 3])
            if spans and random.random() < 0.3:
                span = spans[-1]
            spans.append(span)
        made.append(Scene(height, width, boxes, labels, " ".join(words), spans))
    return made


def pictures(folder: Path, wanted: Sequence[Scene]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for scene in wanted:
        (folder / scene.file_name).write_bytes(scene.encoded())
    return folder


def coco(root: Path, wanted: Sequence[Scene]) -> Reader:
    """COCO JSON; ids have gaps, and categories and annotations are out of order."""
    annotations: list[dict[str, Any]] = [
        {"image_id": 7 + 3 * row, "category_id": 5 + 2 * label, "bbox": box, "iscrowd": 0}
        for row, scene in enumerate(wanted)
        for box, label in zip(scene.boxes, scene.labels, strict=True)
    ]
    content = {
        "info": {},
        "annotations": [
            {"id": number, **entry, "area": entry["bbox"][2] * entry["bbox"][3]}
            for number, entry in sorted(enumerate(annotations), key=lambda pair: pair[0] % 3)
        ],
        "categories": [
            {"id": 5 + 2 * label, "name": name} for label, name in reversed([*enumerate(NAMES)])
        ],
        "images": [
            {
                "id": 7 + 3 * row,
                "file_name": scene.file_name,
                "height": scene.height,
                "width": scene.width,
            }
            for row, scene in enumerate(wanted)
        ],
    }
    (root / "coco.json").write_text(json.dumps(content))
    return CocoJson(root / "coco.json", pictures(root / "pictures", wanted))


def lvis(root: Path, wanted: Sequence[Scene]) -> Reader:
    """LVIS v1: a URL in place of a file name, frequencies, lists of absent categories."""
    reader = coco(root, wanted)
    content = json.loads((root / "coco.json").read_text())
    for image in content["images"]:
        name = image.pop("file_name")
        image["coco_url"] = f"http://images.cocodataset.org/pictures/{name}"
        image |= {"neg_category_ids": [5], "not_exhaustive_category_ids": [7]}
    for category in content["categories"]:
        category |= {"frequency": "r", "synset": "x.n.01", "synonyms": [], "def": ""}
    (root / "coco.json").write_text(json.dumps(content))
    return CocoJson(reader.files[0], root)


def objects365_v2(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Objects365 v2: file names with more folders than the disk has, and a list of corrections."""
    coco(root, wanted)
    content = json.loads((root / "coco.json").read_text())
    for image in content["images"]:
        image["file_name"] = f"images/v1/pictures/{image['file_name']}"
    for category in content["categories"]:
        if category["name"] == "fire hydrant":
            category["name"] = "fire hydarnt"
    (root / "coco.json").write_text(json.dumps(content))
    (root / "fix.csv").write_text("id,old,new\n9,fire hydarnt,fire hydrant\n")
    return CocoJson(root / "coco.json", root, parts=2, renames=root / "fix.csv")


def voc(root: Path, wanted: Sequence[Scene]) -> Reader:
    """VOC: an XML file per picture, pixels counted from 1; in each an object is difficult."""
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    pictures(root / "JPEGImages", wanted)
    for row, scene in enumerate(wanted):
        things = [
            f"<object><name>{NAMES[label]}</name><pose>Left</pose><difficult>0</difficult><bndbox>"
            f"<xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
            "</bndbox></object>"
            for (x, y, w, h), label in zip(scene.boxes, scene.labels, strict=True)
        ]
        things.append(
            "<object><name>cat</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin>"
            "<xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        )
        (root / "Annotations" / f"2008_{row:06d}.xml").write_text(
            f"<annotation><folder>VOC2012</folder><filename>{scene.file_name}</filename>"
            f"<size><width>{scene.width}</width><height>{scene.height}</height><depth>3</depth>"
            f"</size>{''.join(things)}</annotation>"
        )
    listing = "".join(f"2008_{row:06d}\n" for row in range(len(wanted)))
    (root / "ImageSets/Main/train.txt").write_text(listing)
    return VocXml(root, "train")


def yolo(root: Path, wanted: Sequence[Scene]) -> Reader:
    """YOLO: a text file per picture with centres and sizes as parts of the picture."""
    pictures(root / "images/train", wanted)
    (root / "labels/train").mkdir(parents=True)
    for scene in wanted:
        lines = [
            f"{label} {(x + w / 2) / scene.width} {(y + h / 2) / scene.height} "
            f"{w / scene.width} {h / scene.height}\n"
            for (x, y, w, h), label in zip(scene.boxes, scene.labels, strict=True)
        ]
        (root / "labels/train" / scene.file_name).with_suffix(".txt").write_text("".join(lines))
    (root / "data.yaml").write_text(f"train: images/train\nnames: {json.dumps(NAMES)}\n")
    return own_folder(root, ["train"])


def mdetr(root: Path, wanted: Sequence[Scene]) -> Reader:
    """MDETR JSON: a caption per image entry, sizes as texts, no categories."""
    content: dict[str, Any] = {"info": [], "licenses": [], "images": [], "annotations": []}
    for row, scene in enumerate(wanted):
        content["images"].append(
            {
                "file_name": scene.file_name,
                "height": str(scene.height),
                "width": str(scene.width),
                "id": row,
                "caption": scene.caption,
                "dataset_name": "flickr",
                "tokens_negative": [[0, len(scene.caption)]],
                "sentence_id": 0,
                "original_img_id": row,
                "tokens_positive_eval": scene.spans,
            }
        )
        for box, spans in zip(scene.boxes, scene.spans, strict=True):
            content["annotations"].append(
                {
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "image_id": row,
                    "category_id": 1,
                    "id": len(content["annotations"]),
                    "bbox": box,
                    "tokens_positive": spans,
                }
            )
    (root / "mdetr.json").write_text(json.dumps(content))
    # Two collections behind one file, as in MDETR's mixed one.
    here, there = wanted[::2], wanted[1::2]
    folders = [pictures(root / "vg", here), pictures(root / "coco", there)]
    return MdetrJson(root / "mdetr.json", folders)


def flickr(root: Path, wanted: Sequence[Scene]) -> Reader:
    """The same file; the phrases of `tokens_positive_eval` are evaluated."""
    same = mdetr(root, wanted)
    assert isinstance(same, MdetrJson)
    return FlickrJson(same.annotations, same.images)


def referring(root: Path, wanted: Sequence[Scene]) -> Reader:
    """The same file; whole captions are evaluated."""
    same = mdetr(root, wanted)
    assert isinstance(same, MdetrJson)
    return ReferringJson(same.annotations, same.images)


def _lines(file: Path, objects: Sequence[Any]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in objects))
    return file


def _odvg_head(scene: Scene) -> dict[str, Any]:
    return {"filename": scene.file_name, "height": scene.height, "width": scene.width}


def odvg_detection(root: Path, wanted: Sequence[Scene]) -> Reader:
    """ODVG detection lines and the label map beside them."""
    lines = [
        _odvg_head(scene)
        | {
            "detection": {
                "instances": [
                    {"bbox": box, "label": label, "category": NAMES[label]}
                    for box, label in zip(scene.corners(), scene.labels, strict=True)
                ]
            }
        }
        for scene in wanted
    ]
    (root / "label_map.json").write_text(
        json.dumps({str(label): name for label, name in enumerate(NAMES)})
    )
    file = _lines(root / "od.jsonl", lines)
    return OdvgJsonl(file, pictures(root / "pictures", wanted), root / "label_map.json")


def _regions(scene: Scene) -> list[dict[str, Any]]:
    """A region for each phrase, with a list of boxes if there are several."""
    boxes: dict[str, list[list[int]]] = {}
    for box, spans in zip(scene.corners(), scene.spans, strict=True):
        boxes.setdefault(json.dumps(spans), []).append(box)
    return [
        {
            "bbox": of_phrase if len(of_phrase) > 1 else of_phrase[0],
            "phrase": [scene.caption[start:end] for start, end in json.loads(spans)],
            "tokens_positive": json.loads(spans),
        }
        for spans, of_phrase in boxes.items()
    ]


def odvg_grounding(root: Path, wanted: Sequence[Scene]) -> Reader:
    """ODVG grounding lines with spans, as MM-Grounding-DINO writes them."""
    lines = [
        _odvg_head(scene) | {"grounding": {"caption": scene.caption, "regions": _regions(scene)}}
        for scene in wanted
    ]
    return OdvgJsonl(_lines(root / "vg.jsonl", lines), pictures(root / "pictures", wanted))


def _tsv(file: Path, rows: Sequence[tuple[str, str]], indexed: bool = True) -> str:
    """Write rows, and a file of their byte offsets if `indexed`; returns the file's name."""
    encoded = [f"{key}\t{value}\n".encode() for key, value in rows]
    file.write_bytes(b"".join(encoded))
    starts = np.concatenate([[0], np.cumsum([len(row) for row in encoded])[:-1]])
    if indexed:
        file.with_suffix(".lineidx").write_text("".join(f"{start}\n" for start in starts))
    return file.name


def _image_tsv(root: Path, wanted: Sequence[Scene]) -> str:
    rows = [
        (str(100 + row), base64.b64encode(scene.encoded()).decode())
        for row, scene in enumerate(wanted)
    ]
    return _tsv(root / "images.tsv", rows)


def tsv_detection(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Official TSV: image, label and hw files, a label map with a background."""
    labels, sizes = [], []
    for row, scene in enumerate(wanted):
        things: Any = [
            {"class": NAMES[label], "rect": rect, "attributes": []}
            for rect, label in zip(scene.rects(), scene.labels, strict=True)
        ]
        labels.append((str(100 + row), json.dumps(things if row % 2 else {"objects": things})))
        size: Any = {"height": scene.height, "width": scene.width}
        forms = [json.dumps(size), json.dumps([size]), f"{scene.height} {scene.width}"]
        sizes.append((str(100 + row), forms[row % 3]))
    numbers = {"__background__": 0} | {name: number for number, name in enumerate(NAMES, 1)}
    (root / "map.json").write_text(json.dumps({"label_to_idx": numbers}))
    (root / "train.yaml").write_text(
        f"img: {_image_tsv(root, wanted)}\nlabel: {_tsv(root / 'train.label.tsv', labels)}\n"
        f"hw: {_tsv(root / 'train.hw.tsv', sizes, indexed=False)}\nlabelmap: map.json\n"
    )
    return TsvYaml(root / "train.yaml")


def _tsv_captions(root: Path, wanted: Sequence[Scene], by_phrase: bool) -> Reader:
    labels = []
    for row, scene in enumerate(wanted):
        boxes: Any = scene.rects()
        spans, scores = scene.spans, [0.9 for _ in scene.boxes]
        nested: Any = scores
        if by_phrase:
            grouped: dict[str, list[list[int]]] = {}
            for rect, of_box in zip(boxes, spans, strict=True):
                grouped.setdefault(json.dumps(of_box), []).append(rect)
            boxes = list(grouped.values())
            spans = [json.loads(of_phrase) for of_phrase in grouped]
            nested = [[0.9] * len(rects) for rects in boxes]
        label = {
            "img_h": scene.height,
            "img_w": scene.width,
            "caption": scene.caption,
            "bboxes": boxes,
            "scores": nested,
            "tokens_positive": spans,
        }
        labels.append((str(100 + row), json.dumps(label)))
    (root / "cc.yaml").write_text(
        f"img: {_image_tsv(root, wanted)}\nlabel: {_tsv(root / 'cc.label.tsv', labels)}\n"
    )
    return TsvYaml(root / "cc.yaml")


def tsv_captions_v1(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Captions with boxes, version 1: every list has an entry per box."""
    return _tsv_captions(root, wanted, by_phrase=False)


def tsv_captions_v2(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Captions with boxes, version 2 (GLIP-L): every list has an entry per phrase."""
    return _tsv_captions(root, wanted, by_phrase=True)


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member of any name to a tar file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def web_shards(root: Path, wanted: Sequence[Scene], per_shard: int = 3) -> Reader:
    """Shards of img2dataset: picture, text and JSON per key; the JSON carries boxes as in ODVG."""
    for shard, first in enumerate(range(0, len(wanted), per_shard)):
        with tarfile.open(root / f"{shard:05d}.tar", "w") as tar:
            for row, scene in enumerate(wanted[first : first + per_shard]):
                key = f"{shard:05d}{row:04d}"
                about = {
                    "key": key,
                    "caption": scene.caption,
                    "status": "success",
                    "width": scene.width,
                    "height": scene.height,
                    "grounding": {"caption": scene.caption, "regions": _regions(scene)},
                }
                add(tar, f"{key}.png", scene.encoded())
                add(tar, f"{key}.json", json.dumps(about).encode())
                add(tar, f"{key}.txt", scene.caption.encode())
    return WebShards(str(root / "*.tar"))


Writer = Callable[[Path, Sequence[Scene]], Reader]

DETECTION: list[Writer] = [coco, lvis, objects365_v2, voc, yolo, odvg_detection, tsv_detection]
GROUNDING: list[Writer] = [mdetr, odvg_grounding, tsv_captions_v1, tsv_captions_v2, web_shards]
