"""GAN training by Keras's `fit`, and by a loop of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import srzoo
from srzoo.backend import dtype_policy
from srzoo.training import PixelStep, StepModel, gan_step

OPTIONS = {"weights": {"content": 0.0, "pixel": 1.0}, "adversarial": "hinge", "discriminator_head": "patches"}


def generator():
    keras.utils.set_random_seed(0)
    return srzoo.create("edsr-gan", scale=2, blocks=1, filters=8)


def batches(count):
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (count * 2, 32, 32, 3)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((hr[:, ::2, ::2], hr)).batch(2)


def test_fit_trains_as_a_loop_does_with_the_rate_that_callbacks_set_and_goes_on_from_what_keras_saved(tmp_path):
    alone, fitted = (gan_step(generator(), **OPTIONS) for _ in range(2))
    fitted.discriminator.set_weights(alone.discriminator.get_weights())
    for number, (lr, hr) in enumerate(batches(3)):
        logs = alone.update(lr, hr, tf.constant([1e-3, 1e-4, 1e-5][number]))
    gan = StepModel(fitted)
    gan.compile(learning_rate=1.0, metrics=[srzoo.metrics.PSNRY(shave=2)], run_eagerly=True)
    decay = keras.callbacks.LearningRateScheduler(lambda epoch: 10.0 ** (-3 - epoch))
    history = gan.fit(
        batches(3), steps_per_epoch=1, epochs=3, verbose=0, callbacks=[decay], validation_data=batches(1)
    ).history
    for one, other in ((alone.model, fitted.model), (alone.discriminator, fitted.discriminator)):
        for expected, got in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert np.isclose(history["loss"][-1], float(logs["loss"]), rtol=1e-4)
    assert {"adversarial", "pixel", "d_loss", "psnr_y", "val_psnr_y"} <= history.keys() and "content" not in history
    (lr, _), *_ = batches(1)
    np.testing.assert_allclose(gan.predict(lr, verbose=0), fitted.average(lr), atol=1e-2)
    gan.save_weights(tmp_path / "gan.weights.h5")
    resumed = gan_step(generator(), **OPTIONS)
    again = StepModel(resumed)
    again.compile()
    again.load_weights(tmp_path / "gan.weights.h5")
    for lr, hr in batches(2):
        expected, got = (each.update(lr, hr, tf.constant(1e-3)) for each in (fitted, resumed))
    assert float(got["loss"]) == float(expected["loss"]) and float(got["d_loss"]) == float(expected["d_loss"])
    for one, other in zip(gan.saved[:3], again.saved[:3]):
        for expected, got in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_step_on_pixels_is_fitted_too_and_saved_by_a_checkpoint_of_keras(tmp_path):
    model = StepModel(PixelStep(generator(), srzoo.losses.l1))
    model.compile(1e-3, metrics=[srzoo.metrics.SSIMY(shave=2)])
    kept = keras.callbacks.ModelCheckpoint(tmp_path / "all.weights.h5", save_weights_only=True)
    history = model.fit(batches(4), epochs=2, verbose=0, callbacks=[kept]).history
    assert history["loss"][1] < history["loss"][0] and 0 < history["ssim_y"][1] < 1
    other = StepModel(PixelStep(generator(), srzoo.losses.l1))
    other.load_weights(tmp_path / "all.weights.h5")
    for expected, got in zip(model.step.average.get_weights(), other.step.average.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_arrays_are_trained_on_with_the_steps_loss_and_weights_of_crops_are_refused():
    with dtype_policy("mixed_float16"):  # whose steps have no other figure
        model = StepModel(PixelStep(generator(), srzoo.losses.l1))
    model.compile(1e-3, run_eagerly=True)
    (lr, hr), *_ = batches(1).as_numpy_iterator()
    assert float(model.train_on_batch(lr, hr, return_dict=True)["loss"]) > 0
    assert model.fit(lr, hr, verbose=0).history["loss"][0] > 0
    with pytest.raises(ValueError, match="nothing to measure; give compile metrics"):
        model.evaluate(lr, hr, verbose=0)
    model.compile(1e-3, metrics=[srzoo.metrics.PSNRY(shave=2)], run_eagerly=True)
    history = model.fit(lr, hr, validation_data=(lr, hr), verbose=0).history
    assert history["loss"][0] > 0 and history.keys() == {"loss", "psnr_y", "val_psnr_y"}
    with pytest.raises(ValueError, match="weighs all crops alike; leave out sample_weight"):
        model.fit(lr, hr, sample_weight=np.ones(2), verbose=0)


def test_what_is_no_model_and_no_step_is_refused_in_a_sentence():
    with pytest.raises(TypeError, match="gan_step takes a model, .* got 'edsr-gan-x2'"):
        gan_step("edsr-gan-x2")
    with pytest.raises(TypeError, match="StepModel takes a step of training, as `gan_step"):
        StepModel(generator())
