import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.plain_forms import gpu_forms


def small(name: str = "resnet10t", **options: object) -> ImageEncoder:
    torch.manual_seed(0)
    mean, std = [10.0, 20.0, 30.0], [1.0, 2.0, 4.0]
    return ImageEncoder(name, [2, 3, 4], mean, std, **options)  # type: ignore[arg-type]  # of timm


def test_pixels_are_normalised_in_the_order_of_the_network() -> None:
    images = torch.tensor([12, 26, 50], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    sizes = torch.tensor([[2, 2]])
    assert small().normalise(images, sizes)[0, :, 0, 0].tolist() == [2.0, 3.0, 5.0]
    assert small(bgr=True).normalise(images, sizes)[0, :, 0, 0].tolist() == [40.0, 3.0, -4.5]


def test_padding_stays_zero_and_does_not_change_the_image() -> None:
    images = torch.randint(0, 255, (2, 3, 8, 12), dtype=torch.uint8)
    sizes = torch.tensor([[8, 12], [5, 7]])
    plain = small().normalise(images, sizes)
    padded = torch.nn.functional.pad(images, (0, 4, 0, 4), value=200)
    more = small().normalise(padded, sizes)
    assert more[..., :8, :12].equal(plain)
    assert more[..., 8:, :].eq(0).all()
    assert plain[1, :, 5:].eq(0).all()
    assert plain[1, :, :, 7:].eq(0).all()


def test_stages_have_the_strides_of_the_pyramid() -> None:
    encoder = small().eval()
    images = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
    stages = encoder(images, torch.tensor([[64, 96]]))
    assert [tuple(stage.shape[2:]) for stage in stages] == [(8, 12), (4, 6), (2, 3)]
    assert tuple(stage.shape[1] for stage in stages) == encoder.channels


def test_stages_of_a_transformer_are_normalised_and_have_channels_first() -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder(
        "swin_tiny_patch4_window7_224", [1, 2], [0.0] * 3, [255.0] * 3, strict_img_size=False
    ).eval()
    with torch.inference_mode():
        images = torch.randint(0, 255, (1, 3, 64, 64), dtype=torch.uint8)
        stages = encoder(images, torch.tensor([[64, 64]]))
    assert [tuple(stage.shape) for stage in stages] == [(1, 192, 8, 8), (1, 384, 4, 4)]
    for stage in stages:
        torch.testing.assert_close(stage.mean(1), torch.zeros_like(stage[:, 0]), rtol=0, atol=1e-4)


def test_batch_norms_keep_their_statistics_in_training() -> None:
    encoder = small().train()
    before = {name: value.clone() for name, value in encoder.body.named_buffers()}
    encoder(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8), torch.tensor([[64, 64]] * 2))
    assert before
    assert all(value.equal(before[name]) for name, value in encoder.body.named_buffers())
    assert encoder.training


def test_given_weights_are_loaded_and_others_ignored() -> None:
    weights = {name: torch.full_like(value, 3) for name, value in small().body.state_dict().items()}
    encoder = small(weights={**weights, "classifier.weight": torch.zeros(1)})
    assert all(value.eq(3).all() for value in encoder.body.state_dict().values())
    weights.popitem()
    message = r"weights belong to another network than 'resnet10t': .*image_encoder\.weights=null"
    with pytest.raises(UserError, match=message):
        small(weights=weights)


def test_pretrained_weights_that_cannot_be_downloaded_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("timm.create_model", unreachable)
    with pytest.raises(UserError, match=r"'resnet10t' are not .*image_encoder\.pretrained=false"):
        small(pretrained=True)


@pytest.mark.parametrize(
    ("stages", "channels"), [([3, 7, 11], (96, 192, 192)), ([11], (96, 192, 192))]
)
def test_a_plain_transformer_gives_the_strides_of_the_pyramid(
    stages: list[int], channels: tuple[int, ...]
) -> None:
    encoder = ImageEncoder(
        "vit_tiny_patch16_224", stages, [0.0] * 3, [255.0] * 3, dynamic_img_size=True
    ).eval()
    assert encoder.strides == (8, 16, 32)
    assert encoder.channels == channels
    with torch.no_grad():
        images = torch.randint(0, 255, (1, 3, 64, 96), dtype=torch.uint8)
        maps = encoder(images, torch.tensor([[64, 96]]))
    assert [tuple(features.shape[1:]) for features in maps] == [
        (channels[0], 8, 12),
        (channels[1], 4, 6),
        (channels[2], 2, 3),
    ]


@pytest.mark.parametrize(("mean", "std"), [([0, 0], [1, 1]), ([0, 0, 0], [0, 0, 0])])
def test_pixels_are_normalised_by_three_numbers(mean: list[float], std: list[float]) -> None:
    with pytest.raises(UserError, match="must have three numbers each"):
        ImageEncoder("resnet10t", [2, 3, 4], mean, std, pretrained=False)


def test_mean_and_deviation_stay_in_full_precision() -> None:
    images = torch.randint(0, 255, (1, 3, 4, 4), dtype=torch.uint8)
    sizes = torch.tensor([[4, 4]])
    encoder = ImageEncoder("resnet10t", [2, 3, 4], [103.53, 116.28, 123.675], [57.375] * 3)
    expected = encoder.normalise(images, sizes)
    half = encoder.to(torch.bfloat16)
    assert half.mean.dtype == half.std.dtype == torch.float32
    assert half.normalise(images, sizes).equal(expected.bfloat16())
    assert encoder.double().mean.dtype == torch.float64


def test_stages_have_the_channels_last_in_memory_on_a_gpu() -> None:
    """As Swin computes them and as convolutions of a GPU read them: nothing is copied."""
    numbers = [100.0, 100.0, 100.0]
    encoder = ImageEncoder(
        "swin_tiny_patch4_window7_224", [1, 2, 3], numbers, numbers,
        pretrained=False, strict_img_size=False, embed_dim=12,
    ).eval()  # fmt: skip
    images, sizes = torch.zeros(1, 3, 64, 96, dtype=torch.uint8), torch.tensor([[64, 96]])
    plain = encoder(images, sizes)
    with gpu_forms():
        stages = encoder(images, sizes)
    assert all(stage.is_contiguous() for stage in plain)
    assert all(stage.is_contiguous(memory_format=torch.channels_last) for stage in stages)
    torch.testing.assert_close(stages, plain, atol=1e-5, rtol=1e-5)
