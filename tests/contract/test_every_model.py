"""What every registered model does, whatever it is made of: it upscales, is tiled, kept, mixed and trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_models import CASES, EVERY, FAST_AND_SLOW, answer, result, sizes, tiny

from srzoo import zoo
from srzoo.backend import dtype_policy
from srzoo.losses import ADVERSARIAL_LOSSES, l1
from srzoo.models.discriminator import discriminator
from srzoo.models.geometry import scale_of
from srzoo.models.registry import GAN_TRAINED, MODELS
from srzoo.runtimes.keras import keras_network
from srzoo.training.steps import AdversarialStep, PixelStep
from srzoo.upscaling import Upscaler

every_model = pytest.mark.parametrize(("name", "scale"), EVERY)


def same(a: keras.Model, b: keras.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@every_model
def test_sr_is_scale_times_lr_at_odd_sizes(name, scale, model, picture):
    assert answer(model, picture[:7, :5]).shape == (7 * scale, 5 * scale, 3)
    assert answer(model, picture[:1, :1]).shape == (scale, scale, 3)
    assert scale_of(model) == scale


@every_model
def test_a_picture_is_upscaled_with_the_memory_that_is_the_default(name, scale, model, picture):
    expected = result(model, picture)
    assert np.abs(Upscaler(model)(picture).astype(int) - expected).max() <= 1
    assert expected.std() > 1


@every_model
def test_tiles_are_the_whole(name, scale, model, picture):
    network = keras_network(model)
    if network.halo is None:
        with pytest.raises(ValueError, match="as the network must see the whole of it"):
            Upscaler(network, memory=1000 * network.bytes_per_pixel)(picture)
        return
    least = (2 * network.halo + 3 * network.alignment) ** 2
    wide = np.tile(picture, (1 + 2 * network.halo // 37, 1 + 2 * least // (41 * 37), 1))
    tiled = Upscaler(network, memory=2 * least * network.bytes_per_pixel)
    assert len(tiled.plan(wide)) > 1
    assert np.abs(tiled(wide).astype(int) - result(model, wide)).max() <= 1


@every_model
def test_weights_come_back_from_their_file(name, scale, model, weights):
    loaded = zoo.load(weights)
    assert same(loaded, model) and loaded.name == model.name


@every_model
def test_weights_that_keras_wrote_are_recognised(name, scale, model, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    loaded = zoo.load(tmp_path / "a.weights.h5")
    assert same(loaded, model) and loaded.name == model.name


@every_model
def test_a_keras_file_comes_back_compiled_too(name, scale, picture, tmp_path):
    model = tiny(name, scale)
    for _ in range(2):
        model.save(tmp_path / "a.keras")
        loaded = zoo.load(tmp_path / "a.keras")
        assert same(loaded, model) and loaded.name == model.name
        model.compile("adam", "mae")
    np.testing.assert_allclose(answer(loaded, picture), answer(model, picture), atol=1e-3)


@pytest.mark.parametrize(("name", "scale"), [case for case in CASES if case[0] in GAN_TRAINED])
def test_a_model_of_gan_training_is_mixed_with_its_pixel_trained_partner(name, scale, model, picture):
    pixel = tiny(MODELS[name].pixel_trained, scale)
    pixel.set_weights([weight * 0.5 for weight in pixel.get_weights()])
    assert same(zoo.interpolate(pixel, model, 0), pixel) and same(zoo.interpolate(pixel, model, 1), model)
    half = zoo.interpolate(pixel, model, 0.5)
    assert half.name == model.name
    for p, g, mixed in zip(pixel.weights, model.weights, half.weights, strict=True):
        np.testing.assert_allclose(mixed, (np.float64(p) + np.float64(g)) / 2, rtol=1e-6, err_msg=mixed.path)


@pytest.mark.parametrize(("name", "scale"), [case for case in CASES if case[0] not in GAN_TRAINED])
def test_a_model_without_a_partner_says_which_have_one(name, scale, model):
    with pytest.raises(ValueError, match=f"'{name}-x.* has no pixel-trained partner .*{', '.join(GAN_TRAINED)}"):
        zoo.interpolate(model, model, 0.5)


def lr_and_hr(picture, scale):
    lr = np.stack([picture[:8, :8], picture[8:16, 8:16]])
    return lr, lr.repeat(scale, 1).repeat(scale, 2)


def moved(before, model):
    return [not np.array_equal(old, new) for old, new in zip(before, model.trainable_variables, strict=True)]


@pytest.mark.parametrize(("name", "scale"), FAST_AND_SLOW)
def test_one_step_on_pixels_moves_every_weight(name, scale, picture):
    step = PixelStep(tiny(name, scale), l1, "adam")
    before = [np.array(each) for each in step.model.trainable_variables]
    logs = step.update(*lr_and_hr(picture, scale), tf.constant(1e-3, tf.float32))
    assert np.isfinite(float(logs["loss"])) and all(moved(before, step.model))


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        case if case in (("edsr-gan", 4), ("srgan", 4)) else pytest.param(*case, marks=pytest.mark.slow)
        for case in CASES
        if case[0] in GAN_TRAINED
    ],
)
def test_one_step_of_gan_training_moves_both_networks(name, scale, picture):
    loss = ADVERSARIAL_LOSSES["vanilla"]
    opponent = discriminator(norm=loss.norm, filters=4)
    step = AdversarialStep(tiny(name, scale), opponent, loss, 1e-3, {"pixel": (1.0, l1)}, 1.0)
    before = [[np.array(each) for each in net.trainable_variables] for net in (step.model, step.discriminator)]
    logs = step.update(*lr_and_hr(np.tile(picture, (4, 4, 1)), scale), tf.constant(1e-3, tf.float32))
    assert all(np.isfinite(float(each)) for each in logs.values())
    assert all(moved(before[0], step.model)) and any(moved(before[1], step.discriminator))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_last_layers_compute_in_float32_in_mixed_precision(name, policy, picture):
    with dtype_policy(policy):
        model = zoo.create(name, MODELS[name].scales[-1], **sizes(name))
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {each.compute_dtype for each in convolutions if each.name not in MODELS[name].fine} == {policy[6:]}
    assert convolutions[-1].compute_dtype == model.layers[-1].compute_dtype == "float32"
    assert keras.backend.standardize_dtype(model(picture[None].astype("float32")).dtype) == "float32"


@pytest.mark.parametrize("name", MODELS)
def test_channels_first_in_the_users_settings_changes_nothing(name, picture):
    expected = zoo.create(name, MODELS[name].scales[-1], **sizes(name))
    keras.config.set_image_data_format("channels_first")
    try:
        model = zoo.create(name, MODELS[name].scales[-1], **sizes(name))
        model.set_weights(expected.get_weights())
        sr = model(picture[None].astype("float32"))
        assert keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_image_data_format("channels_last")
    assert np.array_equal(sr, expected(picture[None].astype("float32")))
