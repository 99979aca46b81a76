"""One update of the weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from srzoo import zoo
from srzoo.backend import dtype_policy
from srzoo.losses import l1
from srzoo.training.optimizers import HAS_MUON
from srzoo.training.steps import PixelStep

NEEDS_MUON = pytest.mark.skipif(not HAS_MUON, reason="Keras 3.12, of Python 3.10, has Muon for matrices alone")

SMALL = {"blocks": 1, "filters": 4}
RNG = np.random.default_rng(0)
LR = RNG.integers(0, 256, (2, 8, 8, 3)).astype("uint8")
HR = LR.repeat(4, 1).repeat(4, 2)


def step_of(name="edsr-baseline", policy="float32", optimizer="adam"):
    with dtype_policy(policy):
        return PixelStep(zoo.create(name, **SMALL), l1, optimizer)


def rate(value):
    return tf.constant(value, tf.float32)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("edsr-baseline", "float32"),
        ("edsr-baseline", "mixed_float16"),
        ("srresnet", "mixed_bfloat16"),
        pytest.param("edsr-baseline", "mixed_bfloat16", marks=pytest.mark.slow),
        pytest.param("srresnet", "float32", marks=pytest.mark.slow),
        pytest.param("srresnet", "mixed_float16", marks=pytest.mark.slow),
    ],
)
def test_the_loss_falls_in_every_precision(name, policy):
    step_fn = step_of(name, policy)
    losses = [float(step_fn(LR, HR, rate(5e-3))["loss"]) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]
    assert int(step_fn.step) == 60


def test_loss_scaling_is_there_in_float16_and_only_there():
    assert isinstance(step_of(policy="mixed_float16").optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(step_of(policy="mixed_bfloat16").optimizer, keras.optimizers.LossScaleOptimizer)


def test_the_first_step_is_adams_closed_form():
    # In its first step Adam moves every weight by its learning rate, but where the gradient is as small as epsilon.
    step_fn = step_of()
    before = [v.numpy() for v in step_fn.model.trainable_variables]
    step_fn.update(LR, HR, rate(1e-3))
    moved = np.concatenate(
        [np.abs(v.numpy() - w).ravel() for v, w in zip(step_fn.model.trainable_variables, before, strict=True)]
    )
    assert np.median(moved) == pytest.approx(1e-3, rel=1e-2)
    assert moved.max() < 1.001e-3


@NEEDS_MUON
@pytest.mark.parametrize("policy", ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_muon_lowers_the_loss(policy):
    step_fn = step_of(policy=policy, optimizer="muon")
    losses = [float(step_fn(LR, HR, rate(5e-3))["loss"]) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]


@NEEDS_MUON
def test_muons_first_step_turns_kernels_alike_in_all_directions():
    # All singular values of an update come out near one, times what makes it as large as Adam's.
    step_fn = step_of(optimizer="muon")
    before = {v.path: v.numpy() for v in step_fn.model.trainable_variables}
    step_fn.update(LR, HR, rate(1e-3))
    moved = {v.path: v.numpy() - before[v.path] for v in step_fn.model.trainable_variables}
    inner = {path: each.reshape(-1, each.shape[-1]) for path, each in moved.items() if each.ndim == 4}
    by_adam = [inner.pop("head/kernel"), inner.pop("tail/kernel")]
    assert len(inner) == 5
    for path, update in inner.items():
        values = np.linalg.svd(update, compute_uv=False) / (1e-3 * 0.2 * max(update.shape) ** 0.5)
        assert values.min() > 0.5 and values.max() < 1.3, path
    for update in by_adam:
        assert np.median(np.abs(update)) == pytest.approx(1e-3, rel=1e-2)


def test_a_learning_rate_of_zero_changes_nothing():
    step_fn = step_of()
    before = step_fn.model.get_weights()
    step_fn.update(LR, HR, rate(0.0))
    for value, old in zip(step_fn.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_rates_that_are_python_floats_share_one_graph():
    step_fn = step_of()
    for learning_rate in (1e-3, 5e-4):
        step_fn(LR, HR, learning_rate)
    assert step_fn._graph.experimental_get_tracing_count() == 1


def test_the_average_is_the_moving_average_of_the_weights():
    step_fn = step_of()
    expected = step_fn.model.trainable_variables[0].numpy()
    for done in (1, 2, 3, 20_000):
        step_fn.step.assign(done - 1)
        step_fn.update(LR, HR, rate(1e-2))
        keep = min(0.999, done / (done + 10))
        expected = keep * expected + (1 - keep) * step_fn.model.trainable_variables[0].numpy()
    np.testing.assert_allclose(step_fn.average.trainable_variables[0].numpy(), expected, rtol=1e-5)


def test_the_statistics_of_batch_normalisation_are_averaged_with_the_weights():
    step_fn = step_of("srresnet")
    before = [v.numpy() for v in step_fn.model.non_trainable_variables]
    step_fn.update(LR, HR, rate(1e-3))
    keep = 1 / 11
    for mean, old, new in zip(
        step_fn.average.non_trainable_variables, before, step_fn.model.non_trainable_variables, strict=True
    ):
        np.testing.assert_allclose(mean.numpy(), keep * old + (1 - keep) * new.numpy(), rtol=1e-5, atol=1e-6)


def test_the_norm_of_the_gradient_is_reported():
    step_fn = step_of()
    _, gradients = step_fn.gradients(LR, HR)
    expected = np.sqrt(sum(np.square(gradient).sum() for gradient in gradients))
    assert float(step_fn.update(LR, HR, rate(1e-3))["gradient_norm"]) == pytest.approx(expected, rel=1e-4)
