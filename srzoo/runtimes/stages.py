"""A network in two stages: its body on the whole tile, its enlarging tail, which takes most memory, piece by piece.

The tail looks two or three pixels far, the body some forty. So the body works on tiles five times as large as one run
of both would allow, and less is computed twice.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from srzoo.models.geometry import alignment_of, features_of, halo_of, peak_bytes_per_pixel, scale_of, tail_halo_of
from srzoo.models.graph import Graph
from srzoo.runtimes.exported import Facts
from srzoo.runtimes.network import Network
from srzoo.runtimes.tiles import Region, cut, tile_of

PIECES = 32
"""A tail's piece is this part of its tile at most."""

LEAST_PIECE = 64 * 64
"""LR pixels of a piece, if it is more than that: smaller ones would be mostly halo. 40 MB for EDSR-baseline."""


def facts_of(graph: Graph, precision: str) -> tuple[Facts, int]:
    """What has to be known of a network to tile it, in two stages where it has them, and LR pixels its tail looks far.

    The memory is that of TensorFlow; OpenVINO takes less.
    """
    from srzoo.models.registry import border_of  # which imports all models

    memory, scale = peak_bytes_per_pixel(graph), scale_of(graph)
    if features_of(graph):
        memory = math.ceil(peak_bytes_per_pixel(graph, "body") + memory / PIECES + 3 * 4 * scale**2)
    borders = alignment_of(graph), border_of(graph.name)
    return Facts(graph.name, scale, halo_of(graph), memory, precision, *borders), tail_halo_of(graph)


def two_stages(facts: Facts, body: Callable, tail: Callable, tail_halo: int, least_piece: int) -> Network:
    """Joins the stages of a network.

    Args:
        facts: of the whole.
        body: function from RGB pixels, float32 (1, H, W, 3), to features (1, H, W, C), of any kind that can be sliced.
        tail: function from features to float32 (1, scale H, scale W, 3).
        tail_halo: LR pixels that the tail looks far.
        least_piece: LR pixels of a piece, if a tile's part is less.

    Returns:
        What runs as `tail(body(pixels))`; the tail is not computed on a tile's halo.
    """
    scale = facts.scale

    def run_inside(pixels: np.ndarray, inside: Region) -> np.ndarray:
        height, width = pixels.shape[1:3]
        rows, columns = tile_of(inside, height, width, scale, tail_halo).source
        features = body(pixels)[:, rows, columns]
        result = np.empty((1, height * scale, width * scale, 3), np.float32)
        part = result[0, rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale]
        most = max(height * width // PIECES, least_piece, (2 * tail_halo + 1) ** 2)
        for piece in cut(rows.stop - rows.start, columns.stop - columns.start, scale, tail_halo, most):
            down, across = piece.source
            part[piece.target] = np.asarray(tail(features[:, down, across]))[0][piece.inside]
        return result

    def run(pixels: np.ndarray) -> np.ndarray:
        return run_inside(pixels, (slice(0, pixels.shape[1]), slice(0, pixels.shape[2])))

    return replace(facts.network(run), run_inside=run_inside)
