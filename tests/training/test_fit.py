"""Training on real data forms: resumed in the middle of an epoch, and on a mix of sources."""

import re
from pathlib import Path

import pytest
import torch

from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.indexing import open_index
from glip_pl.inspection.export import write_shards
from glip_pl.inspection.named_set import NamedSet
from tests.conftest import SHARED, Compose
from tests.training.short_runs import fit, without_evaluation


def shards_of(world: Path, folder: Path) -> Path:
    """The world's captions as five web shards."""
    reader = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    index = open_index(reader, folder / "index")
    write_shards(NamedSet("train/captions", reader), index, folder, range(len(index)), per_shard=3)
    return folder


def test_resuming_in_mid_epoch_sees_the_rest_of_the_data(
    world: Path, tiny: list[str], settings: Compose, tmp_path: Path
) -> None:
    words = [
        *without_evaluation(world, *tiny),
        "data.train_transform.flip=0.5",
        "data.workers=2",
        "+data/train@data.train.web=cap4m",
        f"data.train.web.dataset.reader.shards={shards_of(world, tmp_path / 'shards')}/*.tar",
    ]
    _, uninterrupted = fit(settings(words))
    assert len(uninterrupted) > 4
    config = settings(words)
    with pytest.raises(RuntimeError, match="power failure"):
        fit(config, fail_at=3)
    last = Path(config.paths.output, "checkpoints/last.ckpt")
    _, rest = fit(settings(words), resume=last)
    assert rest == uninterrupted[3:]
    content = torch.load(last, weights_only=True)
    assert content["global_step"] == len(uninterrupted)


def test_photographs_with_boxes_and_captions_train_as_a_mix(
    tiny: list[str], settings: Compose
) -> None:
    root = SHARED / "data" / "coco_mini_cc"
    if not root.is_dir():
        pytest.skip("the shared folder with real photographs is not beside this checkout")
    config = settings(
        [
            "experiment=finetune_custom",
            "data=custom_mix",
            f"data.root={root}",
            f"data.captions={root}/annotations/grounding_captions_train.json",
            "data.train_transform.short_sides=[96]",
            "data.train_transform.max_side=160",
            "data.val=null",
            "data.test=null",
            "data.workers=1",
            "data.batch_size=4",
            *tiny,
            "trainer=cpu",
            "trainer.max_steps=3",
            "+trainer.enable_progress_bar=false",
            "callbacks.progress=null",
            "callbacks.best=null",
        ]
    )
    _, steps = fit(config)
    assert len(steps) == 3
    captions = [caption for _, batch, _ in steps for caption in batch]
    assert any(". " in caption for caption in captions)  # categories
    assert any(re.fullmatch(r"[^.]*\.?\s*", caption) for caption in captions)  # sentences
