"""TIFF files of 8 and 16 bits, page by page. Pillow writes no 16-bit colours; its directory of fields is used."""

import math
import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from PIL import TiffImagePlugin

from srzoo.pictures.pixels import Bands, Pixels, in_rows
from srzoo.pictures.reading import Frame, LargeFrame

STARTS, LONG, LONG8 = 273, 4, 16
XMP, IPTC_RESOURCES, ICC = 700, 34377, 34675
STRIP_BYTES = 1 << 24
"""Of a strip before compression: readers decode strip by strip."""


LARGEST = 2**32 - 2**24
"""Bytes that the offsets of plain TIFF reach, less what metadata may take."""


def write_tiff(file: BinaryIO, pages: Iterable[Frame | LargeFrame], count: int = 1) -> None:
    """Writes pages, each with its own size, kind of pixels and metadata, compressed by deflate without loss.

    Rows are written as they come, so a `LargeFrame` is never held. It is BigTIFF if `count` pages like the first one
    might not fit into the 4 GB of plain TIFF.

    Raises:
        OSError: if a plain TIFF file would be larger than 4 GB after all, as later pages are larger.
    """
    big, link = False, 0
    for index, page in enumerate(pages):
        page = _with_common_channels(page)
        if index == 0:
            big = count * _bytes(page.pixels) > LARGEST
            link = 8 if big else 4
            file.write(_header(big))
        starts, lengths = [], []
        for rows in in_rows(page.pixels, _rows_of_a_strip(page.pixels)):
            strip = _compressed(rows)
            starts.append(file.tell())
            lengths.append(len(strip))
            file.write(strip)
            if not big and file.tell() > LARGEST:
                raise OSError("plain TIFF files end at 4 GB; use another --format")
        file.write(b"\0" * (file.tell() % 2))
        place = file.tell()
        directory = _fields(page, lengths, big)
        file.write(_with_starts(directory.tobytes(place), place, starts, big))
        end = file.tell()
        file.seek(link)
        file.write(struct.pack("<Q" if big else "<I", place))
        file.seek(end)
        link = place + (8 + 20 * len(directory) if big else 2 + 12 * len(directory))


def _header(big: bool) -> bytes:
    """The first bytes of a file whose link to the first directory is still open."""
    return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if big else struct.pack("<2sHI", b"II", 42, 0)


def _with_common_channels(page: Frame | LargeFrame) -> Frame | LargeFrame:
    """Grey with alpha in 16 bits becomes RGB with alpha, as hardly anything reads it."""
    pixels = page.pixels
    if not (pixels.deep and pixels.grey and pixels.transparent):
        return page
    coloured = (band.in_colour() for band in pixels.bands())
    return LargeFrame(Bands(pixels.size, False, True, True, coloured), page.metadata)


def _bytes(pixels: Pixels | Bands) -> int:
    return math.prod(pixels.size) * pixels.channels_count * (1 + pixels.deep)


def _rows_of_a_strip(pixels: Pixels | Bands) -> int:
    return max(1, STRIP_BYTES * pixels.size[1] // _bytes(pixels))


def _fields(page: Frame | LargeFrame, lengths: list[int], big: bool) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The page's directory; the places of its strips are left open."""
    pixels = page.pixels
    channels = pixels.channels_count
    fields = TiffImagePlugin.ImageFileDirectory_v2(_header(big))
    fields.update(
        {
            256: pixels.size[0],
            257: pixels.size[1],
            258: (16 if pixels.deep else 8,) * channels,
            259: 8,  # deflate
            262: 2 if channels > 2 else 1,  # RGB, or black is zero
            STARTS: (0,) * len(lengths),
            277: channels,
            278: _rows_of_a_strip(pixels),
            279: tuple(lengths),
            284: 1,
            317: 2,  # differences of neighbours
        }
    )
    fields.tagtype.update({STARTS: LONG8 if big else LONG, 279: LONG})
    if pixels.transparent:
        fields[338] = 2  # colours are not multiplied by alpha
    _add_metadata(fields, page)
    return fields


def _with_starts(directory: bytes, place: int, starts: list[int], big: bool) -> bytes:
    """Fills in where the strips are: Pillow takes them to follow the directory, and they come before it."""
    result = bytearray(directory)
    entry, first, inline = ("<HHQQ", 8, 8) if big else ("<HHII", 2, 4)
    step = struct.calcsize(entry)
    places = range(first, len(result), step)
    at = next(at for at in places if struct.unpack_from("<H", result, at)[0] == STARTS)
    values = struct.pack(f"<{len(starts)}{'Q' if big else 'I'}", *starts)
    target = at + step - inline if len(values) <= inline else struct.unpack_from(entry, result, at)[3] - place
    result[target : target + len(values)] = values
    return bytes(result)


def _compressed(rows: np.ndarray) -> bytes:
    difference = rows.copy()
    difference[:, 1:] -= rows[:, :-1]
    return zlib.compress(difference.astype(difference.dtype.newbyteorder("<"), copy=False).tobytes())


def _add_metadata(fields: TiffImagePlugin.ImageFileDirectory_v2, page: Frame | LargeFrame) -> None:
    metadata = page.metadata
    for tag, value in metadata.exif.items():
        fields[tag] = value
    if metadata.dpi and 282 not in metadata.exif:
        fields.update({282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2})
    for tag, value in ((XMP, metadata.xmp), (ICC, metadata.icc)):
        if value:
            fields.tagtype[tag] = 7 if tag == ICC else 1
            fields[tag] = value
