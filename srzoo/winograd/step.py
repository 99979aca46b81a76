"""The training step, and whether it fits a run."""

import logging
from dataclasses import replace

import numpy as np
import tensorflow as tf

from srzoo.losses import PIXEL_LOSSES
from srzoo.models.edsr import edsr
from srzoo.models.geometry import scale_of
from srzoo.models.registry import entry_of
from srzoo.names import parse
from srzoo.training.settings import Settings
from srzoo.training.steps import PixelStep
from srzoo.winograd import network

LOGGER = logging.getLogger(__name__)


class WinogradStep(PixelStep):
    """`PixelStep` of EDSR with 64 filters and a loss of `network.LOSSES`, with another way to the gradient."""

    def __init__(self, model, loss, optimizer: str = "adam"):
        super().__init__(model, loss, optimizer)
        self._name = next(name for name in network.LOSSES if PIXEL_LOSSES[name] is loss)
        self._blocks = sum(layer.name.endswith("_conv2") for layer in model.layers)
        self._network: network.Edsr | None = None
        self._scale = scale_of(model)

    def gradients(self, lr, hr):
        variables = self.model.trainable_variables
        weights = tf.concat([tf.reshape(each, [-1]) for each in variables], 0)
        loss, gradient = tf.numpy_function(self._loss_and_gradient, [weights, lr, hr], (tf.float32, tf.float32))
        parts = tf.split(tf.ensure_shape(gradient, weights.shape), [each.shape.num_elements() for each in variables])
        loss = tf.ensure_shape(loss, ())
        return loss, [tf.reshape(part, each.shape) for part, each in zip(parts, variables, strict=True)]

    def _loss_and_gradient(self, weights, lr, hr):
        if self._network is None:
            self._network = network.Edsr(self._blocks, lr.shape[1], self._scale)
        loss, gradient = self._network.loss_and_gradient(weights, lr, hr, self._name)
        return np.float32(loss), gradient


def choose_step(
    stages: tuple[Settings, ...], engine: str, precision: str, alone: bool
) -> tuple[tuple[Settings, ...], type[PixelStep]]:
    """Decides what computes the gradient of the training on pixels.

    Args:
        stages: the settings of the runs; the first may be trained on pixels.
        engine: `auto`: this one where it fits; `winograd` or `tensorflow`.
        precision: precision that the user gave, or `auto`.
        alone: whether one process trains, on one device.

    Returns:
        The settings, in float32 where this engine is used, and the step.

    Raises:
        ValueError: if `winograd` is asked for and does not fit.
        OSError: if it is asked for, and no compiler takes its source.
    """
    if engine == "tensorflow":
        return stages, PixelStep
    first, *rest = stages
    reason = _reason_against(first, precision, alone)
    if reason and engine == "winograd":
        raise ValueError(f"--engine winograd {reason}; leave --engine out")
    if reason:
        return stages, PixelStep
    try:
        network.compiled()
    except OSError as error:
        if engine == "winograd":
            raise
        LOGGER.info(f"note: {error}, and {first.model} trains about three times as fast")
        return stages, PixelStep
    return (replace(first, precision="float32"), *rest), WinogradStep


def _reason_against(settings: Settings, precision: str, alone: bool) -> str | None:
    """What about a run does not fit; None: it fits."""
    configuration = parse(settings.model)
    if settings.gan or entry_of(configuration.base).build is not edsr or configuration.options.keys() - {"blocks"}:
        return f"trains edsr-baseline and its like on pixels, with 64 filters, not {settings.model}"
    if settings.loss not in network.LOSSES or settings.sharpen_target:
        return "knows --loss l1, l2 and psnr alone, and no --sharpen-target"
    if settings.patch % (4 * configuration.scale):
        return f"needs a --patch that is a multiple of {4 * configuration.scale}, not {settings.patch}"
    if precision not in ("auto", "float32"):
        return f"computes in float32, not in {precision}"
    if not alone or tf.config.list_physical_devices("GPU"):
        return "is for one processor, without GPUs and --distribute"
    return None
