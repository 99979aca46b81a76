"""Pictures on which the ranges of 8-bit values are found."""

from pathlib import Path

import numpy as np

from srzoo.data.sample import TRAIN, sample_path
from srzoo.images import check_folder
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import own_pictures
from srzoo.runtimes.parity import PICTURES

CROPS = 36
"""Crops that int8 is calibrated on, at most."""

CROP = 96
"""Pixels a side of a crop, at most."""


def calibration_crops(folder: Path | None, count: int | None = None, side: int | None = None) -> list[np.ndarray]:
    """Pictures as the network will see them, for `int8`.

    Args:
        folder: folder of pictures like those to upscale. Without one, scikit-image's photographs are taken, but
            for those that parity is measured on.
        count: largest number of crops; default: `CROPS`.
        side: pixels of a crop's sides, at most; default: `CROP`.

    Returns:
        At most `count` uint8 arrays of shape (H, W, 3), H and W at most `side`: as many from each picture.

    Raises:
        FileNotFoundError, NotADirectoryError: the errors of `srzoo.images.check_folder`, or no folder is given and
            scikit-image is not installed.
        ValueError: if the folder holds no pictures, or one cannot be read.
    """
    count, side = count or CROPS, side or CROP
    if folder is None:
        try:
            paths = [sample_path(name) for name in TRAIN if name not in {each for each, *_ in PICTURES}]
        except FileNotFoundError as error:
            raise FileNotFoundError(
                "int8 is calibrated on pictures, and neither a folder of them is given nor is scikit-image with its "
                "photographs installed; give --calibration FOLDER, or run `pip install scikit-image`"
            ) from error
    else:
        check_folder(folder, "folder of calibration pictures")
        paths = own_pictures(folder)
        if not paths:
            raise ValueError(f"{folder}: no pictures to calibrate on; give a folder that holds some")
    # Spread over all files if there are more than it can take.
    paths = [paths[i * len(paths) // min(len(paths), count)] for i in range(min(len(paths), count))]
    return [crop for path in paths for crop in crops_of(path, count // len(paths), side)]


def crops_of(path: Path, count: int, side: int) -> list[np.ndarray]:
    """At most `count` crops of a picture, as `calibration_crops` gives them; raises ValueError if it cannot be read.

    They go from the top left to the bottom right corner in equal steps, at alternate sides of the diagonal.
    """
    picture, crops = read_image(path), []
    rows, columns = (max(0, length - side) for length in picture.shape[:2])
    # Without room to move, all crops would be the one.
    for i in range(count if rows or columns else 1):
        top = rows * i // max(1, count - 1)
        left = columns * i // max(1, count - 1)
        left = columns - left if i % 2 else left
        crops.append(picture[top : top + side, left : left + side])
    return crops
