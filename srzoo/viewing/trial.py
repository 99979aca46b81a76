"""What the demo does, without its page's toolkit: takes uploads, upscales them, and renders the answer."""

import html
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srzoo import zoo
from srzoo.images import SUFFIXES, read_image, write_image
from srzoo.models import PIXEL_TRAINED
from srzoo.upscaling import Upscaler
from srzoo.upscaling.tiles import Tile
from srzoo.viewing.pages import data_url, png_url, render

TILE_MEMORY = 600_000_000
"""Bytes for a tile: small enough for a bar that moves."""

SHOWN = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
"""Endings of the formats that browsers show -> MIME types."""

Progress = Callable[[list[Tile]], Iterable[Tile]]


@dataclass(frozen=True)
class Limits:
    """What the demo takes.

    Attributes:
        pixels: of a picture before upscaling.
        pictures: held for one person.
        megabytes: of a file.
        waiting: answers that may wait; one is computed at a time.
    """

    pixels: int = 1_000_000
    pictures: int = 8
    megabytes: int = 25
    waiting: int = 8


@dataclass(frozen=True)
class Upload:
    """A picture that was dropped: its file's name, and its pixels, uint8 (h, w, 3)."""

    name: str
    pixels: np.ndarray

    @property
    def label(self) -> str:
        return f"{self.name}, {size_of(self.pixels)}"


def size_of(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]}"


def take_upload(path: Path, limits: Limits) -> Upload:
    """Reads an uploaded file into memory, whether it is one that the demo takes or not, and deletes it.

    Raises:
        ValueError: if it is too large, of another format, or broken; one sentence that names the file.
    """
    try:
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{path.name}: not a picture that srzoo reads; those end in {', '.join(SUFFIXES)}")
        pixels = _pixels(path, limits)
        return Upload(path.name, pixels)
    except (ValueError, OSError) as error:
        # The folder of uploads is nobody's business.
        raise ValueError(str(error).replace(str(path), path.name)) from error
    finally:
        path.unlink(missing_ok=True)


def _pixels(path: Path, limits: Limits) -> np.ndarray:
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return read_image(path)  # which says what is wrong
    if width * height > limits.pixels:
        raise ValueError(
            f"{path.name} has {width} × {height} pixels, more than the {limits.pixels / 1e6:g} million that this page "
            "takes; make it smaller, or use resolve_image.py, which takes any size"
        )
    return read_image(path)


@lru_cache(maxsize=64)
def has_dial(model: str) -> bool:
    """Tells whether a model has a fidelity dial: it is of the adversarial game and its partner ships.

    Raises:
        FileNotFoundError, ValueError: as `zoo.load`, for a name or a file that is not one.
    """
    name = zoo.load(model).name
    return zoo.parse_name(name)[0] in PIXEL_TRAINED and zoo.pixel_trained(name) in zoo.shipped_models()


@lru_cache(maxsize=4)
def upscaler_of(model: str, fidelity: float) -> Upscaler:
    """Loads a model; a fidelity above 0 mixes it with its partner that was trained on pixels."""
    network = zoo.load(model)
    if fidelity and has_dial(model):
        network = zoo.interpolate(zoo.pixel_trained(network.name), network, 1 - fidelity)
    return Upscaler(network, memory=TILE_MEMORY)


def answer(uploads: Sequence[Upload], model: str, fidelity: float, progress: Callable[[str], Progress]) -> str:
    """Upscales pictures and renders the page with the slider, as markup to be put into another page.

    Args:
        uploads: at least one.
        model: what `srzoo.load` takes.
        fidelity: in [0, 1].
        progress: is given a picture's name, and gives what `Upscaler.__call__` takes.

    Raises:
        ValueError: if no picture could be upscaled; the message names each.
    """
    # Steps as the dial has them, so that few mixtures are held.
    upscaler = upscaler_of(model, round(fidelity, 2))
    title = f"{model}, fidelity {fidelity:g}" if fidelity and has_dial(model) else model
    pictures, failures = [], []
    for upload in uploads:
        try:
            pictures.append(_result(upload, upscaler, title, progress(upload.name)))
        except (ValueError, OSError) as error:
            failures.append(f"{upload.name}: {error}")
    if not pictures:
        raise ValueError("; ".join(failures))
    page = render("slider", title, {"pictures": pictures, "failures": failures})
    # In a box of its own: no script there can reach the page around it.
    return (
        '<iframe class="result" title="before and after" sandbox="allow-scripts allow-downloads" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def _result(upload: Upload, upscaler: Upscaler, title: str, progress: Progress) -> dict[str, Any]:
    start = time.perf_counter()
    sr = upscaler(upload.pixels, progress=progress)
    seconds = time.perf_counter() - start
    name = Path(upload.name)
    content = _encoded(sr, name.suffix)
    kind = SHOWN.get(name.suffix.lower())
    return {
        "name": upload.name,
        "file": f"{name.stem}_x{upscaler.scale}{name.suffix}",
        "width": sr.shape[1],
        "height": sr.shape[0],
        "before": png_url(upload.pixels),
        "after": data_url(content, kind) if kind else png_url(sr),
        "content": data_url(content, kind or "application/octet-stream"),
        "facts": f"{upload.label} → {size_of(sr)}, {title}, {seconds:.1f} s, {len(content) / 1e3:.0f} kB",
    }


def _encoded(pixels: np.ndarray, suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{suffix}"
        write_image(path, pixels)
        return path.read_bytes()
