"""The two ways from the network for clean pictures to the one for damaged ones: mixed results, and mixed weights.

    python -m benchmarks.restore --lpips lpips_alexnet.npz valid/ BSD100/HR/:0:12

measures PSNR-Y and LPIPS on clean LR (MATLAB's bicubic) and on LR damaged by `real`.
"""

import argparse
import os
from collections.abc import Callable
from zlib import crc32

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from benchmarks.damage import BICUBIC, SCALE, pictures_of
from srzoo import zoo
from srzoo.degradations.presets import PRESETS
from srzoo.degradations.steps import degrade
from srzoo.images import to_uint8
from srzoo.metrics import lpips
from srzoo.metrics.fidelity import psnr_y
from srzoo.pictures.reading import read_image
from srzoo.tables import markdown_table
from srzoo.upscaling import Upscaler

SHARES = (0, 0.25, 0.5, 0.75, 1)
CLEAN, PIXEL, DAMAGED = "edsr-baseline-x4", "edsr-real-pixel-x4", "edsr-real-x4"
STATES = {"clean": BICUBIC, "damaged": PRESETS["real"].steps}


def between(first: str, second: str, share: float) -> keras.Model:
    """A network whose weights are between those of two."""
    models = [zoo.load(name) for name in (first, second)]
    pairs = zip(*(model.get_weights() for model in models), strict=True)
    models[1].set_weights([(1 - share) * one + share * other for one, other in pairs])
    return models[1]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", help="of HR pictures; FOLDER:FIRST:LAST takes some of them")
    ap.add_argument("--lpips", required=True, help="file with LPIPS's weights")
    args = ap.parse_args()
    distance = lpips.load(args.lpips)
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {state: [] for state in STATES}
    for path in (path for place in args.folders for path in pictures_of(place)):
        hr = read_image(path)
        hr = np.ascontiguousarray(hr[: hr.shape[0] // SCALE * SCALE, : hr.shape[1] // SCALE * SCALE])
        for state, steps in STATES.items():
            pairs[state].append((degrade(hr, SCALE, steps, np.random.default_rng((0, crc32(path.stem.encode())))), hr))

    def results(upscale: Callable[[np.ndarray], np.ndarray]) -> dict[str, list[np.ndarray]]:
        return {state: [upscale(lr) for lr, _ in each] for state, each in pairs.items()}

    def row(way: str, share: float, sr: dict[str, list[np.ndarray]]) -> list[str]:
        cells = [way, f"{share:g}"]
        for state, each in pairs.items():
            rounded = [(hr, to_uint8(pixels)) for (_, hr), pixels in zip(each, sr[state], strict=True)]
            cells.append(f"{np.mean([psnr_y(*pair, SCALE) for pair in rounded]):.2f}")
            cells.append(f"{np.mean([distance(*pair) for pair in rounded]):.4f}")
        return cells

    ends = {name: results(Upscaler(zoo.load(name)).unrounded) for name in (CLEAN, DAMAGED)}
    rows = []
    for share in SHARES:
        both = {state: zip(ends[CLEAN][state], ends[DAMAGED][state], strict=True) for state in pairs}
        mixed = {state: [(1 - share) * one + share * other for one, other in each] for state, each in both.items()}
        rows.append(row("results", share, mixed))
    for first, second in ((CLEAN, DAMAGED), (CLEAN, PIXEL), (PIXEL, DAMAGED)):
        for share in SHARES[1:-1]:
            upscaler = Upscaler(between(first, second, share))
            rows.append(row(f"weights, {first} to {second}", share, results(upscaler.unrounded)))
    states = [f"{state}: {figure}" for state in STATES for figure in ("PSNR-Y", "LPIPS")]
    print(f"{len(pairs['clean'])} pictures")
    print(markdown_table(["mixed", "share", *states], rows))


if __name__ == "__main__":
    main()
