"""Damages the content of files: at any byte, or in the structure of what they hold."""

import io
import json
import tarfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import torch

from tests.data.formats.test_fuzz import cut, flipped, inserted, odd_somewhere, removed
from tests.data.formats.writers import add

Mutation = Callable[[bytes, Random], bytes]
"""Makes another content of a file's content."""

DEPTH = 100_000
"""Levels of a list that no parser can follow by recursion."""

BOTTOMLESS = "a list without end"
"""Stands for a deep list until the JSON is written: json.dumps could not write one."""

ODD_NUMBERS = [float("nan"), float("inf"), -1e308, 2**31, 2**63, -(2**63) - 1, 10**400]


def overwritten(content: bytes, random: Random) -> bytes:
    """The content with a block in its middle replaced by zeros or noise of the same size."""
    start = random.randrange(len(content))
    length = min(random.choice([1, 2, 8, 64, 512]), len(content) - start)
    block = random.choice([bytes(length), random.randbytes(length)])
    return content[:start] + block + content[start + length :]


def flipped_at_start(content: bytes, random: Random) -> bytes:
    """Damage in the first bytes, where headers are."""
    return flipped(content[:256], random) + content[256:]


def emptied(content: bytes, random: Random) -> bytes:
    """Nothing, or bytes that mean nothing."""
    return random.choice([b"", b"\0", b"null", b"[]", b"{}", b"3", b"\xff\xfe", b" \n"])


BYTES: list[Mutation] = [cut, flipped, inserted, removed, overwritten, flipped_at_start, emptied]


def _containers(node: Any, found: list[Any]) -> list[Any]:
    """All lists and dictionaries below a node that hold something."""
    if isinstance(node, dict | list) and node:
        found.append(node)
        for value in node.values() if isinstance(node, dict) else node:
            _containers(value, found)
    return found


def _odd_number(content: Any, random: Random) -> Any:
    return _replaced(content, random, random.choice(ODD_NUMBERS))


def _deep(content: Any, random: Random) -> Any:
    return _replaced(content, random, BOTTOMLESS)


def _replaced(content: Any, random: Random, value: Any) -> Any:
    node = random.choice(_containers(content, []))
    node[random.choice(list(node) if isinstance(node, dict) else range(len(node)))] = value
    return content


def _removed_key(content: Any, random: Random) -> Any:
    node = random.choice(_containers(content, []))
    del node[random.choice(list(node) if isinstance(node, dict) else range(len(node)))]
    return content


def _doubled(content: Any, random: Random) -> Any:
    """A list twice as long, or a dictionary with one more key."""
    node = random.choice(_containers(content, []))
    if isinstance(node, list):
        node.extend(node[: random.randrange(1, len(node) + 1)])
    else:
        node[random.choice(["_target_", "id", "", "__class__", "x" * 5000])] = 1
    return content


CHANGES = [odd_somewhere, odd_somewhere, _odd_number, _deep, _removed_key, _doubled]


def odd_json(text: bytes, random: Random) -> bytes:
    """A JSON text with one change of its structure; anything else as it is."""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    if not _containers(content, []):
        return random.choice([b"null", b"[" * DEPTH, b'"x"', b"NaN"])
    changed = json.dumps(random.choice(CHANGES)(content, random))
    changed = changed.replace(json.dumps(BOTTOMLESS), "[" * DEPTH)
    if random.random() < 0.1 and changed.startswith("{"):  # a key twice: the last one counts
        key = random.choice(list(content)) if isinstance(content, dict) and content else "x"
        changed = f"{changed[:-1]}, {json.dumps(str(key))}: {random.choice(['null', '[]', '1'])}}}"
    return changed.encode()


def odd_line(content: bytes, random: Random) -> bytes:
    """One of the lines, whose last column is JSON, with an odd structure."""
    lines = content.split(b"\n")
    chosen = random.randrange(len(lines))
    head, tab, text = lines[chosen].rpartition(b"\t")
    lines[chosen] = head + tab + odd_json(text, random)
    return b"\n".join(lines)


WORDS = [b"null", b"-1", b"1e999", b"nan", b"~", b"&a [*a]", b"[[[[", b"../x"]
WORDS += [
    b"../x",
    b"\0",
    b"99999999999999999999",
    b"[[[[",
    b"{a: {b: ",
    b'"',
    b"\xc3\x28",
    b"a" * 9999,
]


def odd_word(content: bytes, random: Random) -> bytes:
    """A text with one of its words replaced by an odd one."""
    words = content.split(b" ")
    words[random.randrange(len(words))] = random.choice(WORDS)
    return b" ".join(words)


def odd_member(content: bytes, random: Random) -> bytes:
    """A tar file with odd JSON in one of its members, or a member that is no file."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as source,
        tarfile.open(fileobj=out, mode="w") as target,
    ):
        members = source.getmembers()
        chosen = random.randrange(len(members))
        for number, member in enumerate(members):
            data = source.extractfile(member).read()  # type: ignore[union-attr]  # members that are files have a reader
            if number != chosen:
                add(target, member.name, data)
            elif random.random() < 0.7 and member.name.endswith(".json"):
                add(target, member.name, odd_json(data, random))
            else:
                kind = random.choice([tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
                link = tarfile.TarInfo(random.choice([member.name, "../x", "/x", "a" * 90]))
                link.type, link.linkname = kind, "/etc/hostname"
                target.addfile(link)
    return out.getvalue()


def odd_header(content: bytes, random: Random) -> bytes:
    """A safetensors file with an odd header, or odd JSON in the texts of its metadata."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    fields = json.loads(header)
    texts = fields.get("__metadata__", {})
    if texts and random.random() < 0.7:
        key = random.choice(list(texts))
        texts[key] = odd_json(texts[key].encode(), random).decode()
        header = json.dumps(fields).encode()
    else:
        header = odd_json(header, random)
    return len(header).to_bytes(8, "little") + header + data


def _odd_tensors(tensor: torch.Tensor, random: Random) -> Any:
    """Something else in place of a tensor: of another type, shape, layout, or without values."""
    odd: list[Callable[[], Any]] = [
        lambda: tensor.double(),
        lambda: tensor.half(),
        lambda: tensor.bfloat16(),
        lambda: tensor.int(),
        lambda: tensor.bool(),
        lambda: tensor.to(torch.complex64),
        lambda: tensor.to("meta"),
        lambda: tensor.reshape(1, *tensor.shape).to_sparse(),
        lambda: tensor[None],
        lambda: tensor.reshape(-1),
        lambda: torch.zeros(()),
        lambda: torch.zeros(0),
        lambda: torch.full_like(tensor, float("nan")) if tensor.is_floating_point() else tensor,
        lambda: torch.zeros(1).expand(10**5, 10**5),
        lambda: torch.as_strided(torch.zeros(4), (3, 3), (1, 0)),
        lambda: tensor.float().mul(1e38).mul(1e38),
        lambda: np.float64(1),
        lambda: [tensor],
        lambda: torch.nn.Parameter(tensor.float()),
        lambda: tensor.to(torch.float8_e4m3fn),
        lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
    ]
    return random.choice(odd)()


ODD_ENTRIES: list[Any] = [None, "x", -1, float("nan"), 10**30, 10**5000, [], {}, [[1]], b"bytes"]
ODD_ENTRIES += [
    {5: {}},
    {("a", 1): 2},
    torch.zeros(2),
    {"_target_": "os.system"},
    True,
    1e308,
    set(),
]
ODD_ENTRIES += [torch.Size([1]), torch.float32, torch.device("cpu"), "${oc.env:HOME}", "pip://a/b"]


def odd_entry(content: bytes, random: Random) -> bytes:
    """A file of torch.save with an odd tensor or another odd value somewhere."""
    entries = torch.load(io.BytesIO(content), weights_only=True)
    places: list[tuple[Any, Any]] = []
    for node in _containers(entries, []):
        places += [(node, key) for key in (node if isinstance(node, dict) else range(len(node)))]
    tensors = [place for place in places if isinstance(place[0][place[1]], torch.Tensor)]
    others = [place for place in places if not isinstance(place[0][place[1]], torch.Tensor)]
    use_tensor = tensors and random.random() < 0.4
    node, key = random.choice(tensors if use_tensor else others)
    if use_tensor and random.random() < 0.8:
        node[key] = _odd_tensors(node[key], random)
    elif random.random() < 0.2:
        del node[key]
    elif random.random() < 0.1 and isinstance(node, dict):
        node[random.choice([5, None, "x.999999999.y", ("a",), "model.x"])] = node.pop(key)
    else:
        node[key] = random.choice(ODD_ENTRIES)
    out = io.BytesIO()
    torch.save(entries, out, _use_new_zipfile_serialization=content[:2] == b"PK")
    return out.getvalue()


ODD_KEYS = ["_target_", "_args_", "_partial_", "_recursive_", "_convert_", "output_stride", "name"]


def odd_settings(content: bytes, random: Random) -> bytes:
    """A file of torch.save whose entry `glip_pl` has odd values, or keys of Hydra and timm."""
    entries = torch.load(io.BytesIO(content), weights_only=True)
    node = random.choice(_containers(entries["glip_pl"], []))
    key = random.choice(list(node) if isinstance(node, dict) else range(len(node)))
    if isinstance(node, dict) and random.random() < 0.3:
        key = random.choice(ODD_KEYS)
    old = node.get(key) if isinstance(node, dict) else node[key]
    near = [old + 1, old - 1, old * 2, -old, 0] if isinstance(old, int | float) else []
    node[key] = random.choice([*ODD_ENTRIES, *near, *near, *near, [old], {"a": old}, str(old)])
    out = io.BytesIO()
    torch.save(entries, out)
    return out.getvalue()
