"""Every kind of file that the program reads, in small examples, and how the program reads it."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.data.formats.captions import CaptionTable, CocoCaptions
from glip_pl.data.formats.label_map import read_label_map
from glip_pl.data.images import load_image, upright
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.indexing import open_index
from glip_pl.files.claim import read_claim
from glip_pl.inference.evaluation_cache import EvaluationCache
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.inference.predictions import listed_pictures
from glip_pl.inference.predictor import Predictor
from glip_pl.inspection.sweeps import pooled_rows, read_runs
from glip_pl.models.text_encoder import load_bert
from glip_pl.prompts.descriptions import read_descriptions
from glip_pl.prompts.names_file import read_names
from glip_pl.prompts.tokens import load_tokenizer
from glip_pl.running.results import score_of
from glip_pl.types import Detections
from tests.data.formats import writers
from tests.data.formats.test_fuzz import cut, use
from tests.data.formats.test_round_trip import by_name
from tests.parity.cases import read
from tests.reliability import tiny
from tests.reliability.mutations import (
    BYTES,
    Mutation,
    odd_entry,
    odd_header,
    odd_json,
    odd_line,
    odd_member,
    odd_settings,
    odd_word,
    overwritten,
)
from tests.reliability.roads import Workshop
from tests.reliability.trials import Subject

SCENES = writers.scenes(3)

JSON = [*BYTES, odd_json, odd_json, odd_json, odd_json]
"""Half of all mutations keep a file valid JSON."""

LINES = [*BYTES, odd_line, odd_line, odd_line, odd_line]
ENTRIES = [*BYTES, *[odd_entry] * 10]
HEADERS = [*BYTES, *[odd_header] * 7]


def subjects(folder: Path, world: Path) -> Iterator[Subject]:
    """All of them, with their files in folders of their own."""
    workshop = Workshop(folder, world)
    last = workshop.trained(folder / "resumed.ckpt")
    yield Subject("resumed training", [last], lambda: workshop.resume_last(last), ENTRIES)
    text_folder = tiny.write_text_folder(folder / "text")
    yield from checkpoints(folder, text_folder)
    yield from sources(folder)
    yield from made_by_the_program(folder)
    yield from small_files(folder)
    yield from pictures(folder)
    yield from text_folders(folder)


def checkpoints(folder: Path, text_folder: Path) -> Iterator[Subject]:
    """Checkpoints of every kind, learned prompts, and weights between two checkpoints."""
    config = tiny.config_of(text_folder)
    own = tiny.write_own(folder / "own.ckpt", config)
    yield Subject("own checkpoint", [own], lambda: tiny.detected(own), ENTRIES)
    asked = tiny.write_own(folder / "settings.ckpt", config)
    yield Subject("settings in it", [asked], lambda: tiny.detected(asked), [odd_settings])
    old = tiny.write_own(folder / "old.ckpt", config, _use_new_zipfile_serialization=False)
    yield Subject("checkpoint, no zip archive", [old], lambda: tiny.detected(old), ENTRIES)
    lora = tiny.write_own(folder / "lora.ckpt", config, lora=True)
    yield Subject("low-rank checkpoint", [lora], lambda: tiny.detected(lora), ENTRIES)
    converted = tiny.write_converted(folder / "converted.safetensors", config)
    yield Subject("converted", [converted], lambda: tiny.detected(converted), HEADERS)
    released = tiny.write_official(folder / "released.pth", read("keys_A.json"))
    yield Subject("official", [released], lambda: _weights(released), ENTRIES)
    prompt = tiny.write_prompt(folder / "prompt.safetensors", text_folder)
    yield Subject("learned prompt", [prompt], _Prompted(own, prompt), HEADERS)
    between = folder / "between.safetensors"

    def interpolate() -> object:
        ends = read_checkpoint(own), read_checkpoint(converted)
        write_weights(interpolated(*ends, 0.5), ends[0].config, between)
        return _weights(between)

    yield Subject("interpolated", [own, converted], interpolate, [*BYTES, odd_entry_or_header])


def odd_entry_or_header(content: bytes, random: Any) -> bytes:
    """An odd structure of a checkpoint of either kind."""
    return (odd_entry if content[:2] == b"PK" else odd_header)(content, random)


class _Prompted:
    """Detects with a learned prompt in a model that is loaded once."""

    def __init__(self, checkpoint: Path, prompt: Path) -> None:
        self.predictor = Predictor.load(checkpoint)
        self.prompt = prompt

    def __call__(self) -> object:
        learned = read_prompt(self.prompt)
        (detections,) = self.predictor.detect([tiny.PICTURE], self.predictor.encode(learned))
        return learned.prompt, len(detections), detections.scores[:3].tolist()


def _weights(path: Path) -> object:
    checkpoint = read_checkpoint(path)
    return tiny.digest(checkpoint.weights), checkpoint.config, checkpoint.released


WRITERS = [*writers.DETECTION, *writers.GROUNDING, writers.flickr, writers.referring]

STRUCTURES: dict[str, Mutation] = {".json": odd_json, ".jsonl": odd_line, ".tsv": odd_line}
"""Mutations of annotation files by their suffix."""


def sources(folder: Path) -> Iterator[Subject]:
    """Annotation files of every format, as an index is made of them."""
    for write in WRITERS:
        root = folder / by_name(write)
        root.mkdir()
        yield source(by_name(write), write(root, SCENES), root / "index")
    root = folder / "captions"
    images = writers.pictures(root / "pictures", SCENES)
    content = {
        "images": [
            {"id": row, "file_name": scene.file_name, "height": scene.height, "width": scene.width}
            for row, scene in enumerate(SCENES)
        ],
        "annotations": [
            {"id": row, "image_id": row, "caption": scene.caption}
            for row, scene in enumerate(SCENES)
        ],
    }
    (root / "captions.json").write_text(json.dumps(content))
    yield source("coco captions", CocoCaptions(root / "captions.json", images), root / "index")
    with (root / "captions.csv").open("w", newline="") as file:
        rows = [("file", "caption"), *((scene.file_name, scene.caption) for scene in SCENES)]
        csv.writer(file).writerows(rows)
    yield source("csv captions", CaptionTable(root / "captions.csv", images), root / "index")


def source(kind: str, reader: Any, index_folder: Path) -> Subject:
    """The annotation files of a reader; a cut of a shard must be told."""
    # An empty file, such as that of a YOLO picture without boxes, cannot be damaged.
    files = [file for file in reader.files if file.suffix != ".png" and file.stat().st_size]
    suffixes = {file.suffix for file in files}
    structures = [STRUCTURES[suffix] for suffix in sorted(suffixes & set(STRUCTURES))]
    if ".tar" in suffixes:
        structures = [odd_member, cut]
    if not structures or suffixes - set(STRUCTURES) - {".tar"}:
        structures = [*structures, odd_word]
    return Subject(
        kind,
        files,
        lambda: _content(replace(reader), index_folder),  # a copy, without cached properties
        [*BYTES, *structures * 3],
        guarded=[cut] if ".tar" in suffixes else [],
        clean=lambda: shutil.rmtree(index_folder, ignore_errors=True),
    )


def _content(reader: Any, index_folder: Path) -> object:
    """Everything that the index of a source holds."""
    use(reader, index_folder, tolerate=0.9)
    return arrays(open_index(reader, index_folder, "clip", 0.9))


def arrays(index: Index) -> object:
    """All columns of an index and its other entries."""
    columns = [(index.folder / f"{name}.bin").read_bytes().hex() for name in COLUMNS]
    return columns, list(index.names), index.blocks.tolist(), len(index)


def made_by_the_program(folder: Path) -> Iterator[Subject]:
    """Indexes, detections of unfinished evaluations, results, and marks of jobs."""
    root = folder / "indexed"
    root.mkdir()
    reader = writers.mdetr(root, SCENES)
    index = open_index(reader, root / "index")
    files = [file for file in index.folder.iterdir() if file.stat().st_size]
    yield Subject(
        "index",
        files,
        lambda: arrays(open_index(reader, root / "index")),
        [*BYTES, overwritten, odd_json],
        guarded=[*BYTES, odd_json],
    )
    yield unfinished(folder / "unfinished")
    runs = folder / "sweep"
    (runs / "0" / ".hydra").mkdir(parents=True)
    results = runs / "0" / "results.json"
    figures = {"coco": {"protocol": "p", "images": 3, "figures": {"AP": 0.5, "AP50": None}}}
    content = {"key": "k", "score": 0.5, "overrides": ["seed=1"], "sets": figures}
    results.write_text(json.dumps(content))
    made = runs / "0" / ".hydra" / "overrides.yaml"
    made.write_text("- seed=1\n- optimizer.lr=1e-4\n")
    yield Subject(
        "results.json",
        [results, made],
        lambda: (pooled_rows(read_runs(runs)[0], "coco", "AP", ["seed"]), score_of(results, "k")),
        [*JSON, odd_word],
    )
    report = folder / "predictions.json"
    report.write_text(json.dumps({"prompt": "a", "images": [{"picture": "a.png", "boxes": []}]}))
    yield Subject("predictions.json", [report], lambda: listed_pictures(report), JSON)
    mark = folder / "claim.json"
    mark.write_text(json.dumps({"settings": "abc", "teacher": [1, {"a": None}]}))
    yield Subject("claim.json", [mark], lambda: read_claim(mark), JSON)


def unfinished(folder: Path) -> Subject:
    """The detections of an unfinished evaluation: what is not as written must be told."""
    torch.manual_seed(0)
    cache = EvaluationCache(folder)
    made = [Detections(torch.rand(n, 4), torch.rand(n), torch.arange(n)) for n in (2, 0, 3)]
    cache.add([4, 5, 6], made)
    cache.save()
    mutations = [*BYTES, overwritten, odd_header]
    return Subject(
        "unfinished detections",
        list(folder.iterdir()),
        lambda: {key: _listed(value) for key, value in EvaluationCache(folder).load().items()},
        mutations,
        guarded=mutations,
    )


def _listed(detections: Detections) -> object:
    return detections.boxes.tolist(), detections.scores.tolist(), detections.phrase_ids.tolist()


def small_files(folder: Path) -> Iterator[Subject]:
    """Label maps, explanations of names, and lists of names."""
    path = folder / "map.json"
    path.write_text(json.dumps({"0": "cat", "1": "dog", "2": "hydrant"}))
    yield Subject("label map", [path], lambda: read_label_map(path), JSON)
    files = [folder / "explained.json", folder / "explained.yaml"]
    files[0].write_text(json.dumps({"cat": {"def_wiki": ["a pet", "b"]}, "dog": {"def_wiki": ""}}))
    files[1].write_text("cat: a small pet\ndog: 'a pet, too'\nbird: {def_wiki: [flies, sings]}\n")
    yield Subject(
        "explanations",
        files,
        lambda: [read_descriptions(file, "def_wiki") for file in files],
        [*JSON, odd_word, odd_word],
    )
    names = folder / "names.txt"
    names.write_text("cat\nfire hydrant\n\n  dog (small)\n", encoding="utf-8")
    yield Subject("names file", [names], lambda: read_names(names), [*BYTES, odd_word])


def pictures(folder: Path) -> Iterator[Subject]:
    """Pictures of every format, with the data of cameras and colour profiles."""
    exif = Image.Exif()
    exif[0x0112] = 6
    options: Sequence[tuple[str, str, dict[str, Any]]] = [
        ("a.jpg", "RGB", {"exif": exif, "icc_profile": b"x" * 200, "comment": b"y"}),
        ("b.png", "RGBA", {"exif": exif}),
        ("c.png", "P", {}),
        ("d.gif", "P", {}),
        ("e.tif", "RGB", {"exif": exif, "compression": "tiff_lzw"}),
        ("f.webp", "RGB", {"exif": exif}),
        ("g.bmp", "L", {}),
        ("h.png", "I;16", {}),
    ]
    files = []
    for name, mode, more in options:
        picture = Image.linear_gradient("L").resize((20, 16)).convert(mode)
        picture.save(folder / name, **more)
        files.append(folder / name)
    yield Subject("pictures", files, lambda: [_pixels(file) for file in files], BYTES)


def _pixels(path: Path) -> object:
    picture = upright(load_image(path))
    return picture.size, picture.mode, picture.tobytes()


def text_folders(folder: Path) -> Iterator[Subject]:
    """The folder of a tokenizer, and that of a text encoder with its weights."""
    tokenizer = tiny.write_text_folder(folder / "tokenizer")
    load_tokenizer(str(tokenizer)).save_pretrained(tokenizer)
    mutations = [*JSON, odd_word]
    yield Subject(
        "tokenizer folder",
        sorted(tokenizer.iterdir()),
        lambda: _ids(tokenizer),
        mutations,
        clean=load_tokenizer.cache_clear,
    )
    encoder = tiny.write_text_folder(folder / "encoder")
    bert: Any = load_bert(str(encoder), pretrained=False)  # of transformers
    bert.save_pretrained(encoder)

    def features() -> object:
        return tiny.digest(load_bert(str(encoder), pretrained=True).state_dict())

    files = [encoder / "config.json", encoder / "model.safetensors"]
    yield Subject("text encoder folder", files, features, [*BYTES, odd_json_or_header])


def odd_json_or_header(content: bytes, random: Any) -> bytes:
    """An odd structure of settings or of weights."""
    return (odd_json if content[:1] == b"{" else odd_header)(content, random)


def _ids(folder: Path) -> object:
    tokenizer = load_tokenizer(str(folder))
    encoded = tokenizer(tiny.TEXT)
    return encoded["input_ids"], encoded.char_to_token(3)
