"""SRResNet, the generator of SRGAN.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network"
(arXiv 1609.04802): figure 4 is the network.
"""

from functools import partial

from srzoo import recipes
from srzoo.models import graph
from srzoo.models.entry import Entry, recognise_residual
from srzoo.models.graph import STAGES, Graph, Layer


def residual_block(x: Layer, filters: int, name: str) -> Layer:
    """conv - BN - PReLU - conv - BN, plus the identity."""
    skip = x
    # No bias before a batch normalisation: its own shift makes one useless.
    x = graph.conv(x, filters, 3, f"{name}_conv1", use_bias=False)
    x = graph.batch_norm(x, f"{name}_bn1")
    x = graph.prelu(x, f"{name}_prelu")
    x = graph.conv(x, filters, 3, f"{name}_conv2", use_bias=False)
    x = graph.batch_norm(x, f"{name}_bn2")
    return graph.add([skip, x], f"{name}_add")


def srresnet(scale: int = 4, blocks: int = 16, filters: int = 64, name: str = "srresnet") -> Graph:
    """Builds SRResNet; the defaults are the paper's (figure 4). Not the paper's are the closing tanh and LR in [-1, 1].

    Args:
        scale: 2, 3, 4 or 8. The paper has x4; the others are made of the same stages (x3 is one x3 stage).
        blocks: number of residual blocks.
        filters: channels of the body.
        name: the model's name.

    Returns:
        The graph of a network from RGB pixels in [0, 255], float32 of shape (N, H, W, 3) with any H and W,
        to the same of shape (N, scale * H, scale * W, 3); the closing tanh keeps it within [0, 255].
        Head and body compute in Keras's global dtype policy, the last layers in float32.

    Raises:
        ValueError: if the scale is not one of the four.
    """
    stages = graph.upsampling_stages(scale)
    pixels = graph.pixels()
    x = graph.rescaling(pixels, 1 / 127.5, "normalize", -1.0, dtype="float32")

    x = graph.conv(x, filters, 9, "head")
    x = head = graph.prelu(x, "head_prelu")
    for i in range(1, blocks + 1):
        x = residual_block(x, filters, f"block{i}")
    x = graph.conv(x, filters, 3, "body", use_bias=False)
    x = graph.batch_norm(x, "body_bn")
    x = graph.add([head, x], "long_skip")

    for i, factor in enumerate(stages, start=1):
        x = graph.conv(x, filters * factor**2, 3, f"upsample{i}_conv")
        x = graph.pixel_shuffle(x, factor, f"upsample{i}_shuffle")
        x = graph.prelu(x, f"upsample{i}_prelu")
    x = graph.conv(x, 3, 9, "tail", "tanh", dtype="float32")
    sr = graph.rescaling(x, 127.5, "sr", 127.5, dtype="float32")
    return Graph(name, pixels, sr)


# Half of what 8 bits cost came from the first stage, 7 % of the work: its errors are enlarged with the picture.
# More than 4 pixels change nothing: 254 of 255 remain of white at its border, without them 237 and 218 (SRGAN).
_ENTRY = partial(
    Entry,
    scales=tuple(STAGES),
    recognise=partial(recognise_residual, end=9),
    fine=("head", "upsample1_conv", "tail"),
    border=4,
)

ENTRIES = (
    _ENTRY("srresnet", srresnet, recipes.SRRESNET),
    _ENTRY("srgan", srresnet, recipes.SRGAN, pixel_trained="srresnet"),
)
