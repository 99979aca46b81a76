"""The pixel contract, and image files: opening them, and writing RGB.

Pixels are RGB in [0, 255] everywhere in srzoo. In files and caches they are uint8; in and out of
models they are float32. What models give is rounded and clipped in `to_uint8` and `to_uint16`; only graphs, those of
served models and of Keras's metrics, have operations of their own for it.
"""

import contextlib
import errno
import functools
import io
import os
import threading
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from srzoo.atomic import atomic_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""File name endings, in lower case, that srzoo looks for in a folder of images."""

GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue in a grey level (ITU-R BT.601)."""

MAX_PIXELS = 400_000_000
"""Width times height that a picture may have if nobody says otherwise: 1.2 GB as RGB. A larger one may be a bomb."""

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

TOO_MANY = (
    "are more than the limit of {}; it may be a decompression bomb. "
    "If it is not, allow more: --max-pixels, or max_pixels= in Python"
)

READABLE = (
    *("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "DIB", "AVIF", "HEIF", "JXL", "JPEG2000", "MPO"),
    *("ICO", "PCX", "PPM", "PSD", "QOI", "SGI", "TGA"),
)
"""Formats to read, by Pillow's names; without EPS, which is a program, and formats that hold no photographs. The first
two are tried before the plugins of all others are imported."""

OPTIONAL = {
    "HEIF": ("pillow-heif", (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftyphevc")),
    "JXL": ("pillow-jxl-plugin", (b"\xff\x0a", b"JXL \r\n")),
}
"""Pillow's name of a format -> the package that reads it, and signatures within the first 12 bytes of such files."""

NO_PICTURES = {
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an SVG drawing or other XML",
    b"ftypqt": "a video",
    b"ftypisom": "a video",
    b"ftypmp4": "a video",
    b"\x1aE\xdf\xa3": "a video",
    b"8BPS": "a PSD that is damaged or not of 8 bits; save it as TIFF",
    b"jP  ": "a JPEG 2000 that is damaged or of more than four bands",
    b"\x76\x2f\x31\x01": "an OpenEXR picture; convert it to 16-bit integers",
    b"gimp xcf": "a GIMP picture; export it",
    **dict.fromkeys(
        (b"ftypcrx ", b"FUJIFILMCCD-", b"IIRO", b"IIRS", b"MMOR", b"IIU\0"), "a RAW file; give it developed"
    ),
}
"""Bytes among the first 12 of files that people take for pictures -> the true kind of file."""

# Files are refused for what Pillow only warns of. Not around each: they are read in threads, which share filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# A text or profile alone may take what Pillow lets all of them take: workflows and profiles of 1.5 MB are usual.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY


class ImageError(ValueError):
    """A file that cannot be read or written as an image; the message names the file and the cause."""


def to_uint8(pixels) -> np.ndarray:
    """Rounds to the nearest grey level, clips to [0, 255] and casts, in this order.

    Args:
        pixels: array of any shape, real numbers on the [0, 255] scale.

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: if a value is not finite, because a cast would turn it into an arbitrary grey level.
    """
    pixels = np.asarray(pixels)
    return pixels if pixels.dtype == np.uint8 else _to_integers(pixels, np.uint8)


def to_uint16(pixels) -> np.ndarray:
    """Like `to_uint8`, from the same [0, 255] scale to 16 bits: 255 becomes 65535."""
    return _to_integers(np.asarray(pixels) * 257, np.uint16)


def _to_integers(values: np.ndarray, dtype: type[np.unsignedinteger]) -> np.ndarray:
    rounded = np.rint(values)
    if not np.all(np.isfinite(rounded)):
        raise ValueError("pixels hold NaN or infinite values; expected finite numbers in [0, 255]")
    return np.clip(rounded, 0, np.iinfo(dtype).max).astype(dtype)


@contextlib.contextmanager
def open_image(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Opens an image file; its pixels are not decoded yet.

    Args:
        path: a file in one of `READABLE`.
        max_pixels: width times height that it may have.

    Yields:
        Pillow's image, open within the block. Whatever decodes it belongs in a `decoding` block.

    Raises:
        FileNotFoundError: if there is no such file.
        ImageError: if the file is not an image, or is larger.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        with decoding(path):
            if not path.exists():
                raise FileNotFoundError(errno.ENOENT, "no such file")
            if not path.is_file():
                raise ImageError(f"{path}: not a file with an image but a folder, a pipe or a device")
            stack.enter_context(_pillow_limit(max_pixels))
            file = stack.enter_context(path.open("rb"))
            image = stack.enter_context(_identified(file, path, max_pixels))
            if image.width * image.height > max_pixels:
                raise ImageError(f"{path}: {image.width}x{image.height} pixels {TOO_MANY.format(max_pixels)}")
        yield image


def _identified(file, path: Path, max_pixels: int) -> Image.Image:
    first = file.read(12)
    if not first:
        raise ImageError(f"{path}: not an image that can be read (the file is empty)")
    try:
        with contextlib.suppress(UnidentifiedImageError):
            return Image.open(file, formats=READABLE[:2])
        return Image.open(file, formats=_plugins())
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: its pixels {TOO_MANY.format(max_pixels)}") from error
    except UnidentifiedImageError as error:
        for name, (package, signatures) in OPTIONAL.items():
            if name not in _plugins() and any(signature in first for signature in signatures):
                raise ImageError(f"{path}: {name} needs {package}; install it with `pip install {package}`") from error
        kind = next(
            (kind for beginning, kind in NO_PICTURES.items() if beginning in first), "unknown or damaged format"
        )
        kind = _kind_of_tiff(path) if first[:4] in TIFF_SIGNATURES else kind
        raise ImageError(f"{path}: not an image that can be read ({kind})") from error


def _kind_of_tiff(path: Path) -> str:
    """Says what a TIFF file holds that Pillow does not know."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            container = f"{'big-endian ' * (file.byteorder == '>')}{'BigTIFF' if file.is_bigtiff else 'TIFF'}"
            kind = f"{page.samplesperpixel} band(s) of {page.dtype}, {page.photometric.name}, {page.compression.name}"
    except Exception:  # what a damaged file makes of a decoder is not to be foreseen
        return "damaged TIFF"
    return f"{container} of a kind that is not known here: {kind}; save it as grey or RGB of 8 or 16 bits"


def look_up(table: Mapping[str, Any], key: str) -> Any:
    """What Pillow's `Image.EXTENSION` or `Image.SAVE` has under a key, or None; imports all plugins only at need."""
    Image.preinit()
    if key not in table:
        _plugins()
    return table.get(key)


@functools.cache
def _plugins() -> list[str]:
    """The formats of `READABLE` that can be read here; registers what is installed, which takes 35 ms."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401
    Image.init()
    return [name for name in READABLE if name in Image.OPEN]


@contextlib.contextmanager
def decoding(path: str | os.PathLike) -> Iterator[None]:
    """Turns what a decoder raises within the block into an ImageError, or FileNotFoundError, that names the file."""
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file") from error
    except PermissionError as error:
        raise ImageError(f"{path}: no permission to read it") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: more pixels than the limit ({error})") from error
    except Exception as error:  # what a damaged file makes of a decoder is not to be foreseen
        raise ImageError(f"{path}: not an image that can be read ({error or type(error).__name__})") from error


_limits: list[int] = []
_limits_lock = threading.Lock()
_pillows_own: list[int | None] = []


@contextlib.contextmanager
def _pillow_limit(max_pixels: int) -> Iterator[None]:
    """Sets Pillow's limit, one number for the process, while files of ours are open: its decoders ask nothing else."""

    def settle() -> None:
        # Pillow warns above its limit and refuses above twice that.
        Image.MAX_IMAGE_PIXELS = -(-max(_limits) // 2) if _limits else _pillows_own.pop()

    with _limits_lock:
        if not _limits:
            _pillows_own.append(Image.MAX_IMAGE_PIXELS)
        _limits.append(max_pixels)
        settle()
    try:
        yield
    finally:
        with _limits_lock:
            _limits.remove(max_pixels)
            settle()


def write_image(path: str | os.PathLike, pixels: np.ndarray, ready: Callable[[Path], object] = lambda _: None) -> None:
    """Writes pixels to a file whose format follows from its ending; the file appears whole or not at all.

    Args:
        path: where to write; missing folders are made. JPEG is written at quality 95, 4:4:4.
        pixels: uint8 array of shape (height, width, 3).
        ready: as for `srzoo.atomic.atomic_file`.

    Raises:
        ImageError: if the ending names no image format, or the file cannot be written.
        ValueError: if the pixels are of another shape or type.
    """
    path = Path(path)
    check_pixels(pixels)
    image_format = look_up(Image.EXTENSION, path.suffix.lower())
    if not image_format or not look_up(Image.SAVE, image_format):
        raise ImageError(f"{path}: the ending {path.suffix!r} names no image format; use one of {', '.join(SUFFIXES)}")
    options = {"quality": 95, "subsampling": 0} if image_format == "JPEG" else {}
    try:
        # In memory first: not all encoders end when a disk is full.
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, format=image_format, **options)
        with atomic_file(path, ready) as temporary:
            temporary.write_bytes(written.getbuffer())
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from error


def check_pixels(pixels: np.ndarray, name: str = "pixels") -> None:
    """Raises ValueError unless `pixels` is a uint8 array of shape (height, width, 3) with at least one pixel."""
    shape, dtype = getattr(pixels, "shape", None), getattr(pixels, "dtype", type(pixels).__name__)
    if dtype != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(f"{name} must be a uint8 array of shape (height, width, 3), got {dtype} of shape {shape}")


def middle(shape: Sequence[int], height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the middle of an array of shape (H, W, ...), at most so high and wide."""
    sides = [min(side, most) for side, most in zip(shape, (height, width))]
    starts = [(side - shown) // 2 for side, shown in zip(shape, sides)]
    return slice(starts[0], starts[0] + sides[0]), slice(starts[1], starts[1] + sides[1])


def check_folder(folder: Path, kind: str = "folder") -> None:
    """Raises FileNotFoundError if there is nothing of that name, and NotADirectoryError if it is a file."""
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such {kind}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: a file; expected a {kind}")


def image_files(folder: str | os.PathLike, endings: Container[str] = SUFFIXES) -> list[Path]:
    """All files below `folder` with one of the endings, sorted by path; hidden ones are left out.

    Links to files are followed, links to folders are not, so a loop of them ends. Folders that cannot be listed are
    skipped.
    """
    found = []
    for place, folders, names in os.walk(Path(folder)):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in endings and path.is_file())
