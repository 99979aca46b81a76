"""Finds the pages of a TIFF file that are pictures, and their kinds, more exactly than Pillow."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo.pictures.pixels import Pixels, from_channels

BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, EXTRA, FORMAT = 258, 259, 262, 277, 338, 339
WEBP = 50001
NEW_KIND, OLD_KIND = 254, 255
WHITE_IS_ZERO = 0
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
"""Photometric interpretation -> samples of its colours."""
MULTIPLIED = 1
OF_SENSORS = (32803, 34892)
"""Photometric interpretations of what a camera's sensor saw: its filters' colours, and linear colours."""
DNG_VERSION = 50706


def picture_pages(path: Path) -> tuple[list[int], int]:
    """Finds the pages that are pictures, not smaller copies of others (overviews, thumbnails) and not masks.

    Returns:
        (their numbers from 0, how many pages are left out).

    Raises:
        ValueError: if there is none, or it is a camera's RAW file.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        parts = [page.aspage() for page in file.pages]
        tags, inner = [page.tags for page in parts], []
        with contextlib.suppress(Exception):  # what is within pages is not read else, and may be damaged
            inner = [each.aspage().tags for page in parts if page.subifds for each in page.pages or ()]
        file.filehandle.seek(8)
        is_raw = file.filehandle.read(4) == b"CR\2\0"  # Canon's
    if is_raw or any(DNG_VERSION in of or of.valueof(PHOTOMETRIC) in OF_SENSORS for of in tags + inner):
        raise ValueError("it is a RAW file, of which only a small copy would be read; develop it, and give the result")
    kinds = [(of.valueof(NEW_KIND), of.valueof(OLD_KIND)) for of in tags]
    pages = [n for n, (new, old) in enumerate(kinds) if not (isinstance(new, int) and new & 5) and old != 2]
    if not pages:
        raise ValueError("it holds only small copies of a picture, as RAW files do; develop it, and give the result")
    return pages, len(tags) - len(pages)


def tag(image: Image.Image, number: int, default: Any = None) -> Any:
    """Value of a TIFF field; the default for images of other formats too."""
    return getattr(image, "tag_v2", {}).get(number, default)


def check_kind(tags: Mapping[int, Any]) -> None:
    """Raises ValueError if it is not known what a page's numbers mean."""
    bits, formats, samples = tags.get(BITS, (1,)), tags.get(FORMAT, (1,)), tags.get(SAMPLES, 1)
    if tags.get(COMPRESSION) == WEBP:
        raise ValueError("it is compressed by WebP, which is not read within TIFF; save it with another compression")
    if 2 in formats:
        raise ValueError("signed integers have no known black and white; convert the picture to unsigned ones")
    if 3 in formats:
        raise ValueError("floating-point pixels have no fixed range; convert the picture to 16-bit integers")
    if max(bits) > 16:
        raise ValueError(f"{max(bits)}-bit integer pixels have no known range; convert the picture to 16 bits")
    colours, extra = COLOURS.get(tags.get(PHOTOMETRIC, -1), samples), tags.get(EXTRA, ())
    if samples > colours and (samples > colours + 1 or extra[0:1] not in ((1,), (2,))):
        raise ValueError(
            f"of its {samples} bands {colours} {'is' if colours == 1 else 'are'} known and the others are not "
            "transparency; upscale bands apart, or leave out what is no colour"
        )


def with_known_range(pixels: Pixels, image: Image.Image) -> Pixels:
    """Grey of 16 or 12 bits as Pillow gives it -> 65535 is white."""
    if not pixels.deep:
        return pixels
    grey = pixels.colour
    if set(tag(image, BITS, ())) == {12}:
        grey = ((grey.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
    return Pixels(np.uint16(65535) - grey if tag(image, PHOTOMETRIC) == WHITE_IS_ZERO else grey)


def decode_deep(path: Path, index: int) -> Pixels:
    """Decodes a page of 16-bit colours.

    Raises:
        ImportError: if the file is compressed in a way that needs imagecodecs, which is missing.
        ValueError: if it is damaged.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[index]
            array = page.asarray()
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                array = np.moveaxis(array, 0, 2)
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImportError from error
        raise
    if array.dtype != np.uint16 or array.ndim != 3 or not 2 <= array.shape[2] <= 4:
        raise ValueError(f"TIFF page of {array.dtype} and shape {array.shape}")
    return from_channels(array)
