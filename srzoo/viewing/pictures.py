"""The pictures that are shown: HR with LR made from it, or LR alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srzoo.evaluation import Pair, find_pairs
from srzoo.images import SUFFIXES
from srzoo.metrics.lpips import Lpips
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import own_pictures


@dataclass(frozen=True)
class Shown:
    """A picture to show.

    Attributes:
        name: name of its file, without the ending.
        file: where it is.
        pair: HR and maybe LR; None if the file is LR itself.
    """

    name: str
    file: Path
    pair: Pair | None

    def read(self, scale: int, lpips: Lpips | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns (lr, hr), uint8 of shapes (h, w, 3) and (scale h, scale w, 3); hr is None if there is none.

        Raises:
            ValueError: if the file cannot be read, or as `Pair.read`.
        """
        return self.pair.read(scale, lpips) if self.pair else (read_image(self.file), None)


def find_pictures(paths: Sequence[Path], scale: int, reference: bool, lpips: Lpips | None = None) -> list[Shown]:
    """Finds pictures to show and reads each once, so that bad ones are reported before anything is upscaled.

    Args:
        paths: files, and folders as `srzoo.evaluation.find_pairs` takes them.
        scale: scale of the upscaling.
        reference: if they are HR; else they are LR, at any depth of a folder.
        lpips: LPIPS, which may need larger pictures; None: not measured.

    Returns:
        At least one a path.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        ValueError: if a folder holds no pictures, or one cannot be read or is too small.
    """
    found: list[Shown] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
        if reference and path.is_dir():
            found += [Shown(pair.name, pair.hr, pair) for pair in find_pairs(path, scale, lpips)]
            continue
        files = own_pictures(path) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"{path}: no pictures in this folder; srzoo reads {', '.join(SUFFIXES)}")
        shown = [Shown(file.stem, file, Pair(file.stem, file, None) if reference else None) for file in files]
        for each in shown:
            each.read(scale, lpips)
        found += shown
    return found
