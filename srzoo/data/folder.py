"""A folder of the user's own pictures as a source."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.data.degraded import Degradation
from srzoo.data.items import Item, Source, pair_from_hr
from srzoo.data.layout import Layout, find_layout
from srzoo.images import ImageError
from srzoo.pictures.reading import read_image
from srzoo.tables import printable

LOGGER = logging.getLogger(__name__)

THUMBNAIL = 8

MAX_DIFFERENCE = 8.0
"""Mean of the absolute differences between thumbnails, in grey levels, up to which a pair is one picture."""

MIN_CORRELATION = 0.5
"""Correlation of thumbnails above which a pair is one picture too.

Of 200 photographs, two at random reach it in 5 % of the cases; their own LR, blurred, darkened, shifted or with noise
of sigma 30, always.
"""


def folder(path: Path, scale: int, degradation: Degradation | None = None) -> Source:
    """Pictures of a folder in one of the layouts of `srzoo.data.layout`; it logs what it takes for what.

    Where there is no LR, it is made from HR by MATLAB's bicubic. The endings of the two files of a pair
    may differ; their folders may hold subfolders.

    A pair that does not show one picture is an error when it is read.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no picture, it is not clear which are HR, or pairs do not fit by name and size; the
            message names each bad one.
    """
    training, validation = find_layout(path, scale, "training")
    for layout in filter(None, (training, validation)):
        LOGGER.info("%s", layout.in_words(degradation))
    return Source(str(path), _items(training, scale), _items(validation, scale) if validation else ())


def _items(layout: Layout, scale: int) -> list[Item]:
    pairs, bad = layout.pairs()
    if not pairs and not bad:
        raise ValueError(f"{layout.hr}: no pictures found (PNG, JPEG, WebP, BMP or TIFF)")
    bad += [reason for hr, lr in pairs if lr and (reason := _misfit(hr, lr, scale))]
    if bad:
        raise ValueError(
            f"{layout.root}: {len(bad)} bad pair(s); every HR needs an LR of the same name with sides "
            f"exactly {scale} times smaller:\n  " + "\n  ".join(sorted(map(printable, bad)))
        )
    return [Item(str(hr), partial(_read_pair, lr, hr) if lr else partial(_read_hr, hr, scale)) for hr, lr in pairs]


def folder_items(files: list[Path], scale: int) -> list[Item]:
    """Items of HR picture files, whose LR is made by MATLAB's bicubic when they are read."""
    return [Item(str(file), partial(_read_hr, file, scale)) for file in files]


def _read_hr(path: Path, scale: int) -> tuple[np.ndarray, np.ndarray]:
    return pair_from_hr(read_image(path), scale, str(path))


def _read_pair(lr_path: Path, hr_path: Path) -> tuple[np.ndarray, np.ndarray]:
    lr, hr = read_image(lr_path), read_image(hr_path)
    if not same_picture(lr, hr):
        raise ImageError(f"{lr_path} does not show what {hr_path} shows: a pair must be one picture in two sizes")
    return lr, hr


def same_picture(lr: np.ndarray, hr: np.ndarray) -> bool:
    """Whether two pictures look alike from far away, as LR and HR of any degradation do.

    Both are brought to `THUMBNAIL` x `THUMBNAIL` grey pixels, where noise, blur and shifts of some pixels are gone.
    They are taken for different if neither their grey levels nor, brightness and contrast apart, their forms agree.

    Args:
        lr, hr: uint8 of shape (height, width, 3), of any sizes.
    """
    size = (THUMBNAIL, THUMBNAIL)
    a, b = (
        np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX), np.float64)
        for pixels in (lr, hr)
    )
    if np.abs(a - b).mean() < MAX_DIFFERENCE:
        return True
    a, b = a - a.mean(), b - b.mean()
    norms = np.sqrt((a**2).sum() * (b**2).sum())
    return bool(norms > 0 and (a * b).sum() / norms > MIN_CORRELATION)


def _misfit(hr: Path, lr: Path, scale: int) -> str | None:
    """Describes what is wrong with the sizes of a pair."""
    hr_size, lr_size = _size(hr), _size(lr)
    # A file whose size cannot be read is left to the reader, which names and counts it.
    if not hr_size or not lr_size or hr_size == (lr_size[0] * scale, lr_size[1] * scale):
        return None
    hr_text, lr_text = ("x".join(map(str, size)) for size in (hr_size, lr_size))
    swapped = lr_size == (hr_size[0] * scale, hr_size[1] * scale)
    return f"{hr} has {hr_text} pixels, which is not {scale} times the {lr_text} of {lr}" + (
        " but the other way round: HR and LR are swapped" if swapped else ""
    )


def _size(path: Path) -> tuple[int, int] | None:
    """(width, height) from the header alone, upright as `read_image` would turn it; None if unreadable."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations that swap the sides
            return image.size[::-1] if turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
