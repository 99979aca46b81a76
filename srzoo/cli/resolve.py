"""`python resolve_image.py img.png`: upscales pictures with a trained network."""

import argparse
import contextlib
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srzoo import names, shipped
from srzoo.atomic import check_place
from srzoo.cli import say, show_log
from srzoo.cli.arguments import (
    FORMAT_NAMES,
    add_network,
    add_size,
    check_network,
    command,
    format_name,
    name_part,
    place,
    size_of,
    whole,
)
from srzoo.tables import duration, printable

if TYPE_CHECKING:
    from srzoo.cli.progress import Bar
    from srzoo.pictures.sources import Source
    from srzoo.upscaling.automatic import Upscalers
    from srzoo.upscaling.batch import Job, Results
    from srzoo.upscaling.upscaler import Upscaler

DESCRIPTION = """Upscales pictures with a trained network, and keeps what they hold: transparency, grey, 16 bits,
frames, pages, metadata. The result of photo.jpg is results/photo.jpg by default. docs/images.md describes each kind of
picture."""

EPILOG = """examples:
  %(prog)s photo.jpg                                four times as wide and as high, into results/
  %(prog)s photo.jpg -o large.png --scale 2
  %(prog)s photos/ more.png --output large/ --width 3840
  %(prog)s photos/ --format png --resume
  %(prog)s photo.jpg --model edsr-gan-x4 --fidelity 0.5
  %(prog)s photos/ --model auto                       damaged pictures with edsr-real, others with edsr-baseline
  %(prog)s photo.jpg --restore 0.7                    removes noise, JPEG blocks and blur
  %(prog)s photo.jpg --model runs/mine
  %(prog)s - -o - < photo.jpg > large.jpg"""

STREAM = Path("-")

LONG = 1_000_000
"""LR pixels from which a run prints its expected time and memory first."""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo resolve", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("images", nargs="+", type=place, help="image files or folders (all images below them); - is standard input")
    add_network(ap)
    ap.set_defaults(model=None)  # tells apart who named edsr-baseline and who named nothing
    add_size(ap)
    add(
        "--self-ensemble",
        action="store_true",
        help="average over eight flips and turns of the picture; takes eight times as long",
    )
    add("--device", choices=("cpu", "gpu"), help="device that computes (default: the GPU if there is one)")
    add("--threads", type=whole(1), help="processor threads to use (default: all)")
    add_result = ap.add_argument_group("results").add_argument
    add_result(
        "-o",
        "--output",
        type=place,
        help="folder for the results, or a file such as out.png for one picture; - is standard output (default: "
        "results)",
    )
    add_result("--beside", action="store_true", help="write each result beside its input")
    add_result(
        "--suffix",
        type=name_part,
        help="text between a result's name and its ending, such as _x4 (default: none; with --beside _sr)",
    )
    add_result(
        "--format",
        type=format_name,
        choices=FORMAT_NAMES,
        help="format of the results (default: each input's); srzoo writes PNG if the format cannot hold a picture",
    )
    add_result(
        "--quality",
        type=whole(1, 100),
        help="quality of JPEG, WebP, AVIF and HEIF, from 1 to 100 (default: 95)",
    )
    add_result("--compare", action="store_true", help="also write <name>_compare.png: LR, bicubic and SR side by side")
    add_result(
        "--overwrite",
        action="store_true",
        help="let a result replace an input, the result of another input or model, or any other file",
    )
    add_result(
        "--resume",
        action="store_true",
        help="skip pictures that have a result of the same file, model and options; use it to repeat a command after "
        "an interruption",
    )
    add_result(
        "--dry-run", action="store_true", help="print what the command would do and how long it would take, and stop"
    )
    add_result("-q", "--quiet", action="store_true", help="print only errors")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, or 1 if some pictures could not be upscaled; each of them is then named on stderr.

    Raises:
        ValueError, OSError: for bad arguments, before anything is written.
    """
    args = parser().parse_args(argv)
    dials = check_network(args)
    _set_device(args)
    with _streams(args) as (images, output):
        return _resolve_all(args, images, output, dials)


def _set_device(args: argparse.Namespace) -> None:
    """Sets the variables that NumPy and the runtimes read at their import."""
    # Threads for NumPy's matrix products, which are tiny here, would take a processor for 70 ms of the start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif args.device == "gpu":
        from srzoo.runtimes.prepared import has_gpu

        if not has_gpu():
            raise ValueError("--device gpu: no GPU was found; leave it out, or see `nvidia-smi`")
    if args.threads:
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(args.threads)))


@contextlib.contextmanager
def _streams(args: argparse.Namespace) -> Iterator[tuple[list[Path], Path]]:
    """The inputs and the output as files, if they are standard input and output."""
    output = args.output or (STREAM if args.images == [STREAM] and not args.beside else Path("results"))
    if STREAM not in (*args.images, output):
        yield args.images, output
        return
    if len(args.images) > 1 or args.images[0].is_dir():
        raise ValueError("- stands for one picture; give no other with it, and no folder")
    if args.suffix and output == STREAM:
        raise ValueError(f"--suffix {args.suffix} is for a result with a name; leave it out, or give --output FOLDER")
    if args.beside or (args.compare and output == STREAM):
        option = "--beside" if args.beside else "--compare"
        raise ValueError(f"{option} writes a file beside another, which - is not; name the result by --output")
    from srzoo.pictures.record import NAME

    with tempfile.TemporaryDirectory(prefix="srzoo-") as folder:
        images, results = args.images, Path(folder, "results")
        if images == [STREAM]:
            images = [Path(folder, "standard-input")]
            images[0].write_bytes(sys.stdin.buffer.read())
        yield images, results if output == STREAM else output
        for result in results.iterdir() if results.is_dir() else ():
            if result.name != NAME:
                try:
                    sys.stdout.buffer.write(result.read_bytes())
                    sys.stdout.buffer.flush()
                except OSError as error:
                    raise OSError(f"standard output: cannot be written ({error.strerror})") from error


def _resolve_all(args: argparse.Namespace, images: list[Path], output: Path, dials: list[str]) -> int:
    """Plans all pictures, says what they cost, and upscales them; returns the exit status."""
    from srzoo.cli.progress import Bar
    from srzoo.images import MAX_PIXELS
    from srzoo.pictures.formats import QUALITY
    from srzoo.upscaling import batch
    from srzoo.upscaling.sizes import Size

    results = batch.Results(*_place(args, images, output), args.suffix or "", args.format, args.quality)
    if not args.quiet:
        show_log()
    sources = _sources(images, results)
    asked = shipped.FOR_DAMAGED if args.restore is not None else args.weights or args.model or shipped.FOR_CLEAN
    automatic = asked == shipped.AUTO
    max_pixels, stopped = args.max_pixels or MAX_PIXELS, threading.Event()
    # What is on a hub is asked for once.
    source = shipped.locate(shipped.FOR_CLEAN if automatic else asked)
    weights = [shipped.content_of(each) for each in (source, args.pixel_weights) if each]
    upscalers = _upscalers(args, asked if automatic else source, sources, max_pixels, stopped)

    # A name tells its scale, so that nothing is loaded for pictures that are refused.
    ships = shipped.weights_of_name(source)
    size = size_of(args) or Size(names.parse(source).scale if ships else upscalers.load(source).scale)
    # Of a size in pixels the network depends on the picture.
    nearest = shipped.nearest(asked, size.scale) if size.scale else asked
    details = dials + ["self-ensemble"] * args.self_ensemble
    made_by = ", ".join([asked if automatic else shipped.absolute_source(nearest), str(size), *details])
    options = f"{args.precision} {args.quality or QUALITY} {weights}"
    results = replace(results, made_by=made_by, options=options, overwrite=args.overwrite)
    jobs = batch.plan(sources, results, size, args.compare, max_pixels, args.resume)

    bar = Bar(shown=not args.quiet)
    ahead = [job for job in jobs if not job.refusal and not job.done]
    # To look at all pictures before the first is upscaled would take long, so the first one's network stands for all.
    planned = (lambda _: upscalers.of(ahead[0])) if automatic and not args.dry_run else upscalers.of
    work = sum(batch.work(job, planned(job)) for job in ahead)
    if ahead and (args.dry_run or work > LONG) and not args.quiet:
        bar.rate = _say_cost(args, ahead, planned, max_pixels)
    if args.dry_run:
        return _say_plan(jobs, upscalers)
    upscale = partial(_upscale, upscalers, results, details, max_pixels, bar)
    with contextlib.closing(batch.in_hand(jobs, upscale, stopped.set)) as in_hand:
        return _carry_out(in_hand, args, images)


def _upscalers(
    args: argparse.Namespace, asked: str, sources: list["Source"], max_pixels: int, stopped: threading.Event
) -> "Upscalers":
    """Loads the networks of the pictures on demand; they end at once when `stopped` is set."""
    from srzoo.runtimes.choice import Choice, choose
    from srzoo.runtimes.wrapped import interruptible, self_ensemble
    from srzoo.upscaling.automatic import Upscalers
    from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler

    def tick() -> None:
        if stopped.is_set():
            raise InterruptedError

    def load(source: str) -> Upscaler:
        choice = Choice(source, args.precision, args.fidelity, args.pixel_weights, args.restore)
        network = choose(choice, [each.path for each in sources if not each.refusal])
        if args.device == "gpu" and network.in_machine_memory:
            raise ValueError(f"--device gpu: {network.name} is computed by the processor, {_why_no_gpu(args)}")
        network = self_ensemble(network) if args.self_ensemble else network
        return Upscaler(interruptible(network, tick), args.memory or DEFAULT_MEMORY)

    by_default = not (args.weights or args.model) and args.restore is None
    return Upscalers(asked, load, max_pixels, advises=by_default)


def _why_no_gpu(args: argparse.Namespace) -> str:
    from srzoo.runtimes.exported import is_exported

    if args.precision == "int8":
        return "which alone has int8; choose another --precision, or leave out --device"
    if args.model and is_exported(args.model):
        return "as are .tflite, .onnx and .xml files; give its weights or a SavedModel, or leave out --device"
    return "because Keras finds no GPU; see `pip install 'tensorflow[and-cuda]'`, or leave out --device"


def _say_cost(
    args: argparse.Namespace, jobs: list["Job"], upscaler_of: Callable[["Job"], "Upscaler"], max_pixels: int
) -> float:
    """Says how long the jobs take and in how much memory; returns LR pixels a second, 0 if that is not known."""
    from srzoo.upscaling.batch import memory_of
    from srzoo.upscaling.estimate import seconds_of
    from srzoo.upscaling.memory import resident_memory

    try:
        seconds, rate = seconds_of(jobs, upscaler_of, max_pixels)
    except (ValueError, OSError, MemoryError):  # of which `_upscale` tells
        return 0.0
    memory = resident_memory() + max(memory_of(job, upscaler_of(job)) for job in jobs)
    cost = " (eight times that of a single pass)" if args.self_ensemble else ""
    say(f"takes about {duration(seconds)}{cost} and {memory / 1e9:.1f} GB", sys.stderr)
    return rate


def _say_plan(jobs: list["Job"], upscalers: "Upscalers") -> int:
    """Says of each picture what would become of it; returns the exit status."""
    for job in jobs:
        if job.refusal:
            say(_error(job, job.refusal), sys.stdout)
        else:
            line = _line(job, (job.given, job.size.of(*job.given)))
            notes = ["already there"] if job.done else upscalers.notes(job)
            say(_in_words("; ".join([line, *notes])), sys.stdout)
    return int(any(job.refusal for job in jobs))


def _upscale(
    upscalers: "Upscalers", results: "Results", details: list[str], max_pixels: int, bar: "Bar", job: "Job"
) -> str:
    """Reads, upscales and writes one picture; returns a line about it."""
    from srzoo.upscaling import batch

    if job.refusal:
        raise ValueError(job.refusal)
    start = time.perf_counter()
    progress, bar.title = iter if job.is_small else bar, printable(job.source.name)
    upscaler = upscalers.of(job)
    title = ", ".join([upscaler.name, *details])
    with contextlib.closing(bar):
        result = batch.carry_out(job, upscaler, title, progress, max_pixels, results)
    seconds = time.perf_counter() - start
    count = f" ({result.count} frames)" if result.count > 1 else ""
    sizes = [frame.pixels.size for frame in (result.before, result.after)]
    line = _line(job, sizes, [f"{seconds:.1f} s"]).replace(", ", f"{count}, ", 1)
    return "; ".join([line, *upscalers.notes(job), *result.notes])


def _line(job: "Job", sizes: Iterable[tuple[int, int]], facts: Sequence[str] = ()) -> str:
    """A line about a picture and what it becomes."""
    return ", ".join(
        [f"{job.source}: {' -> '.join('{}x{}'.format(*size) for size in sizes)}", *facts, *map(str, job.outputs)]
    )


def _place(args: argparse.Namespace, images: list[Path], output: Path) -> tuple[Path | None, Path | None]:
    """The folder of the results, and the file of the only one; one of both, or none if they go beside the inputs."""
    from srzoo.pictures.formats import FORMATS, split_ending

    if args.beside:
        if args.output:
            raise ValueError("--beside writes beside the inputs; leave out --output")
        args.suffix = args.suffix or "_sr"
        return None, None
    endings = [ending for each in FORMATS.values() for ending in each.endings]
    named = output.suffix.lower() in endings
    check_place(output.parent if named else output)
    if output.is_dir() or not named:
        if output.suffix and not output.exists() and split_ending(output)[1]:
            raise ValueError(f"--output {output}: srzoo does not write this format; choose one of {', '.join(endings)}")
        return output, None
    if len(images) > 1 or images[0].is_dir():
        raise ValueError(f"--output {output} names one picture's file; give a folder for the results of several")
    if args.suffix:
        longer = output.with_stem(output.stem + args.suffix)
        raise ValueError(f"--output {output} is the whole name; leave out --suffix, or give --output {longer}")
    return None, output


def _sources(images: list[Path], results: "Results") -> list["Source"]:
    from srzoo.pictures.sources import find_sources

    if len(images) == 2 and images[0].exists() and not images[1].exists():
        raise FileNotFoundError(
            f"{images[1]}: no such file or folder; for a result there: {images[0]} --output {images[1]}"
        )
    return find_sources(images, results.folder or results.file, results.record, results.suffix)


def _carry_out(in_hand: Iterable[tuple], args: argparse.Namespace, images: list[Path]) -> int:
    """Upscales the pictures and sums up; returns the exit status."""
    stream = sys.stderr if args.output == STREAM or images != args.images else sys.stdout
    count = failed = left = 0
    for job, line in in_hand:
        count += 1
        if job.done:
            left += 1
            continue
        try:
            done = line()
            if not args.quiet:
                say(_in_words(done), stream)
        except Exception as error:  # whatever a picture brings about must not stop the others
            failed += 1
            say(_error(job, str(error) or type(error).__name__), sys.stderr)
    if (count > 1 or failed or left) and not args.quiet:
        rest = (f", {left} already there" if left else "") + (f", {failed} failed" if failed else "")
        place = "standard output" if args.output == STREAM else args.output or "results"
        where = "beside them" if args.beside else f"to {place}"
        say(f"{count - failed - left} of {count} images upscaled {where}{rest}", stream)
    return 1 if failed else 0


def _error(job: "Job", reason: str) -> str:
    """The line about a picture that is not done; it names the picture."""
    return "error: " + _in_words(reason if str(job.source) in reason else f"{job.source}: {reason}")


def _in_words(line: str) -> str:
    """The line, in which the files of `_streams` are called standard input and output."""
    place = re.escape(os.path.join(tempfile.gettempdir(), "srzoo-"))
    return re.sub(rf"{place}\w+/(?:standard-(input)|results/[^,;]+)", lambda at: f"standard {at[1] or 'output'}", line)
