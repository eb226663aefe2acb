"""What was detected in several pictures."""

from pathlib import Path

from glip_pl.annotations.writing import write_annotations
from glip_pl.errors import UserError
from glip_pl.inference.result import Result


class Results(list[Result]):
    """A list of results, which can be written as an annotation file of another program."""

    def save(self, path: str | Path, format: str = "coco") -> None:
        """Write coco, yolo, voc, label_studio, cvat or odvg, whole or not at all.

        YOLO and VOC are folders, the others files. Pictures are called by their paths below the
        deepest folder that holds all of them. Raises UserError if the results were made for
        different names, or as `write_annotations` does.
        """
        classes = {result.classes for result in self}
        if len(classes) != 1:
            fault = "there is no result" if not classes else "the results are for different names"
            raise UserError(f"{fault}: an annotation file has one list of categories")
        images = [result.annotated() for result in self]
        write_annotations(images, classes.pop(), Path(path), format)
