"""A labelling job as every worker sees it: the source, the teacher, and the shards to write."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.picture_size import Exif, check_exif
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.files.writing import PARTIAL, write_json
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.engines import Label
from glip_pl.labelling.labeller import STORED, Labeller
from glip_pl.labelling.shards import manifest_path, shard_rows
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.terminal.progress import with_progress

Engine = Callable[[Callable[[], Label], Sequence[int]], Iterator[int]]
"""Labels shards by their numbers; see `labelling.engines`."""


@dataclass(frozen=True)
class LabellingJob:
    """All settings that a worker needs, whatever process or machine it runs in.

    It has many fields because it is sent to workers as plain data and rebuilt there.
    """

    source: dict[str, Any]  # settings of the reader
    index_folder: Path
    tolerate: float
    teacher: Path
    tokenizer: str | None
    phrases: str  # spaCy model that finds noun phrases
    scorer: dict[str, Any] | None  # settings of the second model that scores boxes
    mirror: bool
    exif: Exif
    device: str
    batch_size: int
    shard_size: int
    output: Path

    @classmethod
    def of(cls, config: DictConfig) -> Self:
        """The job that the settings of the command `pseudo_label` describe."""
        scorer = config.get("scorer")
        check_exif(config.exif)
        return cls(
            source=plain(config.source),
            index_folder=Path(config.paths.index),
            tolerate=config.tolerate,
            teacher=find_checkpoint(config.ckpt, Path(config.paths.runs)).resolve(),
            tokenizer=config.tokenizer.source,
            phrases=config.phrases.model,
            scorer=None if scorer is None else plain(scorer),
            mirror=config.mirror,
            exif=config.exif,
            device=config.device,
            batch_size=config.batch_size,
            shard_size=config.shard_size,
            output=Path(config.output).resolve(),
        )

    def __getstate__(self) -> dict[str, Any]:
        """The fields without cached properties: a worker opens the files itself."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def index(self) -> Index:
        """The index of the source. Raises UserError if a record has no caption."""
        reader = instantiate(self.source)
        index = open_index(reader, self.index_folder, tolerate=self.tolerate)
        if not index.captioned.all():
            raise UserError(f"{source_name(reader)} has no captions to label")
        return index

    @cached_property
    def images(self) -> Images:
        """The pictures of the source."""
        images: Images = instantiate(self.source).open_images()
        return images

    @cached_property
    def rows(self) -> list[range]:
        """The records of every shard."""
        return shard_rows(self.index, self.images, self.shard_size)

    @cached_property
    def shards(self) -> list[Path]:
        """The file of every shard."""
        suffix = ".jsonl" if isinstance(self.images, ImageFolder) else ".tar"
        return [self.output / f"{number:05d}{suffix}" for number in range(len(self.rows))]

    def identity(self) -> dict[str, Any]:
        """Settings and hashes that must be the same for all labels in a folder."""
        return {
            "weights": sha256_of(self.teacher),
            "tokenizer": self.tokenizer,
            "captions": self._hash_of_source(),
            "records": len(self.index),
            "shards": len(self.rows),
            "phrases": self.phrases,
            "mirror": self.mirror,
            "exif": self.exif,
            "scorer": self.scorer,
        }

    def _hash_of_source(self) -> str:
        """Hash of captions and picture names; it does not change when the source is moved."""
        digest = hashlib.sha256()
        for texts in (self.index.captions, self.index.images):
            digest.update(texts.bytes.values.data)
        return digest.hexdigest()[:16]

    def worker(self, wait: bool) -> Label:
        """Load the teacher; returns the function that labels the shard of a given number.

        If another process holds the lock of a shard, the function returns at once, or with `wait`
        waits until that process has finished or died.
        """
        labeller = Labeller(
            # A phrase with probability p is stored if sqrt(p x centerness) exceeds STORED.
            Predictor.load(self.teacher, self.device, self.tokenizer, score_threshold=STORED**2),
            NounPhrases.load(self.phrases),
            self.batch_size,
            self.mirror,
            None if self.scorer is None else instantiate(self.scorer),
            self.exif,
        )

        def label(number: int) -> None:
            try:
                with FileLock(f"{self.shards[number]}.lock", timeout=-1 if wait else 0):
                    self._label_shard(labeller, number)
            except Timeout:
                pass

        return label

    def _label_shard(self, labeller: Labeller, number: int) -> None:
        """Label a shard whose lock this process holds, unless another process has done it."""
        shard = self.shards[number]
        if manifest_path(shard).is_file():
            return
        for partial_file in shard.parent.glob(f".{shard.stem}.*{PARTIAL}"):
            partial_file.unlink()  # of this shard or its manifest, left by a killed process
        manifest = labeller.shard(self.index, self.images, self.rows[number], shard)
        write_json(manifest_path(shard), manifest)

    def label_missing_shards(self, engine: Engine) -> None:
        """Label all shards without a manifest.

        The first pass skips shards that another process is labelling. The second pass waits for
        these, and labels those whose process has died.
        """
        for wait in (False, True):
            missing = [
                number
                for number, shard in enumerate(self.shards)
                if not manifest_path(shard).is_file()
            ]
            if missing:
                for _ in with_progress(
                    engine(partial(self.worker, wait), missing), len(missing), "shard"
                ):
                    pass
