"""A job of labelling, as a worker sees it: what to read, who the teacher is, where labels go."""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.data.images import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index, source_name
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.files.hashing import sha256_of
from glip_pl.files.writing import write_json
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.engines import Label
from glip_pl.labelling.labeller import STORED, Labeller, shard_rows
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain


@dataclass(frozen=True)
class Work:
    """What a worker must know, wherever it runs."""

    source: dict[str, Any]  # settings of the reader
    index_folder: Path
    tolerate: float
    teacher: Path
    tokenizer: str | None
    phrases: str
    scorer: dict[str, Any] | None
    mirror: bool
    device: str
    batch_size: int
    shard_size: int
    output: Path

    @classmethod
    def of(cls, config: DictConfig) -> Self:
        """From the settings of the command."""
        scorer = config.get("scorer")
        return cls(
            source=plain(config.source),
            index_folder=Path(config.paths.index),
            tolerate=config.tolerate,
            teacher=find_checkpoint(config.ckpt, Path(config.paths.runs)).resolve(),
            tokenizer=config.tokenizer.source,
            phrases=config.phrases.model,
            scorer=None if scorer is None else plain(scorer),
            mirror=config.mirror,
            device=config.device,
            batch_size=config.batch_size,
            shard_size=config.shard_size,
            output=Path(config.output).resolve(),
        )

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone; a worker opens the files itself."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def index(self) -> Index:
        """The captions, made on first use. Raises UserError if there are none."""
        reader = instantiate(self.source)
        index = open_index(reader, self.index_folder, tolerate=self.tolerate)
        if not index.captioned.all():
            raise UserError(f"{source_name(reader)} has no captions to label")
        return index

    @cached_property
    def images(self) -> Images:
        """Their pictures."""
        images: Images = instantiate(self.source).open_images()
        return images

    @cached_property
    def rows(self) -> list[range]:
        """The captions of every shard."""
        return shard_rows(self.index, self.images, self.shard_size)

    @cached_property
    def targets(self) -> list[Path]:
        """The file of every shard."""
        suffix = ".jsonl" if isinstance(self.images, ImageFolder) else ".tar"
        return [self.output / f"{number:05d}{suffix}" for number in range(len(self.rows))]

    def job(self) -> dict[str, Any]:
        """What must be the same for all labels in a folder."""
        return {
            "weights": sha256_of(self.teacher),
            "tokenizer": self.tokenizer,
            "captions": self._captions(),
            "records": len(self.index),
            "shards": len(self.rows),
            "phrases": self.phrases,
            "mirror": self.mirror,
            "scorer": self.scorer,
        }

    def _captions(self) -> str:
        """Hash of captions and of the names of pictures, wherever the source lies."""
        whole = hashlib.sha256()
        for texts in (self.index.captions, self.index.images):
            whole.update(texts.bytes.values.data)
        return whole.hexdigest()[:16]

    def worker(self, wait: bool) -> Label:
        """Load the teacher; what labels the shard of a number.

        A shard that another process is at is left to it, or if `wait`, watched until that process
        is done or dead.
        """
        labeller = Labeller(
            # A phrase whose words score p is stored if sqrt(p x centerness) reaches STORED.
            Predictor.load(self.teacher, self.device, self.tokenizer, score_threshold=STORED**2),
            NounPhrases.load(self.phrases),
            self.batch_size,
            self.mirror,
            None if self.scorer is None else instantiate(self.scorer),
        )

        def label(number: int) -> None:
            target = self.targets[number]
            try:
                with FileLock(f"{target}.lock", timeout=-1 if wait else 0):
                    if not manifest(target).is_file():  # the other process may have done it
                        counts = labeller.shard(self.index, self.images, self.rows[number], target)
                        write_json(manifest(target), counts)
            except Timeout:
                pass

        return label


def manifest(target: Path) -> Path:
    """The file that tells that a shard is whole."""
    return target.with_suffix(".done.json")
