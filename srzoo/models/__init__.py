"""The networks, as Keras functional builders, and the one table of them."""

from collections.abc import Callable
from functools import partial

import keras

from srzoo.models.edsr import edsr
from srzoo.models.srresnet import srresnet

MODELS: dict[str, Callable[..., keras.Model]] = {
    "edsr-baseline": edsr,
    "edsr": partial(edsr, blocks=32, filters=256, residual_scaling=0.1),
    "srresnet": srresnet,
    "edsr-gan": edsr,
    "srgan": srresnet,
}
"""Name -> builder of a generator; each takes `scale` and its own sizes as keywords."""

PIXEL_TRAINED = {"edsr-gan": "edsr-baseline", "srgan": "srresnet"}
"""Name of a generator that is trained in the adversarial game -> the same network, trained on pixels alone."""
