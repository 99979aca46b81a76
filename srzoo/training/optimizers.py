"""Optimizers: Adam, and Muon for convolutions."""

from collections.abc import Callable
from functools import partial

import keras
from keras import ops


class _OfWholeBatch(keras.optimizers.Optimizer):
    """Takes gradients that are those of all replicas already: Keras's own would add them up.

    Adam forgives a factor in its gradients, so a test compares its moments, not only the weights.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class _Adam(_OfWholeBatch, keras.optimizers.Adam):
    """Keras's Adam."""


HAS_MUON = hasattr(keras.optimizers.Muon, "lr_adjust")
"""Keras 3.12, the last that Python 3.10 can install, has another Muon, for matrices alone."""


class _Muon(_OfWholeBatch, keras.optimizers.Muon):
    """Muon on the convolutions inside the network, Adam on the rest: biases, and what reads or writes RGB.

    Keras's own leaves every kernel that is no matrix to Adam. Here a kernel (height, width, in, out) is the matrix
    (height * width * in, out) that it is in `im2col`, as in the optimizer's first description (Jordan et al.,
    "Muon: An optimizer for hidden layers in neural networks", 2024). An update is as large as one of Adam's at
    the same learning rate (arXiv 2502.16982, section 2.2).
    """

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) != 4 or 3 in variable.shape[2:]

    def zeropower_via_newtonschulz5(self, x, steps: int):
        return ops.reshape(super().zeropower_via_newtonschulz5(_matrix(x), steps), x.shape)

    def lr_adjust(self, x):
        return ops.reshape(super().lr_adjust(_matrix(x)), x.shape)


def _matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "adam": partial(_Adam, learning_rate=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8, name="adam"),
    "muon": partial(
        _Muon,
        learning_rate=0.0,
        epsilon=1e-8,
        weight_decay=None,
        adam_weight_decay=None,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        name="muon",
    ),
}
"""Name -> a new optimizer whose learning rate is set before each step."""


def optimizer_of(model: keras.Model, name: str = "adam") -> keras.optimizers.Optimizer:
    """A new optimizer for a model's weights, with the loss scaling that float16 needs."""
    optimizer = OPTIMIZERS[name]()
    if any(getattr(layer, "compute_dtype", None) == "float16" for layer in model.layers):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer
