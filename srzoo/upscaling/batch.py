"""Many image files in one go: where each result goes, what is refused and what is already done."""

import contextlib
import errno
import math
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from srzoo.images import MAX_PIXELS, ImageError, write_image
from srzoo.pictures.formats import FORMATS, PNG, Format, output_format, split_ending
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.reading import Frame, LargeFrame, Picture, open_picture
from srzoo.pictures.record import Made, Record, fingerprint
from srzoo.pictures.sources import Source
from srzoo.runtimes.tiles import tile_of
from srzoo.upscaling.pictures import LARGE, upscale_picture, upscale_pixels
from srzoo.upscaling.sizes import Size
from srzoo.upscaling.upscaler import Progress, Upscaler

SMALL = 256 * 256
"""LR pixels of small pictures, of which two are in hand at a time."""


@dataclass(frozen=True)
class Results:
    """Places and formats of the results.

    Attributes:
        folder: folder of the results, with the inputs' sub-folders; None: each goes beside its input.
        file: where the only one goes, if that is asked for.
        suffix: text between a result's name and its ending.
        wanted: a key of `srzoo.pictures.formats.FORMATS`, or None for each input's own format.
        quality: quality of lossy compression, from 1 to 100, or None for the default.
        made_by: what upscales, in words. What something else made is not replaced without `overwrite`. None: all is.
        options: all else that decides what a result is.
        overwrite: whether a result may replace an input, that of another input, or that of something else.
        record: record of what made each result.
    """

    folder: Path | None = None
    file: Path | None = None
    suffix: str = ""
    wanted: str | None = None
    quality: int | None = None
    made_by: str | None = None
    options: str = ""
    overwrite: bool = False
    record: Record = field(default_factory=Record)

    def target(self, source: Source) -> Path:
        """Path of a result; the ending may change with its format."""
        if self.file:
            return self.file
        place = source.path if self.folder is None else self.folder / source.place
        stem, ending = split_ending(place)
        return place.with_name(f"{stem}{self.suffix}{ending}")

    def form(self, picture: Picture, factor: float) -> tuple[Format, list[str]]:
        """Like `srzoo.pictures.formats.output_format`; raises ValueError if another file has the wanted name."""
        ending = self.file.suffix.lower() if self.file else ""
        named = next((key for key, each in FORMATS.items() if ending in each.endings), None)
        written_as, notes = output_format(picture, self.wanted or named, factor)
        if self.file and ending not in written_as.endings:
            why = notes[0].split(";")[0] if notes else f"--format is {written_as.name}"
            raise ValueError(
                f"{self.file} cannot hold the result ({why}); name it {self.file.stem}{written_as.endings[0]}"
            )
        if not self.quality:
            return written_as, notes
        if not written_as.quality:
            return written_as, [*notes, f"--quality has no effect on {written_as.name}"]
        return replace(written_as, quality=self.quality), notes

    def made(self, source: Path) -> Made | None:
        """The making of an input's results; None without a record."""
        if not self.made_by:
            return None
        return Made(self.made_by, fingerprint(source, f"{self.made_by}\n{self.options}"))

    def is_done(self, job: "Job") -> bool:
        """Whether a job has results of this input with these options. They are whole, because writes are atomic."""
        found = [self.record.find(path) for path in job.outputs]
        if not self.made_by or None in found:
            return False
        if job.source.resolve() in map(Path.resolve, job.outputs):  # it has been replaced
            return all(made and made.by == self.made_by for made in found)
        try:
            return set(found) == {self.made(job.source)}
        except (ImageError, OSError):
            return False


@dataclass(frozen=True)
class Job:
    """A picture to upscale.

    Attributes:
        source: the file.
        target: where the result goes.
        written_as: its format.
        size: size of the result.
        given: width and height of the first frame, upright.
        factor: how many times as wide and high the result is; of pages the most, as the network must reach that.
        planes: how often the network is applied to a picture of that size: frames, and once more for their alpha.
        comparison: where the side-by-side picture goes, if one is wanted.
        notes: what is to be said of the result.
        refusal: why it is not done, in a sentence that names the file; mostly None.
        done: whether it has been done before, and is to be left.
    """

    source: Path
    target: Path
    written_as: Format
    size: Size
    given: tuple[int, int] = (0, 0)
    factor: float = 1
    planes: int = 1
    comparison: Path | None = None
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    done: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it takes so little that another may be in hand beside it."""
        return self.planes * math.prod(self.given) <= SMALL and self.comparison is None

    def touches(self, other: "Job") -> bool:
        """Whether it reads or writes a file that another writes, or writes one that the other reads."""
        ours, theirs = ({path.resolve() for path in (each.source, *each.outputs)} for each in (self, other))
        return bool(ours & theirs)

    @property
    def outputs(self) -> list[Path]:
        return [path for path in (self.target, self.comparison) if path]


@dataclass(frozen=True)
class Result:
    """Outcome of a picture: its first frame before and after, and notes."""

    before: Frame
    after: Frame | LargeFrame
    count: int
    notes: tuple[str, ...]


def plan(
    sources: Sequence[Source],
    results: Results,
    size: Size,
    compare: bool = False,
    max_pixels: int = MAX_PIXELS,
    resume: bool = False,
) -> list[Job]:
    """Decides where each result goes and in which format, which takes a look into each file's header.

    Args:
        sources: sources from `find_sources`.
        results: where they go.
        size: size of the results.
        compare: whether side-by-side pictures are wanted.
        max_pixels: largest number of pixels of an input.
        resume: whether what has been done before is left.

    Returns:
        A job for each source; those that cannot be done have a refusal.
    """
    jobs = [_job(source, results, size, compare, max_pixels) for source in sources]
    inputs = {source.path.resolve() for source in sources}
    writers = _writers(jobs)
    jobs = [_with_comparison_apart(job, writers, inputs) for job in jobs]
    writers = _writers(jobs)
    if not results.overwrite:
        jobs = [
            job if job.refusal else replace(job, refusal=_clash(job, jobs, inputs, writers, results)) for job in jobs
        ]
    if not resume:
        return jobs
    # The last of several with one result must stay, so all are done again.
    alone = [not job.refusal and max(writers[path.resolve()] for path in job.outputs) == 1 for job in jobs]
    return [replace(job, done=may and results.is_done(job)) for job, may in zip(jobs, alone)]


def _writers(jobs: list[Job]) -> Counter[Path]:
    return Counter(path.resolve() for job in jobs if not job.refusal for path in job.outputs)


def _with_comparison_apart(job: Job, writers: Counter[Path], inputs: set[Path]) -> Job:
    """Adds the ending to the comparison's name if two would share one name: `a.png_compare.png`."""
    place = job.comparison and job.comparison.resolve()
    if not place or (writers[place] <= 1 and place not in inputs):
        return job
    return replace(job, comparison=job.target.with_name(f"{job.target.name}_compare.png"))


def _job(source: Source, results: Results, size: Size, compare: bool, max_pixels: int) -> Job:
    target = results.target(source)
    if source.refusal:
        return Job(source.path, target, PNG, size, refusal=source.refusal)
    try:
        with open_picture(source.path, max_pixels) as picture:
            given = picture.upright_size
            factor = max(size.factor(*each) for each in picture.page_sizes())
            written_as, notes = results.form(picture, max(size.of(*given)) / max(given))
            planes = picture.count * (1 + picture.transparent)
    except (ValueError, OSError, MemoryError) as error:
        return Job(source.path, target, PNG, size, refusal=str(error))
    target = written_as.named(target)
    comparison = target.with_name(f"{target.stem}_compare.png") if compare else None
    refusal = _too_long(comparison or target)
    return Job(source.path, target, written_as, size, given, factor, planes, comparison, tuple(notes), refusal)


def _too_long(path: Path) -> str | None:
    """Says, before the computation, that no file can have this name."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    try:
        os.lstat(folder / path.name)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return f"{path}: the name is too long for a file; give another by --output or --suffix, or rename the input"
    return None


def _clash(job: Job, jobs: list[Job], inputs: set[Path], writers: Counter, results: Results) -> str | None:
    for path in job.outputs:
        place = path.resolve()
        kept = results.made_by and results.record.kept(path, results.made_by)
        if place in inputs:
            option = "--output" if results.folder or results.file else "--suffix"
            advice = f"choose another {option}, or allow it by --overwrite"
            return f"{job.source} would be written to {path}, an input; {advice}"
        if writers[place] > 1:
            other = next(each for each in jobs if each is not job and place in map(Path.resolve, each.outputs))
            advice = "rename one of them, or allow it by --overwrite, then the later one stays"
            return f"{job.source} and {other.source} would both be written to {path}; {advice}"
        if kept:
            apart = "another --output" if results.file else "--suffix or another --output"
            return f"{path} is there, {kept}, and would be replaced; keep both by {apart}, or allow it by --overwrite"
    return None


def work(job: Job, upscaler: Upscaler) -> int:
    """LR pixels that the network computes for a job, 0 if it cannot be done; `carry_out` says why."""
    return job.planes * sum(_areas(job, upscaler))


def memory_of(job: Job, upscaler: Upscaler) -> float:
    """Bytes that a job takes beside what the process has now: a tile, and the result unless it streams."""
    result = 3 * math.prod(job.size.of(*job.given))
    tile = upscaler.bytes_per_pixel * max(_areas(job, upscaler), default=0)
    # Pillow, which writes what does not stream, has a copy of four bytes a pixel.
    return tile + (min(result, LARGE) if job.written_as.streams else result * 7 / 3)


def _areas(job: Job, upscaler: Upscaler) -> list[int]:
    try:
        size = job.size.of(*job.given)
        return upscaler.areas(job.given, size, job.written_as.streams and 3 * math.prod(size) > LARGE)
    except ValueError:
        return []


def carry_out(
    job: Job,
    upscaler: Upscaler,
    title: str,
    progress: Progress = iter,
    max_pixels: int = MAX_PIXELS,
    results: Results = Results(),
) -> Result:
    """Reads, upscales and writes one picture.

    Args:
        job: without refusal.
        upscaler: upscaler of any model.
        title: title of the result in the side-by-side picture.
        progress: the same as for `Upscaler`.
        max_pixels: largest number of pixels of a frame of the input.
        results: those that the job is one of.

    Raises:
        FileNotFoundError: if the file has vanished.
        ImageError: if it cannot be read, or the result cannot be written.
        ValueError, MemoryError: the errors of `Upscaler`.
    """
    for path in job.outputs if not results.overwrite else ():
        other = results.record.other_name(path)
        if other:
            raise ValueError(
                f"{job.source}: {path} and {other}, the result of another input, are one file on this file system; "
                "rename one of them, or allow it by --overwrite, then the later one stays"
            )
    made = results.made(job.source)  # before it is read, so that a change meanwhile is seen by the next run

    def announce(path: Path, written: Path) -> None:
        with contextlib.suppress(OSError):  # of which the record that follows tells
            if made:
                results.record.add(path, replace(made, of=""), written)

    with open_picture(job.source, max_pixels) as picture:
        ready = partial(announce, job.target)
        before, after = upscale_picture(upscaler, picture, job.target, job.written_as, progress, job.size, ready)
        notes = tuple(picture.notes)
    if job.comparison:
        write_image(job.comparison, _comparison(upscaler, before, after, title), partial(announce, job.comparison))
    for path in job.outputs if results.made_by else ():
        results.record.wrote(path)
    try:
        if made:
            for path in job.outputs:
                results.record.add(path, made)
    except OSError as error:
        notes += (f"what made it is not noted, so a later call takes it for a file of yours ({error.strerror})",)
    notes += not_held(job.written_as, before.metadata, after.metadata)
    return Result(before, after, picture.count, (*notes, *job.notes))


def not_held(written_as: Format, before: Metadata, after: Metadata) -> tuple[str, ...]:
    """Says what a file of that format does not hold of a picture's metadata, before and after upscaling."""
    lost = [name.upper() for name in ("exif", "icc", "xmp") if name not in written_as.kept]
    held = [name for name in lost if getattr(before, name.lower())]
    notes = [f"{written_as.name} holds no {' and no '.join(held)}"] if held else []
    long = after.in_segments()[1] if written_as.name == "JPEG" else []
    if long:
        notes.append(f"{' and '.join(long)} of more than 64 kB left out, which JPEG does not hold")
    return tuple(notes)


def in_hand(
    jobs: Iterable[Job], carry_out: Callable[[Job], str], stop: Callable[[], object]
) -> Generator[tuple[Job, Callable[[], str]], None, None]:
    """Each job, in turn, with what gives the answer of `carry_out` or raises what that raised.

    Of small pictures two are in hand: one is read or written while the network computes the other. Its end, by an
    interrupt too, drops what has not begun, calls `stop`, after which `carry_out` must end soon, and waits for that.
    """
    pool, waiting = ThreadPoolExecutor(2), deque[tuple[Job, Callable[[], str]]]()
    # An interrupt may come before the pool knows that a thread has begun, so it cannot be asked what to wait for.
    answers: list[Future[str]] = []

    def answer(job: Job, future: Future[str]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(carry_out(job))
            except BaseException as error:
                future.set_exception(error)

    try:
        for job in jobs:
            beside = job.is_small and not job.done and not job.refusal
            while waiting and (not beside or len(waiting) == 2 or any(job.touches(other) for other, _ in waiting)):
                yield waiting.popleft()
            if beside:
                answers = [each for each in answers if not each.done()] + [Future()]
                waiting.append((job, answers[-1].result))
                pool.submit(answer, job, answers[-1])
            else:
                yield job, partial(carry_out, job)
        yield from waiting
    finally:
        stop()
        wait([each for each in answers if not each.cancel()])
        pool.shutdown(wait=False)


def _comparison(upscaler: Upscaler, before: Frame, after: Frame | LargeFrame, title: str) -> np.ndarray:
    from srzoo.upscaling import compare  # letters and fonts

    lr = before.pixels.on_white()
    if isinstance(after, Frame):
        return compare.side_by_side(lr, after.pixels.on_white(), title)
    # The whole was never held; its centre is quickly computed again.
    hr_shape = after.pixels.size[::-1]
    shown = compare.centre(lr.shape, hr_shape)
    height, width = lr.shape[:2]
    source = tile_of(shown, height, width, 1, upscaler.halo, upscaler.alignment).source
    rows, columns = compare.enlarged(source, lr.shape, hr_shape)
    part = upscale_pixels(upscaler, Pixels(lr[source]), size=(columns.stop - columns.start, rows.stop - rows.start))
    inside = compare.enlarged(shown, lr.shape, hr_shape)
    at = tuple(slice(each.start - off.start, each.stop - off.start) for each, off in zip(inside, (rows, columns)))
    return compare.of_centre(lr, part.colour[at], hr_shape, title)
