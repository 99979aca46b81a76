"""A network in two stages: its body on the whole tile, its enlarging tail, which takes most memory, piece by piece.

The tail looks two or three pixels far, the body some forty. So the body works on tiles five times as large as one run
of both would allow, and less is computed twice. A tail that can be merged (`srzoo.runtimes.linear_tail`) is computed
piece by piece along the borders only.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from srzoo.models.geometry import alignment_of, features_of, halo_of, peak_bytes_per_pixel, scale_of, tail_halo_of
from srzoo.models.graph import Graph
from srzoo.runtimes.exported import Facts
from srzoo.runtimes.linear_tail import linear_tail
from srzoo.runtimes.network import Network
from srzoo.runtimes.tiles import Region, Tile, area, cut, halve, tile_of

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
    if features := features_of(graph):
        sr = 3 * 4 * scale**2
        # A merged tail copies the features, and makes SR in channels and in space. 350 to 560 bytes were measured.
        whole = 4 * features.channels + 3 * sr if linear_tail(graph) else 0
        memory = math.ceil(peak_bytes_per_pixel(graph, "body") + max(memory / PIECES, whole) + sr)
    borders = alignment_of(graph), border_of(graph.name)
    return Facts(graph.name, scale, halo_of(graph), memory, precision, *borders), tail_halo_of(graph)


def two_stages(
    facts: Facts, body: Callable, tail: Callable, tail_halo: int, least_piece: int, merged: Callable | None = None
) -> Network:
    """Joins the stages of a network.

    Args:
        facts: of the whole.
        body: function from RGB pixels, float32 (1, H, W, 3), to features (1, H, W, C), of any kind that can be sliced.
        tail: function from features to float32 (1, scale H, scale W, 3).
        tail_halo: LR pixels that the tail looks far.
        least_piece: LR pixels of a piece, if a tile's part is less.
        merged: the tail merged into one convolution, if it can be: from features to float32 (1, scale H, scale W, 3).

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
        size = rows.stop - rows.start, columns.stop - columns.start
        most = max(height * width // PIECES, least_piece, (2 * tail_halo + 1) ** 2)
        if merged and min(size) > 2 * tail_halo:
            part[:] = np.asarray(merged(features))[0]
            first, last = (rows.start == 0, columns.start == 0), (rows.stop == height, columns.stop == width)
            pieces = _along_borders(size, scale, tail_halo, most, first, last)
        else:
            pieces = cut(*size, scale, tail_halo, most)
        for piece in pieces:
            down, across = piece.source
            part[piece.target] = np.asarray(tail(features[:, down, across]))[0][piece.inside]
        return result

    def run(pixels: np.ndarray) -> np.ndarray:
        return run_inside(pixels, (slice(0, pixels.shape[1]), slice(0, pixels.shape[2])))

    return replace(facts.network(run), run_inside=run_inside)


def _along_borders(
    size: tuple[int, int], scale: int, tail_halo: int, most: int, first: tuple[bool, bool], last: tuple[bool, bool]
) -> list[Tile]:
    """Pieces of up to `most` pixels of the bands in which a merged tail is wrong.

    Args:
        size: height and width of the features.
        scale, tail_halo, most: as in `two_stages`.
        first, last: whether the features' first and last rows and columns are the tile's.
    """

    def pieces(tile: Tile) -> list[Tile]:
        halves = halve(tile, *size, scale, tail_halo) if area(tile) > most else []
        return [piece for half in halves for piece in pieces(half)] or [tile]

    height, width = size
    inner, across = slice(tail_halo, height - tail_halo), slice(0, width)
    start = slice(0, tail_halo)
    below, right = (slice(length - tail_halo, length) for length in size)
    bands = (
        (first[0], (start, across)),
        (last[0], (below, across)),
        (first[1], (inner, start)),
        (last[1], (inner, right)),
    )
    tiles = [tile_of(band, *size, scale, tail_halo) for there, band in bands if there]
    return [piece for tile in tiles for piece in pieces(tile)]
