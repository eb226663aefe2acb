"""Answers requests with a predictor: decodes pictures, and computes equal questions together."""

import json
import logging
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from glip_pl.errors import UserError
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result
from glip_pl.inference.visual_prompt import words_beside
from glip_pl.serving.examples import ByExample
from glip_pl.serving.fields import Query, Question
from glip_pl.serving.pictures import PictureSizeError, decoded, example_sources
from glip_pl.serving.refusals import TOO_LARGE, WRONG

log = logging.getLogger(__name__)

OK, FAILED = 200, 500
"""Status codes."""

REMEMBERED = 64
"""Number of texts, lists of names or examples whose encodings are kept."""


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
        self._encoded: OrderedDict[Hashable, EncodedQuery] = OrderedDict()

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
        what: Question,
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
        except PictureSizeError as error:
            answer = refusal(TOO_LARGE, error)
        except UserError as error:
            answer = refusal(WRONG, error)
        except Exception:
            answer = failure()
        return [answer] * len(pictures)

    def _encode(self, what: Question) -> EncodedQuery:
        """The question as the model reads it; recent ones are remembered."""
        key = what.digest() if isinstance(what, ByExample) else what
        if key not in self._encoded:
            self._encoded[key] = self._read(what)
            if len(self._encoded) > REMEMBERED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return self._encoded[key]

    def _read(self, what: Question) -> EncodedQuery:
        """The question as the model reads it now. Raises UserError if it cannot."""
        if not isinstance(what, ByExample):
            return self.predictor.encode(list(what) if isinstance(what, tuple) else what)
        self.predictor.model.check_reads_examples()  # before the pictures are decoded
        sources = example_sources(what.pictures, self.pixels)
        words = words_beside(what.words)
        return self.predictor.encode_examples(sources, json.loads(what.boxes), words)


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
