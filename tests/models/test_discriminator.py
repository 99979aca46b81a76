"""The discriminator as published, and what it may be fed."""

import keras
import numpy as np
import pytest

from srzoo.backend import dtype_policy
from srzoo.models.discriminator import discriminator

CONVOLUTIONS = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]


def published_count(features: int) -> int:
    """Of figure 4: convolutions (with a bias only where no BN follows), BN (four figures a channel), dense layers."""
    convolutions = sum(9 * before * after for before, after in CONVOLUTIONS) + 64
    return convolutions + 4 * sum(after for _, after in CONVOLUTIONS[1:]) + (features + 1) * 1024 + 1024 + 1


def test_the_papers_has_23_6_million_parameters():
    # 96 pixels, halved four times, leave 6 x 6 x 512 features.
    count = discriminator(patch=96, head="flatten").count_params()
    assert count == published_count(6 * 6 * 512) == 23_567_361


def test_pooling_leaves_5_2_million():
    assert discriminator().count_params() == published_count(512) == 5_217_281


def test_every_second_convolution_halves_and_the_channels_double():
    model = discriminator()
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [after for _, after in CONVOLUTIONS]
    assert [layer.strides[0] for layer in convolutions] == [1, 2] * 4
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers) == 7
    slopes = [layer.negative_slope for layer in model.layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert slopes == pytest.approx([0.2] * 9)


@pytest.mark.parametrize("side", [96, 128, 192, 256])
def test_any_crop_gives_one_logit(side):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype("float32")
    logits = discriminator(filters=4)(pixels)
    assert logits.shape == (2, 1)
    assert np.isfinite(logits).all()


def test_the_flattened_head_takes_its_own_crop_alone():
    model = discriminator(patch=32, head="flatten", filters=4)
    assert model(np.zeros((1, 32, 32, 3), "float32")).shape == (1, 1)
    with pytest.raises(ValueError):
        model(np.zeros((1, 64, 64, 3), "float32"))


def test_a_logit_of_patches_sees_34_pixels():
    model = discriminator(head="patches", norm="none", filters=4)
    grey = np.full((1, 96, 96, 3), 128, "float32")
    dotted = grey.copy()
    dotted[0, 48, 40] = 255
    changed = np.asarray(model(dotted) != model(grey))[0, ..., 0]
    assert changed.shape == (24, 24)
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    # 34 pixels hold eight or nine places that are 4 apart.
    assert {np.ptp(rows) + 1, np.ptp(columns) + 1} <= {8, 9}


def test_patches_have_the_channels_of_a_patchgan():
    model = discriminator(head="patches")
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.strides[0]) for layer in convolutions] == [(64, 2), (128, 2), (256, 1), (1, 1)]
    assert {layer.kernel_size for layer in convolutions} == {(4, 4)}
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers) == 2


def test_the_u_net_has_4_4_million_parameters():
    # Real-ESRGAN's: nine convolutions, of which the first and the last have a bias and no normalisation.
    down, up, last = [(64, 128), (128, 256), (256, 512)], [(512, 256), (256, 128), (128, 64)], [(64, 64)] * 2
    kernels = sum(16 * before * after for before, after in down) + sum(9 * one * other for one, other in up + last)
    model = discriminator(norm="spectral", head="unet")
    wrapped = [layer for layer in model.layers if isinstance(layer, keras.layers.SpectralNormalization)]
    assert [layer.layer.filters for layer in wrapped] == [after for _, after in down + up + last]
    assert (
        sum(weight.shape.num_elements() for weight in model.trainable_weights)
        == (kernels + (9 * 3 * 64 + 64) + (9 * 64 + 1))
        == 4_376_897
    )


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_the_u_net_has_a_logit_for_each_pixel_and_sees_far_around_it(norm):
    model = discriminator(norm=norm, head="unet", filters=4)
    grey = np.full((1, 64, 96, 3), 128, "float32")
    dotted = grey.copy()
    dotted[0, 32, 40] = 255
    logits = np.asarray(model(grey))
    assert logits.shape == (1, 64, 96, 1) and logits.dtype == np.float32
    changed = np.asarray(model(dotted) != logits)[0, ..., 0]
    assert changed[32, 40] and np.ptp(np.flatnonzero(changed.any(axis=0))) > 40


@pytest.mark.parametrize("head", ["pool", "patches", "unet"])
def test_of_details_no_colour_and_no_slope_is_left(head):
    model = discriminator(head=head, norm="none", filters=4, input_kind="details")
    ramp = np.broadcast_to(np.arange(96)[:, None, None], (1, 96, 96, 3))
    seen = keras.Model(model.input, model.get_layer("gain").output)
    # At the border the mean is of the pixels inside, which shows a slope.
    flat, coloured, slope, stripes = (
        np.abs(np.asarray(seen(pixels.astype("float32"))))[:, 4:-4, 4:-4].max()
        for pixels in (ramp * 0 + 99, ramp * 0 + [200, 9, 50], ramp, ramp // 2 % 2 * 40)
    )
    assert max(flat, coloured, slope) < 1e-4 < 0.1 < stripes


def test_spectral_normalisation_brings_every_kernel_to_a_largest_singular_value_of_one():
    model = discriminator(norm="spectral", filters=4)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    for _ in range(30):  # a step of the power iteration each
        model(pixels, training=True)
    wrapped = [layer.layer for layer in model.layers if isinstance(layer, keras.layers.SpectralNormalization)]
    assert len(wrapped) == 9
    for layer in wrapped:
        kernel = np.asarray(layer.kernel)
        assert np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2) == pytest.approx(1, abs=0.05)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def test_without_normalisation_a_crops_logit_depends_on_that_crop_alone():
    model = discriminator(norm="none", filters=4)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    alone, together = (np.asarray(model(batch, training=True)) for batch in (pixels[:1], pixels))
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_pictures_reach_the_logit_through_ten_layers(norm):
    # With a start that is too small the signal dies out, and all pictures have the logit 0.
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    pixels[4:] /= 4
    assert np.std(discriminator(norm=norm, filters=8)(pixels)) > 1e-3


def test_the_logit_is_float32_in_mixed_precision():
    with dtype_policy("mixed_bfloat16"):
        assert discriminator(filters=4).output.dtype == "float32"


@pytest.mark.parametrize(
    "options, says",
    [
        ({"norm": "layer"}, "discriminator.s norm must be one of batch, spectral, none"),
        ({"head": "max"}, "discriminator.s head must be one of pool, flatten, patches, unet"),
        ({"input_kind": "edges"}, "discriminator.s input must be one of pixels, details, got 'edges'"),
        ({"head": "flatten"}, "patch"),
        ({"patch": 96}, "patch"),
    ],
)
def test_unknown_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        discriminator(**options)
