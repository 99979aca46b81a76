"""The network for a picture: the nearest one of a name, or for `auto` the one that the picture's damage calls for."""

import contextlib
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from srzoo import shipped
from srzoo.images import MAX_PIXELS
from srzoo.pictures.damage import DAMAGING_QUALITY, Damage, find_damage, quality_of_file
from srzoo.pictures.reading import open_picture
from srzoo.upscaling.batch import Job
from srzoo.upscaling.sizes import passes
from srzoo.upscaling.upscaler import Upscaler

BAD_QUALITY = 75
"""The highest quality of JPEG that is told to those who did not ask for `auto`."""


def advice(path: Path, max_pixels: int = MAX_PIXELS) -> list[str]:
    """A line on the damage that `auto` would remove, from the file's header alone; none if there is little.

    Raises:
        FileNotFoundError, ImageError: the errors of `srzoo.pictures.damage.quality_of_file`.
    """
    quality = quality_of_file(path, max_pixels)
    if quality is None or quality > BAD_QUALITY:
        return []
    return [f"has JPEG of quality {quality}, which --model {shipped.AUTO} would remove"]


def suited(path: Path, factor: float, max_pixels: int = MAX_PIXELS) -> tuple[str, str]:
    """The network for a picture, by its first frame.

    Args:
        path: path of an image file.
        factor: how many times as wide and high the result is.
        max_pixels: largest number of pixels of the picture.

    Returns:
        The name of a network that ships, and a line that says what was found.

    Raises:
        FileNotFoundError, ImageError: the errors of `srzoo.pictures.reading.open_picture`.
    """
    with open_picture(path, max_pixels) as picture:
        pixels = next(picture.frames()).pixels.in_8_bits().in_colour().colour
    quality = quality_of_file(path, max_pixels)
    found = find_damage(pixels)
    if quality is not None and quality <= DAMAGING_QUALITY:
        found = Damage(quality, found.noise, found.blurred)
    name = shipped.nearest(shipped.FOR_DAMAGED if found else shipped.FOR_CLEAN, factor)
    return name, f"{name}, because it has {found}"


class Upscalers:
    """The upscalers for the pictures of a run, each loaded once, when the first picture needs it.

    Args:
        source: the network's name or path, or `auto`. Of a name without a scale each picture gets the nearest one.
        load: makes the upscaler of a name or path.
        max_pixels: largest number of pixels of a picture.
        advises: whether the notes tell of damage that `auto` would remove.
    """

    def __init__(
        self, source: str, load: Callable[[str], Upscaler], max_pixels: int = MAX_PIXELS, advises: bool = False
    ):
        self._source, self._max_pixels, self._advises = source, max_pixels, advises
        self._loaded, self._chosen = cache(load), cache(self._choose)
        self._lock = threading.Lock()

    def load(self, source: str) -> Upscaler:
        """The upscaler of a name or path."""
        with self._lock:  # two threads would both load it
            return self._loaded(source)

    def of(self, job: Job) -> Upscaler:
        """The upscaler for a job's picture."""
        return self.load(self._chosen(job.source, job.factor)[0])

    def notes(self, job: Job) -> list[str]:
        """What is to be said of the upscaler for a job's picture: how it reaches the size, and why it was chosen."""
        return [*_way(job, self.of(job)), *self._chosen(job.source, job.factor)[1:]]

    def _choose(self, path: Path, factor: float) -> tuple[str, ...]:
        """The name or path of a picture's network, and what is to be said of that."""
        automatic = self._source == shipped.AUTO
        nearest = shipped.nearest(shipped.FOR_CLEAN if automatic else self._source, factor)
        with contextlib.suppress(OSError, ValueError, MemoryError):  # of which `srzoo.upscaling.batch.carry_out` tells
            if automatic:
                return suited(path, factor, self._max_pixels)
            if self._advises:
                return nearest, *advice(path, self._max_pixels)
        return (nearest,)


def _way(job: Job, upscaler: Upscaler) -> list[str]:
    """How a size is reached that is not the network's own."""
    size = job.size.of(*job.given)
    with contextlib.suppress(ValueError):  # out of reach, of which `srzoo.upscaling.batch.carry_out` tells
        count = passes(upscaler.network_scale, job.given, size)
        exact = size == tuple(side * upscaler.network_scale**count for side in job.given)
        if count > 1 or not exact:
            factor = job.size.factor(*job.given)
            return [f"x{factor:.3g} by {upscaler.name}{' twice' * (count - 1)}{', then reduced' * (not exact)}"]
    return []
