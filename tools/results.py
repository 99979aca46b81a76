"""Measures the models that ship on benchmark folders: a table, and the perception-distortion plot.

    PYTHONPATH=. python tools/results.py Set5 Set14 BSD100 --lpips lpips_alexnet.npz \
        --plot docs/images/perception-distortion.png

prints docs/results.md's table. The plot shows PSNR-Y against LPIPS of every model and of bicubic, and between a network
trained on pixels and the same network trained in the adversarial game the way of the fidelity dial.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from srzoo import bicubic, zoo
from srzoo.evaluation import Score, evaluate
from srzoo.images import atomic_file
from srzoo.metrics.lpips import Lpips, load
from srzoo.models import PIXEL_TRAINED
from srzoo.upscaling import Upscaler

SCALE = 4
FIDELITIES = (0.75, 0.5, 0.25)

Means = dict[str, Score]
"""Name of a folder -> means of a model's figures on it."""


def measure(upscale: Callable[[np.ndarray], np.ndarray], name: str, folders: list[Path], lpips: Lpips) -> Means:
    return {folder.name: evaluate(upscale, name, SCALE, folder, lpips=lpips).mean for folder in folders}


def dials(folder: Path, lpips: Lpips) -> dict[str, dict[float, Score]]:
    """Name of a shipped adversarial model whose partner ships too -> fidelity -> means."""
    shipped = zoo.shipped_models()
    found: dict[str, dict[float, Score]] = {}
    for name in shipped:
        if zoo.parse_name(name)[0] not in PIXEL_TRAINED or zoo.pixel_trained(name) not in shipped:
            continue
        found[name] = {}
        for fidelity in FIDELITIES:
            model = zoo.interpolate(zoo.pixel_trained(name), name, 1 - fidelity)
            found[name][fidelity] = measure(Upscaler(model), name, [folder], lpips)[folder.name]
    return found


def table(means: dict[str, Means]) -> str:
    folders = list(next(iter(means.values())))
    lines = [
        "| x4, PSNR-Y / SSIM-Y / LPIPS | " + " | ".join(folders) + " |",
        "| --- |" + " --- |" * len(folders),
    ]
    for name, by_folder in means.items():
        cells = [f"{score.psnr_y:.2f} / {score.ssim_y:.4f} / {score.lpips:.4f}" for score in by_folder.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(means: dict[str, Means], dial: dict[str, dict[float, Score]], path: Path) -> None:
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    folders = list(next(iter(means.values())))
    figure = Figure(figsize=(5 * len(folders), 4.5), dpi=110, layout="constrained")
    for axes, folder in zip(np.atleast_1d(figure.subplots(1, len(folders))), folders, strict=True):
        for name, by_folder in means.items():
            score = by_folder[folder]
            axes.plot(score.psnr_y, score.lpips, "o", label=name)
        if folder == folders[0]:
            for number, (name, by_fidelity) in enumerate(dial.items()):
                ends = means[zoo.pixel_trained(name)][folder], means[name][folder]
                way = [ends[0], *by_fidelity.values(), ends[1]]
                axes.plot([s.psnr_y for s in way], [s.lpips for s in way], ".:", color="grey", zorder=0)
                # The ways lie close together: one has its labels on the left, the next on the right.
                side, away = (("left", 5), ("right", -5))[number % 2]
                for fidelity, score in by_fidelity.items():
                    place = {"xytext": (away, 3), "textcoords": "offset points", "ha": side, "fontsize": "x-small"}
                    axes.annotate(f"fidelity {fidelity}", (score.psnr_y, score.lpips), **place)
        axes.set(title=folder, xlabel="PSNR-Y [dB], higher is closer", ylabel="LPIPS, lower looks closer")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", type=Path)
    ap.add_argument("--lpips", required=True, help="file with LPIPS's weights")
    ap.add_argument("--plot", type=Path, required=True, help="PNG file to write")
    args = ap.parse_args()

    lpips = load(args.lpips)
    means = {"bicubic": measure(partial(bicubic.upscale, scale=SCALE), "bicubic", args.folders, lpips)}
    for name in zoo.shipped_models():
        means[name] = measure(Upscaler(zoo.load(name)), name, args.folders, lpips)
    dial = dials(args.folders[0], lpips)
    print(table(means))
    for name, by_fidelity in dial.items():
        for fidelity, score in by_fidelity.items():
            print(
                f"{name}, fidelity {fidelity}: {score.psnr_y:.2f} dB, LPIPS {score.lpips:.4f} on {args.folders[0].name}"
            )
    plot(means, dial, args.plot)


if __name__ == "__main__":
    main()
