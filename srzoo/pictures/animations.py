"""Animations. Only some frames are in memory at a time.

Each frame is written whole, and replaces the one before it; so what is shown is what the input showed, whichever
ways of disposal and blending made it.
"""

import io
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

from srzoo.pictures.formats import QUALITY
from srzoo.pictures.pixels import Pixels, to_pillow
from srzoo.pictures.png import png, png_chunk, png_chunks
from srzoo.pictures.reading import Frame, Picture
from srzoo.pictures.stills import of_format


@dataclass(frozen=True)
class Playing:
    """Playback of an animation.

    Attributes:
        count: its frames.
        repeats: how often it plays, 0 being without end.
        still_first: whether the first frame is the still picture of an APNG, outside the animation.
    """

    count: int
    repeats: int
    still_first: bool = False


def playing_of(picture: Picture) -> Playing:
    """The playback that a file's loop count says, which in GIF counts the times after the first."""
    loop = picture.loop
    repeats = loop or 0
    if picture.format == "GIF":
        repeats = 1 if loop is None else (loop and loop + 1)
    return Playing(picture.count, repeats, picture.still_first)


def write_animation(
    file: BinaryIO, frames: Iterable[Frame], name: str, playing: Playing, lossless: bool, quality: int = QUALITY
) -> None:
    """Writes an animation, or a GIF of one frame.

    Args:
        file: seekable file, written from its beginning.
        frames: `playing.count` of one size, RGB with alpha; the first one's metadata are kept.
        name: PNG, WEBP, GIF, AVIF.
        playing: how it plays.
        lossless: whether WebP is lossless.
        quality: quality of WebP and AVIF, from 1 to 100.
    """
    if name == "PNG":
        _write_png(file, frames, playing)
    elif name == "GIF":
        _write_gif(file, frames, playing)
    else:
        _write_by_pillow(file, frames, name, playing, lossless, quality)


def _write_png(file: BinaryIO, frames: Iterable[Frame], playing: Playing) -> None:
    """APNG: the chunks of a still each, numbered; those after the first under another name."""
    number = 0
    animated = playing.count - playing.still_first
    for index, frame in enumerate(frames):
        chunks = png_chunks(png(frame.pixels, frame.metadata))
        if index == 0:
            file.write(b"\x89PNG\r\n\x1a\n" + chunks[0][1])
            file.write(png_chunk(b"acTL", struct.pack(">II", animated, playing.repeats)))
            file.write(b"".join(whole for name, whole in chunks[1:] if name not in (b"IDAT", b"IEND")))
        if index or not playing.still_first:
            # Disposal none, blend source: the frame replaces everything.
            delay = min(65535, round(frame.duration))
            control = struct.pack(">IIIIIHHBB", number, *frame.pixels.size, 0, 0, delay, 1000, 0, 0)
            file.write(png_chunk(b"fcTL", control))
            number += 1
        for name, whole in chunks:
            if name == b"IDAT" and index == 0:
                file.write(whole)
            elif name == b"IDAT":
                file.write(png_chunk(b"fdAT", struct.pack(">I", number) + whole[8:-4]))
                number += 1
    file.write(png_chunk(b"IEND", b""))


def _write_gif(file: BinaryIO, frames: Iterable[Frame], playing: Playing) -> None:
    """A GIF of one frame or many, each with a palette of its own; half transparency becomes all or nothing."""
    for index, frame in enumerate(frames):
        image = _in_palette(frame.pixels, animated=playing.count > 1)
        if index == 0:
            info: dict = {"comment": frame.metadata.comment} if frame.metadata.comment else {}
            if playing.count > 1 and playing.repeats != 1:
                info["loop"] = max(0, playing.repeats - 1)
            file.write(b"".join(GifImagePlugin.getheader(image.copy(), info={**info, "optimize": False})[0]))
        options: dict = {"disposal": 2 if playing.count > 1 else 0, "duration": frame.duration}
        if "transparency" in image.info:
            options["transparency"] = image.info["transparency"]
        file.write(b"".join(GifImagePlugin.getdata(image, include_color_table=True, **options)))
    file.write(b";")


def _in_palette(pixels: Pixels, animated: bool) -> Image.Image:
    colour = to_pillow(Pixels(pixels.colour)).convert("RGB")
    clear = np.zeros(pixels.colour.shape[:2], bool) if pixels.alpha is None else pixels.alpha < 128
    # A later frame may be clear in places, and some readers ask the first one whether any is.
    if not animated and not np.any(clear):
        return colour.quantize(256)
    indices = colour.quantize(255)
    palette = indices.getpalette("RGB") or []
    image = Image.fromarray(np.where(clear, 255, np.asarray(indices)).astype(np.uint8))
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([*palette, *[0] * (768 - len(palette))])
    image.info["transparency"] = 255
    return image


def _write_by_pillow(
    file: BinaryIO, frames: Iterable[Frame], name: str, playing: Playing, lossless: bool, quality: int
) -> None:
    """WebP and AVIF. Pillow wants all frames at once; so they wait in a temporary file, not in memory."""
    import tifffile  # takes longer to import than many a picture to be written

    options: dict = {}
    durations: list[int] = []
    with tempfile.NamedTemporaryFile() as waiting:
        with tifffile.TiffWriter(waiting, bigtiff=True) as tiff:
            for frame in frames:
                if not durations:
                    options = {**frame.metadata.pillow_options(), **of_format(name, frame.metadata, lossless, quality)}
                durations.append(round(frame.duration))
                tiff.write(frame.pixels.channels(), photometric="rgb", extrasamples=["unassalpha"], metadata=None)
        written = io.BytesIO()
        options |= {"duration": durations, "loop": min(65535, playing.repeats)}
        with Image.open(waiting) as image:
            # Key frames alone: of an opaque frame libwebp lets pixels stay that are clear in the next.
            image.save(written, name, save_all=True, kmin=0, kmax=1, **options)
    file.write(written.getvalue())
