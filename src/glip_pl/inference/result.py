"""What was detected in one picture, for people and for other programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.boxes import plain
from glip_pl.errors import require_extra
from glip_pl.inference.drawing import draw
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.image_input import ImageSource
from glip_pl.types import Detections, Prompt


@dataclass(frozen=True, eq=False)
class Result:
    """The boxes in one picture, best first, in its pixels; x2 - x1 is a box's width."""

    source: ImageSource
    size: tuple[int, int]  # height and width of the picture, turned upright
    boxes: Tensor  # (K, 4) float32 corners x1, y1, x2, y2
    scores: Tensor  # (K,) float32, 0 to 1
    labels: Tensor  # (K,) int64, index into `classes`
    classes: tuple[str, ...]  # the names that were asked for, or the phrases of the text
    prompt: Prompt  # what the model read
    limited: bool = False  # whether boxes were left out because there are too many

    @classmethod
    def of(
        cls,
        source: ImageSource,
        size: tuple[int, int],
        found: Detections,
        query: EncodedQuery,
        max_boxes: int,
    ) -> "Result":
        """The best of the detections, whose phrase ids index the phrases of a query's prompt."""
        best = found.most_likely(max_boxes)
        return cls(
            source,
            size,
            plain(best.boxes),
            best.scores,
            query.positions[best.phrase_ids],
            query.classes,
            query.prompt,
            len(best) < len(found),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        counts = {name: self.names.count(name) for name in dict.fromkeys(self.names)}
        return f"Result({self.source.name}: {counts})"

    @property
    def path(self) -> Path | None:
        """The file of the picture; None if the caller gave its pixels."""
        return self.source.path

    @property
    def names(self) -> list[str]:
        """The name of each box."""
        return [self.classes[label] for label in self.labels.tolist()]

    def rows(self) -> Iterator[tuple[str, int, float, list[float]]]:
        """Name, label, score and corners of each box, best first."""
        columns = self.labels.tolist(), self.scores.tolist(), self.boxes.tolist()
        return zip(self.names, *columns, strict=True)

    @cached_property
    def image(self) -> Image.Image:
        """The picture as RGB, turned upright; it is decoded again when it is first asked for."""
        return self.source.open()

    def draw(self) -> Image.Image:
        """A copy of the picture with the boxes, their names and scores."""
        return draw(self.image, self.inclusive, self.names, self.scores)

    def crop(self) -> list[Image.Image]:
        """The part of the picture in each box, with every pixel that the box touches."""
        height, width = self.size
        low = self.boxes[:, :2].floor().clamp(min=0).int().tolist()
        high = self.boxes[:, 2:].ceil().int().tolist()
        return [
            self.image.crop((x1, y1, min(max(x2, x1 + 1), width), min(max(y2, y1 + 1), height)))
            for (x1, y1), (x2, y2) in zip(low, high, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Numbers and texts alone, as JSON can hold them; scores and corners are not rounded."""
        return {
            "file": None if self.path is None else str(self.path),
            "height": self.size[0],
            "width": self.size[1],
            "prompt": self.prompt.caption,
            "boxes": [
                {"name": name, "label": label, "score": score, "box": box}
                for name, label, score, box in self.rows()
            ],
        }

    def to_coco(self, image_id: int = 0) -> list[dict[str, Any]]:
        """The boxes as COCO's results: [x, y, width, height], category ids are the labels."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return [
            {"image_id": image_id, "category_id": label, "bbox": box, "score": score}
            for label, box, score in zip(
                self.labels.tolist(),
                torch.cat([self.boxes[:, :2], sides], 1).tolist(),
                self.scores.tolist(),
                strict=True,
            )
        ]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row for each box. Raises UserError if pandas is missing."""
        require_extra("pandas", "pandas", "to_pandas()")
        from pandas import DataFrame

        corners = {
            name: self.boxes[:, i].numpy() for i, name in enumerate(("x1", "y1", "x2", "y2"))
        }
        labels, scores = self.labels.numpy(), self.scores.numpy()
        return DataFrame({"name": self.names, "label": labels, "score": scores, **corners})

    def to_supervision(self) -> Any:
        """A supervision.Detections. Raises UserError if supervision is missing."""
        require_extra("supervision", "supervision", "to_supervision()")
        import numpy as np
        from supervision import Detections as SupervisionDetections

        return SupervisionDetections(
            xyxy=self.boxes.numpy().astype(np.float32),
            confidence=self.scores.numpy(),
            class_id=self.labels.numpy(),
            data={"class_name": np.array(self.names, dtype=object)},
        )

    def annotated(self) -> AnnotatedImage:
        """The boxes as writers of annotation files take them."""
        path = self.path or Path(f"{self.source.name}.png")
        boxes, labels = self.boxes.double().numpy(), self.labels.numpy()
        return AnnotatedImage(path, self.size, boxes, labels, self.scores.double().numpy())

    @property
    def inclusive(self) -> Tensor:
        """The boxes (K, 4) with both end pixels, as the rest of the package has them."""
        return self.boxes - self.boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
