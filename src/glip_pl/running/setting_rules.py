"""Which values the settings may have, beyond the types of the arguments that they become.

The types of arguments are in the signatures of the classes that settings build; this table adds
ranges, and the settings that are not arguments (running/setting_checks.py).
"""

import re
from typing import Any, Literal

from glip_pl.checkpoints.trust import MAX_PICTURE_SIDE
from glip_pl.running.value_rules import Rule
from glip_pl.types import MAX_TOKENS

MAX_SEED = 2**32 - 1
"""The largest seed of NumPy's generators."""

COUNT = Rule(int, least=1)
OPTIONAL_COUNT = Rule(int, least=1, other=(None,))
NATURAL = Rule(int, least=0)
SHARE = Rule(float, least=0, most=1)
OPTIONAL_SHARE = Rule(float, least=0, most=1, other=(None,))
POSITIVE = Rule(float, above=0)
OPTIONAL_POSITIVE = Rule(float, above=0, other=(None,))
NOT_NEGATIVE = Rule(float, least=0)
TEXT = Rule(str)
FILLED = Rule(str, empty=False)
OPTIONAL_TEXT = Rule(str | None)
SWITCH = Rule(bool)
NODE = Rule(dict[str, Any])
OPTIONAL_NODE = Rule(dict[str, Any] | None)
TEXTS = Rule(list[str])
SEED = Rule(int, least=0, most=MAX_SEED)
OPTIONAL_SEED = Rule(int, least=0, most=MAX_SEED, other=(None,))
SIDE = Rule(int, least=1, most=MAX_PICTURE_SIDE)


RULES: dict[str, Rule] = {
    # All commands.
    "seed": SEED,
    "name": FILLED,
    "device": FILLED,
    "paths.*": FILLED,
    "output": FILLED,
    "ckpt": OPTIONAL_TEXT,
    "tokenizer": NODE,
    "tokenizer.source": OPTIONAL_TEXT,
    "model|data|loss|optimizer|schedule|decoder|trainer|tuning|callbacks|logger": NODE,
    # Models.
    "model.channels": COUNT,
    "model.layers|model.prompts": NATURAL,
    "model.prompt_rows": COUNT,
    "model.visual_prompts": SWITCH,
    "model.drop_block|model.fusion.dropout": Rule(float, least=0, below=1),
    "model.initial_gain": POSITIVE,
    "model.padding": Rule(Literal["shared", "own"]),
    "model.fusion.inner_dim|model.fusion.heads|model.fusion.text_heads": COUNT,
    "model.image_encoder.stages": Rule(list[int], least=0, empty=False),
    "model.image_encoder.mean": Rule(list[float], empty=False),
    "model.image_encoder.std": Rule(list[float], above=0, empty=False),
    "model.image_encoder.drop_path_rate": Rule(float, least=0, below=1),
    "model.*_encoder.pretrained|model.*_encoder.recompute": SWITCH,
    "model.text_encoder.layers": Rule(list[int], least=0, other=(None,), empty=False),
    # Data.
    "data.batch_size": Rule(int, least=1, other=("auto",)),
    "batch_size|label.batch_size": COUNT,
    "data.workers": NATURAL,
    "data.grouping": Rule(Literal["none", "orientation", "shape"]),
    "data.total_batch": OPTIONAL_COUNT,
    "data.train|data.val|data.test|data.prepare": OPTIONAL_NODE,
    "data.train.*|data.val.*|data.test.*": OPTIONAL_NODE,
    "data.retention|data.retention.*|data.retention_test|data.retention_test.*": OPTIONAL_NODE,
    "data.root|data.captions": FILLED,
    "data.roots": Rule(list[str], empty=False),
    "data.annotations": NODE,
    "data.annotations.*": OPTIONAL_TEXT,
    "data.shards": Rule(str | list[str], empty=False),
    "data.visual_prompts|data.train.*.dataset.visual_prompts": SHARE,
    "data.prompts": Rule(dict[str, Any] | None),
    "data.descriptions": OPTIONAL_TEXT,
    "data.eval_transform.short_sides": Rule(
        list[int], least=1, most=MAX_PICTURE_SIDE, other=(None,), empty=False
    ),
    "data.eval_transform.max_side": Rule(int, least=1, most=MAX_PICTURE_SIDE, other=(None,)),
    "**.short_sides": Rule(list[int], least=1, most=MAX_PICTURE_SIDE, empty=False),
    "**.max_side": SIDE,
    "**.flip": SHARE,
    "data.train.*.weight": POSITIVE,
    "**.tolerate|tolerate": SHARE,
    "**.limit|**.chunk": OPTIONAL_COUNT,
    "**.skip": Rule(int, least=0, other=(None,)),
    "**.box_filter.min_score": SHARE,
    "**.box_filter.min_boxes": NATURAL,
    "**.box_filter.nms|**.box_filter.floor": OPTIONAL_SHARE,
    "**.max_negatives": NATURAL,
    "**.max_captions|**.foils.most": COUNT,
    "**.foils.share": SHARE,
    "**.full_probability|**.none_probability": SHARE,
    "**.budget": Rule(int, least=1, most=MAX_TOKENS),
    "**.looked_for": Rule(Literal["all", "listed"] | list[str], empty=False),
    "**.parts": OPTIONAL_COUNT,
    "**.reader.splits": Rule(list[str], empty=False),
    "**.cache.gigabytes": NOT_NEGATIVE,
    "shots": Rule(int, least=1, other=("full",)),
    "shots_seed": OPTIONAL_SEED,
    "**.few_shot.count": Rule(int, least=1, other=("full",)),
    "**.few_shot.seed": OPTIONAL_SEED,
    # Training and evaluation.
    "optimizer.lr": POSITIVE,
    "optimizer.text_lr|optimizer.weight_decay": NOT_NEGATIVE,
    "tuning.trains": TEXTS,
    "tuning.prompts": NATURAL,
    "tuning.lr": POSITIVE,
    "tuning.weight_decay": NOT_NEGATIVE,
    "tuning.lora": OPTIONAL_NODE,
    "tuning.lora.rank": COUNT,
    "tuning.lora.alpha": POSITIVE,
    "tuning.lora.layers": TEXT,
    "schedule.warm_up|schedule.patience": NATURAL,
    "schedule.least": NOT_NEGATIVE,
    "decoder.score_threshold": Rule(float, least=0, below=1),
    "decoder.nms_iou": SHARE,
    "decoder.max_detections|decoder.candidates_per_level": COUNT,
    "callbacks.*|logger.*": OPTIONAL_NODE,
    "callbacks.ema.decay": Rule(float, least=0, below=1),
    "callbacks.last.every_steps|callbacks.pictures.count": COUNT,
    "callbacks.pictures.threshold": SHARE,
    "callbacks.stop.patience": COUNT,
    "callbacks.*.every": POSITIVE,
    "callbacks.*.mode": Rule(Literal["min", "max"]),
    "callbacks.*.refresh_rate": NATURAL,
    "trainer.max_epochs": Rule(int, least=1, other=(-1, "auto", None)),
    "trainer.check_val_every_n_epoch": Rule(int, least=1, other=("auto", None)),
    "trainer.max_steps": Rule(int, least=1, other=(-1,)),
    "trainer.min_epochs|trainer.min_steps": OPTIONAL_COUNT,
    "trainer.val_check_interval": OPTIONAL_POSITIVE,
    "trainer.limit_*_batches": Rule(float, least=0, other=(None,)),
    "trainer.devices": Rule(int | str | list[int], least=0, other=(-1,)),
    "trainer.num_nodes|trainer.accumulate_grad_batches": COUNT,
    "trainer.log_every_n_steps": COUNT,
    "trainer.num_sanity_val_steps": Rule(int, least=-1),
    "trainer.gradient_clip_val": Rule(float, least=0, other=(None,)),
    "checks": NODE,
    "checks.mistakes": Rule(Literal["stop", "warn"]),
    "checks.pictures": SWITCH,
    "prompt_memory_gb": OPTIONAL_POSITIVE,
    "foils|data.foils|data.*.*.foils": Rule(str | list[str] | None, empty=False),
    "forget_at_most": Rule(float, least=0, most=100, other=(None,)),
    "resume|prompt|before|after|teacher|official": OPTIONAL_TEXT,
    "keep_going|verify": SWITCH,
    "compile": Rule(Literal["off", "blocks"]),
    "published": NODE,
    # predict.
    "image": FILLED,
    "like": Rule(str | list[str] | None, empty=False),
    "boxes": Rule(list[Any] | dict[str, Any] | None, empty=False),
    "threshold": SHARE,
    "max_boxes": COUNT,
    "video": NODE,
    "video.rate": OPTIONAL_POSITIVE,
    "video.track": SWITCH,
    "tiles": Rule(int | None, least=32),
    "explain|exclusive": SWITCH,
    "why_not": Rule(list[float] | None),
    "why_not_phrase|font": OPTIONAL_TEXT,
    # label.
    "images": FILLED,
    "format": Rule(  # of label and of export, each of which refuses those of the other
        Literal[
            "coco",
            "yolo",
            "voc",
            "label_studio",
            "cvat",
            "odvg",
            "onnx",
            "openvino",
            "torch_export",
        ]
    ),
    "thresholds": Rule(dict[str, Any] | str | None),
    "thresholds.*": SHARE,
    "copy_pictures": SWITCH,
    # prompt_search.
    "synonyms": Rule(dict[str, Any] | str | None),
    "templates": TEXTS,
    "gain": NOT_NEGATIVE,
    "descriptions": OPTIONAL_TEXT,
    "data.few|data.held_out": NODE,
    # export.
    "decode": SWITCH,
    "check_images": OPTIONAL_TEXT,
    "check_count": COUNT,
    # convert, gather, interpolate, make_shapes.
    "out|picture|set": OPTIONAL_TEXT,
    "sweep|root|figure|axis": FILLED,
    "pooled": TEXTS,
    "shares": Rule(list[float], least=0, most=1, empty=False),
    "**world.detection|**world.captions|**world.web|**world.evaluation": COUNT,
    "**world.relations": NATURAL,
    "**world.side": Rule(int, least=32, most=MAX_PICTURE_SIDE),
    "**world.seed": SEED,
    # pseudo_label and self_train.
    "source|engine": NODE,
    "scorer": OPTIONAL_NODE,
    "source.shards": Rule(str | list[str], empty=False),
    "source.annotations": TEXT,
    "source.images": Rule(str | list[str], empty=False),
    "shard_size|label.shard_size": COUNT,
    "mirror|label.mirror": SWITCH,
    "label.tolerate": SHARE,
    "label.device": TEXT,
    "engine.workers": COUNT,
    "engine.gpus": NOT_NEGATIVE,
    "engine.cpus": POSITIVE,
    "phrases.model": TEXT,
    "rounds": COUNT,
    "teacher_decay": OPTIONAL_SHARE,
    "label": NODE,
    "labels": TEXT,
    # serve and demo.
    "host": Rule(Literal["127.0.0.1", "0.0.0.0", "::"]),
    "port": Rule(int, least=1024, most=65535),
    "workers|batch.size": COUNT,
    "batch.wait": NOT_NEGATIVE,
    "limits.megabytes|limits.megapixels|limits.seconds": POSITIVE,
    "limits.names|limits.*_characters|limits.boxes|limits.example_*|limits.waiting": COUNT,
    # data check|stats|browse|convert.
    "sets": Rule(str | list[str] | None, empty=False),
    "check|browse|convert|clean": NODE,
    "clean.remove": Rule(str | list[str] | None, empty=False),
    "check.pictures": Rule(Literal["exist", "decode", "skip"]),
    "check.ap_images": NATURAL,
    "browse.count": COUNT,
    "convert.format": Rule(
        Literal["coco", "yolo", "voc", "label_studio", "cvat", "odvg", "shards"]
    ),
    "convert.copy_pictures": SWITCH,
    "convert.per_shard": COUNT,
    "convert.count": OPTIONAL_COUNT,
}
"""Rules by patterns of dotted keys: `*` stands for any part, `**` for any parts, `|` for "or"."""


def rule_of(key: str) -> Rule | None:
    """The rule of a setting; None if the table has none."""
    return next((rule for pattern, rule in _COMPILED if pattern.fullmatch(key)), None)


def _compiled(pattern: str) -> re.Pattern[str]:
    escaped = "|".join(re.escape(part) for part in pattern.split("|"))
    return re.compile(escaped.replace(r"\*\*", ".*").replace(r"\*", "[^.]*"))


_COMPILED = [(_compiled(pattern), rule) for pattern, rule in RULES.items()]
