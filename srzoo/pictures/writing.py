"""Frames to a file of any format, atomically."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from srzoo.atomic import atomic_file
from srzoo.images import ImageError
from srzoo.pictures.animations import Playing, write_animation
from srzoo.pictures.formats import QUALITY, Format
from srzoo.pictures.png import write_png
from srzoo.pictures.reading import Frame, LargeFrame
from srzoo.pictures.stills import encode
from srzoo.pictures.waiting import awaited


def write_frames(
    path: str | os.PathLike,
    frames: Iterable[Frame | LargeFrame],
    written_as: Format,
    playing: Playing,
    lossless: bool = False,
    ready: Callable[[Path], object] = lambda _: None,
) -> None:
    """Writes a still, an animation or pages; the file appears whole or not at all.

    Args:
        path: where to write; missing folders are made.
        frames: `playing.count` frames with their true metadata; they may come from a generator.
            A `LargeFrame` only where the format streams.
        written_as: the format, which can hold them (`srzoo.pictures.formats.output_format`).
        playing: how an animation plays.
        lossless: whether WebP is lossless.
        ready: as for `srzoo.atomic.atomic_file`.

    Raises:
        ImageError: if the file cannot be written; whatever `frames` raises passes through.
    """
    path = Path(path)
    failure: list[BaseException] = []
    try:
        with atomic_file(path, ready) as temporary, temporary.open("w+b") as file:
            _write(file, _watched(frames, failure), written_as, playing, lossless)
    except Exception as error:
        if error in failure or not isinstance(error, OSError | ValueError | SystemError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"{path}: cannot be written ({reason})") from error


def _watched(frames: Iterable, failure: list[BaseException]) -> Iterator:
    """Remembers the error of making a frame, which is no failure of writing."""
    try:
        yield from frames
    except Exception as error:
        failure.append(error)
        raise


def _write(file, frames: Iterator, written_as: Format, playing: Playing, lossless: bool) -> None:
    quality = written_as.quality or QUALITY
    if written_as.name == "TIFF":
        from srzoo.pictures.tiff import write_tiff  # tifffile takes longer to import than many a picture to be written

        write_tiff(file, frames, playing.count)
    elif playing.count > 1 or written_as.name == "GIF":
        write_animation(file, frames, written_as.name, playing, lossless, quality)
    else:
        for frame in frames:
            if written_as.name == "PNG":
                write_png(file, frame.pixels, frame.metadata)
            else:
                # WebP, AVIF and HEIF take minutes of native code for a large picture.
                options = frame.metadata, written_as.name, lossless, quality
                file.write(awaited(partial(encode, frame.pixels, *options)))
