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
}
"""Name -> builder of a generator; each takes `scale` and its own sizes as keywords."""
