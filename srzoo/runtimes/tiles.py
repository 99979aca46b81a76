"""Cuts a picture into overlapping tiles whose upscaled inner parts make up the whole. Geometry only.

A tile is surrounded by a halo, as many pixels as the network looks far. At the picture's own borders it
ends where the picture ends: there the network pads with zeros, as it does for the whole picture. So the
tiles' inner parts are equal to the whole. A network that first makes one pixel of several sees the same ones as in
the whole if its tiles are aligned: the grid's unit is then a square of those pixels.
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
    """Place of that part in the HR picture. The targets of all tiles cover it, each pixel once."""


def area(tile: Tile) -> int:
    """LR pixels that the network sees of a tile, its halo included."""
    rows, columns = tile.source
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def cut(
    height: int,
    width: int,
    scale: int,
    halo: int | None,
    max_pixels: int,
    max_height: int | None = None,
    alignment: int = 1,
) -> list[Tile]:
    """Cuts an LR picture into a grid of tiles of one size: of all grids that fit, the one with least work.

    Args:
        height: the LR picture's, in pixels.
        width: the LR picture's, in pixels.
        scale: HR pixels a side of an LR pixel.
        halo: LR pixels around a tile (`srzoo.models.geometry.halo_of`), or None if the picture must not be cut.
        max_pixels: area that a tile with its halo may have, in LR pixels.
        max_height: largest height of a tile with its halo, at least that of `least_area`; None: any height.
        alignment: LR pixels; tiles must begin at multiples of it.

    Returns:
        The tiles, row by row. It is one tile, without halo, if the whole picture fits.

    Raises:
        ValueError: if not even a tile of one pixel and its halo fits.
    """
    if height * width <= max_pixels and (halo is None or height <= (max_height or height)):
        whole = slice(0, height), slice(0, width)
        enlarged = _scaled(whole[0], scale), _scaled(whole[1], scale)
        return [Tile(whole, enlarged, enlarged)]
    if halo is None:
        raise ValueError(
            f"the network must see the whole picture at once, so max_pixels must be at least {height * width} for "
            f"{width}x{height}; got {max_pixels}"
        )
    tall, wide, around = (-(-length // alignment) for length in (height, width, halo))
    grid = _grid(tall, wide, around, max_pixels // alignment**2, max_height // alignment if max_height else tall)
    if grid is None:
        side = (2 * around + 1) * alignment
        least = min(height, side) * min(width, side)
        raise ValueError(f"max_pixels must be at least {least}, a pixel and its halo of {halo}; got {max_pixels}")
    rows, columns = (
        [tuple(_pixels(part, alignment, length) for part in parts) for parts in _cut_axis(units, count, around)]
        for length, units, count in zip((height, width), (tall, wide), grid)
    )
    return [
        Tile(
            source=(row_source, column_source),
            inside=(_inside(row_source, row, scale), _inside(column_source, column, scale)),
            target=(_scaled(row, scale), _scaled(column, scale)),
        )
        for row_source, row in rows
        for column_source, column in columns
    ]


def least_area(halo: int, alignment: int = 1) -> int:
    """LR pixels of the smallest tile with a halo at all sides."""
    return ((2 * -(-halo // alignment) + 1) * alignment) ** 2


def _pixels(units: slice, alignment: int, length: int) -> slice:
    return slice(units.start * alignment, min(units.stop * alignment, length))


def _grid(height: int, width: int, halo: int, max_pixels: int, max_height: int) -> tuple[int, int] | None:
    """Numbers of rows and columns of the grid whose tiles, halos included, have the least area in sum, if any fit."""
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
    return best and best[1:]


def _extent(length: int, count: int, halo: int) -> int:
    """Length of each of `count` tiles, halos included, that cover `length` and overlap by two halos or more."""
    return length if count == 1 else 2 * halo + ceil((length - 2 * halo) / count)


def _cut_axis(length: int, count: int, halo: int) -> list[tuple[slice, slice]]:
    """What each tile sees, and what it is responsible for: neighbours part in the middle of their overlap."""
    extent = _extent(length, count, halo)
    starts = [i * (length - extent) // max(1, count - 1) for i in range(count)]
    cuts = [0, *((start + extent + following) // 2 for start, following in pairwise(starts)), length]
    return [(slice(start, start + extent), slice(low, high)) for start, (low, high) in zip(starts, pairwise(cuts))]


def _inside(source: slice, part: slice, scale: int) -> slice:
    return _scaled(slice(part.start - source.start, part.stop - source.start), scale)


def _scaled(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)


def halve(tile: Tile, height: int, width: int, scale: int, halo: int | None, alignment: int = 1) -> list[Tile]:
    """Cuts a tile across its longer side into two, each with its own halo.

    Args:
        tile: tile from `cut` for the same picture, or from this function.
        height, width, scale, halo, alignment: the same as for `cut`.

    Returns:
        Two tiles whose targets make up the tile's, or nothing if it cannot be cut.
    """
    core = [slice(part.start // scale, part.stop // scale) for part in tile.target]
    axis = max((0, 1), key=lambda axis: core[axis].stop - core[axis].start)
    units = -(-(core[axis].stop - core[axis].start) // alignment)
    if units == 1 or halo is None:
        return []
    middle = core[axis].start + units // 2 * alignment
    halves = []
    for part in (slice(core[axis].start, middle), slice(middle, core[axis].stop)):
        rows, columns = (part, core[1]) if axis == 0 else (core[0], part)
        halves.append(tile_of((rows, columns), height, width, scale, halo, alignment))
    return halves


def tile_of(part: Region, height: int, width: int, scale: int, halo: int | None, alignment: int = 1) -> Tile:
    """The tile that answers for a part of the LR picture; the other arguments are as of `cut`."""
    rows, columns = part
    source = _with_halo(rows, height, halo, alignment), _with_halo(columns, width, halo, alignment)
    inside = _inside(source[0], rows, scale), _inside(source[1], columns, scale)
    return Tile(source, inside, (_scaled(rows, scale), _scaled(columns, scale)))


def _with_halo(part: slice, length: int, halo: int | None, alignment: int) -> slice:
    if halo is None:
        return slice(0, length)
    first, last = (part.start - halo) // alignment, -(-(part.stop + halo) // alignment)
    return _pixels(slice(max(0, first), last), alignment, length)
