"""A network and a benchmark's folder -> a table of figures beside bicubic's."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from srzoo import bicubic
from srzoo.images import image_files, read_image
from srzoo.metrics import psnr_rgb, psnr_y, ssim_y

METRICS = ("psnr_y", "ssim_y", "psnr_rgb")
TITLES = {"psnr_y": "PSNR-Y", "ssim_y": "SSIM-Y", "psnr_rgb": "PSNR-RGB", "seconds": "seconds"}


@dataclass(frozen=True)
class Score:
    """Figures of one picture.

    Attributes:
        name: of its HR file, without the ending.
        psnr_y, psnr_rgb: in dB.
        ssim_y: at most 1.
        seconds: of upscaling alone.
        bicubic_psnr_y, bicubic_ssim_y, bicubic_psnr_rgb: the same of MATLAB's bicubic.
    """

    name: str
    psnr_y: float
    ssim_y: float
    psnr_rgb: float
    seconds: float
    bicubic_psnr_y: float
    bicubic_ssim_y: float
    bicubic_psnr_rgb: float


@dataclass(frozen=True)
class Report:
    """Figures of a folder; `mean` averages them over its pictures."""

    dataset: str
    model: str
    scale: int
    scores: tuple[Score, ...]

    @property
    def mean(self) -> Score:
        figures = {
            field.name: float(np.mean([getattr(score, field.name) for score in self.scores]))
            for field in fields(Score)
            if field.name != "name"
        }
        return Score("mean", **figures)


def protocol(scale: int) -> str:
    """How the figures are computed, in words."""
    return (
        f"x{scale}; LR as given, else MATLAB's bicubic; SR rounded to 8 bits; {scale} pixels shaved off each border; "
        "Y: luma of BT.601 in [16, 235]; SSIM of Wang et al. (2004), Gaussian 11x11, sigma 1.5, where the window fits "
        "whole; means over pictures"
    )


def read_benchmark(folder: Path, scale: int) -> Iterable[tuple[str, np.ndarray, np.ndarray]]:
    """Reads a benchmark: `HR/` and maybe `LR_x<scale>/` with files of the same names, or HR pictures.

    Where there is no LR, HR is cropped to a multiple of the scale and LR made by MATLAB's bicubic.

    Yields:
        (name, lr, hr), uint8 of shapes (h, w, 3) and (scale h, scale w, 3).

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no pictures, or pairs do not fit; the message names each bad pair.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    hr_folder = folder / "HR" if (folder / "HR").is_dir() else folder
    lr_folder = folder / f"LR_x{scale}"
    hr_files = image_files(hr_folder)
    if not hr_files:
        raise ValueError(f"{hr_folder}: no pictures found")
    if not lr_folder.is_dir():
        for file in hr_files:
            hr = bicubic.crop_to_multiple(read_image(file), scale)
            if not hr.size:
                raise ValueError(f"{file}: too small for scale {scale}")
            yield file.stem, bicubic.downscale(hr, scale), hr
        return
    lr_of = {file.stem: file for file in image_files(lr_folder)}
    pairs, bad = [], []
    for file in hr_files:
        if file.stem not in lr_of:
            bad.append(f"{file} has no LR in {lr_folder}")
            continue
        lr, hr = read_image(lr_of[file.stem]), read_image(file)
        if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
            sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (hr, lr)]
            bad.append(f"{file} has {sizes[0]} pixels, which is not {scale} times the {sizes[1]} of its LR")
        pairs.append((file.stem, lr, hr))
    if bad:
        raise ValueError(f"{folder}: {len(bad)} bad pair(s):\n  " + "\n  ".join(bad))
    yield from pairs


def evaluate(
    upscale: Callable[[np.ndarray], np.ndarray],
    model: str,
    scale: int,
    folder: Path,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Report:
    """Upscales every picture of a benchmark and measures it, and bicubic beside it.

    Args:
        upscale: from uint8 (h, w, 3) to uint8 (scale h, scale w, 3), such as a `srzoo.upscaling.Upscaler`.
        model: what the report calls it.
        scale: of the upscaling; also the pixels that are shaved.
        folder: see `read_benchmark`.
        progress: is given the pictures and gives them back one by one, as `tqdm.tqdm` does.

    Raises:
        FileNotFoundError, ValueError: as `read_benchmark`, or for a picture too small to be measured.
    """
    scores = []
    for name, lr, hr in progress(read_benchmark(folder, scale)):
        start = time.perf_counter()
        sr = upscale(lr)
        seconds = time.perf_counter() - start
        scores.append(Score(name, *_figures(hr, sr, scale), seconds, *_figures(hr, bicubic.upscale(lr, scale), scale)))
    return Report(folder.name or str(folder), model, scale, tuple(scores))


def _figures(hr: np.ndarray, sr: np.ndarray, shave: int) -> tuple[float, float, float]:
    return psnr_y(hr, sr, shave), ssim_y(hr, sr, shave), psnr_rgb(hr, sr, shave)


def to_markdown(reports: list[Report]) -> str:
    """Tables for reading, one a folder, columns aligned."""
    parts = []
    for report in reports:
        head = ["picture", *(TITLES[m] for m in (*METRICS, "seconds")), *(f"bicubic {TITLES[m]}" for m in METRICS)]
        rows = [head, ["---"] * len(head)]
        for score in (*report.scores, report.mean):
            figures = [f"{getattr(score, m):{_digits(m)}}" for m in (*METRICS, "seconds")]
            rows.append([score.name, *figures, *(f"{getattr(score, f'bicubic_{m}'):{_digits(m)}}" for m in METRICS)])
        widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
        lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
        parts.append(f"{report.model} on {report.dataset}\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, f"Protocol: {protocol(reports[0].scale)}."]) + "\n"


def _digits(metric: str) -> str:
    return {"ssim_y": ".4f"}.get(metric, ".2f")


def to_csv(reports: list[Report]) -> str:
    """One row a picture and one for the mean; the last column states the protocol."""
    text = io.StringIO()
    names = [field.name for field in fields(Score)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "dataset", *names, "protocol"])
    for report in reports:
        for score in (*report.scores, report.mean):
            writer.writerow([report.model, report.dataset, *asdict(score).values(), protocol(report.scale)])
    return text.getvalue()


def to_json(reports: list[Report]) -> str:
    """The reports with their means and the protocol."""
    data = [{**asdict(report), "mean": asdict(report.mean), "protocol": protocol(report.scale)} for report in reports]
    return json.dumps(data, indent=2) + "\n"


FORMATS: dict[str, Callable[[list[Report]], str]] = {"markdown": to_markdown, "csv": to_csv, "json": to_json}
