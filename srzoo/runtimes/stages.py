"""A network in two stages: its body on the whole tile, its enlarging tail, which takes most memory, piece by piece.

The tail looks two or three pixels far, the body some forty. So the body works on tiles five times as large as one run
of both would allow, and less is computed twice. With a tail that can be merged (`srzoo.runtimes.linear_tail`) the
network runs in one, and the tail itself computes the borders only.
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
from srzoo.runtimes.tiles import Region, cut, tile_of

PIECES = 32
"""A tail's piece is this part of its tile at most."""

LEAST_PIECE = 64 * 64
"""LR pixels of a piece, if it is more than that: smaller ones would be mostly halo. 40 MB for EDSR-baseline."""


def staged_facts_of(graph: Graph, precision: str, in_openvino: bool = False) -> tuple[Facts, int]:
    """What has to be known of a network to tile it, in two stages where it has them, and LR pixels its tail looks far.

    The memory is that of TensorFlow. OpenVINO takes less where the tail is merged: of what is told for it, 0.67 to 0.94
    were measured, from 8 to 256 channels at scales 2 to 8.
    """
    from srzoo.models.registry import border_of  # which imports all models

    memory, scale = peak_bytes_per_pixel(graph), scale_of(graph)
    if features := features_of(graph):
        sr, body, merged = 3 * 4 * scale**2, peak_bytes_per_pixel(graph, "body"), linear_tail(graph)
        # A merged tail copies the features, and makes SR in channels and in space. 350 to 560 bytes were measured.
        whole = 4 * features.channels + 3 * sr if merged else 0
        memory = math.ceil(body + max(memory / PIECES, whole) + sr)
        if merged and in_openvino:  # which holds fewer layers of the body, and SR four times
            memory = 7 * body // 10 + 4 * sr
    borders = alignment_of(graph), border_of(graph)
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

    def run(pixels: np.ndarray, inside: Region | None = None) -> np.ndarray:
        height, width = pixels.shape[1:3]
        inside = inside or (slice(0, height), slice(0, width))
        rows, columns = tile_of(inside, height, width, scale, tail_halo).source
        features = body(pixels)[:, rows, columns]
        result = np.empty((1, height * scale, width * scale, 3), np.float32)
        part = result[0, rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale]
        most = max(height * width // PIECES, least_piece, (2 * tail_halo + 1) ** 2)
        _enlarge(features, part, tail, scale, tail_halo, most)
        return result

    return replace(facts.network(run), run_inside=run)


def framed(facts: Facts, merged: Callable, tail: Callable, tail_halo: int, least_piece: int) -> Network:
    """Joins a network whose tail is merged with the tail itself, which computes the borders.

    Args:
        facts: of the whole.
        merged: function from RGB pixels, float32 (1, H, W, 3), to SR, (1, scale H, scale W, 3), and the features along
            the borders: the first and the last 2 `tail_halo` rows, (1, rows, W, C), and as many columns.
        tail, tail_halo, least_piece: as in `two_stages`.
    """
    scale = facts.scale

    def run(pixels: np.ndarray, inside: Region | None = None) -> np.ndarray:
        height, width = pixels.shape[1:3]
        inside = inside or (slice(0, height), slice(0, width))
        most = max(height * width // PIECES, least_piece, (2 * tail_halo + 1) ** 2)
        sr, top, bottom, left, right = merged(pixels)
        result = np.array(sr)  # as the next run overwrites it
        for axis, last, band in ((1, False, left), (1, True, right), (0, False, top), (0, True, bottom)):
            length = (height, width)[axis]
            beyond = length - inside[axis].stop if last else inside[axis].start
            if beyond <= tail_halo:
                part = np.empty((band.shape[1] * scale, band.shape[2] * scale, 3), np.float32)
                _enlarge(band, part, tail, scale, tail_halo, most)
                # At its inner end a band is as wrong as the merged tail is, unless it is the whole.
                kept = scale * (tail_halo if length > 2 * tail_halo else length)
                place = (slice(None),) * axis + (slice(-kept, None) if last else slice(kept),)
                result[0][place] = part[place]
        return result

    return replace(facts.network(run), run_inside=run)


def _enlarge(features, part: np.ndarray, tail: Callable, scale: int, tail_halo: int, most: int) -> None:
    """Fills a part of SR, (scale H, scale W, 3), by the tail of features, (1, H, W, C), up to `most` pixels at once."""
    height, width = features.shape[1:3]
    for piece in cut(height, width, scale, tail_halo, most):
        down, across = piece.source
        part[piece.target] = np.asarray(tail(features[:, down, across]))[0][piece.inside]
