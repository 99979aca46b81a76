"""Large pictures: what tiling costs, and how time and memory grow with the area.

Each run of `resolve_image.py` is a process of its own, whose peak memory the operating system tells. Growth is measured
with a small network, so that what is not the network shows; `--hundred` of this module is the run of 100 megapixels:

    PYTHONPATH=. python benchmarks/large_images.py --hundred [--weights FILE]
"""

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from math import ceil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.common import Row, in_turns, ratio
from srzoo import zoo
from srzoo.data.sample import sample_path
from srzoo.images import read_image, write_image
from srzoo.upscaling import Upscaler

ROOT = Path(__file__).resolve().parents[1]
MODEL = "edsr-baseline-x4"
SMALL = "edsr-baseline-x4.blocks1.filters8"

PAD, TILE = 10, 400
"""Of Real-ESRGAN's tiling: the margin by default, and a usual side, as by default it does not tile."""


def rows(quick: bool) -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [*_planned(), *_overhead(quick), *_whole_runs(folder, quick)]
    return found, [
        "Work of tiling: the area of all tiles with their margins over that of the picture. Real-ESRGAN's margin of "
        f"{PAD} pixels is less than EDSR-baseline looks far, {Upscaler(zoo.create(MODEL)).halo}, so its tiles do not "
        "fit together exactly; srzoo's do."
    ]


def _planned() -> list[Row]:
    """Work by the geometry alone."""
    upscaler = Upscaler(zoo.create(MODEL))
    found = []
    for width, height in ((1920, 1080), (3840, 2160), (10_000, 10_000)):
        pixels = np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3))
        streams = width * height * 48 > 256e6
        tiles = upscaler.plan(pixels, row_bytes=width * 12 if streams else 0)
        area = sum(math.prod(part.stop - part.start for part in tile.source) for tile in tiles)
        counts = ceil(width / TILE) * ceil(height / TILE)
        padded = (width + 2 * PAD * (ceil(width / TILE) - 1)) * (height + 2 * PAD * (ceil(height / TILE) - 1))
        figures = {"tiles": len(tiles), "Real-ESRGAN's formula": padded / (width * height), "its tiles": counts}
        found.append(
            Row("work of tiling", f"{width}x{height}", area / (width * height), "times the area", None, figures)
        )
    return found


def _overhead(quick: bool) -> list[Row]:
    """Time in tiles over time in one, with equal pixels."""
    width, height = (480, 270) if quick else (960, 540)
    photo = np.tile(read_image(sample_path("astronaut.png")), (2, 2, 1))[:height, :width]
    model = zoo.load(MODEL)
    whole = Upscaler(model, memory=8_000_000_000)
    share = len(_plan(Upscaler(model), 1920, 1080))
    tiled = Upscaler(model, memory=int(1.15 * whole._bytes_per_pixel * width * height / share))
    taken = in_turns({"in one": lambda: whole(photo), "in tiles": lambda: tiled(photo)}, 1 if quick else 2)
    count = len(tiled.plan(photo))
    worst = np.abs(whole(photo).astype(int) - tiled(photo)).max()
    times = ratio(taken["in tiles"], taken["in one"])
    figures = {"tiles": count, "worst difference, grey levels": float(worst)}
    return [
        Row("time of tiling", f"{width}x{height}, EDSR-baseline, TensorFlow", times, "times one tile's", None, figures)
    ]


def _plan(upscaler: Upscaler, width: int, height: int):
    return upscaler.plan(np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3)))


def _whole_runs(folder: Path, quick: bool) -> list[Row]:
    weights = folder / "small.weights.h5"
    zoo.save_weights(zoo.create(SMALL), weights)
    found = []
    sizes = ((500, 125), (1000, 250)) if quick else ((500, 125), (1000, 250), (2000, 500), (4000, 1000))
    for width, height in sizes:
        seconds, peak = run(folder, width, height, ["--weights", str(weights)])
        figures = {"seconds a megapixel": seconds / (16e-6 * width * height), "peak GB": peak / 1e9}
        name = f"{width * height * 16e-6:.0f} megapixels out, small network"
        found.append(Row("growth, process from start to end", name, seconds, "seconds", None, figures))
    if not quick:
        seconds, peak = run(folder, 1920, 1080, [])
        figures = {"seconds a megapixel": seconds / (16e-6 * 1920 * 1080), "peak GB": peak / 1e9}
        found.append(Row("growth, process from start to end", "1920x1080, default", seconds, "seconds", None, figures))
    return found


def run(folder: Path, width: int, height: int, options: list[str], ending: str = "tif") -> tuple[float, float]:
    """Upscales a picture by the command; gives seconds and bytes at the peak."""
    picture = folder / f"{width}x{height}.jpg"
    photo = read_image(sample_path("astronaut.png"))
    repeated = np.tile(photo, (ceil(height / len(photo)), ceil(width / photo.shape[1]), 1))[:height, :width]
    write_image(picture, repeated)
    del repeated
    command = [sys.executable, str(ROOT / "resolve_image.py"), str(picture), *options]
    command += ["--format", "tiff" if ending == "tif" else ending, "--output", str(folder / "results")]
    start = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, 1024 * used.ru_maxrss


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hundred", action="store_true", required=True, help="the run of 10,000x10,000 pixels")
    ap.add_argument("--weights", help="default: a small network with fresh weights")
    ap.add_argument("--format", default="tif", choices=("tif", "png"))
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as name:
        weights = args.weights or str(Path(name) / "small.weights.h5")
        if not args.weights:
            zoo.save_weights(zoo.create(SMALL), weights)
        seconds, peak = run(Path(name), 10_000, 10_000, ["--weights", weights], args.format)
        (result,) = Path(name, "results").iterdir()
        size = result.stat().st_size / 1e9
    own = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"100 megapixels to 1,600: {seconds:.0f} s, peak {peak / 1e9:.2f} GB, a file of {size:.2f} GB")
    print(f"(this process itself had {own / 1e9:.2f} GB, which is not counted)")


if __name__ == "__main__":
    main()
