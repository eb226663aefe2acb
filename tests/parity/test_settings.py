"""The models' YAML and the constants in the code, against the released models' settings."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from glip_pl import anchors, boxes
from glip_pl.anchors import MULTIPLE
from glip_pl.checkpoints import official
from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.data.filtering import BoxFilter
from glip_pl.inference.decoding import Decoder
from glip_pl.losses import assignment, focal, grounding
from glip_pl.models import dynamic_head, grounding_head
from glip_pl.models.glip import GLIP
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.running.settings import compose_settings, plain
from glip_pl.training import optimizer, schedule
from glip_pl.training.freezing import train_only
from glip_pl.types import MAX_TOKENS
from tests.parity.cases import MODELS, read

PRETRAINING = {
    "A": "pretrain_o365_shallow",
    "B": "pretrain_o365",
    "C": "pretrain_o365_goldg",
}


@pytest.mark.parametrize("letter", MODELS)
def test_the_yaml_states_the_released_architecture(letter: str) -> None:
    recorded = read(f"config_{letter}.json")
    swin, fpn, head, fusion = (recorded[part] for part in ("swin", "fpn", "dyhead", "fusion"))
    config = compose_settings(["experiment=zeroshot_coco", f"model={MODELS[letter]}"])
    model = plain(config.model)
    assert model["channels"] == fpn["MODEL.BACKBONE.OUT_CHANNELS"] == head["MODEL.DYHEAD.CHANNELS"]
    assert model["layers"] == head["MODEL.DYHEAD.NUM_CONVS"]
    assert fpn["MODEL.FPN.DROP_BLOCK"]
    assert model["drop_block"] == fpn["MODEL.FPN.DROP_PROB"]
    image = model["image_encoder"]
    assert image["drop_path_rate"] == swin["MODEL.SWINT.DROP_PATH_RATE"]
    assert image["mean"] == recorded["input"]["INPUT.PIXEL_MEAN"]
    assert image["std"] == recorded["input"]["INPUT.PIXEL_STD"]
    assert image["bgr"] is recorded["input"]["INPUT.TO_BGR255"]
    text = recorded["language"]["MODEL.LANGUAGE_BACKBONE.MODEL_TYPE"]
    assert model["text_encoder"]["source"] == text
    assert ("NoFusion" in model["fusion"]["_target_"]) is not fusion[
        "MODEL.DYHEAD.FUSE_CONFIG.EARLY_FUSE_ON"
    ]
    if "inner_dim" in model["fusion"]:
        constants = recorded["constants_in_code"]
        assert model["fusion"]["inner_dim"] == constants["fusion_embed_dim"]
        assert model["fusion"]["heads"] == constants["fusion_heads"]
        assert model["fusion"]["dropout"] == constants["fusion_attention_dropout"]
        assert model["fusion"]["text_heads"] == constants["bert"]["heads"]
    transform = plain(config.data.eval_transform)
    assert transform["short_sides"] == [recorded["input"]["INPUT.MIN_SIZE_TEST"]]
    assert transform["max_side"] == recorded["input"]["INPUT.MAX_SIZE_TEST"]


def skeleton(letter: str) -> GLIP:
    """The model without memory for its weights."""
    config = compose_settings(["experiment=zeroshot_coco", f"model={MODELS[letter]}"])
    with torch.device("meta"):
        model: GLIP = instantiate(without_pretrained(plain(config.model)))
    return model


@pytest.mark.parametrize("letter", MODELS)
def test_the_built_network_has_the_released_sizes(letter: str) -> None:
    recorded = read(f"config_{letter}.json")
    swin = recorded["swin"]
    body: Any = skeleton(letter).image_encoder.body
    stages = [getattr(body, f"layers_{stage}").blocks for stage in range(4)]
    assert [len(blocks) for blocks in stages] == swin["MODEL.SWINT.DEPTHS"]
    for blocks, heads in zip(stages, swin["MODEL.SWINT.NUM_HEADS"], strict=True):
        window = swin["MODEL.SWINT.WINDOW_SIZE"]
        assert blocks[1].attn.num_heads == heads
        assert blocks[1].window_size == (window, window)
        assert blocks[1].shift_size == (window // 2, window // 2)
        assert blocks[1].norm1.eps == recorded["constants_in_code"]["layer_norm_eps_swin"]


@pytest.mark.parametrize("letter", MODELS)
def test_every_official_key_is_used_or_dropped_and_every_weight_of_ours_filled(
    letter: str,
) -> None:
    keys = read(f"keys_{letter}.json")
    ours = {name: list(value.shape) for name, value in skeleton(letter).state_dict().items()}
    used = official.our_names(keys)
    assert {mine: keys[key][0] for key, mine in used.items()} == ours
    assert all(official.dropped(key) for key in keys if key not in used)
    shapes = {key: torch.empty(shape, device="meta") for key, (shape, _) in keys.items()}
    assert official.model_name(shapes) == MODELS[letter]


@pytest.mark.parametrize("letter", ["A", "B", "C"])
def test_constants(letter: str) -> None:
    recorded = read(f"config_{letter}.json")
    code, inference, loss = (recorded[p] for p in ("constants_in_code", "inference", "loss"))
    assert list(boxes.CODE_WEIGHTS) == code["box_coder_weights"]
    assert code["atss_center_in_box_margin"] == assignment.INSIDE_MARGIN
    assert loss["MODEL.ATSS.TOPK"] == assignment.CANDIDATES_PER_LEVEL
    assert loss["MODEL.ATSS.REG_LOSS_WEIGHT"] == grounding.BOX_WEIGHT
    assert loss["MODEL.DYHEAD.FUSE_CONFIG.TOKEN_ALPHA"] == focal.ALPHA
    assert loss["MODEL.DYHEAD.FUSE_CONFIG.TOKEN_GAMMA"] == focal.GAMMA
    decoder = Decoder()
    assert decoder.score_threshold == inference["MODEL.ATSS.INFERENCE_TH"]
    assert decoder.candidates_per_level == inference["MODEL.ATSS.PRE_NMS_TOP_N"]
    assert decoder.nms_iou == inference["MODEL.ATSS.NMS_TH"]
    assert decoder.max_detections == inference["MODEL.ATSS.DETECTIONS_PER_IMG"]
    assert list(anchors.STRIDES) == recorded["anchors"]["MODEL.RPN.ANCHOR_STRIDE"]
    sizes = [anchors.ANCHOR_SCALE * stride for stride in anchors.STRIDES]
    assert sizes == recorded["anchors"]["MODEL.RPN.ANCHOR_SIZES"]
    assert recorded["dyhead"]["MODEL.GROUP_NORM.NUM_GROUPS"] == dynamic_head.GROUPS
    assert code["dyrelu_reduction"] == dynamic_head.REDUCTION
    assert recorded["dyhead"]["MODEL.DYHEAD.PRIOR_PROB"] == grounding_head.PRIOR_PROBABILITY
    assert recorded["language"]["MODEL.LANGUAGE_BACKBONE.MAX_QUERY_LEN"] == MAX_TOKENS
    assert recorded["input"]["DATALOADER.SIZE_DIVISIBILITY"] == MULTIPLE


@pytest.mark.parametrize("letter", PRETRAINING)
def test_pretraining_follows_the_released_recipe(letter: str) -> None:
    recorded = read(f"config_{letter}.json")
    solver, prompts = recorded["solver"], recorded["prompts"]
    config = compose_settings([f"experiment={PRETRAINING[letter]}"])
    assert config.optimizer.lr == solver["SOLVER.BASE_LR"]
    assert config.optimizer.text_lr == solver["SOLVER.LANG_LR"]
    assert config.optimizer.weight_decay == solver["SOLVER.WEIGHT_DECAY"]
    assert solver["SOLVER.BIAS_LR_FACTOR"] == optimizer.BIAS_FACTOR
    assert list(schedule.STEPS) == solver["SOLVER.STEPS"]
    assert solver["SOLVER.WARMUP_FACTOR"] == schedule.WARM_UP_START
    assert config.schedule.warm_up == solver["SOLVER.WARMUP_ITERS"]
    assert config.trainer.max_epochs == solver["SOLVER.MAX_EPOCH"]
    assert config.trainer.gradient_clip_val == solver["SOLVER.CLIP_GRADIENTS.CLIP_VALUE"]
    assert config.callbacks.ema.decay == solver["SOLVER.MODEL_EMA"]
    transform = config.data.train_transform
    assert transform.short_sides == recorded["augment"]["AUGMENT.MULT_MIN_SIZE_TRAIN"]
    assert transform.flip == recorded["augment"]["AUGMENT.FLIP_PROB_TRAIN"]
    sampler = CategorySampler()
    assert sampler.max_negatives == prompts["DATASETS.RANDOM_SAMPLE_NEG"]
    assert sampler.full_probability == prompts["DATASETS.CONTROL_PROB"][2]


def test_the_large_model_follows_its_released_recipe() -> None:
    recorded = read("config_L.json")
    solver, prompts = recorded["solver"], recorded["prompts"]
    config = compose_settings(["experiment=pretrain_large"])
    assert config.optimizer.lr == solver["SOLVER.BASE_LR"]
    assert config.optimizer.weight_decay == solver["SOLVER.WEIGHT_DECAY"]
    assert config.schedule.drops_decay is solver["SOLVER.WEIGHT_DECAY_SCHEDULE"]
    assert solver["SOLVER.WEIGHT_DECAY_SCHEDULE_RATIO"] == schedule.DECAY_BEFORE
    assert config.trainer.max_steps == solver["SOLVER.MAX_ITER"]
    assert config.callbacks.ema is None and config.trainer.precision == "32-true"
    train = config.data.train
    copies = {
        "flickr30k": "FLICKR_COPY",
        "mixed": "MIXED_COPY",
        "objects365": "OBJECT365_COPY",
        "visual_genome": "VG_COPY",
        "imagenet_boxes": "IN_COPY",
        "open_images": "OI_COPY",
    }
    for name, key in copies.items():
        assert train[name].weight == prompts[f"DATASETS.{key}"]
    captions = train.cap24m.dataset
    assert captions.box_filter.min_score == prompts["DATASETS.CAPTION_CONF"]
    assert BoxFilter().min_boxes == prompts["DATASETS.CAPTION_MIN_BOX"]
    assert BoxFilter().nms is None and prompts["DATASETS.CAPTION_NMS"] < 0
    packing = instantiate(captions.packing)
    assert packing.max_captions == prompts["DATASETS.PACK_RANDOM_CAPTION_NUMBER"]
    assert packing.none_probability == prompts["DATASETS.NO_RANDOM_PACK_PROBABILITY"]
    assert packing.full_probability == prompts["DATASETS.RANDOM_PACK_PROB"]


def test_the_large_models_first_stage_stays_frozen() -> None:
    config = compose_settings(["experiment=pretrain_large"])
    with torch.device("meta"):
        model = instantiate(without_pretrained(plain(config.model)))
    train_only(model, config.tuning.trains)
    frozen = [name for name, one in model.named_parameters() if not one.requires_grad]
    frozen_parts = ("patch_embed.", "layers_0.", "layers_1.downsample.")
    assert frozen
    assert all(name.removeprefix("image_encoder.body.").startswith(frozen_parts) for name in frozen)
