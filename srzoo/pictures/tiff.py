"""TIFF files of 8 and 16 bits, page by page, by tifffile. Pillow writes no 16-bit colours, and holds what it writes."""

import math
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from PIL import TiffImagePlugin
from tifffile import TIFF, TiffWriter

from srzoo.pictures.metadata import EXIF_IFD, GPS_IFD, Metadata
from srzoo.pictures.pixels import Bands, Pixels, in_rows
from srzoo.pictures.reading import Frame, LargeFrame

BYTE, LONG, LONG8 = 1, 4, 16
XMP = 700
RESOLUTION = (282, 283, 296)
DIRECTORIES = {EXIF_IFD: "ExifTag", GPS_IFD: "GPSTag"}
"""tifffile writes where they are if they have their name, and leaves them out if they have their number."""

STRIP_BYTES = 1 << 24
"""Bytes of a strip before compression: readers decode strip by strip."""

LARGEST = 2**32 - 2**24
"""Bytes that the offsets of plain TIFF reach, less what metadata may take."""


def write_tiff(file: BinaryIO, pages: Iterable[Frame | LargeFrame], count: int = 1) -> None:
    """Writes pages, each with its own size, kind of pixels and metadata, compressed by deflate without loss.

    Rows are written as they come, so a `LargeFrame` is never held. It is BigTIFF if `count` pages like the first one
    might not fit into the 4 GB of plain TIFF.

    Raises:
        OSError: if a plain TIFF file would be larger than 4 GB because later pages are larger.
    """
    writer = None
    for page in pages:
        pixels = _with_common_channels(page.pixels)
        width, height = pixels.size
        rows = max(1, STRIP_BYTES * height // _bytes(pixels))
        writer = writer or TiffWriter(file, bigtiff=count * _bytes(pixels) > LARGEST, byteorder="<")
        big = writer.tiff.is_bigtiff
        writer.write(
            _strips(pixels, rows, file, big),
            shape=(height, width, pixels.channels_count)[: 2 if pixels.channels_count == 1 else 3],
            dtype="<u2" if pixels.deep else "u1",
            photometric="minisblack" if pixels.grey else "rgb",
            planarconfig="contig",
            extrasamples=["unassalpha"] if pixels.transparent else [],
            rowsperstrip=rows,
            compression="zlib",
            predictor=True,
            iccprofile=page.metadata.icc,
            resolution=page.metadata.dpi,
            extratags=list(_tags(page.metadata, file, big)),
            software=False,
            metadata=None,
        )


def _with_common_channels(pixels: Pixels | Bands) -> Pixels | Bands:
    """Turns 16-bit grey with alpha into RGB with alpha, because hardly any program reads the former."""
    if not (pixels.deep and pixels.grey and pixels.transparent):
        return pixels
    return Bands(pixels.size, False, True, True, (band.in_colour() for band in pixels.bands()))


def _bytes(pixels: Pixels | Bands) -> int:
    return math.prod(pixels.size) * pixels.channels_count * (1 + pixels.deep)


def _strips(pixels: Pixels | Bands, rows: int, file: BinaryIO, big: bool) -> Iterator[bytes]:
    """Compresses strips with tifffile's fastest function; tifffile itself compresses only whole pages or tiles."""
    for strip in in_rows(pixels, rows):
        compressed = TIFF.COMPRESSORS[8](TIFF.PREDICTORS[2](strip, axis=-2))
        if not big and file.tell() + len(compressed) > LARGEST:
            raise OSError("plain TIFF files end at 4 GB; use another --format")
        yield compressed


def _tags(metadata: Metadata, file: BinaryIO, big: bool) -> Iterator[tuple[int | str, int, int, Any, bool]]:
    """EXIF and XMP as tifffile takes them; directories within go to the file, because their places name them."""
    if metadata.xmp:
        yield XMP, BYTE, len(metadata.xmp), metadata.xmp, True
    for tag, value in metadata.exif.items():
        if tag in DIRECTORIES:
            file.write(b"\0" * (file.tell() % 2))
            place = file.tell()
            file.write(_directory(value, big, tag).tobytes(place))
            yield DIRECTORIES[tag], LONG8 if big else LONG, 1, place, True
        elif tag not in RESOLUTION:
            yield tag, *_encoded(tag, value), True


def _directory(values: dict[int, Any], big: bool = False, group: int | None = None):
    header = b"II+\0\x08\0\0\0" + bytes(8) if big else b"II*\0" + bytes(4)
    directory = TiffImagePlugin.ImageFileDirectory_v2(header, group=group)
    directory.update(values)
    return directory


def _encoded(tag: int, value: Any) -> tuple[int, int, bytes]:
    """Type, count and bytes of a value, as Pillow writes them into a directory with nothing else in it."""
    written = _directory({tag: value}).tobytes()
    kind, count = struct.unpack_from("<HI", written, 4)
    length = count * struct.calcsize(f"<{TIFF.DATA_FORMATS[kind]}")
    start = 10 if length <= 4 else 18
    return kind, count, written[start : start + length]
