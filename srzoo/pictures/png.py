"""PNG files of pictures that are held, or that come in bands; filtered and compressed on all processors
that may be used.

Pillow compresses on one processor and knows no 16-bit colours. Upscaled photographs are smooth: with the filters for
that and run lengths alone their files are smaller than Pillow's of the same picture, in a fraction of its time.
"""

import io
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Bands, Pixels, in_rows
from srzoo.pictures.waiting import threads

BLOCK = 1 << 18
"""Bytes of pixels that are filtered and compressed at once. Larger blocks give files hardly smaller."""

SAMPLE = 1 << 15
"""Bytes of a block by which it is decided whether it is compressed as a photograph or as a drawing."""

DRAWN = 0.9
"""A block is a drawing if a short search makes its sample at most this part as large as run lengths make the block. Of
photographs search takes seven times as long for a tenth."""

RUNS, SHORT_SEARCH, SEARCH = (1, zlib.Z_RLE), (4, zlib.Z_DEFAULT_STRATEGY), (6, zlib.Z_DEFAULT_STRATEGY)
"""Levels and strategies of zlib. A short search takes a quarter of the time of a search and tells drawings as well."""

ZLIB_HEADER = b"\x78\x01"
SUB, UP, AVERAGE = 1, 2, 3


def png(pixels: Pixels, metadata: Metadata) -> bytes:
    """Returns a PNG file, of 16 bits where the pixels are."""
    written = io.BytesIO()
    write_png(written, pixels, metadata)
    return written.getvalue()


def write_png(file: BinaryIO, pixels: Pixels | Bands, metadata: Metadata) -> None:
    """Writes a PNG file, of 16 bits where the pixels are.

    Args:
        file: file, written from its beginning.
        pixels: if they come in bands, some megabytes of them are held.
        metadata: true of these pixels; what PNG cannot hold is left out.
    """
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.channels_count]
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(png_chunk(b"IHDR", struct.pack(">IIBBBBB", *pixels.size, 8 * (1 + pixels.deep), kind, 0, 0, 0)))
    file.write(b"".join(whole for name, whole in png_chunks(_bearer(metadata)) if name not in PIXEL_CHUNKS))
    checksum, header = 1, ZLIB_HEADER
    for filtered, compressed in _blocks(pixels):
        checksum = zlib.adler32(filtered, checksum)
        file.write(png_chunk(b"IDAT", header + compressed))
        header = b""
    file.write(png_chunk(b"IDAT", zlib.compressobj(wbits=-15).flush() + struct.pack(">I", checksum)))
    file.write(png_chunk(b"IEND", b""))


PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")


def _bearer(metadata: Metadata) -> bytes:
    """A PNG file of one pixel with the metadata, which Pillow knows how to write."""
    info = PngImagePlugin.PngInfo()
    for chunk, payload in metadata.chunks.items():
        info.add(chunk, payload)
    for key, text in metadata.text.items():
        info.add_text(key, text)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    written = io.BytesIO()
    Image.new("RGB", (1, 1)).save(written, "PNG", pnginfo=info, **metadata.pillow_options())
    return written.getvalue()


def _blocks(pixels: Pixels | Bands) -> Iterator[tuple[bytes, bytes]]:
    """Each block of rows, filtered, and a part of a deflate stream that holds it."""
    step = pixels.channels_count * (1 + pixels.deep)
    length = pixels.size[0] * step
    above = np.zeros((1, length), np.uint8)
    # zlib and most of NumPy leave other threads to work.
    count = threads() or os.cpu_count() or 1
    pending: deque[Future] = deque()
    with ThreadPoolExecutor(count) as pool:
        for rows in in_rows(pixels, max(1, BLOCK // length)):
            stored = np.ascontiguousarray(rows.astype(rows.dtype.newbyteorder(">"), copy=False)).view(np.uint8)
            stored = stored.reshape(len(rows), length)
            pending.append(pool.submit(_block, stored, above, step))
            above = stored[-1:]
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _block(rows: np.ndarray, above: np.ndarray, step: int) -> tuple[bytes, bytes]:
    filtered = _filtered(rows, above, step)
    middle = max(0, len(filtered) - SAMPLE) // 2
    sample = filtered[middle : middle + SAMPLE]
    runs = _deflated(filtered, *RUNS)
    if len(_deflated(sample, *SHORT_SEARCH)) / len(sample) < DRAWN * len(runs) / len(filtered):
        return filtered, min(runs, _deflated(filtered, *SEARCH), key=len)
    return filtered, runs


def _deflated(values: bytes, level: int, strategy: int) -> bytes:
    """Part of a deflate stream, up to a byte's border."""
    compressor = zlib.compressobj(level, wbits=-15, strategy=strategy)
    return compressor.compress(values) + compressor.flush(zlib.Z_SYNC_FLUSH)


def _filtered(rows: np.ndarray, above: np.ndarray, step: int) -> bytes:
    """Each row after the number of its filter: of three the one with the least sum of differences, as the PNG
    specification advises (section 12.7). Paeth's predictor takes as long as all of them and wins little."""
    up = np.concatenate([above, rows[:-1]])
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    # The mean without a carry out of eight bits.
    average = (left >> 1) + (up >> 1) + (left & up & 1)
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    least = np.full(len(rows), np.iinfo(np.int64).max)
    for number, expected in ((AVERAGE, average), (UP, up), (SUB, left)):
        difference = rows - expected
        cost = np.minimum(difference, -difference).sum(axis=1, dtype=np.int64)  # as signed numbers
        better = cost < least
        least = np.minimum(least, cost)
        filtered[better, 0] = number
        filtered[better, 1:] = difference[better]
    return filtered.tobytes()


def png_chunk(name: bytes, payload: bytes) -> bytes:
    """The bytes of a chunk, with length and checksum."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Name and whole bytes, length and checksum included, of each chunk of a PNG file."""
    chunks, place = [], 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunks.append((content[place + 4 : place + 8], content[place : place + 12 + length]))
        place += 12 + length
    return chunks
