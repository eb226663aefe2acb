"""A predictor has the detections of an evaluation."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from torchvision.ops import box_iou

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.images import load_image
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result
from glip_pl.inference.results import Results
from glip_pl.inference.suppression import RIVAL_IOU
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Batch
from tests.conftest import Compose
from tests.reliability.tiny import config_of, write_own, write_prompt


def test_one_picture_is_a_batch_of_one(
    world: Path, tokenizer: Tokenizer, settings: Compose, indexes: Path
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there are detections
    transform = ResizeFlip([128], 128)
    predictor = Predictor(model, tokenizer, transform, Decoder())
    reader = CocoJson(world / "annotations/seen.json", world / "images/seen")
    dataset = evaluation_set(reader, indexes, transform, tokenizer, COCOAveragePrecision)
    image = load_image(world / "images/seen/000001.png")
    (detections,) = predictor.detect([image], predictor.encode(names_prompt(dataset.index.names)))
    batch = predictor.collate([dataset[0]])
    with torch.inference_mode():
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    (expected,) = Decoder()(output, batch)
    assert len(detections) > 0
    assert detections.boxes.equal(expected.boxes)
    assert detections.scores.equal(expected.scores)
    assert detections.scores.diff().max() <= 0  # best first
    assert detections.boxes.max() < 96  # pixels of the picture, 96 wide, not of the input


NAMES = ["red circle", "square"]


@pytest.fixture(scope="module")
def predictor(finding: Path) -> Predictor:
    return Predictor.load(finding, "cpu")


@pytest.fixture(scope="module")
def pictures(world: Path) -> list[Image.Image]:
    """Four pictures of three sizes."""
    files = sorted((world / "images/seen").glob("*.png"))
    sizes = [(96, 96), (80, 60), (96, 96), (60, 80)]
    return [load_image(file).resize(size) for file, size in zip(files, sizes, strict=True)]


def same(first: Result, second: Result, pixels: float = 0.0) -> bool:
    """Whether two results have the same boxes, up to some pixels."""
    return (
        len(first) == len(second)
        and first.labels.equal(second.labels)
        and torch.allclose(first.boxes, second.boxes, rtol=0, atol=pixels)
        and torch.allclose(first.scores, second.scores, rtol=0, atol=pixels / 100)
    )


def test_one_picture_gives_a_result_and_several_give_a_list(
    predictor: Predictor, pictures: list[Image.Image]
) -> None:
    alone = [predictor(picture, NAMES) for picture in pictures]
    together = predictor(pictures, NAMES)
    assert isinstance(alone[0], Result) and isinstance(together, Results)
    assert all(len(result) for result in alone)
    # A batch sums in another order: up to 6e-5 pixels were seen.
    assert all(same(*pair, pixels=1e-3) for pair in zip(alone, together, strict=True))


def test_pictures_of_different_size_are_not_padded_together(
    predictor: Predictor, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    collate = predictor.collate

    def seen(samples: Any) -> Batch:
        shapes.append(tuple(map(len, (samples, {sample.image.shape for sample in samples}))))
        return collate(samples)

    monkeypatch.setattr(predictor, "collate", seen)
    predictor(pictures, NAMES)
    assert sorted(shapes) == [(1, 1), (1, 1), (2, 1)]


def test_a_text_a_list_and_a_query_are_the_same_to_the_last_bit(
    predictor: Predictor, pictures: list[Image.Image], tmp_path: Path
) -> None:
    picture = pictures[0]
    expected = predictor(picture, NAMES)
    assert expected.classes == ("red circle", "square")
    forms: list[Any] = ["red circle. square", predictor.encode(NAMES)]
    for what in forms:
        assert same(predictor(picture, what), expected)
        assert predictor(picture, what).names == expected.names
    picture.save(tmp_path / "a.png")
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), np.asarray(picture)):
        assert same(predictor(given, NAMES), expected)
    (listed,) = predictor([picture], NAMES)
    (in_folder,) = predictor(tmp_path, NAMES)
    assert same(listed, expected) and same(in_folder, expected)


def test_labels_index_the_callers_own_list(
    predictor: Predictor, pictures: list[Image.Image]
) -> None:
    doubled = ["red_circle", "Red circle", "square", "red circle"]
    result = predictor(pictures[0], doubled)
    assert set(result.labels.tolist()) == {0, 2}
    assert set(result.names) == {"red_circle", "square"}
    assert result.boxes.equal(predictor(pictures[0], NAMES).boxes)


def test_every_picture_may_have_a_query_of_its_own(
    predictor: Predictor, pictures: list[Image.Image]
) -> None:
    each: list[Any] = ["square", NAMES, "square", predictor.encode("a red circle")]
    results = predictor(pictures, each=each)
    for picture, what, result in zip(pictures, each, results, strict=True):
        assert same(predictor(picture, what), result, pixels=1e-3)
    with pytest.raises(UserError, match="each= has 1 members for 4 pictures"):
        predictor(pictures, each=["square"])
    with pytest.raises(UserError, match="say what to detect"):
        predictor(pictures[0])
    with pytest.raises(UserError, match="say what to detect"):
        predictor(pictures[0], "square", each=["square"])
    with pytest.raises(UserError, match="each= takes a list"):
        predictor(pictures, each="four")
    with pytest.raises(UserError, match="a text or a list of texts, not"):
        predictor(pictures[:1], each=[["square", ["circle"]]])  # type: ignore[list-item]
    number: Any = 7
    with pytest.raises(UserError, match="a text or a list of texts, not 7"):
        predictor(pictures[0], number)
    nested: Any = [["square"]]
    with pytest.raises(UserError, match="a text or a list of texts, not"):
        predictor(pictures[0], nested)


def test_threshold_and_limit_choose_boxes(
    predictor: Predictor, pictures: list[Image.Image]
) -> None:
    every = predictor(pictures[0], NAMES, threshold=0, max_boxes=1000)
    some = predictor(pictures[0], NAMES, threshold=float(every.scores[3]), max_boxes=1000)
    assert len(some) < len(every) and not every.limited
    assert some.scores.equal(every.scores[: len(some)])
    with pytest.raises(UserError, match="threshold=30 is no score"):
        predictor(pictures[0], NAMES, threshold=30)
    with pytest.raises(UserError, match="max_boxes=0 leaves no box"):
        predictor(pictures[0], NAMES, max_boxes=0)
    few = predictor(pictures[0], NAMES, threshold=0, max_boxes=2)
    assert few.limited and few.scores[:2].equal(every.scores[:2])


def test_tiles_find_in_a_large_picture_what_they_find_alone(
    predictor: Predictor, pictures: list[Image.Image]
) -> None:
    large = Image.new("RGB", (300, 200))
    large.paste(pictures[0], (110, 70))
    found = predictor(large, NAMES, threshold=0.5, tiles=96)
    alone = predictor(large.crop((102, 52, 198, 148)), NAMES, threshold=0.5)
    assert found.boxes[:, 2].max() <= 300 and found.boxes[:, 3].max() <= 200
    assert len(found) > 0 and len(alone) > 0
    assert same(predictor(large, NAMES, tiles=300), predictor(large, NAMES))


def test_names_may_be_more_than_a_prompt_holds(
    world: Path, tokenizer: Tokenizer, settings: Compose
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)
    predictor = Predictor(model, tokenizer, ResizeFlip([96], 96), Decoder())
    names = [f"{number}_thing (of some kind)" for number in range(200)]
    query = predictor.encode(names)
    assert len(query.questions) == 3
    image = load_image(world / "images/seen/000001.png")
    result = predictor(image, query, max_boxes=3)
    assert len(result) == 3
    prompts = [chunk.prompt for chunk in query.chunks]
    best = [float(predictor(image, prompt).scores[0]) for prompt in prompts]
    assert float(result.scores[0]) == pytest.approx(max(best))
    assert query.prompt.phrase_text(199) == "199 thing "
    with pytest.raises(UserError, match="list of names is empty"):
        predictor.encode([])


def test_pictures_given_in_python_are_converted_like_files(
    predictor: Predictor, pictures: list[Image.Image], tmp_path: Path
) -> None:
    grey = pictures[0].convert("L")
    sixteen_bits = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    expected = predictor(grey, NAMES)
    assert same(predictor(sixteen_bits, NAMES), expected)
    sixteen_bits.save(tmp_path / "x.png")
    assert same(predictor(tmp_path / "x.png", NAMES), expected)
    with pytest.raises(UserError, match="given to the predictor holds numbers of no known range"):
        predictor(Image.fromarray(np.ones((9, 9), dtype=np.float32)), NAMES)


def test_a_learned_prompt_is_given_by_its_file(
    tiny_text: Path, pictures: list[Image.Image], tmp_path: Path
) -> None:
    prompt = write_prompt(tmp_path / "prompt.safetensors", tiny_text)
    predictor = Predictor.load(
        write_own(tmp_path / "a.ckpt", config_of(tiny_text, prompts=1)), "cpu"
    )
    result = predictor(pictures[0], prompt)
    assert result.classes == ("red circle", "square")
    assert len(result) and same(result, predictor(pictures[0], read_prompt(prompt)))


def test_a_long_list_shows_progress_and_names_what_it_cannot_read(
    predictor: Predictor, world: Path, tmp_path: Path
) -> None:
    shutil.copy(world / "images/seen/000001.png", tmp_path / "a.png")
    assert len(predictor(tmp_path, NAMES, progress=True)) == 1
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"broken\.png"):
        predictor(tmp_path, NAMES)


def rivals_overlap(result: Result) -> bool:
    """Whether boxes of two different phrases lie on one place."""
    ious = box_iou(result.boxes, result.boxes)
    others = result.labels[:, None] != result.labels
    return bool(((ious > RIVAL_IOU + 0.01) & others).any())


def test_of_rivals_one_box_has_one_phrase_in_any_way_to_ask(
    finding: Path, predictor: Predictor, pictures: list[Image.Image]
) -> None:
    exclusive = Predictor.load(finding, "cpu", exclusive=True)
    rivals = ["red circle", "blue circle"]
    for threshold, tiles in ((0.0, None), (0.0, 48)):
        found = predictor(pictures[0], rivals, threshold=threshold, tiles=tiles)
        best = exclusive(pictures[0], rivals, threshold=threshold, tiles=tiles)
        assert rivals_overlap(found) and not rivals_overlap(best)
        assert 0 < len(best) < len(found)
        assert float(best.scores[0]) == float(found.scores[0])
    explained = exclusive.explain(pictures[0], rivals, threshold=0.0)
    assert same(explained.result, exclusive(pictures[0], rivals, threshold=0.0))
    with pytest.raises(UserError, match="exclusive=false"):
        explained.why_not([0, 0, 20, 20], "red circle")
    no_rivals = ["red circle", "blue square", "circle"]
    apart = predictor(pictures[0], no_rivals, threshold=0.0)
    assert same(exclusive(pictures[0], no_rivals, threshold=0.0), apart)
