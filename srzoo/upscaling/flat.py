"""Areas of one colour, which a network gives back some levels off: it stays what it was, white paper #FFFFFF."""

import functools

import numpy as np

REACH, REACH_OF_ENDS = 4, 2
"""Pixels around one that must be like it. Of white and black fewer do, as there nothing can be meant but the end of the
scale; of other colours the square is larger than a block of JPEG, whose edges a network takes away."""

NEAR = 16
"""Grey levels up to which an answer is that colour: networks that ship are up to 11 off, one farther off means it."""

ROWS = 32
"""LR rows of which copies are held at a time."""


def equal_to_next(colour: np.ndarray) -> np.ndarray:
    """Whether each pixel of (H, W) or (H, W, C) is like those to the right of and below it, as bool (H, W)."""
    values = colour if colour.ndim == 3 else colour[..., None]
    equal = np.ones(values.shape[:2], bool)
    for channel in np.moveaxis(values, 2, 0):
        equal[:, :-1] &= channel[:, :-1] == channel[:, 1:]
        equal[:-1] &= channel[:-1] == channel[1:]
    return equal


def keep(result: np.ndarray, given: np.ndarray, rows: slice, scale: int) -> None:
    """Gives areas of one colour that colour again.

    Args:
        result: uint8 or uint16 of shape (scale N, scale W) or (scale N, scale W, C), contiguous, of N rows; it is
            changed.
        given: the whole picture of the same type, (H, W) or (H, W, C).
        rows: those of `given` that the result is of.
        scale: HR pixels a side of an LR pixel.
    """
    around = slice(max(0, rows.start - REACH), rows.stop + REACH)
    inner = slice(rows.start - around.start, rows.stop - around.start)
    part, levels = given[around], np.iinfo(given.dtype).max
    equal = equal_to_next(part)
    ends = _of_all_channels(((part == 0) | (part == levels)).reshape(*equal.shape, -1))
    flat = _whole(equal, REACH) | (_whole(equal, REACH_OF_ENDS) & ends)
    flat, count = flat[inner], rows.stop - rows.start
    blocks = result.reshape(count, scale, given.shape[1], scale, -1).swapaxes(1, 2)
    for top in range(0, count, ROWS):
        band = slice(top, top + ROWS)
        kept = flat[band]
        found, wanted = blocks[band][kept], given[rows][band][kept].reshape(-1, 1, 1, blocks.shape[-1])
        off = np.maximum(found, wanted) - np.minimum(found, wanted)  # without a sign, in the same type
        near = _of_all_channels(off <= NEAR * (levels // 255))
        blocks[band][kept] = np.where(near[..., None], wanted, found)


def _of_all_channels(values: np.ndarray) -> np.ndarray:
    """Whether all of the last axis hold; NumPy's `all` takes eight times as long for three."""
    return functools.reduce(np.logical_and, np.moveaxis(values, -1, 0))


def _whole(equal: np.ndarray, reach: int) -> np.ndarray:
    """Whether all pixels around, as far as the picture goes, are like each pixel, by `equal_to_next`."""
    for _ in range(2):
        equal = np.pad(equal, [(reach, reach - 1), (0, 0)], constant_values=True)
        width = 1
        while width < 2 * reach:  # which is a power of two
            equal = equal[:-width] & equal[width:]
            width *= 2
        equal = equal.T
    return equal
