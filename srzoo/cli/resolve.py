"""`python resolve_image.py img.png`: upscales pictures with a trained network."""

import argparse
import math
import re
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from srzoo.cli import start_tensorflow
from srzoo.cli.export import quiet

DESCRIPTION = "Upscales pictures with a trained network and writes them as PNG files, results/<name>.png by default."

EPILOG = """examples:
  python resolve_image.py photo.jpg --compare
  python resolve_image.py photos/ more.png --output large --memory 1GB
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
    ap.add_argument("--output", type=Path, default=Path("results"), help="folder for the results (default: results)")
    ap.add_argument(
        "--memory",
        type=_bytes,
        help="what the network may take for a tile, as 800MB or 1.5GB; without a unit it is GB (default: 2GB)",
    )
    ap.add_argument(
        "--compare", action="store_true", help="also write <name>_compare.png: LR, bicubic and SR side by side"
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
    for path in args.images:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    if args.output.exists() and not args.output.is_dir():
        raise ValueError(f"--output must be a folder, but {args.output} is a file")
    if args.pixel_weights and args.fidelity is None:
        raise ValueError(
            f"--pixel-weights {args.pixel_weights} has no use without --fidelity; give a number from 0 to 1"
        )
    jobs = plan(args.images, args.output, args.compare)

    start_tensorflow()
    from tqdm import tqdm

    from srzoo.upscaling.upscaler import DEFAULT_MEMORY, Upscaler

    model = _load(args.weights or args.model, args.fidelity, args.pixel_weights)
    title = model.name if args.fidelity is None else f"{model.name}, fidelity {args.fidelity:g}"
    upscaler = Upscaler(model, memory=args.memory or DEFAULT_MEMORY)
    failed = 0
    for job in jobs:
        # No bar where the output is not a terminal.
        progress = partial(tqdm, desc=job.source.name, unit="tile", leave=False, disable=None)
        try:
            print(_resolve(job, upscaler, title, progress), flush=True)
        except (ValueError, OSError) as error:
            failed += 1
            reason = str(error)
            print(f"error: {reason if str(job.source) in reason else f'{job.source}: {reason}'}", file=sys.stderr)
    if len(jobs) > 1 or failed:
        rest = f", {failed} failed" if failed else ""
        print(f"{len(jobs) - failed} of {len(jobs)} images upscaled to {args.output}{rest}")
    return 1 if failed else 0


@dataclass(frozen=True)
class Job:
    """A picture to upscale."""

    source: Path
    target: Path
    comparison: Path | None
    """Where the side-by-side picture goes, if one is wanted."""

    @property
    def outputs(self) -> list[Path]:
        return [path for path in (self.target, self.comparison) if path]


def plan(inputs: list[Path], output: Path, compare: bool) -> list[Job]:
    """Decides which files to read and which to write.

    A file goes to `output/<stem>.png`; an image in a folder keeps its path relative to that folder. What lies
    below `output` is left out of the folders above it, as these are results of earlier runs.

    Raises:
        ValueError: if a folder holds no images, two images have the same result, or a result would
            replace one of the images.
    """
    from srzoo.images import SUFFIXES, image_files

    results = output.resolve()
    jobs: dict[Path, Job] = {}
    for given in inputs:
        if given.is_dir():
            own = results in (given.resolve(), *given.resolve().parents)
            sources = [path for path in image_files(given) if own or results not in path.resolve().parents]
            if not sources:
                raise ValueError(f"{given}: no images in this folder; srzoo reads {', '.join(SUFFIXES)}")
            relative = [path.relative_to(given) for path in sources]
        else:
            sources, relative = [given], [Path(given.name)]
        for source, place in zip(sources, relative):
            target = (output / place).with_suffix(".png")
            # Keyed by the file, so that one that is given twice is upscaled once.
            job = Job(source, target, target.with_name(f"{target.stem}_compare.png") if compare else None)
            jobs.setdefault(source.resolve(), job)

    writer: dict[Path, Job] = {}
    for job in jobs.values():
        for path in job.outputs:
            other = writer.setdefault(path.resolve(), job)
            if other is not job:
                raise ValueError(f"{other.source} and {job.source} would both be written to {path}; rename one of them")
            if path.resolve() in jobs:
                raise ValueError(f"{job.source} would be written to {path}, an input; choose another --output")
    return list(jobs.values())


def _load(source, fidelity: float | None, pixel_weights: str | None):
    """The model of `--model` or `--weights`, brought towards its pixel-trained partner if a fidelity is given.

    It is a Keras model, or a `Network` where the source is an exported one.
    """
    from srzoo import zoo
    from srzoo.export import runtimes

    if runtimes.is_exported(source):
        if fidelity is not None:
            raise ValueError(
                f"--fidelity mixes weights, but {source} is an exported model; "
                "give the .weights.h5 file, and export the mixture of `srzoo.interpolate` if you want it in that format"
            )
        with quiet():
            return runtimes.load(source)
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


def _resolve(job: Job, upscaler, name: str, progress) -> str:
    """Reads, upscales and writes one picture; returns a line about it."""
    from srzoo.images import read_image, write_image
    from srzoo.upscaling.compare import side_by_side

    start = time.perf_counter()
    lr = read_image(job.source)
    sr = upscaler(lr, progress=progress)
    write_image(job.target, sr)
    if job.comparison:
        write_image(job.comparison, side_by_side(lr, sr, name))
    seconds = time.perf_counter() - start
    return f"{job.source}: {_size(lr)} -> {_size(sr)}, {seconds:.1f} s, {', '.join(map(str, job.outputs))}"


def _size(pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


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


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG]?)B?", text.strip(), re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 800MB or 1.5GB, got {text!r}")
    return int(float(match[1]) * {"M": 1e6, "G": 1e9, "": 1e9}[match[2].upper()])
