"""How a picture is cut into overlapping tiles whose upscaled inner parts make up the whole. Geometry only.

A tile is surrounded by a halo, as many pixels as the network looks far. At the picture's own borders it
ends where the picture ends: there the network pads with zeros, as it does for the whole picture. So the
tiles' inner parts are equal to the whole.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

Region = tuple[slice, slice]
"""Rows and columns, an index of an (H, W, C) array."""


@dataclass(frozen=True)
class Tile:
    """One tile's way from the LR to the HR picture: `hr[target] = network(lr[source])[inside]`."""

    source: Region
    """What the network sees, in LR pixels: the tile with its halo."""
    inside: Region
    """The part of the network's output to keep, in HR pixels."""
    target: Region
    """Where that part belongs in the HR picture. The targets of all tiles cover it, each pixel once."""


def cut(height: int, width: int, scale: int, halo: int, max_pixels: int, max_height: int | None = None) -> list[Tile]:
    """Cuts an LR picture into a grid of tiles of one size: of all grids that fit, the one with least work.

    Args:
        height: the LR picture's, in pixels.
        width: the LR picture's, in pixels.
        scale: HR pixels a side of an LR pixel.
        halo: LR pixels that the network looks far (`srzoo.models.geometry.halo_of`).
        max_pixels: area that a tile with its halo may have, in LR pixels.
        max_height: that a tile with its halo may have, at least two halos and a pixel; any if None.

    Returns:
        The tiles, row by row. It is one tile, without halo, if the whole picture fits.

    Raises:
        ValueError: if not even a tile of one pixel and its halo fits.
    """
    rows, columns = _grid(height, width, halo, max_pixels, max_height or height)
    return [
        Tile(
            source=(row_source, column_source),
            inside=(_inside(row_source, row, scale), _inside(column_source, column, scale)),
            target=(_scaled(row, scale), _scaled(column, scale)),
        )
        for row_source, row in _cut_axis(height, rows, halo)
        for column_source, column in _cut_axis(width, columns, halo)
    ]


def _grid(height: int, width: int, halo: int, max_pixels: int, max_height: int) -> tuple[int, int]:
    """Numbers of rows and columns of the grid whose tiles, halos included, have the least area in sum."""
    best = None
    for rows in range(1, max(1, height - 2 * halo) + 1):
        tile_height = _extent(height, rows, halo)
        if tile_height > max_height:
            continue
        widest = max_pixels // tile_height
        if widest >= width:
            columns = 1
        elif widest > 2 * halo:
            columns = ceil((width - 2 * halo) / (widest - 2 * halo))
        else:
            continue
        work = rows * tile_height * columns * _extent(width, columns, halo)
        if best is None or work < best[0]:
            best = work, rows, columns
    if best is None:
        least = min(height, 2 * halo + 1) * min(width, 2 * halo + 1)
        raise ValueError(f"max_pixels must be at least {least}, a pixel and its halo of {halo}; got {max_pixels}")
    return best[1:]


def _extent(length: int, count: int, halo: int) -> int:
    """Length of each of `count` tiles, halos included, that cover `length` and overlap by two halos or more."""
    return length if count == 1 else 2 * halo + ceil((length - 2 * halo) / count)


def _cut_axis(length: int, count: int, halo: int) -> list[tuple[slice, slice]]:
    """For each tile, what it sees and what it answers for: neighbours part in the middle of their overlap."""
    extent = _extent(length, count, halo)
    starts = [i * (length - extent) // max(1, count - 1) for i in range(count)]
    cuts = [0, *((start + extent + following) // 2 for start, following in pairwise(starts)), length]
    return [(slice(start, start + extent), slice(low, high)) for start, (low, high) in zip(starts, pairwise(cuts))]


def _inside(source: slice, part: slice, scale: int) -> slice:
    return _scaled(slice(part.start - source.start, part.stop - source.start), scale)


def _scaled(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)


def halve(tile: Tile, height: int, width: int, scale: int, halo: int) -> list[Tile]:
    """Cuts a tile across its longer side into two, each with its own halo.

    Args:
        tile: of `cut` for the same picture, or of this function.
        height, width, scale, halo: as of `cut`.

    Returns:
        Two tiles whose targets make up the tile's, or nothing if it answers for a single LR pixel.
    """
    core = [slice(part.start // scale, part.stop // scale) for part in tile.target]
    axis = max((0, 1), key=lambda axis: core[axis].stop - core[axis].start)
    middle = (core[axis].start + core[axis].stop) // 2
    if middle == core[axis].start:
        return []
    halves = []
    for part in (slice(core[axis].start, middle), slice(middle, core[axis].stop)):
        rows, columns = (part, core[1]) if axis == 0 else (core[0], part)
        source = _with_halo(rows, height, halo), _with_halo(columns, width, halo)
        inside = _inside(source[0], rows, scale), _inside(source[1], columns, scale)
        halves.append(Tile(source, inside, (_scaled(rows, scale), _scaled(columns, scale))))
    return halves


def _with_halo(part: slice, length: int, halo: int) -> slice:
    return slice(max(0, part.start - halo), min(length, part.stop + halo))
