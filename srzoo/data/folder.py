"""A folder of the user's own pictures as a source."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.data.pairs import Item, Source, pair_from_hr
from srzoo.images import ImageError, image_files, read_image


def folder(path: Path, scale: int) -> Source:
    """Pictures of a folder: `HR/` and `LR/` paired by file name, only `HR/`, or just pictures at any depth.

    Where there is no LR, it is made from HR by MATLAB's bicubic. The endings of the two files of a pair
    may differ; `LR/` may hold subfolders, as `HR/` may.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no picture, or pairs do not fit; the message names each bad pair.
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
    hr = read_image(path)
    if min(hr.shape[:2]) < scale:
        raise ImageError(f"{path}: {hr.shape[1]}x{hr.shape[0]} pixels are too few for scale {scale}")
    return pair_from_hr(hr, scale)


def _read_pair(lr_path: Path, hr_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return read_image(lr_path), read_image(hr_path)


def _paired(hr_files: list[Path], hr_folder: Path, lr_folder: Path, scale: int) -> list[tuple[Path, Path]]:
    lr_of = {file.relative_to(lr_folder).with_suffix(""): file for file in image_files(lr_folder)}
    hr_of = {file.relative_to(hr_folder).with_suffix(""): file for file in hr_files}
    bad = [f"{hr_of[key]} has no LR of that name" for key in hr_of.keys() - lr_of.keys()]
    bad += [f"{lr_of[key]} has no HR of that name" for key in lr_of.keys() - hr_of.keys()]
    for key in hr_of.keys() & lr_of.keys():
        hr_size, lr_size = _size(hr_of[key]), _size(lr_of[key])
        # A file whose size cannot be read is left to the reader, which names and counts it.
        if hr_size and lr_size and hr_size != (lr_size[0] * scale, lr_size[1] * scale):
            hr_text, lr_text = ("x".join(map(str, size)) for size in (hr_size, lr_size))
            bad.append(f"{hr_of[key]} has {hr_text} pixels, which is not {scale} times the {lr_text} of {lr_of[key]}")
    if bad:
        raise ValueError(
            f"{hr_folder.parent}: {len(bad)} bad pair(s); every HR needs an LR of the same name with sides "
            f"exactly {scale} times smaller:\n  " + "\n  ".join(sorted(bad))
        )
    return [(hr_of[key], lr_of[key]) for key in sorted(hr_of)]


def _size(path: Path) -> tuple[int, int] | None:
    """(width, height) from the header alone, upright as `read_image` would turn it; None if unreadable."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations that swap the sides
            return image.size[::-1] if turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
