"""One update of SRGAN's two networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from srzoo import zoo
from srzoo.backend import dtype_policy
from srzoo.losses import ADVERSARIAL_LOSSES, ContentLoss, l1
from srzoo.models.discriminator import discriminator
from srzoo.training.steps import AdversarialStep

OTHERS = ADVERSARIAL_LOSSES.keys() - {"vanilla", "relativistic"}

RNG = np.random.default_rng(0)
LR = RNG.integers(0, 256, (4, 8, 8, 3)).astype("uint8")
HR = LR.repeat(4, 1).repeat(4, 2)


def step_of(loss="vanilla", policy="float32", model="edsr-gan", norm=None, weight=1e-3, terms=None, rate=1.0, **of):
    with dtype_policy(policy):
        generator = zoo.create(model, blocks=1, filters=4)
        opponent = discriminator(norm=norm or ADVERSARIAL_LOSSES[loss].norm, filters=4, **of)
    terms = {"pixel": (1.0, l1)} if terms is None else terms
    return AdversarialStep(generator, opponent, ADVERSARIAL_LOSSES[loss], weight, terms, rate)


def run(step_fn, steps=1, rate=1e-3):
    # One step costs less than its graph.
    update = step_fn if steps > 1 else step_fn.update
    for _ in range(steps):
        logs = update(tf.constant(LR), tf.constant(HR), tf.constant(rate, tf.float32))
    return {name: float(value) for name, value in logs.items()}


def values(model):
    return [v.numpy() for v in model.trainable_variables]


def moved(before, model):
    return [not np.array_equal(old, new) for old, new in zip(before, values(model), strict=True)]


@pytest.mark.parametrize(
    "loss, policy",
    [
        ("vanilla", "float32"),
        ("vanilla", "mixed_float16"),
        pytest.param("vanilla", "mixed_bfloat16", marks=pytest.mark.slow),
        pytest.param("relativistic", "float32", marks=pytest.mark.slow),
        pytest.param("wasserstein", "mixed_float16", marks=pytest.mark.slow),
        *(pytest.param(loss, "float32", marks=pytest.mark.slow) for loss in sorted(OTHERS)),
        pytest.param("wasserstein", "mixed_bfloat16", marks=pytest.mark.slow),
    ],
)
def test_both_networks_move_in_every_precision_and_all_is_finite(loss, policy):
    step_fn = step_of(loss, policy)
    before = values(step_fn.model), values(step_fn.discriminator)
    # The loss scaling of float16 passes over steps until its scale fits.
    logs = run(step_fn, steps=12 if "float16" in policy else 1)
    assert all(np.isfinite(value) for value in logs.values())
    assert all(moved(before[0], step_fn.model))
    assert sum(moved(before[1], step_fn.discriminator)) >= len(before[1]) - 1
    for model in (step_fn.model, step_fn.discriminator, step_fn.average):
        assert all(np.isfinite(value).all() for value in model.get_weights())


def test_each_network_has_its_own_loss_scaling_in_float16():
    step_fn = step_of(policy="mixed_float16")
    optimizers = step_fn.optimizer, step_fn.discriminator_optimizer
    assert all(isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in optimizers)
    assert optimizers[0] is not optimizers[1]
    assert optimizers[0].dynamic_scale is not optimizers[1].dynamic_scale


def gradients_reach_the_generator(step_fn):
    """Whether a step whose only objective is what is under test moves every weight of the generator."""
    before = values(step_fn.model)
    run(step_fn)
    return all(moved(before, step_fn.model))


def test_gradients_reach_the_generator_through_the_discriminator():
    assert gradients_reach_the_generator(step_of(weight=1.0, terms={}))


def test_gradients_reach_the_generator_through_vgg(vgg16_weights):
    content = ContentLoss({"vgg22": 1.0}, vgg16_weights, "keras")
    assert gradients_reach_the_generator(step_of(weight=0.0, terms={"content": (1.0, content)}))


def test_without_an_objective_the_generator_stands_still_while_the_discriminator_learns():
    step_fn = step_of(weight=0.0, terms={}, rate=4.0)
    before = values(step_fn.model), values(step_fn.discriminator)
    run(step_fn, rate=1e-3)
    assert not any(moved(before[0], step_fn.model))
    assert any(moved(before[1], step_fn.discriminator))
    # As fast as it is told to learn.
    rates = [float(each.learning_rate) for each in (step_fn.optimizer, step_fn.discriminator_optimizer)]
    assert rates == pytest.approx([1e-3, 4e-3])


def test_the_discriminator_is_not_touched_by_the_generators_objective():
    # Two steps that differ in the generator's objective alone move the discriminator alike: the first update of
    # each is computed at the same weights.
    after = []
    for weight in (1e-3, 10.0):
        keras.utils.set_random_seed(1)
        step_fn = step_of(weight=weight)
        run(step_fn)
        after.append(step_fn.discriminator.get_weights())
    for one, other in zip(*after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_generators_gradient_is_that_of_the_weighted_sum_with_batch_normalisation_as_at_inference(vgg16_weights):
    content = ContentLoss({"vgg22": 1.0}, vgg16_weights, "keras")
    step_fn = step_of(weight=0.1, terms={"content": (0.5, content), "pixel": (2.0, l1)}, model="srgan")
    before = [v.numpy() for v in step_fn.model.non_trainable_variables]
    hr = tf.cast(HR, tf.float32)
    with tf.GradientTape() as tape:
        sr = step_fn.model(tf.cast(LR, tf.float32), training=False)
        fake = step_fn.discriminator(sr, training=True)
        terms = 0.5 * content(hr, sr) + 2.0 * l1(hr, sr)
        objective = tf.reduce_mean(terms) + 0.1 * tf.reduce_mean(tf.nn.softplus(-fake))
    expected = tf.linalg.global_norm(tape.gradient(objective, step_fn.model.trainable_variables))
    logs = run(step_fn)
    assert logs["gradient_norm"] == pytest.approx(float(expected), rel=1e-3)
    assert logs["loss"] == pytest.approx(float(objective), rel=1e-4)
    assert before
    for old, new in zip(before, step_fn.model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_the_shares_of_the_terms_in_the_gradient_add_up_to_one(vgg16_weights):
    content = ContentLoss({"vgg22": 1.0}, vgg16_weights, "keras")
    logs = run(step_of(terms={"content": (1.0, content), "pixel": (1.0, l1)}))
    shares = [logs[f"{name}_share"] for name in ("content", "pixel", "adversarial")]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert min(shares) > 0


@pytest.mark.slow
def test_a_term_with_a_hundred_times_the_weight_has_a_hundred_times_the_gradient():
    shares = []
    for weight in (1e-4, 1e-2):
        keras.utils.set_random_seed(1)
        logs = run(step_of(weight=weight))
        shares.append(logs["adversarial_share"] / logs["pixel_share"])
    assert shares[1] == pytest.approx(100 * shares[0], rel=1e-3)


def test_the_probabilities_are_the_sigmoids_of_the_logits():
    step_fn = step_of()
    logits = step_fn.discriminator(HR.astype("float32"), training=True)
    assert run(step_fn)["d_real"] == pytest.approx(float(tf.reduce_mean(tf.sigmoid(logits))), rel=1e-4)


@pytest.fixture(scope="module")
def alone():
    """A step that trains the discriminator alone."""
    keras.utils.set_random_seed(0)
    return step_of(weight=0.0, terms={})


def test_a_discriminator_that_is_left_alone_learns_to_tell_the_pictures_apart(alone):
    logs = run(alone, steps=60)
    assert logs["d_real"] > 0.8 > 0.2 > logs["d_fake"]


def test_a_discriminator_of_details_judges_parts_and_leaves_the_mean_colour_alone():
    step_fn = step_of(norm="none", head="patches", input_kind="details", terms={}, weight=1.0)
    sr = tf.Variable(RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        logits = step_fn.discriminator(sr)
        loss = ADVERSARIAL_LOSSES["vanilla"].generator(logits, logits)
    gradient = tape.gradient(loss, sr).numpy()
    assert logits.shape == (2, 8, 8, 1) and np.abs(gradient).max() > 0
    # A change of the colour of all pixels is no detail.
    np.testing.assert_allclose(gradient.sum((1, 2, 3)), 0, atol=1e-5 * np.abs(gradient).sum())
    logs = run(step_fn)
    assert all(np.isfinite(value) for value in logs.values()) and 0 < logs["d_fake"] < 1


def test_the_generator_runs_once_a_step(alone):
    given = tf.constant(LR), tf.constant(HR), tf.constant(1e-3)
    graph = alone._graph.get_concrete_function(*given).graph
    # Forward convolutions have the generator's kernels as inputs; those of gradients have other names.
    head = [op for op in graph.get_operations() if op.type == "Conv2D" and "/head" in f"/{op.name}"]
    assert len(head) == 1


def test_the_gradient_penalty_is_that_of_a_linear_critic():
    # D(x) = sum of w x / 255 has the gradient w everywhere: the penalty is (|w| - 1)^2.
    step_fn = step_of("wasserstein")
    pixels = keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    critic = keras.Model(pixels, keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(flat))
    step_fn.discriminator = critic
    penalty = step_fn._gradient_penalty(tf.cast(HR, tf.float32), tf.cast(HR[::-1], tf.float32))
    assert float(penalty) == pytest.approx((np.sqrt(32 * 32 * 3) - 1) ** 2, rel=1e-4)


def test_the_gradient_penalty_is_taken_between_sr_and_hr():
    # D(x) = |x|^2 / (2 * 255^2) has the gradient x / 255 by pixels on [0, 1].
    step_fn = step_of("wasserstein")
    pixels = keras.Input((32, 32, 3))
    unit = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    step_fn.discriminator = keras.Model(pixels, keras.layers.Dot(1)([unit, unit]) / 2)
    hr, sr = np.full((2, 32, 32, 3), 8, np.float32), np.full((2, 32, 32, 3), 2, np.float32)
    shares = tf.random.stateless_uniform([2], seed=[0, 0]).numpy()
    norms = (2 + 6 * shares) / 255 * np.sqrt(32 * 32 * 3)
    assert float(step_fn._gradient_penalty(hr, sr)) == pytest.approx(np.mean((norms - 1) ** 2), rel=1e-4)


def test_the_gradient_penalty_of_parts_is_that_of_their_mean():
    step_fn = step_of("wasserstein", head="patches")
    hr, sr = (tf.cast(pixels, tf.float32) for pixels in (HR, HR[::-1]))
    of_parts = float(step_fn._gradient_penalty(hr, sr))
    parts = step_fn.discriminator
    step_fn.discriminator = keras.Model(parts.input, keras.layers.GlobalAveragePooling2D()(parts.output))
    assert of_parts == pytest.approx(float(step_fn._gradient_penalty(hr, sr)), rel=1e-5)


@pytest.mark.slow
def test_all_that_a_step_changes_is_in_its_checkpoint(tmp_path):
    step_fn = step_of(model="srgan", policy="mixed_float16")
    run(step_fn, steps=3)
    path = tf.train.Checkpoint(**step_fn.checkpointed).save(str(tmp_path / "state"))
    expected = run(step_fn), step_fn.model.get_weights(), step_fn.discriminator.get_weights()

    other = step_of(model="srgan", policy="mixed_float16")
    tf.train.Checkpoint(**other.checkpointed).restore(path).assert_consumed()
    assert int(other.step) == 3
    found = run(other), other.model.get_weights(), other.discriminator.get_weights()
    assert found[0] == pytest.approx(expected[0], rel=1e-3)
    for mine, theirs in zip(found[1] + found[2], expected[1] + expected[2], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)
