"""Draws docs/gallery.md's pictures: what the models that ship make of faces, text, foliage and more.

    python tools/gallery.py --lpips lpips_alexnet.npz

The photographs come with scikit-image, the text is drawn here.
"""

import argparse
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from draw_strip import Change, row, stack
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from srzoo import bicubic, zoo
from srzoo.cli import run
from srzoo.data.sample import sample_path
from srzoo.degradations import operations
from srzoo.images import to_uint8, write_image
from srzoo.metrics import lpips
from srzoo.models.registry import pixel_trained
from srzoo.pictures.reading import read_image
from srzoo.upscaling import Upscaler
from srzoo.viewing.methods import Method, load_methods

METHODS = ("bicubic", "srresnet-x4", "edsr-baseline-x4", "srgan-x4", "edsr-gan-x4")
FOR_DAMAGE = ("bicubic", "edsr-baseline-x4", "edsr-gan-x4", "edsr-real-pixel-x4", "edsr-real-x4")
OF_STRIP = {"damaged": ("bicubic", "edsr-real-x4"), "jpeg": FOR_DAMAGE, "camera": FOR_DAMAGE}
SIDE, LARGE = 128, 256
TEXT = "drawn text"
SMALL = "smaller"

EYE, GRASS, PAGE = ("chelsea.png", (80, 112)), ("grass.png", (100, 100)), ("page.png", (0, 0))

STRIPS = {
    "faces": [("astronaut.png", (60, 168), ""), (SMALL, (12, 56), "")],
    "text": [(TEXT, (0, 0), ""), (*PAGE, "")],
    "foliage": [(*GRASS, ""), ("grass.png", (320, 40), "")],
    "architecture": [("camera.png", (108, 384), ""), ("rocket.jpg", (100, 16), "")],
    "fidelity": [(*GRASS, ""), (*PAGE, "")],
    "jpeg": [(*EYE, "JPEG 80"), (*EYE, "JPEG 40")],
    "camera": [(*EYE, "blur"), (*EYE, "noise")],
    "damaged": [("chelsea.png", (0, 120), "JPEG 50 and noise"), ("coffee.png", (80, 120), "JPEG 50 and noise")],
}
"""Name of a picture -> its rows: a photograph, the top left corner of the part that is shown, what is done to LR."""


def original(picture: str) -> np.ndarray:
    if picture == TEXT:
        return drawn_text()
    if picture == SMALL:
        return bicubic.downscale(read_image(sample_path("astronaut.png")), 2)
    return read_image(sample_path(picture))


def drawn_text() -> np.ndarray:
    """Lines of letters from large to small; at a quarter of the size the last ones are two pixels high."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    top = 4
    for size, text in ((36, "Sharp 7"), (24, "easily read"), (18, "Quick fox 36"), (13, "over 1984 lazy dogs")):
        draw.text((4, top), text, "black", ImageFont.load_default(size))
        top += int(size * 1.25)
    return np.array(image)


def jpeg(lr: np.ndarray, quality: int) -> np.ndarray:
    return to_uint8(operations.jpeg(lr, quality))


def noisy(lr: np.ndarray, sigma: float = 8) -> np.ndarray:
    return to_uint8(lr + np.random.default_rng(0).normal(0, sigma, lr.shape))


CHANGES: dict[str, Change] = {
    "JPEG 50 and noise": lambda lr: jpeg(noisy(lr, 5), 50),
    "": lambda lr: lr,
    "JPEG 80": partial(jpeg, quality=80),
    "JPEG 40": partial(jpeg, quality=40),
    "blur": lambda lr: np.array(Image.fromarray(lr).filter(ImageFilter.GaussianBlur(1))),
    "noise": noisy,
}


def dial(model: str) -> list[Method]:
    """A network after GAN training, its partner, and the way between them."""
    partner = pixel_trained(model)
    mixed = {f"fidelity {share}": Upscaler(zoo.interpolate(partner, model, 1 - share)) for share in (0.75, 0.5, 0.25)}
    between = [Method(name, upscaler.scale, upscaler.halo, upscaler) for name, upscaler in mixed.items()]
    return [*load_methods([partner]), *between, *load_methods([model])]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lpips", required=True, help="file with LPIPS's weights")
    ap.add_argument("--output", type=Path, default=Path("docs/images"), help="folder (default: docs/images)")
    ap.add_argument("--strips", nargs="+", choices=STRIPS, default=list(STRIPS))
    args = ap.parse_args()

    distance = lpips.load(args.lpips)
    for name in args.strips:
        methods = dial("edsr-gan-x4") if name == "fidelity" else load_methods(OF_STRIP.get(name, METHODS))
        side = LARGE if name == "damaged" else SIDE
        rows = []
        for picture, corner, change in STRIPS[name]:
            title = change or Path(picture).stem
            rows.append(row(original(picture), corner, side, methods, title, distance, CHANGES[change]))
        write_image(args.output / f"gallery-{name}.png", stack(rows))


if __name__ == "__main__":
    run(main)
