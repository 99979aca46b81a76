"""What the demo does, without its page's toolkit: takes uploads, upscales them, and renders the answer."""

import html
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from srzoo import zoo
from srzoo.models.registry import GAN_TRAINED
from srzoo.names import DEFAULT_SCALE
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.png import png
from srzoo.pictures.reading import ENDINGS, Frame, open_picture
from srzoo.pictures.sources import Source
from srzoo.upscaling import Upscaler, batch
from srzoo.upscaling.automatic import AUTO, suited
from srzoo.upscaling.sizes import Size
from srzoo.upscaling.upscaler import Progress
from srzoo.viewing.pages import data_url, render

TILE_MEMORY = 600_000_000
"""Bytes for a tile: small enough for a bar that moves."""

SHOWN = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif"}
"""Formats that browsers show, by Pillow's names -> MIME types."""

JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
"""How its files begin."""


@dataclass(frozen=True)
class Limits:
    """What the demo takes.

    Attributes:
        pixels: of a picture before upscaling, all its frames or pages together.
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
    """A picture that was dropped.

    Attributes:
        name: of its file.
        content: the file.
        size: width and height, upright.
        count: of frames or pages.
    """

    name: str
    content: bytes
    size: tuple[int, int]
    count: int = 1

    @property
    def label(self) -> str:
        frames = f", {self.count} frames" if self.count > 1 else ""
        return f"{self.name}, {_text(self.size)}{frames}"


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def take_upload(path: Path, limits: Limits) -> Upload:
    """Reads an uploaded file into memory, whether it is one that the demo takes or not, and deletes it.

    Raises:
        ValueError: if it is too large, of another format, or broken; one sentence that names the file.
    """
    try:
        if path.suffix.lower() not in ENDINGS:
            raise ValueError(f"{path.name}: not a picture that srzoo reads; those end in {', '.join(ENDINGS)}")
        return _looked_through(path, path.read_bytes(), limits)
    except (ValueError, OSError, MemoryError) as error:
        # The folder of uploads is nobody's business.
        raise ValueError(str(error).replace(str(path), path.name)) from error
    finally:
        path.unlink(missing_ok=True)


def _looked_through(path: Path, content: bytes, limits: Limits) -> Upload:
    elsewhere = "use resolve_image.py, which takes"
    if content.startswith(JPEG_XL):
        # Its reader decodes a file to tell its size, so none could be too large.
        raise ValueError(f"{path.name}: this page takes no JPEG XL; {elsewhere} it")
    sizes: list[tuple[int, int]] = []
    with open_picture(path) as picture:
        pixels = math.prod(picture.size) * picture.count
        if pixels <= limits.pixels:
            # All are decoded, so that a damaged one is told now; pages may be larger than the first.
            sizes = [frame.pixels.size for frame in picture.frames()]
            pixels = sum(map(math.prod, sizes))
        if pixels > limits.pixels:
            found = f"{picture.count} frames, together {pixels}" if picture.count > 1 else _text(picture.size)
            raise ValueError(
                f"{path.name} has {found} pixels, more than the {limits.pixels / 1e6:g} million that this page takes; "
                f"make it smaller, or {elsewhere} any size"
            )
    return Upload(path.name, content, sizes[0], len(sizes))


@lru_cache(maxsize=64)
def has_dial(model: str) -> bool:
    """Tells whether a model has a fidelity dial: it is of GAN training and its partner ships.

    Raises:
        FileNotFoundError, ValueError: as `zoo.load`, for a name or a file that is not one.
    """
    if model == AUTO:
        return False
    name = zoo.load(model).name
    return zoo.known(name).base in GAN_TRAINED and zoo.pixel_trained(name) in zoo.shipped_models()


@lru_cache(maxsize=4)
def upscaler_of(model: str, fidelity: float) -> Upscaler:
    """Loads a model; a fidelity above 0 mixes it with its partner that was trained on pixels."""
    network = zoo.load(model)
    if fidelity and has_dial(model):
        network = zoo.interpolate(zoo.pixel_trained(network.name), model, 1 - fidelity)
    return Upscaler(network, memory=TILE_MEMORY)


def answer(uploads: Sequence[Upload], model: str, fidelity: float, progress: Callable[[str], Progress]) -> str:
    """Upscales pictures and renders the page with the slider, as markup to be put into another page.

    Args:
        uploads: at least one.
        model: what `srzoo.load` takes, or `auto`.
        fidelity: in [0, 1].
        progress: is given a picture's name, and gives what `Upscaler.__call__` takes.

    Raises:
        ValueError: if no picture could be upscaled; the message names each.
    """
    title = f"{model}, fidelity {fidelity:g}" if fidelity and has_dial(model) else model
    pictures, failures = [], []
    for upload in uploads:
        try:
            pictures.append(_result(upload, model, fidelity, title, progress(upload.name)))
        except ValueError as error:
            failures.append(str(error) if upload.name in str(error) else f"{upload.name}: {error}")
    if not pictures:
        raise ValueError("; ".join(failures))
    page = render("slider", title, {"pictures": pictures, "failures": failures})
    # In a box of its own: no script there can reach the page around it.
    return (
        '<iframe class="result" title="before and after" sandbox="allow-scripts allow-downloads" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def _result(upload: Upload, model: str, fidelity: float, title: str, progress: Progress) -> dict[str, Any]:
    name = Path(upload.name)
    # In the page's own folder, which goes with it, if there is one (`srzoo.viewing.demo.serve`).
    with tempfile.TemporaryDirectory(dir=os.environ.get("GRADIO_TEMP_DIR")) as folder:
        source = Path(folder, name)
        source.write_bytes(upload.content)
        if model == AUTO:
            model, title = suited(source, DEFAULT_SCALE)
        # Steps as the dial has them, so that few mixtures are held.
        upscaler = upscaler_of(model, round(fidelity, 2))
        place = Path(f"{name.stem}_x{upscaler.scale}{name.suffix}")
        start = time.perf_counter()
        (job,) = batch.plan([Source(source, place)], batch.Results(Path(folder, "results")), Size(upscaler.scale))
        try:
            if job.refusal:
                raise ValueError(job.refusal)
            report = batch.carry_out(job, upscaler, title, progress)
        except (ValueError, OSError, MemoryError) as error:
            raise ValueError(str(error).replace(str(source), upload.name)) from error
        seconds = time.perf_counter() - start
        content = job.target.read_bytes()
    kind = SHOWN.get(job.written_as.name)
    if not isinstance(report.after, Frame):
        raise ValueError(f"{upload.name} gives a result too large for a page; use `resolve_image.py`")
    after = report.after.pixels
    as_it_is = kind and report.count == 1 and after.alpha is None
    done = f"{title}, {seconds:.1f} s, {len(content) / 1e3:.0f} kB"
    return {
        "name": upload.name,
        "file": job.target.name,
        "width": after.size[0],
        "height": after.size[1],
        "before": _still(report.before, report.after.metadata.icc),
        "after": data_url(content, kind) if kind and as_it_is else _still(report.after, report.after.metadata.icc),
        "content": data_url(content, kind or "application/octet-stream"),
        "facts": "; ".join([f"{upload.label} → {_text(after.size)}, {done}", *report.notes]),
    }


def _still(frame: Frame, profile: bytes | None) -> str:
    """A frame as browsers show it; both sides of the line have one colour profile, or the same colours would differ."""
    fits = profile if profile and profile[16:20] == b"RGB " else None
    return data_url(png(Pixels(frame.pixels.on_white()), Metadata(icc=fits)), "image/png")
