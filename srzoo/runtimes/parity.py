"""Difference between an exported file and its Keras model: grey levels, and PSNR.

Every export is measured on three pictures of three sizes before anybody sees it.
"""

from dataclasses import dataclass

import numpy as np

from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.images import middle, to_uint8
from srzoo.metrics import psnr_y
from srzoo.pictures.reading import read_image
from srzoo.runtimes.network import Run
from srzoo.tables import markdown_table

PICTURES = (("chelsea.png", 96, 136), ("coffee.png", 200, 272), ("astronaut.png", 296, 448))
"""Photographs inside scikit-image, each with the rows and columns of the HR crop from its middle."""


@dataclass(frozen=True)
class Bound:
    """Allowed difference between an export and the Keras model."""

    worst: float
    """Grey levels, of any one value."""
    psnr_lost: float
    """dB of PSNR-Y against HR, of any one picture."""


BOUNDS = {
    "float32": Bound(worst=0.05, psnr_lost=0.001),
    "bfloat16": Bound(worst=16, psnr_lost=0.05),
    "float16": Bound(worst=1, psnr_lost=0.01),
    "dynamic": Bound(worst=24, psnr_lost=0.15),
    "int8": Bound(worst=48, psnr_lost=0.4),
    "int16x8": Bound(worst=8, psnr_lost=0.05),
}
"""Precision -> bound."""


class ParityError(ValueError):
    """An export that is too far from its Keras model; the message says how far, and how far it may be."""


@dataclass(frozen=True)
class Difference:
    """One picture, upscaled by both.

    Attributes:
        picture: its name.
        height, width: sides of the LR picture in pixels.
        worst, mean: absolute difference of the outputs, clipped to [0, 255] and not rounded, in grey levels.
        psnr_lost: PSNR-Y against HR of the Keras model's picture less that of the exported one's, in dB.
    """

    picture: str
    height: int
    width: int
    worst: float
    mean: float
    psnr_lost: float


@dataclass(frozen=True)
class Parity:
    """The differences on all pictures, and where these come from."""

    origin: str
    differences: tuple[Difference, ...]

    @property
    def worst(self) -> float:
        return max(each.worst for each in self.differences)

    @property
    def mean(self) -> float:
        """Mean of the pictures' means, in grey levels."""
        return sum(each.mean for each in self.differences) / len(self.differences)

    @property
    def psnr_lost(self) -> float:
        return max(each.psnr_lost for each in self.differences)


def pictures(scale: int) -> tuple[str, list[tuple[str, np.ndarray]]]:
    """The three HR pictures, photographs where scikit-image is installed and else drawn from a seed.

    Returns:
        Where they come from, in words, and (name, uint8 of shape (H, W, 3)) for each, H and W multiples of `scale`.
    """
    try:
        whole = [(name.split(".")[0], read_image(sample_path(name)), sides) for name, *sides in PICTURES]
        photographs = [(name, picture[middle(picture.shape, *sides)]) for name, picture, sides in whole]
        origin = "photographs of scikit-image"
    except FileNotFoundError:
        photographs = [(f"seed {seed}", drawn(seed, rows, columns)) for seed, (_, rows, columns) in enumerate(PICTURES)]
        origin = "pictures drawn from a seed, as scikit-image with its photographs is not installed"
    return origin, [(name, bicubic.crop_to_multiple(hr, scale)) for name, hr in photographs]


def drawn(seed: int, rows: int, columns: int) -> np.ndarray:
    """Soft blobs in colour with hard-edged bars, uint8 (rows, columns, 3): smooth parts, edges, black and white."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (rows // 8 + 1, columns // 8 + 1, 3), np.uint8)
    picture = bicubic.upscale(coarse, 8)[:rows, :columns].copy()
    for top, left in random.integers(0, (rows - 8, columns - 32), (40, 2)):
        picture[top : top + 3, left : left + 24] = random.integers(0, 2) * 255
    return picture


def measure(reference: Run, exported: Run, scale: int) -> Parity:
    """Upscales the pictures with both.

    Args:
        reference: the Keras model, from float32 (1, H, W, 3) to (1, scale H, scale W, 3), both in [0, 255].
        exported: the exported network, likewise.
        scale: scale of both.

    Raises:
        ParityError: if the exported network's output is of another shape or is not finite.
    """
    origin, hrs = pictures(scale)
    return Parity(origin, tuple(_difference(name, hr, reference, exported, scale) for name, hr in hrs))


def _difference(name: str, hr: np.ndarray, reference: Run, exported: Run, scale: int) -> Difference:
    lr = bicubic.downscale(hr, scale)
    expected, got = (np.asarray(run(lr[None].astype(np.float32)), np.float64) for run in (reference, exported))
    if got.shape != expected.shape or not np.all(np.isfinite(got)):
        raise ParityError(
            f"on {name} the exported network gave {_what(got)} where the Keras model gives {_what(expected)}; "
            "choose another --format or --precision"
        )
    expected, got = np.clip(expected[0], 0, 255), np.clip(got[0], 0, 255)
    difference = np.abs(got - expected)
    lost = psnr_y(hr, to_uint8(expected), scale) - psnr_y(hr, to_uint8(got), scale)
    height, width = lr.shape[:2]
    return Difference(name, height, width, float(difference.max()), float(difference.mean()), lost)


def _what(output: np.ndarray) -> str:
    return f"{'' if np.all(np.isfinite(output)) else 'NaN or infinite '}values of shape {output.shape}"


def check(report: Parity, bound: Bound, what: str) -> None:
    """Raises ParityError if a report is over a bound; `what` names the export."""
    if report.worst > bound.worst or report.psnr_lost > bound.psnr_lost:
        raise ParityError(
            f"{what} is too far from the Keras model: {report.worst:.3g} grey levels at worst and "
            f"{report.psnr_lost:.3g} dB of PSNR-Y lost, but only {bound.worst:g} and {bound.psnr_lost:g} are allowed; "
            "choose another --precision, or calibrate on more pictures"
        )


def to_text(report: Parity) -> str:
    """A table in Markdown, one line a picture and one for all."""
    rows: list[tuple[str, Difference | Parity]] = [
        *((f"{each.picture} {each.width}x{each.height}", each) for each in report.differences),
        ("all", report),
    ]
    figures = [[title, f"{each.worst:.5f}", f"{each.mean:.6f}", f"{each.psnr_lost:.5f} dB"] for title, each in rows]
    return f"{markdown_table(['parity', 'worst level', 'mean level', 'PSNR-Y lost'], figures)}\n({report.origin})"
