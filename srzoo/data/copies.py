"""Pictures in two sizes: whether LR shows what HR shows, and LR among pictures that are to be HR."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import islice, permutations
from pathlib import Path

import numpy as np
from PIL import Image

from srzoo.images import ImageError
from srzoo.pictures.metadata import orientation_of
from srzoo.pictures.reading import read_image

SCALED = re.compile(r"[_-]?x\d$")
"""End of a name of LR that tells its scale, as in `0001x4`."""

EXAMINED = 3
"""Names of which the pictures are looked at. Other pictures of one name in two folders do not all look alike."""

THUMBNAIL = 8

MAX_DIFFERENCE = 8.0
"""Mean of the absolute differences between thumbnails, in grey levels, up to which a pair is one picture."""

MIN_CORRELATION = 0.5
"""Correlation of thumbnails above which a pair is one picture too.

Of 200 photographs, two at random reach it in 5 % of the cases; their own LR, blurred, darkened, shifted or with noise
of sigma 30, always.
"""


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


def find_small_copy(files: Iterable[Path]) -> tuple[Path, Path] | None:
    """Looks for files of one name in different folders, of which one is the other made smaller.

    Returns:
        (the small one, the large one); None unless the first few that could be, by their sizes, are.
    """
    of_name: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        of_name[SCALED.sub("", file.stem.lower())].append(file)
    size = cache(size_of)
    could_be = (
        (small, large)
        for _, group in sorted(of_name.items())
        for small, large in permutations(group[:4], 2)
        if small.parent != large.parent and _is_multiple(size(small), size(large))
    )
    found = list(islice(could_be, EXAMINED))
    try:
        return found[0] if found and all(same_picture(*map(read_image, pair)) for pair in found) else None
    except (ImageError, OSError):
        return None  # of which reading will tell


def _is_multiple(small: tuple[int, int] | None, large: tuple[int, int] | None) -> bool:
    return small is not None and any((scale * small[0], scale * small[1]) == large for scale in range(2, 9))


def size_of(path: Path) -> tuple[int, int] | None:
    """(width, height) from the header alone, upright as `read_image` would turn it; None if unreadable."""
    try:
        with Image.open(path) as image:
            return image.size[::-1] if orientation_of(image) >= 5 else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
