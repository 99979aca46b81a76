"""SRResNet, the generator of SRGAN.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network"
(arXiv 1609.04802): figure 4 is the network.
"""

from functools import partial

import keras
from keras import layers

from srzoo import recipes
from srzoo.models.entry import Entry
from srzoo.models.layers import STAGES, conv, pixel_shuffle, prelu, recognise_residual, upsampling_stages


def batch_norm(name: str) -> layers.BatchNormalization:
    """Batch normalisation with the momentum and the epsilon that the paper's reproductions use."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def residual_block(x, filters: int, name: str):
    """conv - BN - PReLU - conv - BN, plus the identity."""
    skip = x
    # No bias before a batch normalisation: its own shift makes one useless.
    x = conv(filters, 3, f"{name}_conv1", use_bias=False)(x)
    x = batch_norm(f"{name}_bn1")(x)
    x = prelu(f"{name}_prelu")(x)
    x = conv(filters, 3, f"{name}_conv2", use_bias=False)(x)
    x = batch_norm(f"{name}_bn2")(x)
    return layers.Add(name=f"{name}_add")([skip, x])


def srresnet(scale: int = 4, blocks: int = 16, filters: int = 64, name: str = "srresnet") -> keras.Model:
    """Builds SRResNet; the defaults are the paper's (figure 4).

    Args:
        scale: 2, 3, 4 or 8. The paper has x4; the others are made of the same stages (x3 is one x3 stage).
        blocks: number of residual blocks.
        filters: channels of the body.
        name: the model's name.

    Returns:
        A functional model from RGB pixels in [0, 255], float32 of shape (N, H, W, 3) with any H and W,
        to the same of shape (N, scale * H, scale * W, 3); the closing tanh keeps it within [0, 255].
        Head and body compute in Keras's global dtype policy, the last layers in float32.

    Raises:
        ValueError: if the scale is not one of the four.
    """
    stages = upsampling_stages(scale)
    pixels = keras.Input((None, None, 3), name="lr", dtype="float32")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalize", dtype="float32")(pixels)

    x = conv(filters, 9, "head")(x)
    x = head = prelu("head_prelu")(x)
    for i in range(1, blocks + 1):
        x = residual_block(x, filters, f"block{i}")
    x = conv(filters, 3, "body", use_bias=False)(x)
    x = batch_norm("body_bn")(x)
    x = layers.Add(name="long_skip")([head, x])

    for i, factor in enumerate(stages, start=1):
        x = conv(filters * factor**2, 3, f"upsample{i}_conv")(x)
        x = pixel_shuffle(x, factor, f"upsample{i}_shuffle")
        x = prelu(f"upsample{i}_prelu")(x)
    x = conv(3, 9, "tail", activation="tanh", dtype="float32")(x)
    sr = layers.Rescaling(127.5, offset=127.5, name="sr", dtype="float32")(x)
    return keras.Model(pixels, sr, name=name)


# More than 4 pixels change nothing: 254 of 255 remain of white at its border, without them 237 and 218 (SRGAN).
_ENTRY = partial(Entry, scales=tuple(STAGES), recognise=partial(recognise_residual, end=9), border=4)

ENTRIES = (
    _ENTRY("srresnet", srresnet, recipes.SRRESNET),
    _ENTRY("srgan", srresnet, recipes.SRGAN, pixel_trained="srresnet"),
)
