"""Upscales an image file, and keeps what it holds."""

import math
import os
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

import numpy as np

from srzoo.images import GREY, to_uint8, to_uint16
from srzoo.pictures.animations import playing_of
from srzoo.pictures.formats import Format
from srzoo.pictures.pixels import Bands, Pixels, bleed
from srzoo.pictures.reading import Frame, LargeFrame, Picture
from srzoo.pictures.writing import write_frames
from srzoo.upscaling import flat
from srzoo.upscaling.sizes import Size, below, passes, shrunk
from srzoo.upscaling.upscaler import Progress, Upscaler

LARGE = 256_000_000
"""Bytes of a result above which it is written while it is computed, where the format allows."""

FLAT = 0.2
"""Share of pixels equal to those to the right of and below them, above which a picture is a drawing or a screenshot."""


def needs_precision(pixels: Pixels) -> bool:
    """Whether a network of 8 bits would show: in 16 bits, in drawings and in screenshots."""
    return pixels.deep or bool(flat.equal_to_next(pixels.colour).mean() > FLAT)


def _precise(upscaler: Upscaler, pixels: Pixels) -> Upscaler:
    return upscaler.precise if needs_precision(pixels) else upscaler


def upscale_pixels(
    upscaler: Upscaler, pixels: Pixels, progress: Progress = iter, size: tuple[int, int] | None = None
) -> Pixels:
    """Upscales a picture of any kind; the result is of the same kind.

    Grey goes through the network as three equal channels and comes back as their luma, 16 bits as floats that are
    rounded once. Alpha goes through the network as grey, held between the least and the most of the 3x3 pixels around;
    so what is opaque stays opaque. Colours under alpha 0 are those of visible pixels nearby.

    Args:
        upscaler: upscaler of any model.
        pixels: uint8 or uint16, grey or RGB, with or without alpha.
        progress: the same as for `Upscaler`.
        size: width and height of the result; default: as the upscaler's scale says.

    Raises:
        ValueError, MemoryError: the errors of `Upscaler`.
    """
    size = size or Size(upscaler.scale).of(*pixels.size)
    upscaler = _precise(upscaler, pixels)
    if size != tuple(side * upscaler.network_scale for side in pixels.size):
        return reduce(below, upscale_in_bands(upscaler, pixels, size, progress).bands())
    return upscale_bled(upscaler, Pixels(bleed(pixels), pixels.alpha), progress)


def upscale_bled(upscaler: Upscaler, pixels: Pixels, progress: Progress = iter) -> Pixels:
    """Like `upscale_pixels`, for colours of `srzoo.pictures.pixels.bleed`, by the network's own scale.

    So of a part of a picture, with its halo, the inner part comes out as of the whole picture.
    """
    colour = _upscaled(upscaler, pixels.colour, progress)
    flat.keep(colour, pixels.colour, slice(0, len(pixels.colour)), upscaler.network_scale)
    return Pixels(colour, None if pixels.alpha is None else _upscaled_alpha(upscaler, pixels.alpha, progress))


def upscale_in_bands(upscaler: Upscaler, pixels: Pixels, size: tuple[int, int], progress: Progress = iter) -> Bands:
    """Like `upscale_pixels`, for a result that is too large for the memory: it computes each part on demand."""
    bands = _sized(_precise(upscaler, pixels), pixels, size, progress)
    return Bands(size, pixels.grey, pixels.deep, pixels.transparent, bands)


def _sized(upscaler: Upscaler, pixels: Pixels, size: tuple[int, int], progress: Progress) -> Iterator[Pixels]:
    scale = upscaler.network_scale
    for _ in range(passes(scale, pixels.size, size) - 1):
        pixels = upscale_bled(upscaler, Pixels(bleed(pixels), pixels.alpha), progress)
    whole = width, _ = pixels.size[0] * scale, pixels.size[1] * scale
    bands = _bands(upscaler, pixels, width * pixels.channels_count * pixels.colour.itemsize, progress)
    yield from bands if size == whole else shrunk(bands, whole, size)


def _bands(upscaler: Upscaler, pixels: Pixels, row_bytes: int, progress: Progress) -> Iterator[Pixels]:
    given = bleed(pixels)
    values, finish = _prepared(given)
    # Colours and alpha take turns, so they are cut alike.
    tiles = upscaler.plan(values, row_bytes)
    colours = upscaler.bands(values, finish, progress(tiles))
    if pixels.alpha is not None:
        constant = pixels.alpha.min() == pixels.alpha.max()
        alphas = upscaler.bands(*_prepared(pixels.alpha), tiles)
    top = 0
    for colour in colours:
        rows = slice(top, top + len(colour) // upscaler.network_scale)
        flat.keep(colour, given, rows, upscaler.network_scale)
        if pixels.alpha is None:
            alpha = None
        elif constant:
            alpha = np.full(colour.shape[:2], pixels.alpha.flat[0])
        else:
            alpha = _within_neighbours(next(alphas), pixels.alpha, rows, upscaler.network_scale)
        yield Pixels(colour, alpha)
        top = rows.stop


def _upscaled(upscaler: Upscaler, values: np.ndarray, progress: Progress) -> np.ndarray:
    return upscaler.tiled(*_prepared(values), progress)


def _prepared(values: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Values as the network takes them, and what brings its answer back to their kind."""
    rounded = to_uint16 if values.dtype == np.uint16 else to_uint8
    if values.ndim == 3:
        return values, rounded
    return np.broadcast_to(values[..., None], (*values.shape, 3)), lambda sr: rounded(sr @ GREY)


def _upscaled_alpha(upscaler: Upscaler, alpha: np.ndarray, progress: Progress) -> np.ndarray:
    scale = upscaler.network_scale
    if alpha.min() == alpha.max():
        return np.full((alpha.shape[0] * scale, alpha.shape[1] * scale), alpha.flat[0])
    result = _upscaled(upscaler, alpha, progress)
    return _within_neighbours(result, alpha, slice(0, len(alpha)), scale)


def _within_neighbours(result: np.ndarray, alpha: np.ndarray, rows: slice, scale: int) -> np.ndarray:
    """Holds upscaled rows between the least and the most of the 3x3 pixels around; changes `result`."""
    margin = slice(max(0, rows.start - 1), rows.stop + 1)
    inner = slice(rows.start - margin.start, rows.stop - margin.start)
    for limit, clip in ((np.minimum, np.maximum), (np.maximum, np.minimum)):
        around = _of_neighbours(alpha[margin], limit)[inner]
        # Row by row: enlarged at once, it would be as large as the result again.
        for row, line in enumerate(around):
            part = result[row * scale : (row + 1) * scale]
            clip(part, line.repeat(scale), out=part)
    return result


def _of_neighbours(values: np.ndarray, limit: np.ufunc) -> np.ndarray:
    """The least or the most of the 3x3 pixels around each."""
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if axis == each else (0, 0) for each in (0, 1)], "edge")
        length = values.shape[axis]
        parts = [np.take(padded, range(start, start + length), axis) for start in range(3)]
        values = limit(limit(parts[0], parts[1]), parts[2])
    return values


def upscale_picture(
    upscaler: Upscaler,
    picture: Picture,
    path: str | os.PathLike,
    written_as: Format,
    progress: Progress = iter,
    size: Size | None = None,
    ready: Callable[[Path], object] = lambda _: None,
) -> tuple[Frame, Frame | LargeFrame]:
    """Upscales all frames or pages of an open picture, one by one, and writes them.

    A result of more than `LARGE` bytes is written row by row as PNG and TIFF, and never held.

    Args:
        upscaler: upscaler of any model.
        picture: picture from `srzoo.pictures.reading.open_picture`.
        path: where to write, atomically.
        written_as: the format, as `srzoo.pictures.formats.output_format` chooses it.
        progress: the same as for `Upscaler`.
        size: size of each frame or page; default: the upscaler's scale.
        ready: as for `srzoo.atomic.atomic_file`.

    Returns:
        The first frame before and after; a `LargeFrame` has been used up.

    Raises:
        ImageError: if a frame is damaged, or the file cannot be written.
        ValueError, MemoryError: the errors of `Upscaler`.
    """
    first: list[tuple[Frame, Frame | LargeFrame]] = []

    def frames() -> Iterator[Frame | LargeFrame]:
        for frame in picture.frames():
            wanted = (size or Size(upscaler.scale)).of(*frame.pixels.size)
            result = _result(upscaler, frame, wanted, written_as.streams and not picture.animated, progress)
            if not first:
                first.append((frame, result))
            yield result

    write_frames(path, frames(), written_as, playing_of(picture), picture.lossless, ready)
    return first[0]


def _result(
    upscaler: Upscaler, frame: Frame, size: tuple[int, int], may_stream: bool, progress: Progress
) -> Frame | LargeFrame:
    given = frame.pixels
    metadata = frame.metadata.of_result(given.size, size, given.grey)
    if may_stream and math.prod(size) * given.channels_count * given.colour.itemsize > LARGE:
        return LargeFrame(upscale_in_bands(upscaler, given, size, progress), metadata)
    return Frame(upscale_pixels(upscaler, given, progress, size), metadata, frame.duration)
