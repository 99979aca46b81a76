"""TIFF files of 8 and 16 bits, page by page. Pillow writes no 16-bit colours; its directory of fields is used."""

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from PIL import TiffImagePlugin

from srzoo.pictures.reading import Frame

XMP, IPTC_RESOURCES, ICC = 700, 34377, 34675
STRIP_BYTES = 1 << 24
"""Of a strip before compression: readers decode strip by strip."""


def write_tiff(file: BinaryIO, pages: Iterable[Frame]) -> None:
    """Writes pages, each with its own size, kind of pixels and metadata, compressed by deflate without loss.

    Raises:
        OSError: if the file would be larger than 4 GB, which TIFF's offsets cannot reach.
    """
    link = 4
    for index, page in enumerate(pages):
        fields, strips = _fields(page)
        file.write(b"\0" * (file.tell() % 2))
        start = file.tell()
        if start + sum(map(len, strips)) > 2**32 - 2**20:
            raise OSError("TIFF files end at 4 GB; use another --format")
        if index:
            file.seek(link)
            file.write(struct.pack("<I", start))
            file.seek(start)
        fields.save(file)
        link = (start or 8) + 2 + 12 * len(fields)
        for strip in strips:
            file.write(strip)


def _fields(page: Frame) -> tuple[TiffImagePlugin.ImageFileDirectory_v2, list[bytes]]:
    """The page's directory, whose offsets count from its own end, and the strips that follow it."""
    pixels = page.pixels
    if pixels.deep and pixels.grey and pixels.alpha is not None:
        pixels = pixels.in_colour()  # as hardly anything reads grey with alpha in 16 bits
    array = pixels.channels()
    height, width, count = array.shape
    rows = max(1, STRIP_BYTES // (width * count * array.itemsize))
    strips = [_compressed(array[top : top + rows]) for top in range(0, height, rows)]
    starts = np.cumsum([0, *map(len, strips)])[:-1]
    fields = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    fields.update(
        {
            256: width,
            257: height,
            258: (8 * array.itemsize,) * count,
            259: 8,  # deflate
            262: 2 if count > 2 else 1,  # RGB, or black is zero
            273: tuple(map(int, starts)),
            277: count,
            278: rows,
            279: tuple(map(len, strips)),
            284: 1,
            317: 2,  # differences of neighbours
        }
    )
    for tag in (273, 279):
        fields.tagtype[tag] = 4
    if page.pixels.alpha is not None:
        fields[338] = 2  # colours are not multiplied by alpha
    _add_metadata(fields, page)
    return fields, strips


def _compressed(rows: np.ndarray) -> bytes:
    difference = rows.copy()
    difference[:, 1:] -= rows[:, :-1]
    return zlib.compress(difference.astype(difference.dtype.newbyteorder("<"), copy=False).tobytes())


def _add_metadata(fields: TiffImagePlugin.ImageFileDirectory_v2, page: Frame) -> None:
    metadata = page.metadata
    for tag, value in metadata.exif.items():
        fields[tag] = value
    if metadata.dpi and 282 not in metadata.exif:
        fields.update({282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2})
    for tag, value in ((XMP, metadata.xmp), (ICC, metadata.icc)):
        if value:
            fields.tagtype[tag] = 7 if tag == ICC else 1
            fields[tag] = value
