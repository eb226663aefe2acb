"""Writing of WebDataset samples, as `WebShards` reads them."""

import io
import tarfile
from collections.abc import Mapping


def add_sample(tar: tarfile.TarFile, key: str, files: Mapping[str, bytes]) -> None:
    """Add the files of one sample, in their order.

    `files` maps suffixes, such as ".jpg", ".json" and ".txt", to what the files contain.
    """
    for suffix, file_bytes in files.items():
        member = tarfile.TarInfo(f"{key}{suffix}")
        member.size = len(file_bytes)
        tar.addfile(member, io.BytesIO(file_bytes))
