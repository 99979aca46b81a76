"""Every model that ships in every format: `python -m benchmarks.formats`. The table of docs/formats.md.

Size, parity (as each export reports it) and seconds from 320x180 to 1280x720 through `Upscaler`: the median of
interleaved runs, in which every format of a model takes its turn.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from srzoo import shipped, zoo
from srzoo.data.sample import sample_path
from srzoo.exporting import formats
from srzoo.pictures.reading import read_image
from srzoo.runtimes import exported
from srzoo.runtimes.parity import Bound, Parity
from srzoo.upscaling import Upscaler

ANY = Bound(worst=255, psnr_lost=99)
"""Here the difference is to be shown, not judged."""

COLUMNS = ("model", "format", "precision", "MB", "worst, grey levels", "mean, grey levels", "PSNR-Y lost, dB")
HEAD = f"| {' | '.join((*COLUMNS, 'seconds', 'times'))} |\n|{' --- |' * 3}{' ---: |' * 6}"


def lines(name: str, folder: Path, runs: int, pixels: np.ndarray) -> list[str]:
    model = zoo.load(name)
    upscalers = {("in Keras, as it ships", "float32"): Upscaler(model)}
    facts: dict[tuple[str, str], tuple[float, Parity | None]] = {(next(iter(upscalers))): (_shipped_size(name), None)}
    for format, precisions in formats.EXPORT_FORMATS.items():
        if format == "safetensors":
            continue  # weights for programs in PyTorch; nothing here runs them
        for precision in precisions:
            own = folder / f"{format}-{precision}"  # OpenVINO writes two files
            with exported.quiet():
                path, report = formats.export(model, own, format, precision, bound=ANY)
                network = zoo.load(path) if format == "keras" else exported.load(path)
            upscalers[format, precision] = Upscaler(network)
            facts[format, precision] = _size(own), report
            print(f"{name} as {format} in {precision}: written", file=sys.stderr, flush=True)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in upscalers}
    for _ in range(runs + 1):  # the first one is to warm up
        for key, upscaler in upscalers.items():
            start = time.perf_counter()
            upscaler(pixels)
            seconds[key].append(time.perf_counter() - start)
    medians = {key: statistics.median(taken[1:]) for key, taken in seconds.items()}
    slowest = medians[next(iter(medians))]
    rows = []
    for key, (size, report) in facts.items():
        parity = f"{report.worst:.2g} | {report.mean:.2g} | {report.psnr_lost:.3f}" if report else "| |"
        rows.append(
            f"| {f'`{name}`' if not rows else ''} | {' | '.join(key)} | {size:.1f} | {parity} | {medians[key]:.2f} | "
            f"{slowest / medians[key]:.2f} |"
        )
    return rows


def _shipped_size(name: str) -> float:
    return _size(next(Path(zoo.__file__).parent.glob(f"weights/{name}*.weights.h5")))


def _size(path: Path) -> float:
    """Megabytes of a file, or of a folder's files."""
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files) / 1e6


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="*", help="default: all that ship")
    ap.add_argument("--runs", type=int, default=5)
    args = ap.parse_args()
    photo = read_image(sample_path("astronaut.png"))[:180, :320]
    print(HEAD)
    for name in args.models or shipped.shipped_models():
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(lines(name, Path(folder), args.runs, photo)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
