"""Reads an image file's frames or pages, one by one, each with pixels and metadata."""

import contextlib
import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo.images import MAX_PIXELS, SUFFIXES, ImageError, decoding, look_up, open_image
from srzoo.pictures import tiff_pages
from srzoo.pictures.bands import check_jpeg2000, is_transparent_psd
from srzoo.pictures.bmp import misread
from srzoo.pictures.gif import composed_frames
from srzoo.pictures.metadata import ORIENTATION, Metadata, code_points, orientation_of, read_metadata
from srzoo.pictures.pixels import Bands, Pixels, from_channels, from_pillow, upright

ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "HEIF", "JXL")
PAGED = ("TIFF",)

XMP_KEYS = ("xmp", "XML:com.adobe.xmp")

MAX_SCANS, CHANCE = 200, 1 << 14
"""Largest number of a JPEG's scans, and bytes of the file for which one more may be found: in other data, such as the
video behind a phone's photo, the marker stands by chance. A scan may take 30 bytes, and time for every pixel; encoders
write some ten."""

HIGH_DYNAMIC_RANGE = (16, 18)
"""Transfer characteristics PQ and HLG, by their code points."""

ENDINGS = (
    *SUFFIXES,
    *(".gif", ".apng", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".jpe", ".jfif", ".mpo", ".dib"),
    *(".ico", ".pcx", ".pbm", ".pgm", ".ppm", ".psd", ".qoi", ".sgi", ".tga"),
)
"""File name endings, in lower case, that are looked for in a folder of pictures to upscale."""

RAW = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw"),
    *(".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
"""Endings of cameras' raw files; many are TIFF files with a small copy of the picture."""


@dataclass(frozen=True)
class Frame:
    """A still picture, a frame of an animation, or a page.

    Attributes:
        pixels: upright.
        metadata: metadata of the file.
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
        path: path of the file.
        format: Pillow's name of it.
        size: width and height of the first frame, as stored; of a TIFF as it is to be seen, as Pillow has it.
        count: number of frames or pages.
        animated: whether these are frames of an animation.
        loop: how often it plays as the file says it, None if it does not say.
        still_first: whether the first frame is APNG's picture for those who cannot play it, outside the animation.
        transparent: whether its format and mode can hold transparency.
        deep: whether it is of 16 bits.
        code_points: what PNG's cICP or AVIF's and HEIF's nclx says of other colours than sRGB's, as cICP has it.
        lossless: whether a WebP file is; else it follows from the format.
        notes: what was changed or left out on reading, in words, each once.
    """

    def __init__(self, path: Path, image: Image.Image):
        self.path = path
        self._image = image
        self.format = image.format or ""
        if self.format == "TIFF":
            self._pages, left_out = tiff_pages.picture_pages(path)
            image.seek(self._pages[0])
            tiff_pages.check_kind(image.tag_v2)  # type: ignore[attr-defined]
        else:
            left_out = 0
            if self.format == "JPEG2000":
                check_jpeg2000(path)
            if self.format in ("JPEG", "MPO"):
                content = path.read_bytes()
                if content.count(b"\xff\xda") > MAX_SCANS + len(content) // CHANCE:
                    raise ValueError(
                        f"more than {MAX_SCANS} scans, each of which takes time for all pixels; save it anew"
                    )
            self._pages = list(range(getattr(image, "n_frames", 1) if self.format in ANIMATED else 1))
        self.size = image.size
        self.count = len(self._pages)
        self.animated = self.count > 1 and self.format not in PAGED
        self.loop: int | None = image.info.get("loop")
        self.still_first = bool(self.animated and getattr(image, "default_image", False))
        self._composed: Iterator[np.ndarray] | None = None
        self._whole = self.format != "GIF" or (self.count == 1 and _is_covered(image))
        self._bitmap = misread(path, image) if self.format in ("BMP", "DIB") else None
        by_mask = bool(self._bitmap and self._bitmap.alpha_mask)
        self._opaque = self.format == "PSD" and image.mode == "RGBA" and not is_transparent_psd(path)
        self.transparent = (image.has_transparency_data and not self._opaque) or not self._whole or by_mask
        bits = tiff_pages.tag(image, tiff_pages.BITS, (8,))
        depth, kind = _png_depth(path) if self.format == "PNG" else (max(bits), 0)
        self._key = image.info.get("transparency")
        if depth < 8 and image.mode == "L" and isinstance(self._key, int):
            self._key *= 255 // (2**depth - 1)  # Pillow scales the pixels, not their key
        self._deep_colour = depth == 16 and (kind != 0 or image.mode in ("RGB", "RGBA", "CMYK"))
        self.deep = image.mode.startswith("I") or self._deep_colour
        self.code_points = code_points(path, self.format, image.info)
        self.lossless = self.format == "WEBP" and _is_lossless_webp(path)
        self.notes: list[str] = []
        if left_out:
            self._note("its smaller copies and masks are left out")
        if self.format == "MPO":
            self._note("of several pictures in it the first is upscaled")
        if self.format == "PSD":
            self._note("its layers come out as one picture")
        if self._opaque:
            self._note("its fourth channel is left out, because it is not transparency")

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the first frame as it is to be seen."""
        return (self.size[1], self.size[0]) if self.format != "TIFF" and self._orientation() >= 5 else self.size

    def page_sizes(self) -> set[tuple[int, int]]:
        """Widths and heights of all pages as they are to be seen; frames of an animation have that of the first."""
        if self.format not in PAGED:
            return {self.upright_size}
        sizes = set()
        for index in self._pages:
            self._image.seek(index)
            sizes.add(self._image.size)
        return sizes

    def _orientation(self) -> int:
        # A JPEG XL's own orientation has been applied, and its EXIF's does not count; but a JPEG's within it does.
        counts = self.format != "JXL" or getattr(self._image, "jpeg", False)
        return orientation_of(self._image) if counts else 1

    def frames(self) -> Iterator[Frame]:
        """Decodes the frames one by one.

        Raises:
            ImageError: if one is damaged; it names the file.
        """
        if not self._whole:
            self._composed = composed_frames(self.path.read_bytes())
        for index in self._pages:
            with decoding(self.path):
                frame = self._decode(index)
            yield frame

    def _decode(self, index: int) -> Frame:
        image = self._image
        if self.count > 1 or index:
            image.seek(index)
        if self.animated and image.size != self.size:
            # A GIF of a few bytes may do so, and ask for gigabytes.
            raise ImageError(
                f"{self.path}: frame {index + 1} makes the picture grow from {self.size[0]}x{self.size[1]} to "
                f"{image.width}x{image.height}; save it anew with frames of one size"
            )
        if self.format == "TIFF":
            tiff_pages.check_kind(image.tag_v2)  # type: ignore[attr-defined]
        if self.format == "PNG" and self._key is not None:
            image.info["transparency"] = self._key
        as_stored = tiff_pages.tag(image, ORIENTATION, 1)
        # Pillow would turn by XMP too, which no other program does.
        xmp = [image.info.pop(key, None) for key in XMP_KEYS]
        if not self._bitmap:
            image.load()
        xmp += [image.info.pop(key, None) for key in XMP_KEYS]
        metadata, note = read_metadata(image, next(filter(None, xmp), None), self.code_points)
        if as_stored in range(2, 9):
            metadata.exif[ORIENTATION] = as_stored  # Pillow has turned TIFF itself, and removed it
        self._note(note)
        for left_out in metadata.left_out() if self.format == "TIFF" else ():
            self._note(left_out)
        orientation = self._orientation()
        if self.format == "JXL" and orientation == 1:
            metadata.exif.pop(ORIENTATION, None)  # or it would turn resolutions, but no pixels
        pixels = self._decode_beside_pillow(index)
        if pixels is None:
            pixels, note = from_pillow(image.convert("RGB") if self._opaque else image)
            self._note(note)
            if self.format == "TIFF":
                pixels = tiff_pages.with_known_range(pixels, image)
        elif self.format == "TIFF":
            orientation = as_stored  # tifffile does not turn
        if self.count == 1:
            image.close()  # what was decoded is as large as the pixels
        pixels = upright(pixels, orientation)
        if self.animated:
            pixels = pixels.in_colour()
        return Frame(pixels, metadata, float(image.info.get("duration") or 0))

    def _decode_beside_pillow(self, index: int) -> Pixels | None:
        if self._bitmap:
            return self._bitmap.decode(self.path, self._image)
        if self._composed:
            return from_channels(next(self._composed))
        if not self._deep_colour:
            return None
        if self.animated:
            self._note("its 16 bits become 8, because it is an animation")
        elif self._image.mode == "CMYK":
            self._note("its 16 bits become 8, because CMYK is converted in 8 bits")
        elif tiff_pages.MULTIPLIED in tiff_pages.tag(self._image, tiff_pages.EXTRA, ()):
            self._note("its 16 bits become 8, because its colours are multiplied by alpha")
        elif self.format == "PNG":
            return _decode_png(self.path, self._image.info.get("transparency"))
        else:
            try:
                return tiff_pages.decode_deep(self.path, index)
            except ImportError:
                self._note("its 16 bits become 8, because imagecodecs is missing: `pip install imagecodecs`")
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
    _refuse_raw(path)
    with open_image(path, max_pixels) as image:
        with decoding(path):
            _check_ending(path, image)
            picture = Picture(path, image)
        yield picture


def read_image(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image file as training and measuring want it: RGB of 8 bits, upright, without transparency.

    Of an animation or of pages it is the first. What `open_picture` refuses is refused here too, but for an ending
    that lies.

    Args:
        path: a file in one of `srzoo.images.READABLE`.
        max_pixels: width times height that it may have.

    Returns:
        uint8 array of shape (height, width, 3).

    Raises:
        FileNotFoundError: if there is no such file.
        ImageError: if the file is not an image, is damaged, or is larger.
    """
    path = Path(path)
    _refuse_raw(path)
    with open_image(path, max_pixels) as image:
        with decoding(path):
            picture = Picture(path, image)
            if picture.code_points and picture.code_points[1] in HIGH_DYNAMIC_RANGE:
                raise ValueError("high dynamic range, whose brightness 8 bits of RGB do not hold; convert it to sRGB")
        colour = next(picture.frames()).pixels.in_8_bits().colour
    return np.array(colour if colour.ndim == 3 else np.repeat(colour[..., None], 3, axis=2))


def _refuse_raw(path: Path) -> None:
    """Refuses cameras' raw files before anything reads them; many are TIFF files with a small copy of the picture."""
    if path.suffix.lower() in RAW and path.exists():
        raise ImageError(f"{path}: RAW files are not read, and what is in them is a small copy; give it developed")


def _check_ending(path: Path, image: Image.Image) -> None:
    """Refuses a file whose ending names another format: its result would have that ending too.

    Text after a point that names no format, such as `.15` in a time of day, is part of the name.
    """
    family = {"MPO": "JPEG", "DIB": "BMP"}
    ending = path.suffix.lower()
    named, found = look_up(Image.EXTENSION, ending) or mimetypes.guess_type(path.name)[0] or "", image.format or ""
    if named and family.get(named, named) != family.get(found, found):
        true = next((ending for ending, name in Image.EXTENSION.items() if name == found), f".{found.lower()}")
        raise ImageError(
            f"{path}: its content is {found}, which the ending {path.suffix!r} does not say; rename it to "
            f"{path.stem}{'.jpg' if found in ('JPEG', 'MPO') else true}"
        )


def _is_covered(image: Image.Image) -> bool:
    """Whether a GIF's first frame takes all of the picture."""
    tiles: Any = getattr(image, "tile", ())
    return bool(tiles) and tiles[0][1] == (0, 0, *image.size)


def _png_depth(path: Path) -> tuple[int, int]:
    """Bits a channel, and the kind of colours (0 is grey)."""
    with path.open("rb") as file:
        depth, kind = file.read(26)[24:]
    return depth, kind


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
        # TensorFlow gives grey with alpha only as RGBA.
        array = tf.io.decode_png(content, channels=3 if kind == 2 else 4, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ImageError(f"{path}: not an image that can be read (16-bit PNG that TensorFlow refuses)") from error
    pixels = from_channels(array[..., 2:] if kind == 4 else array)
    if isinstance(transparency, tuple):
        hidden = np.all(pixels.colour == np.array(transparency, np.uint16), axis=2)
        pixels = Pixels(pixels.colour, np.where(hidden, 0, 65535).astype(np.uint16))
    return pixels
