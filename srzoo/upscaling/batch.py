"""Many image files in one go: where each result goes, what is refused and what is already done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srzoo.images import MAX_PIXELS, write_image
from srzoo.pictures.formats import PNG, Format, output_format
from srzoo.pictures.reading import Frame, LargeFrame, open_picture
from srzoo.pictures.sources import Source
from srzoo.runtimes.tiles import tile_of
from srzoo.upscaling.pictures import upscale_picture
from srzoo.upscaling.upscaler import Progress, Upscaler


@dataclass(frozen=True)
class Job:
    """A picture to upscale.

    Attributes:
        source: the file.
        target: where the result goes.
        written_as: its format.
        comparison: where the side-by-side picture goes, if one is wanted.
        notes: what is to be said of the result.
        refusal: why it is not done, in a sentence that names the file; mostly None.
    """

    source: Path
    target: Path
    written_as: Format
    comparison: Path | None = None
    notes: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def outputs(self) -> list[Path]:
        return [path for path in (self.target, self.comparison) if path]

    def is_done(self) -> bool:
        """Whether its outputs are there and not older than the source. As writes are atomic, they are whole."""
        try:
            read = self.source.stat().st_mtime_ns
            return all(path.stat().st_mtime_ns >= read for path in self.outputs)
        except OSError:
            return False


@dataclass(frozen=True)
class Result:
    """What became of a picture: its first frame before and after, and what is to be said."""

    before: Frame
    after: Frame | LargeFrame
    count: int
    notes: tuple[str, ...]


def plan(
    sources: Sequence[Source],
    output: Path,
    scale: int,
    wanted: str | None = None,
    compare: bool = False,
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> list[Job]:
    """Decides where each result goes and in which format, which takes a look into each file's header.

    Args:
        sources: of `find_sources`.
        output: folder for the results.
        scale: of the upscaling.
        wanted: a key of `srzoo.pictures.formats.FORMATS`, or None for each input's own format.
        compare: whether side-by-side pictures are wanted.
        overwrite: whether a result may replace an input, or that of another input.
        max_pixels: that an input may have.

    Returns:
        A job for each source; those that cannot be done have a refusal.
    """
    jobs = [_job(source, output, scale, wanted, compare, max_pixels) for source in sources]
    if overwrite:
        return jobs
    inputs = {source.path.resolve() for source in sources}
    writers = Counter(path.resolve() for job in jobs if not job.refusal for path in job.outputs)
    return [job if job.refusal else replace(job, refusal=_clash(job, jobs, inputs, writers)) for job in jobs]


def _job(source: Source, output: Path, scale: int, wanted: str | None, compare: bool, max_pixels: int) -> Job:
    target = output / source.place
    if source.refusal:
        return Job(source.path, target, PNG, refusal=source.refusal)
    try:
        with open_picture(source.path, max_pixels) as picture:
            written_as, notes = output_format(picture, wanted, scale)
    except (ValueError, OSError, MemoryError) as error:
        return Job(source.path, target, PNG, refusal=str(error))
    target = written_as.named(target)
    comparison = target.with_name(f"{target.stem}_compare.png") if compare else None
    return Job(source.path, target, written_as, comparison, tuple(notes))


def _clash(job: Job, jobs: list[Job], inputs: set[Path], writers: Counter) -> str | None:
    for path in job.outputs:
        place = path.resolve()
        if place in inputs:
            advice = "choose another --output, or allow it by --overwrite"
            return f"{job.source} would be written to {path}, an input; {advice}"
        if writers[place] > 1:
            other = next(each for each in jobs if each is not job and place in map(Path.resolve, each.outputs))
            advice = "rename one of them, or allow it by --overwrite, then the later one stays"
            return f"{job.source} and {other.source} would both be written to {path}; {advice}"
    return None


def carry_out(
    job: Job, upscaler: Upscaler, title: str, progress: Progress = iter, max_pixels: int = MAX_PIXELS
) -> Result:
    """Reads, upscales and writes one picture.

    Args:
        job: without refusal.
        upscaler: of any model.
        title: of the result in the side-by-side picture.
        progress: as of `Upscaler`.
        max_pixels: that a frame of the input may have.

    Raises:
        FileNotFoundError: if the file has vanished.
        ImageError: if it cannot be read, or the result cannot be written.
        ValueError, MemoryError: as `Upscaler`.
    """
    with open_picture(job.source, max_pixels) as picture:
        before, after = upscale_picture(upscaler, picture, job.target, job.written_as, progress)
        notes = tuple(picture.notes)
    if job.comparison:
        write_image(job.comparison, _comparison(upscaler, before, after, title))
    lost = [name.upper() for name in ("exif", "icc", "xmp") if name not in job.written_as.kept]
    held = [name for name in lost if getattr(before.metadata, name.lower())]
    if held:
        notes += (f"{job.written_as.name} holds no {' and no '.join(held)}",)
    return Result(before, after, picture.count, (*notes, *job.notes))


def _comparison(upscaler: Upscaler, before: Frame, after: Frame | LargeFrame, title: str) -> np.ndarray:
    # Its bicubic needs TensorFlow.
    from srzoo.upscaling import compare

    lr = before.pixels.on_white()
    if isinstance(after, Frame):
        return compare.side_by_side(lr, after.pixels.on_white(), title)
    # The whole was never held; its centre is quickly computed again.
    height, width = lr.shape[:2]
    rows, columns = compare.centre(height, width, upscaler.scale)
    tile = tile_of((rows, columns), lr.shape[0], lr.shape[1], upscaler.scale, upscaler.halo, upscaler.alignment)
    return compare.of_centre(lr, upscaler(lr[tile.source])[tile.inside], upscaler.scale, title)
