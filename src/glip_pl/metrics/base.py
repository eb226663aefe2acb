"""What the evaluators share: detections of all images and processes, as flat arrays."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from glip_pl.data.truth import PhraseTruth, Truth
from glip_pl.metrics.detections_table import DetectionsTable, places
from glip_pl.types import Detections

AnyTruth = TypeVar("AnyTruth", Truth, PhraseTruth)


class Part(NamedTuple):
    """Detections of I images, D in all: 24 bytes each."""

    image_ids: Tensor  # (I,) int64
    counts: Tensor  # (I,) int64
    labels: Tensor  # (D,) int32
    scores: Tensor  # (D,) float32
    boxes: Tensor  # (D, 4) float32, inclusive corners

    def owners(self) -> Tensor:
        """(D,) index into image_ids."""
        return torch.arange(len(self.counts)).repeat_interleave(self.counts)

    def only(self, kept: Tensor) -> "Part":
        """The kept detections (D,)."""
        counts = torch.bincount(self.owners()[kept], minlength=len(self.counts))
        return Part(self.image_ids, counts, self.labels[kept], self.scores[kept], self.boxes[kept])

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
        """One behind the other, also of none."""
        whole = torch.zeros(0, dtype=torch.int64)
        empty = cls(
            whole, whole, torch.zeros(0, dtype=torch.int32), torch.zeros(0), torch.zeros(0, 4)
        )
        return cls(*(torch.cat(column) for column in zip(empty, *parts, strict=True)))


class DetectionMetric(Metric, Generic[AnyTruth]):
    """Keeps what was found; `figures` of a subclass says what it is worth.

    Figures are of the images that were seen, so that a part of a set can be evaluated. An image
    that was seen twice, by two processes, counts once.
    """

    full_state_update = False
    headline: ClassVar[str]
    """The figure that counts."""
    columns: ClassVar[tuple[str, ...]]
    """Figures that a table shows."""

    def __init__(self, truth: Callable[[], AnyTruth]) -> None:
        """`truth` reads the annotations, at the first computation."""
        super().__init__(sync_on_compute=False)  # ours gathers flat tensors, also of idle ranks
        self._read: Callable[[], AnyTruth] = truth
        self._truth: AnyTruth | None = None
        self._forget()

    @property
    @abstractmethod
    def protocol(self) -> str:
        """How the figures are computed, in a sentence."""

    @abstractmethod
    def figures(self, truth: AnyTruth, found: DetectionsTable) -> dict[str, float]:
        """Named figures in 0..1; nan where there was nothing to find."""

    def flat(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes (D, 4) as the protocol measures them, from inclusive corners."""
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        return np.concatenate([boxes[:, :2], sides], axis=1)

    @abstractmethod
    def missed_per_image(self, truth: AnyTruth, found: DetectionsTable) -> NDArray[np.int64]:
        """(I,) how much of each image was not found by boxes that people would be shown."""

    def _forget(self) -> None:
        self.parts: list[Part] = []
        self._collected: tuple[AnyTruth, DetectionsTable] | None = None

    def reset(self) -> None:
        """Forget everything but the annotations."""
        super().reset()
        self._forget()

    def update(self, found: Sequence[Detections], image_ids: Sequence[int]) -> None:
        """Add images and what was found in each."""
        self._collected = None
        self.parts.append(
            Part(
                torch.tensor(image_ids, dtype=torch.int64),
                torch.tensor([len(one) for one in found], dtype=torch.int64),
                torch.cat([one.phrase_ids for one in found]).to("cpu", torch.int32),
                torch.cat([one.scores for one in found]).to("cpu", torch.float32),
                torch.cat([one.boxes for one in found]).to("cpu", torch.float32),
            )
        )

    def read_truth(self) -> AnyTruth:
        """The annotations, read once. Raises UserError."""
        if self._truth is None:
            self._truth = self._read()
        return self._truth

    def compute(self) -> dict[str, float]:
        """The figures over all processes, the same on each."""
        return self.figures(*self.truth_and_detections())

    def truth_and_detections(self) -> tuple[AnyTruth, DetectionsTable]:
        """The annotations of the seen images, and the detections of all processes in their order.

        Every process must call it.
        """
        if self._collected is None:
            mine = Part.joined(self.parts)
            self.parts = [mine]
            self._collected = self._ordered(Part(*(over_ranks(column) for column in mine)))
        return self._collected

    def _ordered(self, part: Part) -> tuple[AnyTruth, DetectionsTable]:
        truth = self.read_truth()
        kept = np.zeros(len(truth.image_ids), dtype=np.bool_)
        kept[places(part.image_ids.numpy(), truth.image_ids, "image")] = True
        truth = truth.of_images(kept)
        images = places(part.image_ids.numpy(), truth.image_ids, "image")
        once = np.zeros(len(images), dtype=np.bool_)
        once[np.unique(images, return_index=True)[1]] = True
        owners = part.owners().numpy()
        chosen = np.flatnonzero(once[owners])
        chosen = chosen[np.argsort(images[owners[chosen]], kind="stable")]
        return truth, DetectionsTable(
            images[owners[chosen]],
            part.labels.numpy()[chosen].astype(np.int64),
            part.scores.numpy()[chosen].astype(np.float64),
            self.flat(part.boxes.numpy()[chosen].astype(np.float64)),
        )


def over_ranks(mine: Tensor) -> Tensor:
    """The rows of all processes, one behind the other, on the CPU."""
    if not (dist.is_available() and dist.is_initialized()):
        return mine
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    return torch.cat([part.cpu() for part in gather_all_tensors(mine.to(device))])
