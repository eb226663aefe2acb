import pytest
from PIL import Image
from PIL.Image import Transpose

from glip_pl.data.picture_size import UPRIGHT, check_exif, frame_of, framed, orientation_of
from glip_pl.errors import UserError

ORIENTATION = 0x0112
"""EXIF tag that says how the camera was held."""

QUARTER_TURN = 6
"""Value of that tag: the stored picture must be turned by 90 degrees."""

HALF_TURN = 3
"""Value of that tag: the stored picture must be turned by 180 degrees."""

STORED_BY = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""What a camera does to the upright picture before it writes an orientation."""

RED = (255, 0, 0)


def photograph(width: int, height: int, orientation: int | None = None) -> Image.Image:
    image = Image.new("RGB", (width, height))
    if orientation is not None:
        image.getexif()[ORIENTATION] = orientation
    return image


def test_a_picture_of_the_annotated_size_is_used_as_it_is() -> None:
    image = photograph(40, 30)
    assert framed(image, (30, 40), "a.jpg") == (image, (30, 40), None)


def test_a_photograph_that_was_annotated_upright_is_turned() -> None:
    image, frame, problem = framed(photograph(40, 30, QUARTER_TURN), (40, 30), "a.jpg")
    assert (image.size, frame, problem) == ((30, 40), (40, 30), None)


def test_a_photograph_that_was_annotated_as_stored_is_not_turned() -> None:
    stored = photograph(40, 30, QUARTER_TURN)
    assert framed(stored, (30, 40), "a.jpg", "stored") == (stored, (30, 40), None)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("copy", [1, 2])
@pytest.mark.parametrize("size", [(40, 30), (40, 40)])
def test_every_turn_is_undone_by_default(
    size: tuple[int, int], copy: int, orientation: int
) -> None:
    """Boxes are found where they were drawn on the upright photograph, or a larger one."""
    shown = Image.new("RGB", size)
    shown.putpixel((3, 5), RED)
    stored = shown.transpose(STORED_BY[orientation])
    stored.getexif()[ORIENTATION] = orientation
    as_shown, as_stored = shown.size[::-1], stored.size[::-1]
    # Of a quarter turn, Label Studio writes the stored size, and measures boxes in its units.
    for height, width in {as_shown, as_stored}:
        annotated = (copy * height, copy * width)
        picture = framed(stored, annotated, "a.jpg")
        assert (picture.image.size, picture.frame, picture.problem) == (size, annotated, None)
        assert picture.image.getpixel((3, 5)) == RED


@pytest.mark.parametrize(
    "orientation, annotated, turned",
    [
        (QUARTER_TURN, (40, 30), True),  # only the turned picture has this size
        (QUARTER_TURN, (80, 60), True),  # or a copy of it
        (QUARTER_TURN, (30, 40), False),
        (HALF_TURN, (30, 40), False),
        (QUARTER_TURN, (50, 50), False),  # neither has it
    ],
)
def test_photographs_that_were_annotated_as_stored(
    orientation: int, annotated: tuple[int, int], turned: bool
) -> None:
    stored = photograph(40, 30, orientation)
    assert frame_of(stored, annotated, "a.jpg", "stored").turned == turned
    assert (framed(stored, annotated, "a.jpg", "stored").image is stored) == (not turned)


def test_a_photograph_of_other_proportions_is_turned_as_predict_turns_it() -> None:
    picture = framed(photograph(40, 30, QUARTER_TURN), (50, 50), "a.jpg")
    assert (picture.image.size, picture.frame) == ((30, 40), (40, 30))
    assert picture.problem is not None


@pytest.mark.parametrize("value", [None, 0, 1, 9, "6", (6, 6), b"six"])
def test_other_values_of_the_orientation_mean_upright(value: object) -> None:
    image = Image.new("RGB", (40, 30))
    image.getexif()[ORIENTATION] = value
    assert orientation_of(image) == UPRIGHT


def test_another_value_of_the_setting_is_refused() -> None:
    check_exif("stored")
    with pytest.raises(UserError, match="exif=turned is neither upright nor stored"):
        check_exif("turned")


def test_boxes_of_a_proportionally_reduced_copy_are_measured_in_the_annotated_size() -> None:
    half = photograph(320, 213)  # 640x427, and half of 427 rounded
    assert framed(half, (427, 640), "a.jpg") == (half, (427, 640), None)


def test_boxes_of_a_picture_of_other_proportions_are_taken_for_pixels() -> None:
    other = photograph(40, 30)
    image, frame, problem = framed(other, (60, 50), "a.jpg")
    assert (image, frame) == (other, (30, 40))
    assert problem == (
        "a.jpg has 40x30 pixels, its annotation says 50x60: its boxes "
        "are used as pixels of the picture"
    )


def test_a_transposed_picture_without_an_orientation_is_a_problem() -> None:
    _, frame, problem = framed(photograph(40, 30), (40, 30), "a.jpg")
    assert frame == (30, 40)
    assert problem is not None and problem.startswith("a.jpg has 40x30 pixels")
