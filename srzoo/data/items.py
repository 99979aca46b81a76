"""Items of every source of training pictures. They are read on demand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from srzoo import bicubic
from srzoo.images import ImageError

HELD_OUT = 10
"""Largest number of pictures that are held out for validation if a source does not say which."""


@dataclass(frozen=True)
class Item:
    """One full-size picture.

    Attributes:
        name: what messages call it, a path where it has one.
        read: gives (lr, hr), uint8 of shapes (h, w, 3) and (scale * h, scale * w, 3); raises
            `srzoo.images.ImageError` if the picture cannot be had.
    """

    name: str
    read: Callable[[], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """A data set: pictures to train on, and others to validate on.

    Attributes:
        name: name that the user gave.
        train: iterated once; may be a stream.
        validation: likewise, and short. Empty: some of `train` are held out (see `hold_out`).
    """

    name: str
    train: Iterable[Item]
    validation: Iterable[Item] = ()


def pair_from_hr(hr: np.ndarray, scale: int, name: str = "the picture") -> tuple[np.ndarray, np.ndarray]:
    """Crops HR to a multiple of the scale and makes its LR by MATLAB's bicubic; uint8 in and out."""
    if min(hr.shape[:2]) < scale:
        raise ImageError(f"{name}: {hr.shape[1]}x{hr.shape[0]} pixels are too few for scale {scale}")
    hr = bicubic.crop_to_multiple(hr, scale)
    return bicubic.downscale(hr, scale), hr


def resized_pair(hr: np.ndarray, size: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole picture squeezed to `size` x `size` HR pixels, whatever its proportions, and its LR."""
    return pair_from_hr(np.array(Image.fromarray(hr).resize((size, size), Image.Resampling.BICUBIC)), scale)


def hold_out(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """Splits items into (train, validation): a tenth, at most `HELD_OUT`, spread evenly over the list.

    Raises:
        ValueError: for fewer than two items, because one of the two would be empty.
    """
    if len(items) < 2:
        raise ValueError(f"a data set needs at least 2 pictures, one of them to validate on; got {len(items)}")
    count = max(1, min(HELD_OUT, len(items) // 10))
    chosen = set(np.linspace(0, len(items) - 1, count, dtype=int))
    return (
        [item for i, item in enumerate(items) if i not in chosen],
        [item for i, item in enumerate(items) if i in chosen],
    )
