"""Formats of results, what each can hold, and the choice of one."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

from PIL import Image

from srzoo.images import look_up
from srzoo.pictures.reading import Picture

QUALITY = 95
"""Default quality of lossy compression."""

AnyPath = TypeVar("AnyPath", bound=PurePath)


@dataclass(frozen=True)
class Format:
    """A format that is written.

    Attributes:
        name: Pillow's.
        endings: endings of its files, the usual one first.
        side: pixels that a side may have.
        alpha: whether it holds transparency.
        deep: whether it holds 16 bits.
        frames: whether it holds animations.
        pages: whether it holds pages of different sizes.
        streams: whether it is written row by row here, so that a picture need not be held.
        kept: which metadata it holds, of exif, icc and xmp.
        quality: quality of lossy compression, from 1 to 100; None: it has none.
    """

    name: str
    endings: tuple[str, ...]
    side: int
    alpha: bool = False
    deep: bool = False
    frames: bool = False
    pages: bool = False
    streams: bool = False
    kept: tuple[str, ...] = ("exif", "icc", "xmp")
    quality: int | None = None

    def named(self, path: AnyPath) -> AnyPath:
        """The path with an ending of this format: its own if it has one."""
        if path.suffix.lower() in self.endings:
            return path
        return path.with_name(split_ending(path)[0] + self.endings[0])


def split_ending(path: PurePath) -> tuple[str, str]:
    """A name without its ending, and that, which is empty where it is of no picture, as `.15` in a time of day."""
    return (path.stem, path.suffix) if look_up(Image.EXTENSION, path.suffix.lower()) else (path.name, "")


FORMATS = {
    "png": Format("PNG", (".png", ".apng"), 2**31 - 1, alpha=True, deep=True, frames=True, streams=True),
    "jpeg": Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 65500, quality=QUALITY),
    "webp": Format("WEBP", (".webp",), 16383, alpha=True, frames=True, quality=QUALITY),
    "tiff": Format("TIFF", (".tif", ".tiff"), 2**31 - 1, alpha=True, deep=True, pages=True, streams=True),
    "gif": Format("GIF", (".gif",), 65535, alpha=True, frames=True, kept=()),
    "bmp": Format("BMP", (".bmp", ".dib"), 2**31 - 1, kept=()),
    "avif": Format("AVIF", (".avif",), 65536, alpha=True, frames=True, quality=QUALITY),
    "heif": Format("HEIF", (".heic", ".heif"), 16384, alpha=True, quality=QUALITY),
    "jpeg2000": Format("JPEG2000", (".jp2",), 2**31 - 1, alpha=True, kept=("icc",)),
}
"""Value of --format -> what it can hold."""

PNG = FORMATS["png"]

AS_INPUT = {**{each.name: each for each in FORMATS.values()}, "MPO": FORMATS["jpeg"], "DIB": FORMATS["bmp"]}
"""Pillow's name of the input's format -> the result's; for others it is PNG."""


def output_format(picture: Picture, wanted: str | None, scale: float) -> tuple[Format, list[str]]:
    """Chooses what a picture's result is written in: what is wanted, or PNG if that cannot hold the picture.

    Args:
        picture: the input.
        wanted: a key of `FORMATS`, or None for the input's own format.
        scale: scale of the upscaling.

    Returns:
        (format, what is said of it).
    """
    chosen = FORMATS[wanted] if wanted else AS_INPUT.get(picture.format)
    if chosen is None:
        return PNG, [f"{picture.format} is not written; written as PNG"]
    if not look_up(Image.SAVE, chosen.name):
        return PNG, [f"{chosen.name} cannot be written here; written as PNG"]
    lacks = [
        word
        for word, needed, held in [
            ("transparency", picture.transparent, chosen.alpha),
            ("16 bits", picture.deep, chosen.deep),
            ("animations", picture.animated, chosen.frames),
            ("colours told by code points", picture.code_points, chosen is PNG),
            (f"sides above {chosen.side} pixels", max(picture.size) * scale > chosen.side, False),
        ]
        if needed and not held
    ]
    if picture.count > 1 and not picture.animated and not chosen.pages:
        return FORMATS["tiff"], [f"{chosen.name} holds no pages; written as TIFF"]
    return (PNG, [f"{chosen.name} holds no {' and no '.join(lacks)}; written as PNG"]) if lacks else (chosen, [])
