"""Pictures in several versions side by side, as one web page with figures."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srzoo import evaluation
from srzoo.images import atomic_file
from srzoo.metrics import psnr_rgb, psnr_y, ssim_y
from srzoo.metrics.lpips import Lpips
from srzoo.viewing.key import HR
from srzoo.viewing.methods import Method
from srzoo.viewing.pages import png_url, render
from srzoo.viewing.pictures import Shown

MAX_PIXELS = 64_000_000
"""HR pixels of all versions of all pictures; browsers open the page that they make, of about 150 MB."""


@dataclass(frozen=True)
class Version:
    """A picture in one version.

    Attributes:
        name: the method's, or `LR` or `HR`.
        pixels: uint8 (H, W, 3).
        figures: names as in `srzoo.evaluation.METRICS` -> against HR; empty without HR.
    """

    name: str
    pixels: np.ndarray
    figures: dict[str, float]


def check_size(pictures: Sequence[Shown], methods: Sequence[Method]) -> None:
    """Raises ValueError if the page would be too large for a browser."""
    scale = methods[0].scale
    pixels = sum(math.prod(shown.read(scale)[0].shape[:2]) for shown in pictures) * scale**2 * (len(methods) + 1)
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"{len(pictures)} picture(s) in {len(methods) + 1} versions have {pixels / 1e6:.0f} million pixels, more "
            f"than a page can hold ({MAX_PIXELS // 10**6} million); give fewer or smaller pictures, or fewer models"
        )


def versions(shown: Shown, methods: Sequence[Method], lpips: Lpips | None = None) -> list[Version]:
    """A picture as LR, upscaled by each method, and HR if there is one.

    Args:
        shown: the picture.
        methods: of one scale.
        lpips: measures LPIPS too, if given.

    Raises:
        ValueError: if the picture cannot be read.
    """
    lr, hr = shown.read(methods[0].scale)
    found = [Version("LR", lr, {})]
    for method in methods:
        sr = method.upscale(lr)
        found.append(Version(method.name, sr, {} if hr is None else _figures(hr, sr, method.scale, lpips)))
    return found if hr is None else [*found, Version(HR, hr, {})]


def _figures(hr: np.ndarray, sr: np.ndarray, scale: int, lpips: Lpips | None) -> dict[str, float]:
    figures = {"psnr_y": psnr_y(hr, sr, scale), "ssim_y": ssim_y(hr, sr, scale), "psnr_rgb": psnr_rgb(hr, sr, scale)}
    return figures | ({"lpips": lpips(hr, sr)} if lpips else {})


def write_comparison(
    pictures: Sequence[Shown],
    methods: Sequence[Method],
    output: Path,
    lpips: Lpips | None = None,
    progress: Callable[[Sequence[Shown]], Iterable[Shown]] = iter,
) -> None:
    """Writes the page; it appears whole or not at all.

    Args:
        pictures: as `srzoo.viewing.pictures.find_pictures` gives them.
        methods: of one scale, at least one. Where there is no HR, differences are against the first.
        output: an `.html` file.
        lpips: measures LPIPS too, if given.
        progress: is given the pictures and gives them back one by one, as `tqdm.tqdm` does.

    Raises:
        ValueError: if the pictures are too many or too large, or cannot be read.
    """
    check_size(pictures, methods)
    shown = [_picture(each, versions(each, methods, lpips)) for each in progress(pictures)]
    reference = pictures[0].pair is not None
    scale = methods[0].scale
    data = {
        "scale": scale,
        "against": HR if reference else methods[0].name,
        "metrics": {name: list(evaluation.METRICS[name]) for name in shown[0]["versions"][1]["figures"]},
        "protocol": evaluation.protocol(scale, lpips) if reference else "",
        "pictures": shown,
    }
    title = f"{', '.join(method.name for method in methods)} on {len(pictures)} picture(s)"
    with atomic_file(output) as temporary:
        temporary.write_text(render("compare", title, data), encoding="utf-8")


def _picture(shown: Shown, found: list[Version]) -> dict[str, Any]:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return {
        "name": shown.name,
        "versions": [
            {
                "name": version.name,
                "source": png_url(version.pixels),
                "figures": {name: None if value == math.inf else value for name, value in version.figures.items()},
            }
            for version in found
        ],
    }
