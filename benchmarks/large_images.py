"""Large pictures: what tiling costs, and pictures from start to file beside what the command tells before.

A picture of any size, with further options of `resolve_image.py`:

    python -m benchmarks.large_images 6000x4000 [--model small] [--format jpeg] [--scale 2]

`small` is a network that ends soon, with fresh weights.
"""

import argparse
import math
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.common import Row
from benchmarks.growth import SMALL, resolve
from srzoo import zoo
from srzoo.runtimes.tiles import area, cut
from srzoo.upscaling import Upscaler

MODEL = "edsr-baseline-x4"

TWO_SECONDS = 280_000
"""LR pixels that EDSR-baseline computes in two seconds, in int8 on two cores of a Xeon with AVX-512 VNNI."""

BODY = 0.61
"""Share of EDSR-baseline's multiplications that are in its body; the tail leaves the tiles' halos out."""


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    return [*_planned(), *_times()], [
        "Work of tiling: multiplications of all tiles, over those of the picture in one. A tile of two seconds has "
        f"{TWO_SECONDS:,} pixels, in int8."
    ]


def _planned() -> list[Row]:
    """Work by the geometry alone."""
    upscaler = Upscaler(zoo.create(MODEL))
    found = []
    for width, height in ((1920, 1080), (4000, 3000), (6000, 4000), (10_000, 10_000)):
        pixels = np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3))
        streams = width * height * 48 > 256e6
        tiles = upscaler.plan(pixels, row_bytes=width * 12 if streams else 0)
        soon = cut(height, width, upscaler.network_scale, upscaler.halo, TWO_SECONDS)
        work, of_soon = (BODY * sum(map(area, each)) / (width * height) + 1 - BODY for each in (tiles, soon))
        figures = {"tiles": len(tiles), "tiles of two seconds": len(soon), "their cost": of_soon / work}
        found.append(Row("work of tiling", f"{width}x{height}", work, "times the work", None, figures))
    return found


def _times() -> list[Row]:
    """A picture in tiles and one that is not cut, each a process of its own."""
    found, rates = [], []
    with tempfile.TemporaryDirectory() as name:
        resolve(Path(name), 64, 64, [])  # prepares the network
        start = resolve(Path(name), 64, 64, [])[0]
        for width, height in ((640, 360), (1920, 1080)):
            seconds, peak, told, told_peak = resolve(Path(name), width, height, [], "png")
            rates.append((seconds - start) / (1e-6 * width * height))
            figures = {"seconds a megapixel in": rates[-1], "times one tile's": rates[-1] / rates[0]}
            figures |= {"peak GB": peak / 1e9}
            if told:
                figures |= {"told seconds": told, "told GB": told_peak / 1e9}
            section = "large picture, from start to file"
            found.append(Row(section, f"{width}x{height}", seconds, "seconds", None, figures))
    return found


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("size", help="width and height, such as 6000x4000")
    ap.add_argument("--model", default="edsr-baseline")
    ap.add_argument("--format", default="png")
    args, options = ap.parse_known_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        model = args.model
        if model == "small":
            model = str(Path(name) / "small.weights.h5")
            zoo.save_weights(zoo.create(SMALL), model)
        options = ["--model", model, *options]
        seconds, peak, told, told_peak = resolve(Path(name), width, height, options, args.format)
    megapixels = math.prod((width, height)) / 1e6
    print(
        f"{megapixels:.0f} megapixels: {seconds:.0f} s, peak {peak / 1e9:.2f} GB; told before: {told:.0f} s, ", end=""
    )
    print(f"{told_peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
