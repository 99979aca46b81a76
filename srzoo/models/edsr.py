"""EDSR: residual blocks without batch normalisation.

Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution" (arXiv 1707.02921):
figure 2c is the block, figure 3 the network, table 1 the two sizes.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from srzoo import recipes
from srzoo.models import graph
from srzoo.models.entry import Entry, Layout, recognise_residual
from srzoo.models.graph import STAGES, Graph, Layer

DIV2K_MEAN = (0.4488 * 255, 0.4371 * 255, 0.4040 * 255)
"""Mean RGB of DIV2K's training images, on the [0, 255] scale; subtracted first and added last."""


def residual_block(x: Layer, filters: int, residual_scaling: float, name: str) -> Layer:
    """conv - ReLU - conv, scaled, plus the identity (figure 2c; the scaling is section 3.2's)."""
    skip = x
    x = graph.conv(x, filters, 3, f"{name}_conv1", "relu")
    x = graph.conv(x, filters, 3, f"{name}_conv2")
    if residual_scaling != 1:
        x = graph.rescaling(x, residual_scaling, f"{name}_scaling")
    return graph.add([skip, x], f"{name}_add")


def edsr(
    scale: int = 4, blocks: int = 16, filters: int = 64, residual_scaling: float = 1.0, name: str = "edsr"
) -> Graph:
    """Builds EDSR; the defaults are the paper's single-scale baseline (1,517,571 parameters at x4).

    The paper's full model is `blocks=32, filters=256, residual_scaling=0.1` (43.1 million).

    Args:
        scale: 2, 3, 4 or 8. The factor 8 is not in the paper; it is a third stage of the kind of x4.
        blocks: number of residual blocks.
        filters: channels of the body.
        residual_scaling: factor on each block's residual.
        name: the model's name.

    Returns:
        The graph of a network from RGB pixels in [0, 255], float32 of shape (N, H, W, 3) with any H and W,
        to the same of shape (N, scale * H, scale * W, 3), not clipped. The head and the body compute in
        Keras's global dtype policy, the last layers in float32.

    Raises:
        ValueError: if the scale is not one of the four.

    Example:
        >>> srzoo.create("edsr-baseline", scale=2).count_params()
        1369859
    """
    stages = graph.upsampling_stages(scale)
    pixels = graph.pixels()
    # In float32: near white, bfloat16 cannot tell neighbouring grey levels apart.
    x = graph.rescaling(pixels, 1 / 255, "normalize", [-m / 255 for m in DIV2K_MEAN], dtype="float32")

    x = head = graph.conv(x, filters, 3, "head")
    for i in range(1, blocks + 1):
        x = residual_block(x, filters, residual_scaling, f"block{i}")
    x = graph.conv(x, filters, 3, "body")
    x = graph.add([head, x], "long_skip")

    for i, factor in enumerate(stages, start=1):
        x = graph.conv(x, filters * factor**2, 3, f"upsample{i}_conv")
        x = graph.pixel_shuffle(x, factor, f"upsample{i}_shuffle")
    x = graph.conv(x, 3, 3, "tail", dtype="float32")
    sr = graph.rescaling(x, 255, "sr", DIV2K_MEAN, dtype="float32")
    return Graph(name, pixels, sr)


def _layout(project: str, head: str, convs: str, body: str, upsample: str, tail: str, **facts: Any) -> Layout:
    """A project's names of EDSR's layers; blocks and stages are counted from 0 ({1}: every second number)."""

    def names(sizes: Mapping[str, Any]) -> dict[str, str]:
        blocks, stages = range(sizes["blocks"]), range(len(STAGES[sizes["scale"]]))
        in_blocks = [
            (f"block{i + 1}_conv{k}", each.format(i)) for i in blocks for k, each in enumerate(convs.split(), 1)
        ]
        ups = {f"upsample{i + 1}_conv": upsample.format(i, 2 * i) for i in stages}
        return {"head": head, **dict(in_blocks), "body": body.format(len(blocks)), **ups, "tail": tail}

    return Layout(project, names, **facts)


LAYOUTS = (
    _layout(
        *("EDSR-PyTorch", "head.0", "body.{}.body.0 body.{}.body.2", "body.{}", "tail.0.{1}", "tail.1"),
        white=255,
        mean_shifts=("sub_mean", "add_mean"),
    ),
    _layout(
        *("BasicSR", "conv_first", "body.{}.conv1 body.{}.conv2", "conv_after_body", "upsample.{1}", "conv_last"),
        white=255,
    ),
    _layout(
        *("mmagic", "conv_first", "body.{}.conv1 body.{}.conv2", "conv_after_body"),
        *("upsample.{}.upsample_conv", "conv_last"),
    ),
    _layout(
        *("Lornatang's", "conv1", "trunk.{}.rcb.0 trunk.{}.rcb.2", "conv2"),
        *("upsampling.{}.upsample_block.0", "conv3"),
        white=255,
    ),
)

_ENTRY = partial(Entry, scales=tuple(STAGES), recognise=partial(recognise_residual, end=3), layouts=LAYOUTS)

ENTRIES = (
    _ENTRY("edsr-baseline", edsr, recipes.EDSR),
    _ENTRY("edsr", partial(edsr, blocks=32, filters=256, residual_scaling=0.1), recipes.EDSR),
    _ENTRY("edsr-gan", edsr, recipes.SRGAN, pixel_trained="edsr-baseline"),
    # After edsr-baseline: a file that does not say what it was trained for counts as edsr-baseline.
    _ENTRY("edsr-real-pixel", edsr, recipes.REAL_ESRNET),
    _ENTRY("edsr-real", edsr, recipes.REAL_ESRGAN, pixel_trained="edsr-real-pixel"),
)
