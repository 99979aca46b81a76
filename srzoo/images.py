"""The pixel contract, and the way from files to pixels and back.

Pixels are RGB in [0, 255] everywhere in srzoo. In files and caches they are uint8; in and out of
models they are float32. Rounding and clipping happen in `to_uint8` and nowhere else.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""File name endings, in lower case, that srzoo looks for in a folder of images."""


# `read_image` refuses what Pillow only warns of. Not within it: pictures are read in threads, which share filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class ImageError(ValueError):
    """A file that cannot be read or written as an image; the message names the file and the cause."""


def to_uint8(pixels) -> np.ndarray:
    """Rounds to the nearest grey level, clips to [0, 255] and casts, in this order.

    Args:
        pixels: array of any shape, real numbers on the [0, 255] scale.

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: if a value is not finite, as a cast would turn it into an arbitrary grey level.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype == np.uint8:
        return pixels
    rounded = np.rint(pixels)
    if not np.all(np.isfinite(rounded)):
        raise ValueError("pixels hold NaN or infinite values; expected finite numbers in [0, 255]")
    return np.clip(rounded, 0, 255).astype(np.uint8)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image file as RGB, turned upright as its EXIF orientation says.

    Grey images become RGB with three equal channels, 16-bit ones are brought to 8 bits, and an alpha
    channel is dropped.

    Args:
        path: a file that Pillow can decode.

    Returns:
        uint8 array of shape (height, width, 3).

    Raises:
        FileNotFoundError: if there is no such file.
        ImageError: if the file is not an image or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with Image.open(path) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit and image.width * image.height > limit:
                raise ImageError(f"{path}: {image.width}x{image.height} pixels are more than the limit of {limit}")
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: more pixels than the limit ({error})") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"{path}: not an image that can be read ({error})") from error


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow's own conversion clips 16-bit values at 255 instead of scaling them.
        grey = to_uint8(np.asarray(image).astype(np.float64) / 257)
        return np.repeat(grey[..., None], 3, axis=2)
    if "transparency" in image.info:
        image = image.convert("RGBA")  # the way that Pillow wants a palette with transparency to go
    return np.array(image.convert("RGB"))


def write_image(path: str | os.PathLike, pixels: np.ndarray) -> None:
    """Writes pixels to a file whose format follows from its ending; the file appears whole or not at all.

    Args:
        path: where to write; missing folders are made. JPEG is written at quality 95, 4:4:4.
        pixels: uint8 array of shape (height, width, 3).

    Raises:
        ImageError: if the ending names no image format, or the file cannot be written.
        ValueError: if the pixels are of another shape or type.
    """
    path = Path(path)
    check_pixels(pixels)
    Image.init()
    image_format = Image.EXTENSION.get(path.suffix.lower())
    if image_format not in Image.SAVE:
        raise ImageError(f"{path}: the ending {path.suffix!r} names no image format; use one of {', '.join(SUFFIXES)}")
    options = {"quality": 95, "subsampling": 0} if image_format == "JPEG" else {}
    try:
        with atomic_file(path) as temporary:
            Image.fromarray(pixels).save(temporary, format=image_format, **options)
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error})") from error


class atomic_file:
    """Context manager: gives a temporary path beside `path`, which takes its place on success.

    Missing folders are made. If the block raises, the temporary file is removed and `path` is untouched.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=".writing-", suffix="".join(self.path.suffixes[-2:]), dir=self.path.parent
        )
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                # mkstemp makes private files; the result is an ordinary one.
                umask = os.umask(0)
                os.umask(umask)
                self.temporary.chmod(0o666 & ~umask)
                os.replace(self.temporary, self.path)
        finally:
            self.temporary.unlink(missing_ok=True)


def check_pixels(pixels: np.ndarray, name: str = "pixels") -> None:
    """Raises ValueError unless `pixels` is a uint8 array of shape (height, width, 3) with at least one pixel."""
    shape, dtype = getattr(pixels, "shape", None), getattr(pixels, "dtype", type(pixels).__name__)
    if dtype != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(f"{name} must be a uint8 array of shape (height, width, 3), got {dtype} of shape {shape}")


def image_files(folder: str | os.PathLike) -> list[Path]:
    """All files below `folder` with one of `SUFFIXES`, sorted by path; hidden ones are left out."""
    folder = Path(folder)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
