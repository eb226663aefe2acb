from PIL import Image

from glip_pl.data.picture_size import framed

ORIENTATION = 0x0112
"""EXIF tag that says how the camera was held."""

QUARTER_TURN = 6
"""Value of that tag: the stored picture must be turned by 90 degrees."""


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
    assert framed(stored, (30, 40), "a.jpg") == (stored, (30, 40), None)


def test_a_square_photograph_is_never_turned() -> None:
    square = photograph(40, 40, QUARTER_TURN)
    assert framed(square, (40, 40), "a.jpg") == (square, (40, 40), None)


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
