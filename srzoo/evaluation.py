"""A network and a benchmark's folder -> a table of figures beside bicubic's."""

import csv
import io
import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from srzoo import bicubic
from srzoo.data.layout import find_layout
from srzoo.metrics import psnr_rgb, psnr_y, ssim_y
from srzoo.metrics.dists import Dists
from srzoo.metrics.fidelity import WINDOW, mean_db
from srzoo.metrics.lpips import Lpips
from srzoo.pictures.reading import read_image
from srzoo.tables import counted, in_markdown, markdown_table, printable

METRICS = {
    "psnr_y": ("PSNR-Y", 2),
    "ssim_y": ("SSIM-Y", 4),
    "psnr_rgb": ("PSNR-RGB", 2),
    "lpips": ("LPIPS", 4),
    "dists": ("DISTS", 4),
    "lr_psnr": ("LR-PSNR", 2),
    "seconds": ("seconds", 2),
}
"""Name of a figure -> its title, and its digits after the point in a table for reading."""


@dataclass(frozen=True)
class Pair:
    """Files of one picture of a benchmark.

    Attributes:
        name: name of the HR file, without the ending.
        hr: the HR file.
        lr: the LR file; without one, LR is made from HR.
    """

    name: str
    hr: Path
    lr: Path | None

    def read(self, scale: int, lpips: Lpips | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns (lr, hr), uint8 of shapes (h, w, 3) and (scale h, scale w, 3).

        Raises:
            ValueError: if a file cannot be read, HR is not `scale` times LR, or it is too small to be measured, by
                LPIPS too if that is given.
        """
        hr = read_image(self.hr)
        size = _size(hr)
        if self.lr is None:
            hr = bicubic.crop_to_multiple(hr, scale)
        if min(hr.shape[:2]) < 2 * scale + WINDOW:
            raise ValueError(
                f"{self.hr} has {size} pixels, too few to be measured: {scale} are shaved off each border, "
                f"and SSIM's window needs {WINDOW}"
            )
        if lpips and min(hr.shape[:2]) < lpips.least:
            raise ValueError(
                f"{self.hr} has {_size(hr)} pixels, too few to be measured: LPIPS of {lpips.name} needs "
                f"{lpips.least}x{lpips.least}"
            )
        if self.lr is None:
            return bicubic.downscale(hr, scale), hr
        lr = read_image(self.lr)
        if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
            raise ValueError(f"{self.hr} has {size} pixels, which is not {scale} times the {_size(lr)} of its LR")
        return lr, hr


@dataclass(frozen=True)
class Score:
    """Figures of one picture.

    Attributes:
        name: name of its HR file, without the ending.
        figures: those of `METRICS` that were measured, and with `bicubic_` before their names those of MATLAB's
            bicubic. PSNR is in dB; `lr_psnr` is that between LR and SR that is reduced again. SSIM is at most 1. LPIPS
            and DISTS are at least 0; lower is better. `seconds` are of upscaling alone, from and to pixels in memory.
    """

    name: str
    figures: dict[str, float]


@dataclass(frozen=True)
class FolderScores:
    """Figures of a folder.

    Attributes:
        dataset: the folder's name.
        model: what upscaled.
        scale: scale of the upscaling.
        lr: where the LR pictures came from, in words.
        protocol: how the figures were computed, in words.
        scores: one a picture; `mean` averages them.
    """

    dataset: str
    model: str
    scale: int
    lr: str
    protocol: str
    scores: tuple[Score, ...]

    @property
    def equal(self) -> list[str]:
        """Pictures with an infinite figure, because SR equals HR. The mean leaves them out."""
        return [score.name for score in self.scores if math.inf in score.figures.values()]

    @property
    def mean(self) -> Score:
        figures = [score.figures for score in self.scores]  # all pictures of a report have the same ones
        return Score("mean", {name: mean_db([of[name] for of in figures]) for name in figures[0]})


def protocol(scale: int, lpips: Lpips | None = None) -> str:
    """Describes how the figures are computed."""
    fidelity = (
        f"x{scale}; SR rounded to 8 bits; {counted(scale, 'pixel')} shaved off each border; Y: luma of BT.601 in "
        "[16, 235], not rounded; SSIM of Wang et al. (2004), Gaussian 11x11, sigma 1.5, where the window fits whole; "
        "means over pictures"
    )
    if not lpips:
        return fidelity
    return f"{fidelity}; LPIPS v0.1 of {lpips.name} (Zhang et al., 2018), on RGB, nothing shaved, lower is better"


DISTS_PROTOCOL = "DISTS (Ding et al., 2020), on RGB at full size, nothing shaved, lower is better; "

LR_PSNR_PROTOCOL = "LR-PSNR: of RGB, LR against SR shrunk by MATLAB's bicubic and rounded to 8 bits, nothing shaved"


def find_pairs(folder: Path, scale: int, lpips: Lpips | None = None) -> list[Pair]:
    """Finds the pictures of a benchmark, in one of the layouts of `srzoo.data.layout`; of two parts that of validation.

    Where no folder is named HR, only pictures directly in the one that is given count.
    All are read once, so that bad ones are found before anything is upscaled.

    Args:
        folder: folder of the benchmark.
        scale: scale of the upscaling.
        lpips: LPIPS, which may need larger pictures; None: not measured.

    Returns:
        At least one pair, sorted by file name, each of which `Pair.read` can read.

    Raises:
        FileNotFoundError, NotADirectoryError: the errors of `srzoo.images.check_folder`.
        ValueError: if it holds no pictures, or pairs do not fit; the message names each bad pair.
    """
    layout, _ = find_layout(folder, scale, "validation")
    files, bad = layout.pairs()
    if layout.hr == folder:
        files = [(hr, lr) for hr, lr in files if hr.parent == folder]
    if not files and not bad:
        raise ValueError(
            f"{layout.hr}: no pictures found; a benchmark has HR/ and maybe LR_x{scale}/ or LR/, or HR pictures"
        )
    pairs = [Pair(hr.stem, hr, lr) for hr, lr in files]
    for pair in pairs:
        try:
            pair.read(scale, lpips)
        except ValueError as error:
            bad.append(str(error))
    if bad:
        raise ValueError(f"{folder}: {len(bad)} bad pair(s):\n  " + "\n  ".join(sorted(map(printable, bad))))
    return pairs


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def evaluate(
    upscale: Callable[[np.ndarray], np.ndarray],
    model: str,
    scale: int,
    folder: Path,
    progress: Callable[[list[Pair]], Iterable[Pair]] = iter,
    lpips: Lpips | None = None,
    dists: Dists | None = None,
) -> FolderScores:
    """Upscales every picture of a benchmark and measures it, and bicubic beside it.

    Args:
        upscale: function from uint8 (h, w, 3) to uint8 (scale h, scale w, 3), such as a `srzoo.upscaling.Upscaler`.
        model: what the report calls it.
        scale: scale of the upscaling, and the number of pixels to shave.
        folder: see `find_pairs`.
        progress: is given the list of pairs and gives them back one by one, as `tqdm.tqdm` does.
        lpips, dists: measure LPIPS and DISTS too, if given.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: the errors of `find_pairs`.
    """
    pairs = find_pairs(folder, scale, lpips)
    by_bicubic = partial(bicubic.upscale, scale=scale)
    lr, _ = pairs[0].read(scale)
    for each in (upscale, by_bicubic):
        each(lr[:32, :32])  # the first call traces the network, which would count as the first picture's time
    scores = []
    for pair in progress(pairs):
        lr, hr = pair.read(scale)
        figures: dict[str, float] = {}
        for prefix, way in (("", upscale), ("bicubic_", by_bicubic)):
            start = time.perf_counter()
            sr = way(lr)
            seconds = time.perf_counter() - start
            found = figures_of(hr, sr, scale, lpips) | ({"dists": dists(hr, sr)} if dists else {})
            found |= {"lr_psnr": psnr_rgb(lr, bicubic.downscale(sr, scale), 0), "seconds": seconds}
            figures |= {f"{prefix}{name}": value for name, value in found.items()}
        scores.append(Score(pair.name, figures))
    layout, _ = find_layout(folder, scale, "validation")
    told = f"{protocol(scale, lpips)}; {DISTS_PROTOCOL if dists else ''}{LR_PSNR_PROTOCOL}"
    return FolderScores(folder.resolve().name, model, scale, layout.lr_in_words, told, tuple(scores))


def figures_of(hr: np.ndarray, sr: np.ndarray, scale: int, lpips: Lpips | None = None) -> dict[str, float]:
    """PSNR, SSIM and maybe LPIPS of two uint8 (H, W, 3), by their names in `METRICS`; `scale` pixels are shaved."""
    figures = {"psnr_y": psnr_y(hr, sr, scale), "ssim_y": ssim_y(hr, sr, scale), "psnr_rgb": psnr_rgb(hr, sr, scale)}
    return figures | ({"lpips": lpips(hr, sr)} if lpips else {})


def to_markdown(reports: list[FolderScores]) -> str:
    """Tables for reading, one a folder, columns aligned."""
    parts = []
    for report in reports:
        head = ["picture", *(_column(name)[0] for name in report.mean.figures)]
        rows = [
            [score.name, *(f"{value:.{_column(name)[1]}f}" for name, value in score.figures.items())]
            for score in (*report.scores, report.mean)
        ]
        title = in_markdown(f"{report.model} on {report.dataset}, LR {report.lr}:")
        equal = in_markdown(", ".join(report.equal))
        left_out = f"\n\nInfinite figures are left out of the mean: {equal}." if equal else ""
        parts.append(f"{title}\n\n{markdown_table(head, rows)}{left_out}")
    return "\n\n".join([*parts, f"Protocol: {reports[0].protocol}."]) + "\n"


def _column(figure: str) -> tuple[str, int]:
    """Title and digits of a figure."""
    metric = figure.removeprefix("bicubic_")
    title, digits = METRICS[metric]
    return title if metric == figure else f"bicubic {title}", digits


def to_csv(reports: list[FolderScores]) -> str:
    """One row a picture and one for the mean; the last columns state LR's origin and the protocol."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "dataset", "name", *reports[0].mean.figures, "lr", "protocol"])
    for report in reports:
        for score in (*report.scores, report.mean):
            figures = score.figures.values()
            writer.writerow([report.model, report.dataset, score.name, *figures, report.lr, report.protocol])
    return text.getvalue()


def to_json(reports: list[FolderScores]) -> str:
    """The reports with their means and the protocol; an infinite PSNR, of equal pictures, is null."""
    data = [
        {
            "dataset": report.dataset,
            "model": report.model,
            "scale": report.scale,
            "lr": report.lr,
            "scores": [{"name": score.name, **finite(score.figures)} for score in report.scores],
            "mean": {"name": "mean", **finite(report.mean.figures)},
            "protocol": report.protocol,
        }
        for report in reports
    ]
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def finite(figures: dict[str, float]) -> dict[str, float | None]:
    """Figures for JSON, which has no infinity."""
    return {name: None if value == math.inf else value for name, value in figures.items()}


TABLE_FORMATS: dict[str, Callable[[list[FolderScores]], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "json": to_json,
}
