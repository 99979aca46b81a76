"""One picture to the bytes of a file, with its metadata."""

import io
import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Bands, Pixels, in_rows, to_pillow

JPEG_SEGMENT = 65_533 - 2


def encode(pixels: Pixels, metadata: Metadata, name: str, lossless: bool = False) -> bytes:
    """Gives the file of one picture, in memory: not all encoders of Pillow end when a disk is full.

    Args:
        pixels: 8 bits, or 16 for PNG; without alpha for JPEG and BMP.
        metadata: true of these pixels; what the format cannot hold is left out.
        name: Pillow's name of the format; not GIF and TIFF, which have modules of their own.
        lossless: for WebP.
    """
    if name == "PNG":
        return png(pixels, metadata)
    written = io.BytesIO()
    to_pillow(pixels).save(written, name, **_common(metadata), **_of_format(name, metadata, lossless))
    return written.getvalue()


def _common(metadata: Metadata) -> dict:
    options = {"exif": metadata.pillow_exif(), "icc_profile": metadata.icc, "xmp": metadata.xmp, "dpi": metadata.dpi}
    return {name: value for name, value in options.items() if value is not None}


def _of_format(name: str, metadata: Metadata, lossless: bool) -> dict:
    if name == "JPEG":
        options: dict = {"quality": 95, "subsampling": 0}
        if metadata.comment:
            options["comment"] = metadata.comment
        if metadata.iptc and len(metadata.iptc) <= JPEG_SEGMENT:
            options["extra"] = b"\xff\xed" + (len(metadata.iptc) + 2).to_bytes(2, "big") + metadata.iptc
        return options
    if name == "WEBP":
        return {"lossless": True, "exact": True} if lossless else {"quality": 95}
    if name == "HEIF":
        return {"quality": 95, "chroma": 444}
    if name == "AVIF":
        return {"quality": 95, "subsampling": "4:4:4"}
    return {"irreversible": False} if name == "JPEG2000" else {}


def png(pixels: Pixels, metadata: Metadata) -> bytes:
    """Gives a PNG file, of 16 bits where the pixels are."""
    info = PngImagePlugin.PngInfo()
    for chunk, payload in metadata.chunks.items():
        info.add(chunk, payload)
    for key, text in metadata.text.items():
        info.add_text(key, text)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    options = {**_common(metadata), "pnginfo": info}
    image = Image.new("RGB", (1, 1)) if pixels.deep else to_pillow(pixels)
    written = io.BytesIO()
    # Pillow's own level, 6, takes three times as long for a file that is 8 percent smaller.
    image.save(written, "PNG", compress_level=3, **options)
    return _deep_png(pixels, written.getvalue()) if pixels.deep else written.getvalue()


def _deep_png(pixels: Pixels, bearer: bytes) -> bytes:
    """A PNG of 16 bits with the metadata of another: Pillow writes no such colours, TensorFlow no metadata."""
    import tensorflow as tf

    encoded = tf.io.encode_png(np.ascontiguousarray(pixels.channels())).numpy()
    parts = [encoded[:33]]  # signature and header
    chunks = png_chunks(bearer)
    parts += [whole for name, whole in chunks if name not in (b"IHDR", b"IDAT", b"IEND")]
    return b"".join([*parts, encoded[33:]])


FILTERED_ROWS = 64
"""Rows of PNG that are filtered at once; the memory for it is some ten times theirs."""


def write_large_png(file: BinaryIO, pixels: Bands, metadata: Metadata) -> None:
    """Writes a PNG file of a picture that is never held whole; of each row's filters the likely best is taken."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.channels_count]
    step = pixels.channels_count * (1 + pixels.deep)
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(png_chunk(b"IHDR", struct.pack(">IIBBBBB", *pixels.size, 8 * (1 + pixels.deep), kind, 0, 0, 0)))
    bearer = png(Pixels(np.zeros((1, 1, 3), np.uint8)), metadata)
    file.write(b"".join(whole for name, whole in png_chunks(bearer) if name not in (b"IHDR", b"IDAT", b"IEND")))
    compressor = zlib.compressobj(6, strategy=zlib.Z_FILTERED)
    above = np.zeros((1, pixels.size[0] * step), np.uint8)
    for rows in in_rows(pixels, FILTERED_ROWS):
        stored = np.ascontiguousarray(rows.astype(rows.dtype.newbyteorder(">"), copy=False)).view(np.uint8)
        stored = stored.reshape(len(rows), -1)
        part = compressor.compress(_filtered(stored, above, step).tobytes())
        if part:
            file.write(png_chunk(b"IDAT", part))
        above = stored[-1:]
    file.write(png_chunk(b"IDAT", compressor.flush()))
    file.write(png_chunk(b"IEND", b""))


def _filtered(rows: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    """Each row after the number of its filter: of all but none the one with the least sum of differences,
    as the PNG specification advises (section 12.7)."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(each, ((0, 0), (step, 0)))[:, :-step] for each in (rows, up))
    a, b, c = (each.astype(np.int16) for each in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    average = ((a + b) // 2).astype(np.uint8)
    candidates = np.stack([rows - left, rows - up, rows - average, rows - paeth])
    costs = np.minimum(candidates, -candidates).sum(axis=2, dtype=np.int64)  # as signed numbers
    best = costs.argmin(axis=0)
    chosen = candidates[best, np.arange(len(rows))]
    return np.concatenate([(best + 1).astype(np.uint8)[:, None], chosen], axis=1)


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
