"""Images that cannot be read are told of once, and too many of them stop an evaluation."""

from pathlib import Path

import pytest
import torch.distributed as dist

from glip_pl.errors import UserError
from glip_pl.training.unreadable_images import MANY, UnreadableImages


def test_the_same_images_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    images = UnreadableImages("val")
    for reasons, warnings in (({}, 0), ({3: "no such image: c"}, 1), ({3: "again"}, 1)):
        images.start()
        images.add(reasons, 4)
        images.gather(4)
        assert len(caplog.messages) == warnings
    assert caplog.messages[0] == (
        "val: 1 of 4 images cannot be read. Their objects count as missed, so the figures are not "
        "those of the whole set: no such image: c"
    )
    images.start()
    images.add({5: "e", 3: "c"}, 4)
    images.gather(4)
    assert images.reasons == {3: "c", 5: "e"}
    assert len(caplog.messages) == 2


def test_an_evaluation_of_which_most_cannot_be_read_is_stopped() -> None:
    images = UnreadableImages("coco")
    few = {number: f"no such image: {number}" for number in range(MANY - 1)}
    images.add(few, len(few))
    images.add({}, 2 * MANY)
    images.add({MANY: "the last"}, 1)  # many, but not most
    rest = dict.fromkeys(range(MANY + 1, 3 * MANY), "missing")
    with pytest.raises(UserError, match=r"coco: 299 of 499 images cannot .*: no such image: 0"):
        images.add(rest, len(rest))


def test_processes_exchange_them(tmp_path: Path) -> None:
    store = f"file://{tmp_path}/store"
    dist.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        images = UnreadableImages("val")
        images.add({7: "g", 2: "b"}, 3)
        images.gather(3)
    finally:
        dist.destroy_process_group()
    assert list(images.reasons.items()) == [(2, "b"), (7, "g")]
