"""SRVGGNetCompact, the small network of Real-ESRGAN: plain convolutions at LR size and one shuffle at the end.

Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data" (arXiv 2107.10833); the
network came with their later models, in no paper.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from srzoo import recipes
from srzoo.models import graph
from srzoo.models.entry import Entry, Kernels, Layout
from srzoo.models.graph import Graph


def compact(scale: int = 4, blocks: int = 32, filters: int = 64, name: str = "compact") -> Graph:
    """Builds SRVGGNetCompact; the defaults are `realesr-general-x4v3` (1,213,296 parameters at x4).

    Args:
        scale: 1, 2, 3 or 4.
        blocks: convolutions between the first and the last, each with a PReLU; 16 in `realesr-animevideov3`.
        filters: channels of each.
        name: the model's name.

    Returns:
        The graph of a network from RGB pixels in [0, 255], float32 of shape (N, H, W, 3) with any H and W, to the same
        of shape (N, scale * H, scale * W, 3), not clipped: the network adds to LR, repeated. The last layers compute in
        float32.
    """
    pixels = graph.pixels()
    lr = graph.rescaling(pixels, 1 / 255, "normalize", dtype="float32")

    x = graph.conv(lr, filters, 3, "head")
    x = graph.prelu(x, "head_prelu")
    for i in range(1, blocks + 1):
        x = graph.conv(x, filters, 3, f"conv{i}")
        x = graph.prelu(x, f"prelu{i}")
    x = graph.conv(x, 3 * scale**2, 3, "tail", dtype="float32")
    if scale > 1:
        x = graph.pixel_shuffle(x, scale, "shuffle")
        lr = graph.repeat(lr, scale, "repeat", dtype="float32")
    x = graph.add([x, lr], "skip", dtype="float32")
    sr = graph.rescaling(x, 255, "sr", dtype="float32")
    return Graph(name, pixels, sr)


def recognise(kernels: Kernels) -> dict[str, Any] | None:
    """The arguments of `compact` that give convolutions of these shapes."""
    filters, blocks = max((each[3] for each in kernels if each[2] == 3), default=0), len(kernels) - 2
    for scale in SCALES:
        ends = [(3, 3, 3, filters), (3, 3, filters, 3 * scale**2)]
        if Counter([*ends, *blocks * [(3, 3, filters, filters)]]) == Counter(kernels):
            return {"scale": scale, "blocks": blocks, "filters": filters}
    return None


SCALES = (1, 2, 3, 4)


def _names(sizes: Mapping[str, Any]) -> dict[str, str]:
    """Convolutions and their activations take turns in one list."""
    inner = [name for i in range(1, sizes["blocks"] + 1) for name in (f"conv{i}", f"prelu{i}")]
    return {ours: f"body.{place}" for place, ours in enumerate(["head", "head_prelu", *inner, "tail"])}


ENTRIES = (Entry("compact", compact, recipes.RRDB, SCALES, recognise, layouts=(Layout("Real-ESRGAN", _names),)),)
