"""Draws each step of the degradations, and what presets make of a photograph inside scikit-image.

    python tools/draw_degradations.py docs/images/degradations.png

LR is shown with each pixel as a square, at HR's size.
"""

import argparse
from pathlib import Path

import numpy as np
from draw_strip import stack
from PIL import Image

from srzoo.cli import run
from srzoo.data.sample import sample_path
from srzoo.degradations import operations
from srzoo.degradations.kernels import gaussian, sinc
from srzoo.degradations.presets import PRESETS
from srzoo.degradations.steps import Chain, degrade
from srzoo.images import to_uint8, write_image
from srzoo.pictures.reading import read_image
from srzoo.upscaling.compare import panels

SCALE, SIDE = 4, 160
CORNER = 56, 144
"""Top and left of the part of the cat that is shown."""

SEEDS = (1, 4, 5, 7, 10, 12)
STEPS_SEED = 3


def by_hand(hr: np.ndarray) -> list[list[tuple[np.ndarray, str, str]]]:
    """Rows of (pixels, title, note): each operation with one strength."""
    lr_side, rng = SIDE // SCALE, np.random.default_rng(0)
    kernels = {
        "isotropic": (gaussian(21, (2.5, 2.5)), "sigma 2.5"),
        "anisotropic": (gaussian(21, (3, 0.6), 0.6), "sigma 3, 0.6"),
        "generalised": (gaussian(21, (2, 2), 0, 0.5), "sigma 2, beta 0.5"),
        "plateau": (gaussian(21, (2, 2), 0, 2, plateau=True), "sigma 2, beta 2"),
        "sinc": (sinc(21, np.pi / 4), "cut off at pi/4"),
    }
    noises = {
        "Gaussian": (operations.gaussian_noise(hr, 20, rng), "sigma 20"),
        "grey": (operations.gaussian_noise(hr, 20, rng, grey=True), "sigma 20"),
        "correlated": (operations.gaussian_noise(hr, 30, rng, correlated=True), "sigma 30"),
        "Poisson": (operations.poisson_noise(hr, 2, rng), "times 2"),
        "grey Poisson": (operations.poisson_noise(hr, 2, rng, grey=True), "times 2"),
    }
    sizes = {"area": "", "bilinear": "no antialiasing", "bicubic": "no antialiasing", "matlab": "antialiased"}
    return [
        [(hr, "HR", "")] + [(operations.blur(hr, kernel), name, note) for name, (kernel, note) in kernels.items()],
        [(hr, "HR", "")] + [(pixels, name, note) for name, (pixels, note) in noises.items()],
        [(operations.resize(hr, (lr_side, lr_side), name), name, note) for name, note in sizes.items()]
        + [(operations.jpeg(hr, quality), f"JPEG {quality}", "") for quality in (75, 30)],
    ]


def step_by_step(hr: np.ndarray, seed: int) -> list[tuple[np.ndarray, str, str]]:
    """(pixels, title, note) after each step of `real`."""
    steps, lr_shape, rng = PRESETS["real"].steps, (SIDE // SCALE, SIDE // SCALE), np.random.default_rng(seed)
    assert isinstance(steps, Chain)
    pixels, shown = hr, []
    for number, step in enumerate(steps.steps, start=1):
        pixels = step(pixels, lr_shape, rng)
        name = type(step).__name__ if number < len(steps.steps) else "LR, JPEG"
        shown.append((pixels, f"{number} {name}", f"{pixels.shape[1]} x {pixels.shape[0]} px"))
    return shown


def row(pictures: list[tuple[np.ndarray, str, str]]) -> np.ndarray:
    """Pictures of any sizes, each at the size of HR, side by side."""
    nearest = Image.Resampling.NEAREST
    sized = [
        (np.array(Image.fromarray(to_uint8(pixels)).resize((SIDE, SIDE), nearest)), title, note)
        for pixels, title, note in pictures
    ]
    return panels(sized)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("output", type=Path)
    args = ap.parse_args()

    top, left = CORNER
    hr = read_image(sample_path("chelsea.png"))[top : top + SIDE, left : left + SIDE]
    rows = by_hand(hr.astype(np.float32))
    steps = step_by_step(hr.astype(np.float32), STEPS_SEED)
    rows += [[(hr, "real", "step by step"), *steps[:4]], steps[4:]]
    for names in (6 * ["real"], 6 * ["bsrgan"], ["mild", "mild", "jpeg", "noise", "blur", "blur"]):
        seeded = [(name, np.random.default_rng(seed)) for name, seed in zip(names, SEEDS, strict=True)]
        rows.append([(degrade(hr, SCALE, PRESETS[name].steps, rng), name, "") for name, rng in seeded])
    write_image(args.output, stack([row(pictures) for pictures in rows]))


if __name__ == "__main__":
    run(main)
