"""Kinds of BMP that Pillow (12) reads wrong or not at all: some masks of alpha, and runs (RLE4, RLE8)."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.pictures.pixels import Pixels, from_pillow

RGB, RLE8, RLE4, BITFIELDS = range(4)
WITH_ALPHA, WITH_COLOUR_SPACE = 56, 108
"""Bytes of the first version of the header that has a mask of alpha, and of the first one of which browsers take it
also where the colours have no masks."""


@dataclass(frozen=True)
class Bitmap:
    """A BMP file that Pillow does not read right.

    Attributes:
        start: where its pixels begin.
        upwards: whether its first row is the lowest.
        bits: bits of a pixel.
        alpha_mask: which of them are alpha; 0 for runs.
    """

    start: int
    upwards: bool
    bits: int
    alpha_mask: int

    def decode(self, path: Path, image: Image.Image) -> Pixels:
        """Decodes the file that Pillow has open.

        Raises:
            ValueError: if it is cut short.
        """
        data = path.read_bytes()[self.start :]
        if not self.alpha_mask:
            indices = _decode_runs(data, *image.size, self.bits)
            of_palette = Image.frombytes("P", image.size, indices.tobytes())
            # Pillow keeps no palette that is all greys, and would decode the runs to give another one in RGB.
            levels = (0, 255) if image.mode == "1" else range(256)
            greys = bytes(level for level in levels for _ in range(3))
            kind, colours = image.palette.getdata() if image.palette else ("RGB", greys)
            of_palette.putpalette(colours, kind)
            return from_pillow(of_palette)[0]
        colour = np.asarray(image.convert("RGB"))
        stride = -(-self.bits * image.width // 32) * 32 // self.bits
        kind = "<u2" if self.bits == 16 else "<u4"
        values = np.frombuffer(data, kind, stride * image.height).reshape(image.height, stride)[:, : image.width]
        lowest = self.alpha_mask & -self.alpha_mask
        most = self.alpha_mask // lowest
        alpha = ((values & self.alpha_mask) // lowest * np.uint64(255) + most // 2) // most
        return Pixels(colour, (alpha[::-1] if self.upwards else alpha).astype(np.uint8))


def misread(path: Path, image: Image.Image) -> Bitmap | None:
    """Looks into the header of a BMP or DIB file that Pillow has open; None if Pillow reads it right."""
    with path.open("rb") as file:
        file.seek(14 if image.format == "BMP" else 0)
        head = file.read(WITH_ALPHA)
    (header,) = struct.unpack_from("<I", head)
    if header < 40:
        return None
    height, _, bits, compression = struct.unpack_from("<iHHI", head, 8)
    least = {(BITFIELDS, 16): WITH_ALPHA, (RGB, 32): WITH_COLOUR_SPACE}.get((compression, bits))
    mask = struct.unpack_from("<I", head, 52)[0] if least and header >= least else 0
    if not mask and compression not in (RLE4, RLE8):
        return None
    return Bitmap(image.tile[0][2], height > 0, bits, mask)  # type: ignore[attr-defined]


def _decode_runs(data: bytes, width: int, height: int, bits: int) -> np.ndarray:
    """Indices of 4 or 8 bits, of shape (height, width); what is skipped is 0."""

    def unpacked(values: bytes) -> bytes:
        return values if bits == 8 else bytes(half for byte in values for half in (byte >> 4, byte & 15))

    indices = np.zeros((height, width), np.uint8)
    place = row = column = 0
    while place + 1 < len(data):
        count, value = data[place : place + 2]
        place += 2
        if count == 0 and value < 3:
            if value == 1:
                return indices[::-1]
            if value == 2:
                right, up = data[place : place + 2]
                place, column, row = place + 2, column + right, row + up
            else:
                column, row = 0, row + 1
            continue
        if count:
            pixels = unpacked(bytes([value])) * count
        else:
            count, length = value, (value * bits + 7) // 8
            pixels = unpacked(data[place : place + length])
            place += length + length % 2  # at even places
        if row < height:
            kept = pixels[: max(0, min(count, width - column))]
            indices[row, column : column + len(kept)] = np.frombuffer(kept, np.uint8)
        column += count
    if row * width + column < height * width:
        raise ValueError("image file is truncated")
    return indices[::-1]
