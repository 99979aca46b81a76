"""What the demo does, without its page's toolkit: looks through uploads, upscales them, and writes the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from srzoo import names, shipped, zoo
from srzoo.models.registry import GAN_TRAINED, parse_known, pixel_trained
from srzoo.pictures.metadata import Metadata, fitting
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.png import png
from srzoo.pictures.reading import ENDINGS, Frame, LargeFrame, open_picture
from srzoo.pictures.sources import Source
from srzoo.runtimes.choice import Choice, choose
from srzoo.tables import duration
from srzoo.upscaling import Upscaler, batch
from srzoo.upscaling.automatic import suited
from srzoo.upscaling.compare import enlarged
from srzoo.upscaling.pictures import needs_precision, upscale_pixels
from srzoo.upscaling.sizes import Size
from srzoo.viewing.jobs import Watch
from srzoo.viewing.pages import render

TILE_MEMORY = 600_000_000
"""Bytes for a tile: small enough for a bar that moves, and for an end within seconds."""

LARGE = 1_000_000
"""Pixels of a picture from which on it takes so long that a part of it is offered first."""

PART = 480, 360
"""Width and height of a part, in pixels before upscaling."""

SHOWN = 16_000_000
"""Pixels of a result that are shown; of a larger one its middle is."""

SHOWN_AS_THEY_ARE = {"PNG", "JPEG", "WEBP", "AVIF"}
"""Formats that browsers show, by Pillow's names."""

JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
"""How its files begin."""

FOR_AUTO = "looks at each picture; edsr-baseline for clean ones, edsr-real for damaged ones"


@dataclass(frozen=True)
class Limits:
    """What the demo takes.

    Attributes:
        pixels: largest picture before upscaling, over all its frames or pages.
        pictures: held for one person.
        bytes_of_file: largest size of a file.
        bytes_of_all: largest size of all uploads together, and of all answers.
        waiting: answers that may wait; one is computed at a time.
    """

    pixels: int = 16_000_000
    pictures: int = 8
    bytes_of_file: int = 50_000_000
    bytes_of_all: int = 2_000_000_000
    waiting: int = 8

    def __str__(self) -> str:
        return (
            f"up to {self.pictures} pictures of at most {self.pixels / 1e6:g} megapixels "
            f"and {self.bytes_of_file / 1e6:g} MB each"
        )


@dataclass(frozen=True)
class Upload:
    """A picture that was dropped.

    Attributes:
        path: path of the file.
        size: width and height, upright.
        count: number of frames or pages.
    """

    path: Path
    size: tuple[int, int]
    count: int = 1

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def label(self) -> str:
        frames = f", {self.count} frames" if self.count > 1 else ""
        return f"{self.name}, {_text(self.size)}{frames}"

    @property
    def large(self) -> bool:
        """Whether a part of it is offered first."""
        return math.prod(self.size) > LARGE


@dataclass(frozen=True)
class Options:
    """What a visitor chose for the pictures.

    Attributes:
        model: what `srzoo resolve` takes as --model, `auto` too.
        scale: how many times as wide and high the result is.
        fidelity: number in [0, 1], for a model with that dial.
        part: the middle of the part that is wanted, as shares of width and height; None: the whole picture.
    """

    model: str
    scale: int = names.DEFAULT_SCALE
    fidelity: float = 0.0
    part: tuple[float, float] | None = None


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def offered(models: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What the page offers: each model with what it is for, and its name.

    Args:
        models: their names and files; default: `auto`, and all that ship, without their scales.
    """
    ships = {names.parse(model.name).base: model.purpose for model in shipped.list_models()}
    purposes = {shipped.AUTO: FOR_AUTO} | {base: purpose.partition(";")[0] for base, purpose in ships.items()}
    found = []
    for model in models or purposes:
        base = names.parse(model).base if shipped.weights_of_name(model) else model
        purpose = purposes.get(base)
        found.append((f"{model}: {purpose}" if purpose else model, model))
    return found


def take_upload(path: Path, limits: Limits) -> Upload:
    """Looks through an uploaded file.

    Raises:
        ValueError: if it is too large, of another format, or broken; one sentence that names the file.
    """
    try:
        if path.suffix.lower() not in ENDINGS:
            raise ValueError(f"{path.name}: not a picture that srzoo reads; those end in {', '.join(ENDINGS)}")
        if path.stat().st_size > limits.bytes_of_file:
            raise ValueError(f"{path.name}: a file of more than {limits.bytes_of_file / 1e6:g} MB; make it smaller")
        return _looked_through(path, limits)
    except FileNotFoundError as error:
        raise ValueError(deleted(path)) from error
    except (ValueError, OSError, MemoryError) as error:
        raise ValueError(_without_folder(error, path)) from error


def deleted(path: Path) -> str:
    """Says that an upload is no longer there."""
    return f"{path.name} was deleted, as nobody used it for some time; drop it again"


def _without_folder(error: Exception, path: Path) -> str:
    """The folder of uploads is nobody's business."""
    return str(error).replace(str(path), path.name)


def _looked_through(path: Path, limits: Limits) -> Upload:
    elsewhere = "use resolve_image.py, which takes"
    with path.open("rb") as file:
        if file.read(8).startswith(JPEG_XL):
            # Its reader decodes a file to find its size, so none could be too large.
            raise ValueError(f"{path.name}: this page takes no JPEG XL; {elsewhere} it")
    sizes: list[tuple[int, int]] = []
    with open_picture(path) as picture:
        pixels = math.prod(picture.size) * picture.count
        if pixels <= limits.pixels:
            # Decode all, to report a damaged one now; pages may be larger than the first.
            sizes = [frame.pixels.size for frame in picture.frames()]
            pixels = sum(map(math.prod, sizes))
        if pixels > limits.pixels:
            found = f"{picture.count} frames, together {pixels}" if picture.count > 1 else _text(picture.size)
            raise ValueError(
                f"{path.name} has {found} pixels, more than the {limits.pixels / 1e6:g} million that this page takes; "
                f"make it smaller, or {elsewhere} any size"
            )
    return Upload(path, sizes[0], len(sizes))


@lru_cache(maxsize=64)
def has_dial(model: str) -> bool:
    """Tells whether a model has a fidelity dial: it is of GAN training and its partner ships.

    Raises:
        FileNotFoundError, ValueError: the errors of `zoo.load`, for a name or a file that is not one.
    """
    if model == shipped.AUTO:
        return False
    name = names.parse(model).name if shipped.weights_of_name(model) else zoo.load(model).name
    return parse_known(name).base in GAN_TRAINED and pixel_trained(name) in shipped.shipped_models()


@lru_cache(maxsize=6)
def upscaler_of(model: str, scale: int, fidelity: float = 0.0) -> Upscaler:
    """Loads a model; a fidelity above 0 mixes it with its partner that was trained on pixels."""
    dialled = fidelity if fidelity and has_dial(model) else None
    return Upscaler(choose(Choice(shipped.nearest(model, scale), fidelity=dialled)), TILE_MEMORY, scale)


def answer(uploads: Sequence[Upload], options: Options, folder: Path, watch: Watch) -> None:
    """Upscales pictures, and writes the page with the slider, `page.html`, and all that it shows into a folder.

    Args:
        uploads: one upload or more.
        options: what is asked for.
        folder: an empty one.
        watch: gets the progress.

    Raises:
        ValueError: if no picture could be upscaled; the message names each.
        srzoo.viewing.jobs.Stopped: if the watch says so.
    """
    pictures, failures = [], []
    for i, upload in enumerate(uploads):
        if not upload.path.exists():
            failures.append(deleted(upload.path))
            continue
        place = folder / str(i)
        place.mkdir()
        count = f"{i + 1} of {len(uploads)}: " if len(uploads) > 1 else ""
        try:
            pictures.append(_result(upload, options, place, f"{count}{upload.name}", watch))
        except (ValueError, OSError, MemoryError) as error:
            reason = _without_folder(error, upload.path)
            failures.append(reason if upload.name in reason else f"{upload.name}: {reason}")
    if not pictures:
        raise ValueError("; ".join(failures))
    page = render("slider", "before and after", {"pictures": pictures, "failures": failures})
    (folder / "page.html").write_text(page, "utf-8")


def _result(upload: Upload, options: Options, folder: Path, title: str, watch: Watch) -> dict[str, Any]:
    watch.begin(f"{title}: loading the network")
    model, name = options.model, ""
    if model == shipped.AUTO:
        model, name = suited(upload.path, options.scale)
    # Steps as the dial has them, so that few mixtures are held.
    fidelity = round(options.fidelity, 2)
    upscaler = upscaler_of(model, options.scale, fidelity)
    name = name or upscaler.name + (f", fidelity {fidelity:g}" if fidelity and has_dial(model) else "")
    source = _part(upload, options.part, folder) if options.part else upload.path
    place = Path(f"{source.stem}_x{options.scale}{source.suffix}")
    (job,) = batch.plan([Source(source, place)], batch.Results(folder), Size(options.scale))
    if job.refusal:
        raise ValueError(job.refusal)
    work = batch.work(job, upscaler)
    watch.begin(title, work, _that_runs(upscaler, source).pixels_per_second() if work > LARGE else 0)
    result = batch.carry_out(job, upscaler, name, watch)
    seconds = watch.seconds
    after = result.after
    before_shown, after_shown = _shown(upscaler, result.before.pixels, after)
    as_it_is = job.written_as.name in SHOWN_AS_THEY_ARE and result.count == 1 and not after.pixels.transparent
    whole = before_shown is result.before.pixels
    (folder / "before.png").write_bytes(_still(before_shown, after.metadata.icc))
    if not (as_it_is and whole):
        (folder / "after.png").write_bytes(_still(after_shown, after.metadata.icc))
    content = f"{folder.name}/{job.target.name}"
    facts = [f"{upload.label} → {_text(after.pixels.size)}, {name}, {_seconds(seconds)}, {_megabytes(job.target)}"]
    if options.part:
        facts[0] = facts[0].replace(" →", f", a part of {_text(job.given)} →", 1)
        of_whole = _that_runs(upscaler, upload.path)
        same = of_whole is _that_runs(upscaler, source)
        rate = work / max(seconds, 1e-6) if same else of_whole.pixels_per_second()
        whole_work = upload.count * sum(upscaler.areas(upload.size, Size(options.scale).of(*upload.size)))
        facts.append(f"the whole picture would take about {duration(whole_work / max(rate, 1))}")
    if not whole:
        facts.append(f"shown is the middle, {_text(after_shown.size)} pixels of it; the download has all")
    return {
        "name": upload.name,
        "file": job.target.name,
        "width": after_shown.size[0],
        "height": after_shown.size[1],
        "before": f"{folder.name}/before.png",
        "after": content if as_it_is and whole else f"{folder.name}/after.png",
        "content": content,
        "facts": "; ".join([*facts, *result.notes]),
    }


def _that_runs(upscaler: Upscaler, path: Path) -> Upscaler:
    """Itself, or the slower one where 8 bits would show: by the first frame, as `upscale_picture` decides."""
    with open_picture(path) as picture:
        return upscaler.precise if needs_precision(next(picture.frames()).pixels) else upscaler


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _megabytes(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e3:.0f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def _box(size: tuple[int, int], middle: tuple[float, float] = (0.5, 0.5)) -> tuple[slice, slice]:
    """Rows and columns of a part of a picture, as near to its middle as there is room."""
    starts = [
        min(max(0, round(share * side - part / 2)), max(0, side - part))
        for side, part, share in zip(size, PART, middle)
    ]
    columns, rows = (slice(start, start + min(part, side)) for start, part, side in zip(starts, PART, size))
    return rows, columns


def _part(upload: Upload, middle: tuple[float, float], folder: Path) -> Path:
    """Writes a part of the first frame as a file of its own."""
    with open_picture(upload.path) as picture:
        frame = next(picture.frames())
    box = _box(frame.pixels.size, middle)
    path = folder / f"{upload.path.stem}_part.png"
    part = frame.pixels.map(lambda array: array[box])
    path.write_bytes(png(part, Metadata(icc=fitting(frame.metadata.icc, part.grey))))
    return path


def _shown(upscaler: Upscaler, before: Pixels, after: Frame | LargeFrame) -> tuple[Pixels, Pixels]:
    """What is shown of a picture before and after: all, or its middle."""
    if math.prod(after.pixels.size) <= SHOWN and isinstance(after, Frame):
        return before, after.pixels
    box = _box(before.size)
    part = before.map(lambda array: array[box])
    if isinstance(after, Frame):
        there = enlarged(box, before.colour.shape, after.pixels.colour.shape)
        return part, after.pixels.map(lambda array: array[there])
    # The whole was never held; the middle is quickly computed again.
    return part, upscale_pixels(upscaler, part)


def _still(pixels: Pixels, profile: bytes | None) -> bytes:
    """A frame as browsers show it; both sides of the line have one colour profile, or the same colours would differ."""
    shown = Pixels(pixels.on_white())
    return png(shown, Metadata(icc=fitting(profile, shown.grey)))
