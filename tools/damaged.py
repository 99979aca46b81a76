"""Draws docs/damaged.md's sheets: ten damaged pictures, LR, bicubic and the SR of models at 100 %.

    python tools/damaged.py --lpips lpips_alexnet.npz

The photographs come with scikit-image; damage is made by `srzoo.degradations`, from a seed. `--pairs FOLDER` writes the
parts as HR/ and LR_x4/ instead, for `srzoo evaluate` and `srzoo mos create`.
"""

import argparse
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from draw_strip import row, stack
from gallery import TEXT, original

from srzoo import bicubic
from srzoo.cli import run
from srzoo.degradations.presets import PRESETS
from srzoo.degradations.steps import Blur, Chain, Jpeg, Kernels, Noise, Resize, Step, ToLr, degrade
from srzoo.images import write_image
from srzoo.metrics import lpips
from srzoo.viewing.methods import load_methods

METHODS = ("bicubic", "edsr-gan-x4", "edsr-real-x4")
SCALE, SIDE, SEED = 4, 192, 0

_BICUBIC = ToLr(("matlab",))


def _blur(sigma: float) -> Blur:
    return Blur({Kernels((sigma, sigma), True): 1.0}, (21,))


DAMAGES: dict[str, Step] = {
    "real": PRESETS["real"].steps,
    "mild": PRESETS["mild"].steps,
    "JPEG 30": Chain((_BICUBIC, Jpeg((30, 30)))),
    "JPEG twice": Chain((Resize({(0.4, 0.4): 1.0}), Jpeg((40, 40)), _BICUBIC, Jpeg((60, 60)))),
    "camera's noise": Chain((_BICUBIC, Noise((0, 0), poisson=(2.0, 2.0), gaussian=0.0, grey=0.0), Jpeg((85, 85)))),
    "old print": Chain((_blur(3.0), _BICUBIC, Noise((10, 10), grey=1.0), Jpeg((75, 75)))),
    "out of focus": Chain((_blur(5.0), _BICUBIC, Jpeg((90, 90)))),
}

SHEETS = {
    "people": [
        ("a face", "astronaut.png", (4, 128), "real"),
        ("a man", "camera.png", (64, 160), "old print"),
        ("an eye", "chelsea.png", (64, 96), "JPEG 30"),
        ("a cup", "coffee.png", (112, 240), "JPEG twice"),
        ("cloth", "astronaut.png", (300, 60), "camera's noise"),
    ],
    "things": [
        ("a screenshot", TEXT, (0, 0), "JPEG 30"),
        ("print", "page.png", (0, 100), "mild"),
        ("night", "rocket.jpg", (120, 256), "camera's noise"),
        ("foliage", "grass.png", (100, 100), "real"),
        ("a machine", "motorcycle_left.png", (160, 420), "out of focus"),
    ],
}
"""Name of a sheet -> its rows: what is shown, the picture, the top left corner of the part, the damage."""


def main(argv: list[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lpips", help="file with LPIPS's weights; the sheets' notes have it")
    ap.add_argument("--pairs", type=Path, help="folder for the parts alone")
    ap.add_argument("--models", nargs="+", default=METHODS, help=f"default: {' '.join(METHODS)}")
    ap.add_argument("--output", type=Path, default=Path("docs/images"), help="folder (default: docs/images)")
    args = ap.parse_args(argv)
    if args.pairs:
        write_pairs(args.pairs)
        return
    if not args.lpips:
        ap.error("give --lpips FILE for the sheets' notes, or --pairs FOLDER")
    distance, methods = lpips.load(args.lpips), load_methods(args.models)
    for sheet, parts in SHEETS.items():
        rows = []
        for title, picture, corner, damage in parts:
            hr = np.ascontiguousarray(bicubic.crop_to_multiple(original(picture), SCALE))
            damaged = partial(_damaged, hr, DAMAGES[damage])
            side = min(SIDE, *hr.shape[:2])
            rows.append(row(hr, corner, side, methods, f"{title}: {damage}", distance, damaged))
        write_image(args.output / f"damaged-{sheet}.png", stack(rows))


def write_pairs(folder: Path) -> None:
    """Writes each part as HR/NAME.png and LR_x4/NAME.png."""
    for title, picture, (top, left), damage in (part for parts in SHEETS.values() for part in parts):
        hr = np.ascontiguousarray(bicubic.crop_to_multiple(original(picture), SCALE))
        lr = _damaged(hr, DAMAGES[damage], hr)
        name = f"{title.replace(' ', '-')}.png"
        for kind, pixels, factor in (("HR", hr, SCALE), ("LR_x4", lr, 1)):
            down, across = (slice(start // SCALE * factor, (start + SIDE) // SCALE * factor) for start in (top, left))
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write_image(folder / kind / name, np.ascontiguousarray(pixels[down, across]))


def _damaged(hr: np.ndarray, steps: Step, lr: np.ndarray) -> np.ndarray:
    return degrade(hr, SCALE, steps, np.random.default_rng(SEED))


if __name__ == "__main__":
    run(main)
