"""The frames of a GIF as browsers show them: what no frame has drawn is clear, whatever the background colour."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

EXTENSION, CONTROL, IMAGE, END = 0x21, 0xF9, 0x2C, 0x3B
CLEAR, BACK = 2, 3
"""Ways of disposal: what the frame drew is cleared, or becomes again what was there."""


@dataclass(frozen=True)
class _Part:
    """A frame before it is put on those before it: its place, what becomes of it, and a GIF of it alone."""

    rows: slice
    columns: slice
    disposal: int
    alone: bytes


def composed_frames(content: bytes) -> Iterator[np.ndarray]:
    """Yields each frame whole, as uint8 of shape (height, width, 4): RGB with alpha, 0 or 255.

    Args:
        content: bytes of the file. The first frame makes the picture larger if it reaches beyond it.
    """
    width, height = struct.unpack_from("<HH", content, 6)
    canvas = np.zeros((0, 0, 4), np.uint8)
    for part in _parts(content):
        if not canvas.size:  # Chromium and Pillow have it so
            canvas = np.zeros((max(height, part.rows.stop), max(width, part.columns.stop), 4), np.uint8)
        with Image.open(io.BytesIO(part.alone), formats=["GIF"]) as image:
            drawn = np.asarray(image.convert("RGBA"))
        place = canvas[part.rows, part.columns]
        before = place.copy()
        drawn = drawn[: place.shape[0], : place.shape[1]]
        np.copyto(place, drawn, where=drawn[..., 3:] > 0)
        yield canvas.copy()
        if part.disposal in (CLEAR, BACK):
            place[:] = 0 if part.disposal == CLEAR else before


def _parts(content: bytes) -> Iterator[_Part]:
    screen, place = content[10:13], 13 + _palette_bytes(content[10])
    palette, control = content[13:place], b""
    while place < len(content) and content[place] != END:
        start = place
        if content[place] == EXTENSION:
            place = _after_blocks(content, place + 2)
            if content[start + 1] == CONTROL:
                control = content[start:place]
        elif content[place] == IMAGE:
            left, top, width, height, flags = struct.unpack_from("<4HB", content, place + 1)
            place = _after_blocks(content, place + 11 + _palette_bytes(flags))
            alone = b"GIF89a" + struct.pack("<HH", width, height) + screen + palette + control
            alone += bytes([IMAGE, 0, 0, 0, 0]) + content[start + 5 : place] + bytes([END])
            disposal = control[3] >> 2 & 7 if control else 0
            yield _Part(slice(top, top + height), slice(left, left + width), disposal, alone)
            control = b""
        else:
            place += 1


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def _after_blocks(content: bytes, place: int) -> int:
    while place < len(content) and content[place]:
        place += 1 + content[place]
    return place + 1
