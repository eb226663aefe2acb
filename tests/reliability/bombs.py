"""Files that run code when they are read carelessly: each leaves a mark if it runs."""

import builtins
import cProfile
import functools
import io
import json
import operator
import os
import pickle
import runpy
import shutil
import subprocess
import tarfile
import time
import timeit
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate

from tests.reliability import tiny

Write = Callable[[Path, Path], Path]
"""Writes a bomb into a folder; the second path appears if it runs. Returns the bomb's file."""


@dataclass(frozen=True)
class Bomb:
    """A file, and the careless reading that proves that it works."""

    name: str
    write: Write
    careless: Callable[[Path], object]
    roads: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    """How it is read, if it is not read as the others of its group."""


class Call:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Built:
    """An object whose unpickling sets a state by calling a function."""

    def __init__(self, inner: Call) -> None:
        self.inner = inner

    def __reduce__(self) -> Any:
        return (dict, (), None, None, iter([("mark", self.inner)]))


def code(mark: Path) -> str:
    """A line of Python that leaves the mark."""
    return f"open({str(mark)!r}, 'w').close()"


def touch(mark: Path) -> str:
    """A command of the shell that leaves the mark."""
    return f"touch {mark}"


def _hub(mark: Path) -> Call:
    folder = mark.with_name(f"{mark.name}.hub")
    folder.mkdir(exist_ok=True)
    (folder / "hubconf.py").write_text(f"{code(mark)}\ndef bomb():\n    return 1\n")
    return Call(functools.partial(torch.hub.load, source="local"), str(folder), "bomb")


def _script(mark: Path) -> str:
    script = mark.with_name(f"{mark.name}.py")
    script.write_text(code(mark))
    return str(script)


def _inner(mark: Path) -> bytes:
    return pickle.dumps(Call(os.system, touch(mark)))


PAYLOADS: dict[str, Callable[[Path], Any]] = {
    "os.system": lambda mark: Call(os.system, touch(mark)),
    "os.popen": lambda mark: Call(os.popen, touch(mark)),
    "os.mkdir": lambda mark: Call(os.mkdir, str(mark)),
    "subprocess.call": lambda mark: Call(subprocess.call, ["touch", str(mark)]),
    "subprocess.Popen": lambda mark: Call(subprocess.Popen, ["touch", str(mark)]),
    "builtins.eval": lambda mark: Call(builtins.eval, code(mark)),
    "builtins.exec": lambda mark: Call(builtins.exec, code(mark)),
    "builtins.open": lambda mark: Call(builtins.open, str(mark), "w"),
    "timeit.timeit": lambda mark: Call(timeit.timeit, code(mark), "pass", time.time, 1),
    "cProfile.run": lambda mark: Call(cProfile.run, code(mark), f"{mark}.profile"),
    "runpy.run_path": lambda mark: Call(runpy.run_path, _script(mark)),
    "shutil.copyfile": lambda mark: Call(shutil.copyfile, "/etc/hostname", str(mark)),
    "pathlib.Path.touch": lambda mark: Call(Path.touch, mark),
    "functools.partial": lambda mark: Call(functools.partial(os.system, touch(mark))),
    "operator.methodcaller": lambda mark: Call(operator.methodcaller("touch"), mark),
    "pickle.loads": lambda mark: Call(pickle.loads, _inner(mark)),
    "torch.load": lambda mark: Call(
        functools.partial(torch.load, weights_only=False), io.BytesIO(_saved(mark))
    ),
    "torch.storage._load_from_bytes": lambda mark: Call(
        torch.storage._load_from_bytes, _saved(mark)
    ),
    "torch.hub.load": _hub,
    "torch.save": lambda mark: Call(torch.save, 1, str(mark)),
    "numpy.savetxt": lambda mark: Call(np.savetxt, str(mark), [1]),
    "numpy.ndarray.tofile": lambda mark: Call(np.ndarray.tofile, np.ones(1), str(mark)),
    "hydra.utils.instantiate": lambda mark: Call(
        instantiate, {"_target_": "os.mkdir", "path": str(mark)}
    ),
    "glip_pl.files.writing": lambda mark: Call(_own_writer(), mark, 1),
    "items of a dictionary": lambda mark: Built(Call(os.system, touch(mark))),
}
"""Calls that a pickle can make, by name."""


def _own_writer() -> Any:
    from glip_pl.files.writing import write_json

    return write_json


def _saved(mark: Path) -> bytes:
    file = io.BytesIO()
    torch.save(Call(os.system, touch(mark)), file)
    return file.getvalue()


def _in_own(mark: Path, place: Callable[[dict[str, Any], Any], object], **options: Any) -> bytes:
    """A checkpoint of the smallest model with an object in a place of its entries."""
    text_folder = mark.with_name(f"{mark.name}.text")
    tiny.write_text_folder(text_folder)
    entries: dict[str, Any] = {
        "glip_pl": tiny.config_of(text_folder),
        "state_dict": {"model.x": torch.ones(1)},
    }
    place(entries, Call(os.system, touch(mark)))
    file = io.BytesIO()
    torch.save(entries, file, **options)
    return file.getvalue()


def _pickled_archive(mark: Path) -> bytes:
    """A zip archive as torch writes it, whose pickle has the first protocol."""
    source, out = zipfile.ZipFile(io.BytesIO(_saved(mark))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                content = pickle.dumps(Call(os.system, touch(mark)), protocol=0)
            archive.writestr(entry.filename, content)
    return out.getvalue()


def _tar(mark: Path) -> bytes:
    """A tar file, as torch wrote it before its version 0.4."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            member = tarfile.TarInfo(name)
            member.size = len(_inner(mark))
            tar.addfile(member, io.BytesIO(_inner(mark)))
    return out.getvalue()


def _array(mark: Path) -> bytes:
    """A file of numpy that holds an object."""
    out = io.BytesIO()
    np.save(out, np.array([Call(os.system, touch(mark))], dtype=object), allow_pickle=True)
    return out.getvalue()


def _set(*keys: str) -> Callable[[dict[str, Any], Any], object]:
    """Puts an object below these keys."""

    def put(entries: dict[str, Any], bomb: Any) -> None:
        for key in keys[:-1]:
            entries = entries.setdefault(key, {})
        entries[keys[-1]] = bomb

    return put


CONTAINERS: dict[str, Callable[[Path], bytes]] = {
    "a pickle alone.ckpt": _inner,
    "a pickle alone.safetensors": _inner,
    "an archive.safetensors": _saved,
    "an archive of the first protocol.ckpt": _pickled_archive,
    "before zip archives.pth": lambda mark: _in_own(
        mark, _set("callbacks"), _use_new_zipfile_serialization=False
    ),
    "a tar file.pt": _tar,
    "an array of numpy.bin": _array,
    "in the weights.ckpt": lambda mark: _in_own(mark, _set("state_dict", "model.y")),
    "in the settings.ckpt": lambda mark: _in_own(mark, _set("glip_pl", "model", "layers")),
    "in the tokenizer.ckpt": lambda mark: _in_own(mark, _set("glip_pl", "tokenizer")),
    "in the optimizer.ckpt": lambda mark: _in_own(mark, _set("optimizer_states")),
    "in the loops.ckpt": lambda mark: _in_own(mark, _set("loops", "fit_loop")),
    "in a callback.ckpt": lambda mark: _in_own(mark, _set("callbacks", "ema")),
    "of the official form.pth": lambda mark: _in_own(mark, _set("model", "module.x")),
}
"""Files that hold a call of os.system, by what they are and their suffix."""


def pickle_bombs() -> list[Bomb]:
    """Every call in a checkpoint, and one call in every kind of file."""
    calls = [Bomb(name, functools.partial(_write_call, name), unpickled) for name in PAYLOADS]
    return calls + [
        Bomb(name, functools.partial(_write_container, name), unpickled) for name in CONTAINERS
    ]


def _write_call(name: str, folder: Path, mark: Path) -> Path:
    entries = {"glip_pl": {}, "state_dict": {}, "callbacks": PAYLOADS[name](mark)}
    torch.save(entries, folder / "bomb.ckpt")
    return folder / "bomb.ckpt"


def _write_container(name: str, folder: Path, mark: Path) -> Path:
    path = folder / f"bomb{Path(name).suffix}"
    path.write_bytes(CONTAINERS[name](mark))
    return path


def unpickled(path: Path) -> None:
    """Reads a file as a program would that trusts it."""
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
            content = archive.read(name)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            member = tar.extractfile("pickle")
            assert member is not None
            content = member.read()
    elif content.startswith(b"\x93NUMPY"):
        np.load(path, allow_pickle=True)
        return
    try:
        torch.load(path, map_location="cpu", weights_only=False)
    except Exception:  # such as of a pickle without torch's marks
        pickle.Unpickler(io.BytesIO(content)).load()


def _targets(mark: Path) -> dict[str, dict[str, Any]]:
    """Settings that Hydra would run, by what is odd about them."""
    made = {"_target_": "os.mkdir", "path": str(mark)}
    opened = {"_target_": "builtins.open", "file": str(mark), "mode": "w"}
    return {
        "os.mkdir": made,
        "builtins.open": opened,
        "shutil.copyfile": {"_target_": "shutil.copyfile", "src": _script(mark), "dst": str(mark)},
        "torch.save": {"_target_": "torch.save", "obj": 1, "f": str(mark)},
        "through our imports": {
            "_target_": "glip_pl.models.fusion.torch.save",
            **{"obj": 1, "f": str(mark)},
        },
        "our own function": {
            "_target_": "glip_pl.files.writing.write_json",
            **{"path": {"_target_": "pathlib.Path", "_args_": [str(mark)]}, "content": 1},
        },
        "positional arguments": {"_target_": "os.mkdir", "_args_": [str(mark)]},
        "nested in an argument": {"_target_": "builtins.dict", "a": made},
        "nested in a list": {"_target_": "builtins.dict", "a": [[made]]},
        "in a key of a part": {"_target_": "builtins.dict", "layers": {"x": {"y": opened}}},
        "without a target of its own": {"a": made},
        "in a dictionary of lists": {"a": [{"b": [opened]}]},
        "a method": {
            "_target_": "pathlib.Path.touch",
            "_args_": [{"_target_": "pathlib.Path", "_args_": [str(mark)]}],
        },
    }


PLACES: tuple[str, ...] = (
    "model",
    "model.image_encoder",
    "model.image_encoder.weights",
    "model.fusion",
)
PLACES += ("model.text_encoder.layers", "tokenizer", "eval_transform", "eval_transform.max_side")
"""Settings of a checkpoint that become objects, or the arguments of objects."""


def settings_bombs() -> list[Bomb]:
    """Every odd target as a part of the model, and one target in every place."""
    bombs = [
        Bomb(
            f"{name} in {place}",
            functools.partial(_write_settings, name, place),
            functools.partial(_instantiated, name),
        )
        for name, place in [
            *((name, "model.image_encoder") for name in _targets(Path("x"))),
            *((name, place) for place in PLACES for name in ("os.mkdir", "nested in a list")),
        ]
    ]
    return list({bomb.name: bomb for bomb in bombs}.values())


def _write_settings(name: str, place: str, folder: Path, mark: Path) -> Path:
    text_folder = tiny.write_text_folder(folder / "text")
    config = tiny.config_of(text_folder)
    node: Any = config
    *parents, key = place.split(".")
    for parent in parents:
        node = node[parent]
    node[key] = _targets(mark)[name]
    path = folder / "bomb.ckpt"
    torch.save({"glip_pl": config, "state_dict": {"model.x": torch.ones(1)}}, path)
    return path


def _instantiated(name: str, path: Path) -> None:
    """Builds the settings of the bomb as Hydra does."""
    instantiate(_targets(path.parent / "mark")[name])


AUTO_MAP = {
    "AutoTokenizer": ["evil.Evil", "evil.Evil"],
    "AutoConfig": "evil.Evil",
    "AutoModel": "evil.Evil",
}


def folder_bombs() -> list[Bomb]:
    """Folders of tokenizers and text encoders with code or pickles in them."""
    return [
        Bomb("auto_map of a tokenizer", _write_tokenizer, _trusting),
        Bomb("auto_map of a text encoder", _write_encoder, _trusting_model),
        Bomb("weights of a text encoder", _write_weights, unpickled_folder),
        Bomb("vocabulary that is a pickle", _write_vocabulary, unpickled_folder),
    ]


def _write_evil(folder: Path, mark: Path) -> None:
    (folder / "evil.py").write_text(f"{code(mark)}\nclass Evil:\n    pass\n")


def _write_tokenizer(folder: Path, mark: Path) -> Path:
    path = tiny.write_text_folder(folder / "text")
    _write_evil(path, mark)
    config = {"auto_map": AUTO_MAP, "tokenizer_class": "Evil"}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


def _write_encoder(folder: Path, mark: Path) -> Path:
    path = tiny.write_text_folder(folder / "text")
    _write_evil(path, mark)
    (path / "config.json").write_text(json.dumps({"auto_map": AUTO_MAP, "model_type": "evil"}))
    (path / "tokenizer_config.json").unlink()
    return path


def _write_weights(folder: Path, mark: Path) -> Path:
    path = tiny.write_text_folder(folder / "text")
    torch.save({"x": Call(os.system, touch(mark))}, path / "pytorch_model.bin")
    return path


def _write_vocabulary(folder: Path, mark: Path) -> Path:
    path = tiny.write_text_folder(folder / "text")
    for name in ("vocab.pkl", "vocab.bin", "vocab.txt", "pytorch_model.bin"):
        (path / name).write_bytes(_inner(mark))
    (path / "tokenizer_config.json").write_text('{"tokenizer_class": "TransfoXLTokenizer"}')
    return path


def _trusting(path: Path) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(str(path), trust_remote_code=True)


def _trusting_model(path: Path) -> None:
    from transformers import AutoModel

    AutoModel.from_pretrained(str(path), trust_remote_code=True)


def unpickled_folder(path: Path) -> None:
    """Reads the pickles of a folder as a program would that trusts them."""
    for file in (path / "pytorch_model.bin", path / "vocab.pkl"):
        if file.is_file():
            unpickled(file)
