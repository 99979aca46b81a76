"""From an image file to its frames or pages, one by one, each with pixels and metadata."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo.images import MAX_PIXELS, SUFFIXES, ImageError, decoding, open_image
from srzoo.pictures.metadata import ORIENTATION, Metadata, read_metadata
from srzoo.pictures.pixels import Bands, Pixels, from_channels, from_pillow, upright

ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "HEIF", "JXL")
PAGED = ("TIFF",)

ENDINGS = (
    *SUFFIXES,
    *(".gif", ".apng", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".jpe", ".jfif", ".mpo", ".dib"),
    *(".ico", ".pcx", ".pbm", ".pgm", ".ppm", ".psd", ".qoi", ".sgi", ".tga"),
)
"""File name endings, in lower case, that are looked for in a folder of pictures to upscale."""


@dataclass(frozen=True)
class Frame:
    """A still picture, a frame of an animation, or a page.

    Attributes:
        pixels: upright.
        metadata: as in the file.
        duration: milliseconds that it is shown.
    """

    pixels: Pixels
    metadata: Metadata
    duration: float = 0


@dataclass(frozen=True)
class LargeFrame:
    """A still picture or a page to be written that is never held whole; `metadata` are true of it."""

    pixels: Bands
    metadata: Metadata


class Picture:
    """An image file that is open; made by `open_picture`.

    Attributes:
        path: of the file.
        format: Pillow's name of it.
        count: of frames or pages.
        animated: whether these are frames of an animation.
        loop: how often it plays as the file says it, None if it does not say.
        still_first: whether the first frame is APNG's picture for those who cannot play it, outside the animation.
        transparent: whether its format and mode can hold transparency.
        deep: whether it is of 16 bits.
        lossless: whether a WebP file is; else it follows from the format.
        notes: what was changed or left out on reading, in words, each once.
    """

    def __init__(self, path: Path, image: Image.Image):
        self.path = path
        self._image = image
        self._size = image.size
        self.format = image.format or ""
        self.count = getattr(image, "n_frames", 1) if self.format in ANIMATED + PAGED else 1
        self.animated = self.count > 1 and self.format not in PAGED
        self.loop: int | None = image.info.get("loop")
        self.still_first = bool(self.animated and getattr(image, "default_image", False))
        self.transparent = image.has_transparency_data or (self.animated and self.format == "GIF")
        self._deep_colour = _is_deep_colour(path, image)
        self.deep = image.mode.startswith("I") or self._deep_colour
        self.lossless = self.format == "WEBP" and _is_lossless_webp(path)
        self.notes: list[str] = []
        if self.format == "MPO":
            self._note("of several pictures in it the first is upscaled")
        if self.format == "PSD":
            self._note("its layers come out as one picture")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame, as stored."""
        return self._size

    def frames(self) -> Iterator[Frame]:
        """Decodes the frames one by one.

        Raises:
            ImageError: if one is damaged; it names the file.
        """
        for index in range(self.count):
            with decoding(self.path):
                frame = self._decode(index)
            yield frame

    def _decode(self, index: int) -> Frame:
        image = self._image
        if self.count > 1:
            image.seek(index)
        if self.animated and image.size != self._size:
            # A GIF of a few bytes may do so, and ask for gigabytes.
            raise ImageError(
                f"{self.path}: frame {index + 1} makes the picture grow from {self._size[0]}x{self._size[1]} to "
                f"{image.width}x{image.height}; save it anew with frames of one size"
            )
        # Pillow turns TIFF itself, tifffile does not.
        as_stored = _tag(image, ORIENTATION) or 1
        image.load()
        metadata, note = read_metadata(image)
        self._note(note)
        orientation = image.getexif().get(ORIENTATION, 1)
        pixels = self._decode_deep(index) if self._deep_colour else None
        if pixels is None:
            pixels, note = from_pillow(image)
            self._note(note)
            if pixels.deep and self.format == "TIFF" and _tag(image, 262) == 0:
                pixels = Pixels(np.uint16(65535) - pixels.colour)  # white is zero, which Pillow passes over
        elif self.format == "TIFF":
            orientation = as_stored
        if self.count == 1:
            image.close()  # what was decoded is as large as the pixels
        pixels = upright(pixels, orientation)
        if self.animated:
            pixels = pixels.in_colour()
        return Frame(pixels, metadata, float(image.info.get("duration") or 0))

    def _decode_deep(self, index: int) -> Pixels | None:
        if self.animated:
            self._note("its 16 bits become 8, as it is an animation")
        elif self._image.mode == "CMYK":
            self._note("its 16 bits become 8, as CMYK is converted so")
        elif 1 in (_tag(self._image, 338) or ()):
            self._note("its 16 bits become 8, as its colours are multiplied by alpha")
        elif self.format == "PNG":
            return _decode_png(self.path, self._image.info.get("transparency"))
        else:
            try:
                return _decode_tiff(self.path, index)
            except ImportError:
                self._note("its 16 bits become 8, as imagecodecs is missing: `pip install imagecodecs`")
        return None

    def _note(self, note: str | None) -> None:
        if note and note not in self.notes:
            self.notes.append(note)


@contextlib.contextmanager
def open_picture(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Iterator[Picture]:
    """Opens an image file with all that it holds.

    Args:
        path: a file in one of `srzoo.images.READABLE`.
        max_pixels: width times height that a frame may have.

    Raises:
        FileNotFoundError: if there is no such file.
        ImageError: if the file is not an image, is larger, or its ending names another format than it has.
    """
    path = Path(path)
    with open_image(path, max_pixels) as image:
        with decoding(path):
            _check_ending(path, image)
            picture = Picture(path, image)
        yield picture


def _check_ending(path: Path, image: Image.Image) -> None:
    """Refuses a file whose ending lies: the result would bear it too, and more is wrong with such files as a rule."""
    family = {"MPO": "JPEG", "DIB": "BMP"}
    named, found = Image.EXTENSION.get(path.suffix.lower(), ""), image.format or ""
    if path.suffix and family.get(named, named) != family.get(found, found):
        ending = next((ending for ending, name in Image.EXTENSION.items() if name == found), f".{found.lower()}")
        raise ImageError(
            f"{path}: its content is {found}, which the ending {path.suffix!r} does not say; rename it to "
            f"{path.stem}{'.jpg' if found in ('JPEG', 'MPO') else ending}"
        )


def _tag(image: Image.Image, tag: int):
    return getattr(image, "tag_v2", {}).get(tag)


def _is_deep_colour(path: Path, image: Image.Image) -> bool:
    """Whether it is of 16 bits with more than grey, which Pillow brings to 8."""
    if image.format == "PNG":
        with path.open("rb") as file:
            depth, kind = file.read(26)[24:]
        return depth == 16 and kind != 0
    return image.format == "TIFF" and set(_tag(image, 258) or ()) == {16} and image.mode in ("RGB", "RGBA", "CMYK")


def _is_lossless_webp(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = header[:4], int.from_bytes(header[4:], "little")
            if name in (b"VP8 ", b"VP8L"):
                return name == b"VP8L"
            # Of a frame, its 16 bytes of place and duration; then come its chunks.
            file.seek(16 if name == b"ANMF" else length + length % 2, os.SEEK_CUR)
    return False


def _decode_png(path: Path, transparency) -> Pixels:
    import tensorflow as tf

    content = path.read_bytes()
    kind = content[25]
    try:
        # It gives grey with alpha as RGBA only.
        array = tf.io.decode_png(content, channels=3 if kind == 2 else 4, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ImageError(f"{path}: not an image that can be read (16-bit PNG that TensorFlow refuses)") from error
    pixels = from_channels(array[..., 2:] if kind == 4 else array)
    if isinstance(transparency, tuple):
        hidden = np.all(pixels.colour == np.array(transparency, np.uint16), axis=2)
        pixels = Pixels(pixels.colour, np.where(hidden, 0, 65535).astype(np.uint16))
    return pixels


def _decode_tiff(path: Path, index: int) -> Pixels:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[index]
            array = page.asarray()
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                array = np.moveaxis(array, 0, 2)
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImportError from error
        raise
    if array.dtype != np.uint16 or array.ndim != 3 or not 2 <= array.shape[2] <= 4:
        raise ValueError(f"16-bit TIFF of shape {array.shape} is neither RGB nor RGBA")
    return from_channels(array)
