"""`python resolve_image.py img.png`: upscales pictures with a trained network."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from srzoo.cli import show_log, start_tensorflow
from srzoo.cli.arguments import FORMAT_NAMES, PRECISION_NAMES, command, fidelity, pixels, size_in_bytes, weights_file

DESCRIPTION = """Upscales pictures with a trained network, with all that they hold: transparency, grey, 16 bits, frames,
pages, metadata. The result of photo.jpg is results/photo.jpg by default. docs/images.md tells of each kind."""

EPILOG = """examples:
  python resolve_image.py photo.jpg --compare
  python resolve_image.py photos/ more.png --output large --memory 1GB
  python resolve_image.py photos/ --format png --resume
  python resolve_image.py photo.jpg --weights runs/edsr-baseline-div2k/best.weights.h5
  python resolve_image.py photo.jpg --weights runs/edsr-gan-div2k/adversarial/best.weights.h5 --fidelity 0.5
  python resolve_image.py photo.jpg --model exported/edsr-baseline-x4-int8.tflite"""


def parser() -> argparse.ArgumentParser:
    ap = command("resolve_image.py", DESCRIPTION, EPILOG)
    ap.add_argument("images", nargs="+", type=Path, help="image files, and folders: all images below them")
    which = ap.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        default="edsr-baseline-x4",
        help="a model whose trained weights ship, a .keras or .weights.h5 file, or what `srzoo export` wrote: "
        "a .tflite or .onnx file, or the folder of a SavedModel (default: edsr-baseline-x4)",
    )
    which.add_argument("--weights", type=weights_file, help="a .weights.h5 file, as train.py leaves it")
    ap.add_argument(
        "--fidelity",
        type=fidelity,
        help="for a model of GAN training (edsr-gan, srgan): 0 leaves it as it is, 1 is the same network "
        "trained on pixels alone, and between them it invents the less detail the higher the number",
    )
    ap.add_argument(
        "--pixel-weights",
        help="for --fidelity, the network trained on pixels: as --model; default: the one that ships of the same sizes",
    )
    ap.add_argument(
        "--precision",
        choices=PRECISION_NAMES,
        default="auto",
        help="what the network computes in. auto: the fastest that is within one grey level of float32 on average "
        "(default: auto)",
    )
    ap.add_argument("--output", type=Path, default=Path("results"), help="folder for the results (default: results)")
    ap.add_argument(
        "--format",
        choices=FORMAT_NAMES,
        help="what the results are written in (default: as each input); PNG where that cannot hold a picture",
    )
    ap.add_argument(
        "--memory",
        type=size_in_bytes,
        help="what the network may take for a tile, as 800MB or 1.5GB; without a unit it is GB (default: 2GB)",
    )
    ap.add_argument(
        "--compare", action="store_true", help="also write <name>_compare.png: LR, bicubic and SR side by side"
    )
    ap.add_argument(
        "--max-pixels",
        type=pixels,
        help="width times height that a picture may have, as 400M; a larger one may be a decompression bomb "
        "(default: 400M)",
    )
    ap.add_argument(
        "--overwrite", action="store_true", help="let a result replace an input, or the result of another input"
    )
    ap.add_argument(
        "--resume",
        action="store_true",
        help="leave out pictures whose results are there and not older than they are: for the same command after "
        "an interruption",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, or 1 if some pictures could not be upscaled; each of them is then named on stderr.

    Raises:
        ValueError, OSError: for bad arguments, before anything is written.
    """
    args = parser().parse_args(argv)
    if args.output.exists() and not args.output.is_dir():
        raise ValueError(f"--output must be a folder, but {args.output} is a file")
    if args.pixel_weights and args.fidelity is None:
        raise ValueError(
            f"--pixel-weights {args.pixel_weights} has no use without --fidelity; give a number from 0 to 1"
        )
    from srzoo.images import MAX_PIXELS
    from srzoo.pictures.sources import find_sources

    sources = find_sources(args.images, args.output)

    from srzoo.runtimes.choice import Choice, choose
    from srzoo.upscaling import batch
    from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler

    choice = Choice(str(args.weights or args.model), args.precision, args.fidelity, args.pixel_weights)
    pictures = [source.path for source in sources if not source.refusal]
    show_log()
    model = choose(choice, pictures, start_tensorflow)
    title = model.name if args.fidelity is None else f"{model.name}, fidelity {args.fidelity:g}"
    upscaler = Upscaler(model, args.memory or DEFAULT_MEMORY)
    max_pixels = args.max_pixels or MAX_PIXELS
    jobs = batch.plan(sources, args.output, upscaler.scale, args.format, args.compare, args.overwrite, max_pixels)
    return _carry_out(jobs, upscaler, title, max_pixels, args)


def _carry_out(jobs, upscaler, title: str, max_pixels: int, args: argparse.Namespace) -> int:
    """Upscales one picture after the other and sums up; returns the exit status."""
    failed = left = 0
    for job in jobs:
        if args.resume and not job.refusal and job.is_done():
            left += 1
            continue
        try:
            if job.refusal:
                raise ValueError(job.refusal)
            print(_resolve(job, upscaler, title, max_pixels), flush=True)
        except Exception as error:  # whatever a picture brings about must not stop the others
            failed += 1
            reason = str(error) or type(error).__name__
            reason = reason if str(job.source) in reason else f"{job.source}: {reason}"
            print(f"error: {reason}", file=sys.stderr, flush=True)
    if len(jobs) > 1 or failed or left:
        rest = (f", {left} already there" if left else "") + (f", {failed} failed" if failed else "")
        print(f"{len(jobs) - failed - left} of {len(jobs)} images upscaled to {args.output}{rest}")
    return 1 if failed else 0


def _resolve(job, upscaler, title: str, max_pixels: int) -> str:
    """Reads, upscales and writes one picture; returns a line about it."""
    from srzoo.upscaling import batch

    start = time.perf_counter()
    progress: Callable = iter
    if sys.stderr.isatty():
        from tqdm import tqdm

        progress = partial(tqdm, desc=job.source.name, unit="tile", leave=False)
    report = batch.carry_out(job, upscaler, title, progress, max_pixels)
    seconds = time.perf_counter() - start
    sizes = " -> ".join("{}x{}".format(*frame.pixels.size) for frame in (report.before, report.after))
    count = f" ({report.count} frames)" if report.count > 1 else ""
    line = f"{job.source}: {sizes}{count}, {seconds:.1f} s, {', '.join(map(str, job.outputs))}"
    return "; ".join([line, *report.notes])
