"""One picture to the bytes of a file, with its metadata."""

import io

from PIL import Image

from srzoo.images import look_up
from srzoo.pictures.formats import QUALITY
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels, to_pillow
from srzoo.pictures.waiting import threads


def encode(pixels: Pixels, metadata: Metadata, name: str, lossless: bool = False, quality: int = QUALITY) -> bytes:
    """Returns the file of one picture, in memory: not all encoders of Pillow end when a disk is full.

    Args:
        pixels: pixels of 8 bits, without alpha for JPEG and BMP.
        metadata: true of these pixels; what the format cannot hold is left out.
        name: Pillow's name of the format; not GIF, PNG and TIFF, which have modules of their own.
        lossless: whether WebP is lossless.
        quality: quality of lossy compression, from 1 to 100.
    """
    if name == "JPEG":
        metadata, _ = metadata.in_segments()
    look_up(Image.SAVE, name)  # which brings the plugin to a process that has opened no such file
    written = io.BytesIO()
    to_pillow(pixels).save(written, name, **metadata.pillow_options(), **of_format(name, metadata, lossless, quality))
    return written.getvalue()


def of_format(name: str, metadata: Metadata, lossless: bool, quality: int) -> dict:
    """Options for one format's encoder, beside `Metadata.pillow_options`."""
    if name == "JPEG":
        options: dict = {"quality": quality, "subsampling": 0}
        if metadata.comment:
            options["comment"] = metadata.comment
        if metadata.iptc:
            options["extra"] = b"\xff\xed" + (len(metadata.iptc) + 2).to_bytes(2, "big") + metadata.iptc
        return options
    if name == "WEBP":
        return {"lossless": True, "exact": True} if lossless else {"quality": quality}
    if name == "HEIF":
        return {"quality": quality, "chroma": 444}
    if name == "AVIF":
        limit = {"max_threads": count} if (count := threads()) else {}
        return {"quality": quality, "subsampling": "4:4:4", **limit}
    return {"irreversible": False} if name == "JPEG2000" else {}
