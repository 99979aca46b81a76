"""From an image file to its upscaled file, with all that it holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from srzoo.images import to_uint8, to_uint16
from srzoo.pictures.animations import Playing, repeats_of
from srzoo.pictures.formats import Format
from srzoo.pictures.pixels import Pixels, bleed
from srzoo.pictures.reading import Frame, Picture
from srzoo.pictures.writing import write_frames
from srzoo.upscaling.upscaler import Progress, Upscaler

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def upscale_pixels(upscaler: Upscaler, pixels: Pixels, progress: Progress = iter) -> Pixels:
    """Upscales a picture of any kind; the result is of the same kind.

    Grey goes through the network as three equal channels and comes back as their luma, 16 bits as floats that are
    rounded once. Alpha goes through the network as grey, held between the least and the most of the 3x3 pixels around;
    so what is opaque stays opaque. Colours under alpha 0 are those of visible pixels nearby.

    Args:
        upscaler: of any model.
        pixels: uint8 or uint16, grey or RGB, with or without alpha.
        progress: as of `Upscaler`.

    Raises:
        ValueError, MemoryError: as `Upscaler`.
    """
    colour = _upscaled(upscaler, bleed(pixels), progress)
    return Pixels(colour, None if pixels.alpha is None else _upscaled_alpha(upscaler, pixels.alpha, progress))


def _upscaled(upscaler: Upscaler, values: np.ndarray, progress: Progress) -> np.ndarray:
    grey = values.ndim == 2
    rounded = to_uint16 if values.dtype == np.uint16 else to_uint8
    if values.dtype == np.uint16:
        values = values.astype(np.float32) / np.float32(257)
    if grey:
        values = np.broadcast_to(values[..., None], (*values.shape, 3))
    return upscaler.tiled(values, lambda sr: rounded(sr @ LUMA if grey else sr), progress)


def _upscaled_alpha(upscaler: Upscaler, alpha: np.ndarray, progress: Progress) -> np.ndarray:
    scale = upscaler.scale
    if alpha.min() == alpha.max():
        return np.full((alpha.shape[0] * scale, alpha.shape[1] * scale), alpha.flat[0])
    result = _upscaled(upscaler, alpha, progress)
    for limit, clip in ((np.minimum, np.maximum), (np.maximum, np.minimum)):
        around = _of_neighbours(alpha, limit)
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
    upscaler: Upscaler, picture: Picture, path: str | os.PathLike, written_as: Format, progress: Progress = iter
) -> tuple[Frame, Frame]:
    """Upscales all frames or pages of an open picture, one by one, and writes them.

    Args:
        upscaler: of any model.
        picture: of `srzoo.pictures.reading.open_picture`.
        path: where to write, atomically.
        written_as: the format, as `srzoo.pictures.formats.output_format` chooses it.
        progress: as of `Upscaler`.

    Returns:
        The first frame before and after.

    Raises:
        ImageError: if a frame is damaged, or the file cannot be written.
        ValueError, MemoryError: as `Upscaler`.
    """
    first: list[Frame] = []

    def frames() -> Iterator[Frame]:
        for frame in picture.frames():
            pixels = upscale_pixels(upscaler, frame.pixels, progress)
            result = Frame(pixels, frame.metadata.of_result(*pixels.size, pixels.grey), frame.duration)
            if not first:
                first.extend([frame, result])
            yield result

    playing = Playing(picture.count, repeats_of(picture.format, picture.loop), picture.still_first)
    write_frames(Path(path), frames(), written_as, playing, picture.lossless)
    return first[0], first[1]
