"""RRDB, the generator of ESRGAN and of Real-ESRGAN: dense blocks within residual blocks.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks" (arXiv 1809.00219): figures 3 and 4 are
the network, section 3.1 the text. Wang et al., "Real-ESRGAN" (arXiv 2107.10833): figure 4 has the forms for x2 and x1,
which shuffle pixels into channels first.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from srzoo import recipes
from srzoo.models import graph
from srzoo.models.entry import Entry, Kernels, Layout
from srzoo.models.graph import Graph, Layer

RESIDUAL_SCALING = 0.2
"""Factor on each residual (section 3.1, beta)."""

UNSHUFFLED = {1: 4, 2: 2}
"""Scale -> the factor by which Real-ESRGAN shuffles pixels into channels first; at others it does not."""

_NORMAL = {"scale": 0.02, "mode": "fan_in", "distribution": "untruncated_normal"}
# A hundredth of He's variance ("smaller initialization", section 3.1).
_INITIALIZER = {"class_name": "VarianceScaling", "config": _NORMAL}


def dense_block(x: Layer, filters: int, growth: int, name: str) -> Layer:
    """Five convolutions, each of all outputs before it; scaled, plus the identity (figure 4)."""
    features = [x]
    for i in range(1, 5):
        given = graph.concatenate(features, f"{name}_concat{i}") if i > 1 else x
        features.append(graph.conv(given, growth, 3, f"{name}_conv{i}", "leaky_relu", kernel_initializer=_INITIALIZER))
    y = graph.concatenate(features, f"{name}_concat5")
    y = graph.conv(y, filters, 3, f"{name}_conv5", kernel_initializer=_INITIALIZER)
    y = graph.rescaling(y, RESIDUAL_SCALING, f"{name}_scaling")
    return graph.add([x, y], f"{name}_add")


def rrdb(
    scale: int = 4,
    blocks: int = 23,
    filters: int = 64,
    growth: int = 32,
    unshuffle: int | None = None,
    name: str = "rrdb",
) -> Graph:
    """Builds RRDBNet; the defaults are ESRGAN's published generator (16,697,987 parameters at x4).

    Args:
        scale: 1, 2, 4 or 8.
        blocks: number of residual-in-residual blocks, of three dense blocks each.
        filters: channels of the trunk.
        growth: channels of each convolution in a dense block.
        unshuffle: factor by which pixels are shuffled into channels first, 1, 2 or 4; None: Real-ESRGAN's, which is 2
            at x2, 4 at x1 and 1 at others.
        name: the model's name.

    Returns:
        The graph of a network from RGB pixels in [0, 255], float32 of shape (N, H, W, 3) with any H and W, to the same
        of shape (N, scale * H, scale * W, 3), not clipped. The last layers compute in float32.

    Raises:
        ValueError: for another factor of unshuffling.
    """
    if unshuffle is None:
        unshuffle = UNSHUFFLED.get(scale, 1)
    if type(unshuffle) is not int or unshuffle not in (1, 2, 4):
        raise ValueError(f"unshuffle must be 1, 2 or 4, got {unshuffle}")
    pixels = graph.pixels()
    x = graph.rescaling(pixels, 1 / 255, "normalize", dtype="float32")
    if unshuffle > 1:
        x = graph.pixel_unshuffle(x, unshuffle, "unshuffle")

    x = head = graph.conv(x, filters, 3, "head")
    for i in range(1, blocks + 1):
        y = x
        for j in range(1, 4):
            y = dense_block(y, filters, growth, f"block{i}_dense{j}")
        y = graph.rescaling(y, RESIDUAL_SCALING, f"block{i}_scaling")
        x = graph.add([x, y], f"block{i}_add")
    x = graph.conv(x, filters, 3, "body")
    x = graph.add([head, x], "long_skip")

    for i in range(1, _stages(scale, unshuffle) + 1):
        x = graph.repeat(x, 2, f"upsample{i}_nearest")
        x = graph.conv(x, filters, 3, f"upsample{i}_conv", "leaky_relu")
    x = graph.conv(x, filters, 3, "hr", "leaky_relu")
    x = graph.conv(x, 3, 3, "tail", dtype="float32")
    if unshuffle > 1:
        x = graph.crop_to(x, pixels, scale, "crop", dtype="float32")
    sr = graph.rescaling(x, 255, "sr", dtype="float32")
    return Graph(name, pixels, sr)


def _stages(scale: int, unshuffle: int) -> int:
    return (scale * unshuffle).bit_length() - 1


def recognise(kernels: Kernels) -> dict[str, Any] | None:
    """The arguments of `rrdb` that give convolutions of these shapes."""
    filters = next((each[2] for each in kernels if each[3] == 3), 0)
    growth = Counter(each[3] for each in kernels).most_common(1)[0][0] if kernels else 0
    blocks, stages = divmod(len(kernels) - 4, 15)
    dense = [(3, 3, filters + i * growth, growth) for i in range(4)] + [(3, 3, filters + 4 * growth, filters)]
    for unshuffle in (1, 2, 4):
        ends = [(3, 3, 3 * unshuffle**2, filters), *(stages + 2) * [(3, 3, filters, filters)], (3, 3, filters, 3)]
        scale = 2**stages // unshuffle
        if blocks > 0 and scale in SCALES and Counter([*ends, *3 * blocks * dense]) == Counter(kernels):
            usual = unshuffle == UNSHUFFLED.get(scale, 1)
            sizes = {"scale": scale, "blocks": blocks, "filters": filters, "growth": growth}
            return {**sizes, "unshuffle": None if usual else unshuffle}
    return None


SCALES = (1, 2, 4, 8)


def _layout(project: str, head: str, conv: str, body: str, upsample: str, hr: str, tail: str) -> Layout:
    """A project's names of RRDB's layers. Blocks count from 0, {after} counts modules; a stage has three."""

    def names(sizes: Mapping[str, Any]) -> dict[str, str]:
        blocks, scale = sizes["blocks"], sizes["scale"]
        stages = _stages(scale, sizes["unshuffle"] or UNSHUFFLED.get(scale, 1))
        dense = [(i, j, k) for i in range(1, blocks + 1) for j in range(1, 4) for k in range(1, 6)]
        return {
            "head": head,
            **{f"block{i}_dense{j}_conv{k}": conv.format(i - 1, j, k) for i, j, k in dense},
            "body": body.format(blocks),
            **{f"upsample{i}_conv": upsample.format(i, after=3 * i) for i in range(1, stages + 1)},
            "hr": hr.format(after=3 * stages + 2),
            "tail": tail.format(after=3 * stages + 4),
        }

    return Layout(project, names)


LAYOUTS = (
    _layout("Real-ESRGAN", "conv_first", "body.{}.rdb{}.conv{}", "conv_body", "conv_up{}", "conv_hr", "conv_last"),
    _layout("ESRGAN", "conv_first", "RRDB_trunk.{}.RDB{}.conv{}", "trunk_conv", "upconv{}", "HRconv", "conv_last"),
    _layout(
        *("ESRGAN's first version", "model.0", "model.1.sub.{}.RDB{}.conv{}.0", "model.1.sub.{}"),
        *("model.{after}", "model.{after}", "model.{after}"),
    ),
)

_ENTRY = partial(Entry, build=rrdb, scales=SCALES, recognise=recognise, fine=("head", "hr", "tail"), layouts=LAYOUTS)

ENTRIES = (
    _ENTRY("rrdb", recipe=recipes.RRDB),
    _ENTRY("esrgan", recipe=recipes.ESRGAN, pixel_trained="rrdb"),
)
