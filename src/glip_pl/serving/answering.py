"""Answers requests with a predictor: decodes pictures, and computes equal questions together."""

import io
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from glip_pl.data import pixel_limit
from glip_pl.data.images import FORMATS, decode_image, upright
from glip_pl.errors import UserError
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result
from glip_pl.serving.fields import TOO_LARGE, WRONG, Query

log = logging.getLogger(__name__)

OK, FAILED = 200, 500
"""Status codes."""

REMEMBERED = 64
"""Number of texts or lists of names whose encodings are kept."""


@dataclass(frozen=True)
class Answer:
    """What a client gets: the status code of HTTP and the JSON."""

    status: int
    body: dict[str, Any]


class Answering:
    """Answers the requests that wait together."""

    def __init__(self, predictor: Predictor, pixels: int) -> None:
        """`pixels` is the size of the largest picture."""
        self.predictor = predictor
        self.pixels = pixels
        self._encoded: OrderedDict[str | tuple[str, ...] | Path, EncodedQuery] = OrderedDict()

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers in order; a fault of one request does not concern the others."""
        answers: dict[int, Answer] = {}
        groups: dict[Any, dict[int, Image.Image]] = {}
        for index, query in enumerate(queries):
            picture = self._picture(query.picture)
            if isinstance(picture, Answer):
                answers[index] = picture
            else:
                key = (query.what, query.threshold, query.max_boxes)
                groups.setdefault(key, {})[index] = picture
        for (what, threshold, max_boxes), pictures in groups.items():
            found = self._detect(list(pictures.values()), what, threshold, max_boxes)
            answers |= dict(zip(pictures, found, strict=True))
        return [answers[index] for index in range(len(queries))]

    def _picture(self, content: bytes) -> Image.Image | Answer:
        """The picture of a request as people see it; the answer, if there is none."""
        try:
            return decoded(content, self.pixels)
        except PictureSizeError as error:
            return refusal(TOO_LARGE, error)
        except UserError as error:
            return refusal(WRONG, error)
        except Exception:
            return failure()

    def _detect(
        self,
        pictures: Sequence[Image.Image],
        what: str | tuple[str, ...] | Path,
        threshold: float,
        max_boxes: int,
    ) -> list[Answer]:
        """The answers for pictures with the same question."""
        try:
            encoded = self._encode(what)
            found = self.predictor(
                list(pictures), encoded, threshold=threshold, max_boxes=max_boxes
            )
            return [Answer(OK, body_of(result)) for result in found]
        except UserError as error:
            answer = refusal(WRONG, error)
        except Exception:
            answer = failure()
        return [answer] * len(pictures)

    def _encode(self, what: str | tuple[str, ...] | Path) -> EncodedQuery:
        """The question as the model reads it; recent ones are remembered."""
        if what not in self._encoded:
            query = list(what) if isinstance(what, tuple) else what
            self._encoded[what] = self.predictor.encode(query)
            if len(self._encoded) > REMEMBERED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(what)
        return self._encoded[what]


class PictureSizeError(UserError):
    """A picture has more pixels than the server takes."""


def decoded(content: bytes, pixels: int) -> Image.Image:
    """A picture as RGB, turned upright. Raises UserError if it is broken or too large."""
    remedy = f"this server takes at most {pixels}: make it smaller"
    try:
        with pixel_limit.open_limited(io.BytesIO(content), FORMATS) as image:
            width, height = image.size
    except pixel_limit.TOO_LARGE:
        size = f"more than {pixel_limit.max_pixels()} pixels"
        raise PictureSizeError(f"image: {size}; {remedy}") from None
    except Exception:  # the same error with a message comes from decoding
        width, height = 0, 0
    if width * height > pixels:
        raise PictureSizeError(f"image: {width} x {height} pixels; {remedy}")
    return upright(decode_image(content, "of the request"))


def refusal(status: int, error: UserError) -> Answer:
    """The answer to a request that cannot be met."""
    return Answer(status, {"detail": str(error)})


def failure() -> Answer:
    """The answer where an exception shows a fault of the server, which goes on.

    The log gets the traceback, the client does not.
    """
    log.exception("a request could not be answered")
    return Answer(FAILED, {"detail": "the server failed; its log says why"})


def body_of(result: Result) -> dict[str, Any]:
    """The JSON about a picture: its size, what the model read, and the boxes, best first."""
    body = result.to_dict()
    del body["file"]  # of this machine, if there is one
    return {**body, "limited": result.limited}
