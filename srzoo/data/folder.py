"""A folder of the user's own pictures as a source."""

import logging
from functools import partial
from pathlib import Path

import numpy as np

from srzoo.data.copies import same_picture, size_of
from srzoo.data.degraded import Degradation
from srzoo.data.items import Item, Source, pair_from_hr
from srzoo.data.layout import Layout, find_layout
from srzoo.images import ImageError
from srzoo.pictures.reading import read_image
from srzoo.tables import printable

LOGGER = logging.getLogger(__name__)


def folder(path: Path, scale: int, degradation: Degradation | None = None) -> Source:
    """Pictures of a folder in one of the layouts of `srzoo.data.layout`; it logs what it takes for what.

    Where there is no LR, it is made from HR by MATLAB's bicubic. The endings of the two files of a pair
    may differ; their folders may hold subfolders.

    A pair that does not show one picture is an error when it is read.

    Raises:
        FileNotFoundError, NotADirectoryError: the errors of `srzoo.images.check_folder`.
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


def _misfit(hr: Path, lr: Path, scale: int) -> str | None:
    """Describes what is wrong with the sizes of a pair."""
    hr_size, lr_size = size_of(hr), size_of(lr)
    # A file whose size cannot be read is left to the reader, which names and counts it.
    if not hr_size or not lr_size or hr_size == (lr_size[0] * scale, lr_size[1] * scale):
        return None
    hr_text, lr_text = ("x".join(map(str, size)) for size in (hr_size, lr_size))
    swapped = lr_size == (hr_size[0] * scale, hr_size[1] * scale)
    return f"{hr} has {hr_text} pixels, which is not {scale} times the {lr_text} of {lr}" + (
        " but the other way round: HR and LR are swapped" if swapped else ""
    )
