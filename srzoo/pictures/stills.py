"""One picture to the bytes of a file, with its metadata."""

import io

import numpy as np
from PIL import Image, PngImagePlugin

from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels, to_pillow

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
    image.save(written, "PNG", **options)
    return _deep_png(pixels, written.getvalue()) if pixels.deep else written.getvalue()


def _deep_png(pixels: Pixels, bearer: bytes) -> bytes:
    """A PNG of 16 bits with the metadata of another: Pillow writes no such colours, TensorFlow no metadata."""
    import tensorflow as tf

    encoded = tf.io.encode_png(np.ascontiguousarray(pixels.channels())).numpy()
    parts = [encoded[:33]]  # signature and header
    chunks = png_chunks(bearer)
    parts += [whole for name, whole in chunks if name not in (b"IHDR", b"IDAT", b"IEND")]
    return b"".join([*parts, encoded[33:]])


def png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Name and whole bytes, length and checksum included, of each chunk of a PNG file."""
    chunks, place = [], 8
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunks.append((content[place + 4 : place + 8], content[place : place + 12 + length]))
        place += 12 + length
    return chunks
