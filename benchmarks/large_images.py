"""Large pictures: what tiling costs, and a picture of 1920x1080 from start to file.

`--hundred` of this module is the run of 100 megapixels, with a small network or with weights:

    python -m benchmarks.large_images --hundred [--weights FILE]
"""

import argparse
import math
import os
import tempfile
from math import ceil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.common import Row
from benchmarks.growth import SMALL, resolve
from srzoo import zoo
from srzoo.upscaling import Upscaler

MODEL = "edsr-baseline-x4"

PAD, TILE = 10, 400
"""Of Real-ESRGAN's tiling: the margin by default, and a usual side, as by default it does not tile."""


def rows(quick: bool) -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    found = [*_planned(), *([] if quick else _times())]
    return found, [
        "Work of tiling: the area of all tiles with their margins, over the area of the picture. Real-ESRGAN's margin "
        f"is {PAD} pixels; EDSR-baseline looks {Upscaler(zoo.create(MODEL)).halo} pixels far. So Real-ESRGAN's tiles "
        "do not fit together exactly; srzoo's do."
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


def _times() -> list[Row]:
    """A picture in tiles and one that is not cut, each a process of its own."""
    found, rates = [], []
    with tempfile.TemporaryDirectory() as name:
        resolve(Path(name), 64, 64, [])  # prepares the network
        start = resolve(Path(name), 64, 64, [])[0]
        for width, height in ((640, 360), (1920, 1080)):
            seconds, peak = resolve(Path(name), width, height, [], "png")
            rates.append((seconds - start) / (1e-6 * width * height))
            times = rates[-1] / rates[0]
            figures = {"seconds a megapixel in": rates[-1], "times one tile's": times, "peak GB": peak / 1e9}
            section = "large picture, from start to file"
            found.append(Row(section, f"{width}x{height}", seconds, "seconds", None, figures))
    return found


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hundred", action="store_true", required=True, help="the run of 10,000x10,000 pixels")
    ap.add_argument("--weights", help="default: a small network with fresh weights")
    ap.add_argument("--format", default="tiff", choices=("tiff", "png"))
    args = ap.parse_args()
    with tempfile.TemporaryDirectory() as name:
        weights = args.weights or str(Path(name) / "small.weights.h5")
        if not args.weights:
            zoo.save_weights(zoo.create(SMALL), weights)
        seconds, peak = resolve(Path(name), 10_000, 10_000, ["--weights", str(weights)], args.format)
        (result,) = Path(name, "results").iterdir()
        size = result.stat().st_size / 1e9
    print(f"100 megapixels to 1,600: {seconds:.0f} s, peak {peak / 1e9:.2f} GB, a file of {size:.2f} GB")


if __name__ == "__main__":
    main()
