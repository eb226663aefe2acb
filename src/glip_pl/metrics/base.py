"""Collects the detections of a set over all batches and processes, for any protocol."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from glip_pl.data.truth import PhraseTruth, Truth
from glip_pl.metrics.detections_table import DetectionsTable, rows_of_ids
from glip_pl.metrics.gathering import from_first, is_first, to_first
from glip_pl.metrics.second_count import SecondCount
from glip_pl.types import Detections

AnyTruth = TypeVar("AnyTruth", Truth, PhraseTruth)


class FlatDetections(NamedTuple):
    """All D detections of I images as five tensors, which take 24 bytes per detection.

    Detections stand in the order of their images.
    """

    image_ids: Tensor  # (I,) int64
    counts: Tensor  # (I,) int64, detections of each image
    labels: Tensor  # (D,) int32
    scores: Tensor  # (D,) float32
    boxes: Tensor  # (D, 4) float32, corners with both end pixels inside

    def image_rows(self) -> Tensor:
        """(D,) the index into `image_ids` of each detection."""
        return torch.arange(len(self.counts)).repeat_interleave(self.counts)

    def select(self, mask: Tensor) -> "FlatDetections":
        """All images with the detections in a mask (D,) only."""
        counts = torch.bincount(self.image_rows()[mask], minlength=len(self.counts))
        return FlatDetections(
            self.image_ids, counts, self.labels[mask], self.scores[mask], self.boxes[mask]
        )

    def of_images(self, mask: Tensor) -> "FlatDetections":
        """The images in a mask (I,) with all of their detections."""
        rows = mask.repeat_interleave(self.counts)
        return FlatDetections(
            self.image_ids[mask], self.counts[mask], *(tensor[rows] for tensor in self[2:])
        )

    @classmethod
    def concatenated(cls, batches: Sequence["FlatDetections"]) -> "FlatDetections":
        """The images of all batches in their order; without batches there are no images."""
        ids = torch.zeros(0, dtype=torch.int64)
        labels = torch.zeros(0, dtype=torch.int32)
        empty = cls(ids, ids, labels, torch.zeros(0), torch.zeros(0, 4))
        return cls(*(torch.cat(tensors) for tensors in zip(empty, *batches, strict=True)))


class DetectionMetric(Metric, Generic[AnyTruth]):
    """Keeps all detections of a set; a subclass computes the figures of its protocol from them.

    The figures are of the images that were added, so that a subset can be evaluated. An image that
    two processes have added counts once.
    """

    full_state_update = False
    headline: ClassVar[str]
    """Name of the main figure."""
    columns: ClassVar[tuple[str, ...]]
    """Names of the figures that a table shows."""

    def __init__(self, truth: Callable[[], AnyTruth]) -> None:
        """`truth` reads the annotations; it is called when they are first needed."""
        # torchmetrics would not gather flat tensors, nor from processes without any detections.
        super().__init__(sync_on_compute=False)
        self._read: Callable[[], AnyTruth] = truth
        self._truth: AnyTruth | None = None
        self._clear()

    @property
    @abstractmethod
    def protocol(self) -> str:
        """How the figures are computed, in a sentence."""

    @abstractmethod
    def figures(self, truth: AnyTruth, detections: DetectionsTable) -> dict[str, float]:
        """Figures in 0..1 by name; NaN where there are no ground-truth boxes."""

    def further_figures(self, truth: AnyTruth, figures: Mapping[str, float]) -> dict[str, float]:
        """Figures besides those of the protocol, which are `figures`."""
        return {}

    def counted_again(
        self, figures: Mapping[str, float], truth: AnyTruth, detections: DetectionsTable
    ) -> SecondCount | None:
        """Whether another implementation of the protocol finds these figures; None without one."""
        return None

    @abstractmethod
    def missed_per_image(self, truth: AnyTruth, detections: DetectionsTable) -> NDArray[np.int64]:
        """(I,) number of ground-truth boxes, or of phrases, without a correct detection."""

    def measured_boxes(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """Detected boxes as the protocol measures them, from corners (D, 4).

        The corners have both end pixels inside; by default x, y, width, height are returned.
        """
        sides = corners[:, 2:] - corners[:, :2] + 1
        return np.concatenate([corners[:, :2], sides], axis=1)

    def _clear(self) -> None:
        self.batches: list[FlatDetections] = []
        self._collected: tuple[AnyTruth, DetectionsTable] | None = None
        self._summary: tuple[dict[str, float], int] | None = None

    def reset(self) -> None:
        """Forget all detections; the annotations stay."""
        super().reset()
        self._clear()

    def update(self, detections: Sequence[Detections], image_ids: Sequence[int]) -> None:
        """Add images with the detections in each."""
        self._collected = self._summary = None
        self.batches.append(
            FlatDetections(
                torch.tensor(image_ids, dtype=torch.int64),
                torch.tensor([len(of_image) for of_image in detections], dtype=torch.int64),
                torch.cat([of_image.phrase_ids for of_image in detections]).to("cpu", torch.int32),
                torch.cat([of_image.scores for of_image in detections]).to("cpu", torch.float32),
                torch.cat([of_image.boxes for of_image in detections]).to("cpu", torch.float32),
            )
        )

    def read_truth(self) -> AnyTruth:
        """The annotations, which are read once. Raises UserError if they cannot be used."""
        if self._truth is None:
            self._truth = self._read()
        return self._truth

    def compute(self) -> dict[str, float]:
        """The figures over all processes, the same in each process.

        The first process computes them: only there all detections are in memory. Every process
        must call this. Raises UserError in all of them if the detections do not fit the truth.
        """
        return self._summarised()[0]

    @property
    def image_count(self) -> int:
        """The number of images that all processes have added; every process must ask for it."""
        return self._summarised()[1]

    def _summarised(self) -> tuple[dict[str, float], int]:
        """The figures and the number of images."""
        if self._summary is None:
            flat = self._gathered() if self._collected is None else None

            def summary() -> tuple[dict[str, float], int]:
                if flat is not None:
                    self._collected = self._matching_truth(flat)
                truth, detections = self.truth_and_detections()
                figures = self.figures(truth, detections)
                figures |= self.further_figures(truth, figures)
                return figures, len(truth.image_ids)

            self._summary = from_first(summary)
        return self._summary

    def truth_and_detections(self) -> tuple[AnyTruth, DetectionsTable]:
        """Ground truth of all added images, and the detections of all processes, by image.

        Of several processes only the first has them, after all have computed the figures.
        """
        if not is_first():
            raise RuntimeError("only the first process has the detections of all")
        if self._collected is None:
            self._collected = self._matching_truth(self._gathered())
        return self._collected

    def countable(self, flat: FlatDetections) -> FlatDetections:
        """The images of `flat` with the detections that can count in any figure, or with more."""
        return flat

    def _gathered(self) -> FlatDetections:
        """In the first process the countable detections of all; every process must call this.

        An image that several processes have added is that of the first of these.
        """
        own = FlatDetections.concatenated(self.batches)
        self.batches = [own]
        gathered = FlatDetections.concatenated([])
        for tensors in to_first(own):
            received = FlatDetections(*tensors)
            is_new = ~torch.isin(received.image_ids, gathered.image_ids)
            if not is_new.all():
                received = received.of_images(is_new)
            gathered = self.countable(FlatDetections.concatenated([gathered, received]))
        return gathered

    def _matching_truth(self, flat: FlatDetections) -> tuple[AnyTruth, DetectionsTable]:
        """The ground truth of the images in `flat`, and its detections by their row in it."""
        truth = self.read_truth()
        image_ids = flat.image_ids.numpy()
        is_added = np.zeros(len(truth.image_ids), dtype=np.bool_)
        is_added[rows_of_ids(image_ids, truth.image_ids, "image")] = True
        truth = truth.of_images(is_added)
        images = rows_of_ids(image_ids, truth.image_ids, "image")
        is_first = np.zeros(len(images), dtype=np.bool_)  # False where an image is added again
        is_first[np.unique(images, return_index=True)[1]] = True
        image_rows = flat.image_rows().numpy()
        order = np.flatnonzero(is_first[image_rows])
        order = order[np.argsort(images[image_rows[order]], kind="stable")]
        return truth, DetectionsTable(
            images[image_rows[order]],
            flat.labels.numpy()[order].astype(np.int64),
            flat.scores.numpy()[order].astype(np.float64),
            self.measured_boxes(flat.boxes.numpy()[order].astype(np.float64)),
        )
