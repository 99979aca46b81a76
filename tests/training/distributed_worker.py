"""A process of the tests of several replicas: trains small networks on fixed batches, and writes down what they hold.

    python distributed_worker.py <mirrored | multi-worker> <folder> <case>...

writes `<kind><index of the process>.npz`. `mirrored` has two logical processors, which must be there before TensorFlow
starts, and writes `one.npz` too, of the same cases on one replica. A case is `network:loss:norm:precision:sync`, the
second and third of the game alone. The files hold `case|step|what|number name` and, of all steps, `case|logs||name`.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srzoo import zoo
from srzoo.losses import ADVERSARIAL_LOSSES, l1
from srzoo.models.discriminator import discriminator
from srzoo.training.distribution import Distribution, open_distribution, synchronise_batch_norm
from srzoo.training.loop import variables_of
from srzoo.training.precision import POLICIES
from srzoo.training.steps import AdversarialStep, PixelStep

STEPS, BATCH, RATE, EPSILON = 5, 4, 1e-3, 1e-3


def step_of(model: str, loss: str, norm: str, precision: str, synchronised: bool) -> PixelStep | AdversarialStep:
    """A step on a network of one block; `loss` and `norm` are of the game, and empty for training on pixels."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(POLICIES[precision])
    generator = zoo.create(model, blocks=1, filters=4)
    if not loss:
        step_fn = PixelStep(generator, l1)
        trained = generator
    else:
        trained = discriminator(norm=norm, filters=4)
        step_fn = AdversarialStep(generator, trained, ADVERSARIAL_LOSSES[loss], 0.1, {"pixel": (1.0, l1)})
    keras.config.set_dtype_policy("float32")
    for optimizer in (step_fn.optimizer, *([step_fn.discriminator_optimizer] if loss else [])):
        # Of a gradient that is nothing but rounding Adam makes a whole step, and of two roundings two steps.
        getattr(optimizer, "inner_optimizer", optimizer).epsilon = EPSILON
    if synchronised:
        synchronise_batch_norm(trained)
    return step_fn


def batch_of(step: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(step)
    lr = rng.integers(0, 256, (BATCH, 8, 8, 3))
    hr = np.clip(lr.repeat(4, 1).repeat(4, 2) + rng.integers(-20, 21, (BATCH, 32, 32, 3)), 0, 255)
    return lr.astype(np.uint8), hr.astype(np.uint8)


def assert_replicas_agree(distribution: Distribution, variables: list) -> None:
    if distribution.strategy:
        for variable in variables:
            held = getattr(variable, "value", variable) if isinstance(variable, keras.Variable) else variable
            first, *others = [each.numpy() for each in distribution.strategy.experimental_local_results(held)]
            for other in others:
                np.testing.assert_array_equal(other, first, err_msg=variable.name)


def train(distribution: Distribution, case: str) -> dict[str, np.ndarray]:
    """All that a step of that case holds after the first step and the last, and its figures."""
    model, loss, norm, precision, synchronised = case.split(":")
    with distribution.scope():
        step_fn = step_of(model, loss, norm, precision, synchronised == "sync")
    distribution.copy_from_chief(variables_of(step_fn.checkpointed))
    update = distribution.everywhere(step_fn)
    held, logs = {}, []
    for step in range(STEPS):
        lr, hr = (crops[distribution.part(BATCH)] for crops in batch_of(step))
        figures = update(tf.constant(lr), tf.constant(hr), tf.constant(RATE, tf.float32))
        logs.append({name: float(value) for name, value in figures.items()})
        if step in (0, STEPS - 1):
            for name, each in step_fn.checkpointed.items():
                variables = variables_of({name: each})
                assert_replicas_agree(distribution, variables)
                for i, variable in enumerate(variables):
                    held[f"{case}|{step + 1}|{name}|{i} {variable.name}"] = variable.numpy()
    return held | {f"{case}|logs||{name}": np.array([row[name] for row in logs]) for name in logs[0]}


def write(distribution: Distribution, path: Path, cases: tuple[str, ...]) -> None:
    np.savez(path, **{name: value for case in cases for name, value in train(distribution, case).items()})


def main(kind: str, folder: str, *cases: str) -> None:
    if kind == "mirrored":
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
        write(Distribution(), Path(folder) / "one.npz", cases)
    distribution = open_distribution(kind)
    assert distribution.replicas == 2
    write(distribution, Path(folder) / f"{kind}{distribution.index}.npz", cases)


if __name__ == "__main__":
    main(*sys.argv[1:])
