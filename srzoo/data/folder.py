"""A folder of the user's own pictures as a source."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.data.pairs import Item, Source, pair_from_hr
from srzoo.images import ImageError, image_files
from srzoo.pictures.reading import read_image

THUMBNAIL = 8

MAX_DIFFERENCE = 8.0
"""Mean of the absolute differences between thumbnails, in grey levels, up to which a pair is one picture."""

MIN_CORRELATION = 0.5
"""Of thumbnails, above which a pair is one picture too.

Of 200 photographs, two at random reach it in 5 % of the cases; their own LR, blurred, darkened, shifted or with noise
of sigma 30, always.
"""


def folder(path: Path, scale: int) -> Source:
    """Pictures of a folder: `HR/` and `LR/` paired by file name, only `HR/`, or just pictures at any depth.

    Where there is no LR, it is made from HR by MATLAB's bicubic. The endings of the two files of a pair
    may differ; `LR/` may hold subfolders, as `HR/` may.

    A pair that does not show one picture is an error when it is read.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no picture, or pairs do not fit by name and size; the message names each bad one.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder")
    hr_folder = path / "HR" if (path / "HR").is_dir() else path
    files = image_files(hr_folder)
    if not files:
        raise ValueError(f"{hr_folder}: no pictures found (PNG, JPEG, WebP, BMP or TIFF)")
    if hr_folder != path and (path / "LR").is_dir():
        pairs = _paired(files, hr_folder, path / "LR", scale)
        items = [Item(str(hr), partial(_read_pair, lr, hr)) for hr, lr in pairs]
    else:
        items = folder_items(files, scale)
    return Source(str(path), items)


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

    Both are brought to `THUMBNAIL` x `THUMBNAIL` grey pixels, where noise, blur and shifts of some pixels are
    gone. They are taken for different if neither their grey levels nor, brightness and contrast apart, their
    forms agree.

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


def _paired(hr_files: list[Path], hr_folder: Path, lr_folder: Path, scale: int) -> list[tuple[Path, Path]]:
    bad: list[str] = []
    lr_of, hr_of = (
        _by_name(files, of, bad) for files, of in ((image_files(lr_folder), lr_folder), (hr_files, hr_folder))
    )
    bad += [f"{hr_of[key]} has no LR of that name" for key in hr_of.keys() - lr_of.keys()]
    bad += [f"{lr_of[key]} has no HR of that name" for key in lr_of.keys() - hr_of.keys()]
    for key in hr_of.keys() & lr_of.keys():
        hr_size, lr_size = _size(hr_of[key]), _size(lr_of[key])
        # A file whose size cannot be read is left to the reader, which names and counts it.
        if hr_size and lr_size and hr_size != (lr_size[0] * scale, lr_size[1] * scale):
            hr_text, lr_text = ("x".join(map(str, size)) for size in (hr_size, lr_size))
            swapped = lr_size == (hr_size[0] * scale, hr_size[1] * scale)
            bad.append(
                f"{hr_of[key]} has {hr_text} pixels, which is not {scale} times the {lr_text} of {lr_of[key]}"
                + (" but the other way round: HR and LR are swapped" if swapped else "")
            )
    if bad:
        raise ValueError(
            f"{hr_folder.parent}: {len(bad)} bad pair(s); every HR needs an LR of the same name with sides "
            f"exactly {scale} times smaller:\n  " + "\n  ".join(sorted(bad))
        )
    return [(hr_of[key], lr_of[key]) for key in sorted(hr_of)]


def _by_name(files: list[Path], folder: Path, bad: list[str]) -> dict[Path, Path]:
    """Path below the folder without its ending -> file; two files of one name are added to what is bad."""
    found: dict[Path, Path] = {}
    for file in files:
        key = file.relative_to(folder).with_suffix("")
        if key in found:
            bad.append(f"{found[key]} and {file} have the same name, so which of them is meant is not known")
        found[key] = file
    return found


def _size(path: Path) -> tuple[int, int] | None:
    """(width, height) from the header alone, upright as `read_image` would turn it; None if unreadable."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations that swap the sides
            return image.size[::-1] if turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
