"""`python resolve_image.py img.png`: upscales pictures with a trained network."""

import argparse
import math
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from srzoo.cli import start_tensorflow
from srzoo.cli.export import quiet

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
    ap = argparse.ArgumentParser(
        prog="resolve_image.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ap.add_argument("images", nargs="+", type=Path, help="image files, and folders: all images below them")
    which = ap.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        default="edsr-baseline-x4",
        help="a model whose trained weights ship, a .keras or .weights.h5 file, or what `srzoo export` wrote: "
        "a .tflite or .onnx file, or the folder of a SavedModel (default: edsr-baseline-x4)",
    )
    which.add_argument("--weights", type=_weights_file, help="a .weights.h5 file, as train.py leaves it")
    ap.add_argument(
        "--fidelity",
        type=_fidelity,
        help="for a model of the adversarial game (edsr-gan, srgan): 0 leaves it as it is, 1 is the same network "
        "trained on pixels alone, and between them it invents the less detail the higher the number",
    )
    ap.add_argument(
        "--pixel-weights",
        help="for --fidelity, the network trained on pixels: as --model; default: the one that ships of the same sizes",
    )
    ap.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16", "int8"),
        default="auto",
        help="what the network computes in. auto: the fastest that is within one grey level of float32 on average "
        "(default: auto)",
    )
    ap.add_argument("--output", type=Path, default=Path("results"), help="folder for the results (default: results)")
    ap.add_argument(
        "--format",
        choices=("png", "jpeg", "webp", "tiff", "gif", "bmp", "avif", "heif", "jpeg2000"),
        help="what the results are written in (default: as each input); PNG where that cannot hold a picture",
    )
    ap.add_argument(
        "--memory",
        type=_bytes,
        help="what the network may take for a tile, as 800MB or 1.5GB; without a unit it is GB (default: 2GB)",
    )
    ap.add_argument(
        "--compare", action="store_true", help="also write <name>_compare.png: LR, bicubic and SR side by side"
    )
    ap.add_argument(
        "--max-pixels",
        type=_pixels,
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

    from srzoo.upscaling import batch
    from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler

    model = _chosen(args, [source.path for source in sources if not source.refusal])
    title = model.name if args.fidelity is None else f"{model.name}, fidelity {args.fidelity:g}"
    upscaler = Upscaler(model, args.memory or DEFAULT_MEMORY, notice=lambda text: _warn(f"note: {text}"))
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
            _warn(f"error: {reason if str(job.source) in reason else f'{job.source}: {reason}'}")
    if len(jobs) > 1 or failed or left:
        rest = (f", {left} already there" if left else "") + (f", {failed} failed" if failed else "")
        print(f"{len(jobs) - failed - left} of {len(jobs)} images upscaled to {args.output}{rest}")
    return 1 if failed else 0


def _chosen(args: argparse.Namespace, pictures: list[Path]):
    """The network in the precision that is asked for, or the best one, and a line on stderr that tells which."""
    from srzoo.export import prepared
    from srzoo.upscaling.network import Network

    source = args.weights or args.model
    if args.fidelity is None:
        taken = prepared.ready(
            source, args.precision, pictures, lambda: _load(source, None, None), lambda text: _warn(f"note: {text}")
        )
        if taken:
            away = f", {taken.mean:.2f} grey levels from float32 on average" if taken.precision != "float32" else ""
            _warn(f"{taken.network.name}: {taken.precision} by OpenVINO{away}")
            return taken.network
    elif args.precision not in ("auto", "float32"):
        raise ValueError(f"--precision {args.precision} is not for mixtures of weights; leave out --fidelity")
    model = _load(source, args.fidelity, args.pixel_weights, args.precision == "bfloat16")
    runtime = f"as exported to {source}" if isinstance(model, Network) else f"{_precision(model)} by TensorFlow"
    _warn(f"{model.name}: {runtime}")
    return model


def _precision(model) -> str:
    return {"mixed_bfloat16": "bfloat16"}.get(model.get_layer(index=2).dtype_policy.name, "float32")


def _warn(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _load(source, fidelity: float | None, pixel_weights: str | None, bfloat16: bool = False):
    """The model of `--model` or `--weights`, brought towards its pixel-trained partner if a fidelity is given.

    It is a Keras model, or a `Network` where the source is an exported one.
    """
    if Path(source).suffix not in (".tflite", ".onnx"):
        start_tensorflow()
    from srzoo.export import runtimes

    if runtimes.is_exported(source):
        if fidelity is not None:
            raise ValueError(
                f"--fidelity mixes weights, but {source} is an exported model; "
                "give the .weights.h5 file, and export the mixture of `srzoo.interpolate` if you want it in that format"
            )
        with quiet():
            return runtimes.load(source)
    import keras

    from srzoo import zoo

    if bfloat16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = zoo.load(source)
    if fidelity is None:
        return model
    partner = zoo.pixel_trained(model.name)
    if not pixel_weights and partner not in zoo.shipped_models():
        raise FileNotFoundError(
            f"--fidelity for {model.name!r} needs the weights of {partner!r}, which do not ship; "
            "give them with --pixel-weights"
        )
    return zoo.interpolate(pixel_weights or partner, model, 1 - fidelity)


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


def _weights_file(text: str) -> Path:
    if not text.endswith(".weights.h5"):
        raise argparse.ArgumentTypeError(f"expected a file ending in .weights.h5, got {text!r}; see also --model")
    return Path(text)


def _fidelity(text: str) -> float:
    try:
        fidelity = float(text)
    except ValueError:
        fidelity = math.nan
    if not 0 <= fidelity <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return fidelity


def _pixels(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)", text.strip(), re.IGNORECASE)
    number = int(float(match[1]) * {"K": 1e3, "M": 1e6, "G": 1e9, "": 1}[match[2].upper()]) if match else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of pixels such as 400M or 2.5G, got {text!r}")
    return number


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG]?)B?", text.strip(), re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 800MB or 1.5GB, got {text!r}")
    return int(float(match[1]) * {"M": 1e6, "G": 1e9, "": 1e9}[match[2].upper()])
