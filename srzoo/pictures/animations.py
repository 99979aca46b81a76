"""Animations, written frame by frame: only one frame is in memory at a time.

Each frame is written whole, and replaces the one before it; so what is shown is what the input showed, whichever
ways of disposal and blending made it.
"""

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

from srzoo.pictures.pixels import Pixels, to_pillow
from srzoo.pictures.png import png, png_chunk, png_chunks
from srzoo.pictures.reading import Frame
from srzoo.pictures.stills import encode


@dataclass(frozen=True)
class Playing:
    """How an animation plays.

    Attributes:
        count: its frames.
        repeats: how often it plays, 0 being without end.
        still_first: whether the first frame is the still picture of an APNG, outside the animation.
    """

    count: int
    repeats: int
    still_first: bool = False


def repeats_of(format_name: str, loop: int | None) -> int:
    """How often an animation plays, from what its format calls its loop: GIF counts the times after the first."""
    if format_name == "GIF":
        return 1 if loop is None else (loop and loop + 1)
    return loop or 0


def write_animation(file: BinaryIO, frames: Iterable[Frame], name: str, playing: Playing, lossless: bool) -> None:
    """Writes an animation.

    Args:
        file: to write to, from its beginning; it can seek.
        frames: `playing.count` of one size, RGB with alpha; the first one's metadata are kept.
        name: PNG, WEBP, GIF, AVIF.
        playing: how it plays.
        lossless: for WebP.
    """
    if name == "PNG":
        _write_png(file, frames, playing)
    elif name == "WEBP":
        _write_webp(file, frames, playing, lossless)
    elif name == "GIF":
        write_gif(file, frames, playing)
    else:
        _write_by_pillow(file, frames, name)


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


def _write_webp(file: BinaryIO, frames: Iterable[Frame], playing: Playing, lossless: bool) -> None:
    """An extended WebP: the image chunks of a still each, wrapped as a frame."""
    after: list[bytes] = []
    for index, frame in enumerate(frames):
        chunks = list(_riff_chunks(encode(frame.pixels, frame.metadata, "WEBP", lossless)))
        sides = b"".join((side - 1).to_bytes(3, "little") for side in frame.pixels.size)
        if index == 0:
            extra = dict(chunks)
            after = [_riff_chunk(name, extra[name]) for name in (b"EXIF", b"XMP ") if name in extra]
            # Of the flags: profile, alpha, EXIF, XMP, animation.
            flags = 32 * (b"ICCP" in extra) | 16 | 8 * (b"EXIF" in extra) | 4 * (b"XMP " in extra) | 2
            file.write(b"RIFF\0\0\0\0WEBP" + _riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides))
            if b"ICCP" in extra:
                file.write(_riff_chunk(b"ICCP", extra[b"ICCP"]))
            file.write(_riff_chunk(b"ANIM", bytes(4) + struct.pack("<H", min(65535, playing.repeats))))
        images = b"".join(_riff_chunk(*chunk) for chunk in chunks if chunk[0] in (b"ALPH", b"VP8 ", b"VP8L"))
        # At 0, 0; not blended with the frame before.
        control = bytes(6) + sides + min(2**24 - 1, round(frame.duration)).to_bytes(3, "little") + b"\x02"
        file.write(_riff_chunk(b"ANMF", control + images))
    file.write(b"".join(after))
    length = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", length))


def _riff_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place < len(content):
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        yield content[place : place + 4], content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _riff_chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def write_gif(file: BinaryIO, frames: Iterable[Frame], playing: Playing) -> None:
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


def _write_by_pillow(file: BinaryIO, frames: Iterable[Frame], name: str) -> None:
    """AVIF, whose encoder wants all frames at once."""
    held = list(frames)
    first = held[0]
    options = {"quality": 95, "subsampling": "4:4:4", "duration": [round(frame.duration) for frame in held]}
    for key in ("exif", "icc", "xmp"):
        value = first.metadata.pillow_exif() if key == "exif" else getattr(first.metadata, key)
        if value is not None:
            options["icc_profile" if key == "icc" else key] = value
    images = [to_pillow(frame.pixels) for frame in held]
    written = io.BytesIO()
    images[0].save(written, name, save_all=True, append_images=images[1:], **options)
    file.write(written.getvalue())
