"""Pictures in several versions side by side, as one web page with figures."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srzoo import evaluation
from srzoo.atomic import atomic_file
from srzoo.metrics.lpips import Lpips
from srzoo.viewing.key import HR
from srzoo.viewing.methods import Method
from srzoo.viewing.pages import png_url, render
from srzoo.viewing.pictures import Shown

MAX_PIXELS = 64_000_000
"""HR pixels of all versions of all pictures; browsers open the page that they make, of about 150 MB."""


MAX_SIDE = 32_767
"""HR pixels a side that every browser draws: Firefox has the least, and Chromium twice as many."""


def check_size(pictures: Sequence[Shown], methods: Sequence[Method]) -> None:
    """Raises ValueError if the page would be too large for a browser."""
    scale = methods[0].scale
    sizes = [shown.read(scale)[0].shape[:2] for shown in pictures]
    for shown, (height, width) in zip(pictures, sizes):
        if max(height, width) * scale > MAX_SIDE:
            raise ValueError(
                f"{shown.file} has {width * scale}x{height * scale} HR pixels, and browsers draw at most {MAX_SIDE} a "
                "side; give a part of it"
            )
    pixels = sum(map(math.prod, sizes)) * scale**2 * (len(methods) + 1)
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"{len(pictures)} picture(s) in {len(methods) + 1} versions have {pixels / 1e6:.0f} million pixels, more "
            f"than a page can hold ({MAX_PIXELS // 10**6} million); give fewer or smaller pictures, or fewer models"
        )


def write_comparison(
    pictures: Sequence[Shown],
    methods: Sequence[Method],
    output: Path,
    lpips: Lpips | None = None,
    progress: Callable[[Sequence[Shown]], Iterable[Shown]] = iter,
) -> None:
    """Writes the page; it appears whole or not at all.

    Args:
        pictures: pictures from `srzoo.viewing.pictures.find_pictures`.
        methods: at least one method; all have one scale. Without HR, differences are against the first.
        output: an `.html` file.
        lpips: measures LPIPS too, if given.
        progress: is given the pictures and gives them back one by one, as `tqdm.tqdm` does.

    Raises:
        ValueError: if the pictures are too many or too large, or cannot be read.
    """
    check_size(pictures, methods)
    names = [each.name for each in pictures]
    shown: list[dict[str, Any]] = []
    for each in progress(pictures):
        name = str(each.file) if names.count(each.name) > 1 else each.name
        shown.append({"name": name, "versions": _versions(each, methods, lpips)})
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


def _versions(shown: Shown, methods: Sequence[Method], lpips: Lpips | None) -> list[dict[str, Any]]:
    """A picture as LR, upscaled by each method and measured, and HR if there is one."""
    lr, hr = shown.read(methods[0].scale)
    versions = [_version("LR", lr, {})]
    for method in methods:
        sr = method.upscale(lr)
        figures = {} if hr is None else evaluation.figures_of(hr, sr, method.scale, lpips)
        versions.append(_version(method.name, sr, figures))
    return versions if hr is None else [*versions, _version(HR, hr, {})]


def _version(name: str, pixels: np.ndarray, figures: dict[str, float]) -> dict[str, Any]:
    return {"name": name, "source": png_url(pixels), "figures": evaluation.finite(figures)}
