"""Kinds of BMP that Pillow (12) reads wrong: some masks of alpha, and runs of 4-bit pixels (RLE4)."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.pictures.pixels import Pixels, from_pillow

RGB, RLE4, BITFIELDS = 0, 2, 3
WITH_ALPHA = 56
"""Bytes of the first version of the header that has a mask of alpha."""


@dataclass(frozen=True)
class Bitmap:
    """A BMP file that Pillow does not read right.

    Attributes:
        start: where its pixels begin.
        upwards: whether its first row is the lowest.
        bits: bits of a pixel.
        alpha_mask: which of them are alpha; 0 for RLE4.
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
            indices = _runs_of_4_bits(data, *image.size)
            of_palette = Image.frombytes("P", image.size, indices.tobytes())
            of_palette.putpalette(image.getpalette("RGB") or [level for level in range(16) for _ in range(3)])
            return from_pillow(of_palette)[0]
        colour = np.asarray(image.convert("RGB"))
        stride = -(-self.bits * image.width // 32) * 32 // self.bits
        kind = "<u2" if self.bits == 16 else "<u4"
        values = np.frombuffer(data, kind, stride * image.height).reshape(image.height, stride)[:, : image.width]
        lowest = self.alpha_mask & -self.alpha_mask
        most = self.alpha_mask // lowest
        alpha = ((values & self.alpha_mask) // lowest * np.uint64(255) + most // 2) // most
        return Pixels(colour, (alpha[::-1] if self.upwards else alpha).astype(np.uint8))


def misread(path: Path) -> Bitmap | None:
    """Looks into the header of a BMP file; None if Pillow reads it right.

    A mask of alpha counts also where the colours have none of their own (BI_RGB), as browsers take it.
    """
    with path.open("rb") as file:
        head = file.read(70)
    start, header = struct.unpack_from("<II", head, 10)
    if header < 40:
        return None
    height, _, bits, compression = struct.unpack_from("<iHHI", head, 22)
    mask = struct.unpack_from("<I", head, 66)[0] if header >= WITH_ALPHA else 0
    by_pillow = compression == BITFIELDS and bits == 32
    if compression == RLE4:
        mask = 0
    elif not mask or by_pillow or compression not in (RGB, BITFIELDS) or bits not in (16, 32):
        return None
    return Bitmap(start, height > 0, bits, mask)


def _runs_of_4_bits(data: bytes, width: int, height: int) -> np.ndarray:
    """Indices of shape (height, width); what is skipped is 0."""
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
            pixels = [value >> 4, value & 15] * (count // 2 + 1)
        else:
            count, length = value, (value + 1) // 2
            pixels = [half for byte in data[place : place + length] for half in (byte >> 4, byte & 15)]
            place += length + length % 2  # at even places
        if row < height:
            kept = pixels[: max(0, min(count, width - column))]
            indices[row, column : column + len(kept)] = kept
        column += count
    raise ValueError("image file is truncated")
