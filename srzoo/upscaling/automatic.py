"""`auto`: looks at a picture, and takes the network that ships for clean ones or the one for damaged ones."""

from pathlib import Path

from srzoo import shipped
from srzoo.images import MAX_PIXELS
from srzoo.pictures.damage import DAMAGING_QUALITY, Damage, find_damage, quality_of_file
from srzoo.pictures.reading import open_picture

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
