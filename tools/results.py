"""Writes docs/results.md with its pictures: what the models that ship score and show.

    python tools/results.py Set5 Set14 BSD100 --lpips lpips_alexnet.npz

The table has every model and bicubic on the benchmark folders. The plot shows PSNR-Y against LPIPS, and between a
network trained on pixels and the same network after GAN training the way of the fidelity dial. The crops
are parts of scikit-image's photographs at 100 %.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from draw_strip import row, stack

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.evaluation import Score, evaluate
from srzoo.images import atomic_file, write_image
from srzoo.metrics.lpips import Lpips, load
from srzoo.models.registry import GAN_TRAINED
from srzoo.pictures.reading import read_image
from srzoo.tables import markdown_table
from srzoo.upscaling import Upscaler
from srzoo.viewing.methods import BICUBIC, load_methods

SCALE = 4
FIDELITIES = (1, 0.75, 0.5, 0.25)

SIDE = 128
PARTS = (
    ("astronaut.png", 60, 168),
    ("chelsea.png", 80, 112),
    ("coffee.png", 60, 300),
    ("motorcycle_left.png", 200, 252),
    ("rocket.jpg", 100, 16),
    ("camera.png", 108, 384),
    ("brick.png", 120, 120),
    ("gravel.png", 200, 200),
    ("grass.png", 100, 100),
    ("page.png", 0, 0),
)
"""Photographs and the top left corners of what is shown of them."""

PAGE = """# Results

The models that ship, x4, on the three usual benchmarks. PSNR-Y and SSIM-Y: luma of BT.601, 4 pixels shaved, 8 bits;
SSIM of Wang et al., Gaussian 11x11, sigma 1.5. LPIPS: v0.1 with AlexNet on whole RGB pictures, lower looks closer. LR
by MATLAB's bicubic.

    python tools/results.py Set5 Set14 BSD100 --lpips lpips_alexnet.npz

writes this page and its pictures from the weights that ship.

{scores}

The papers, for comparison (their SSIM comes from other implementations):

| x4, PSNR-Y / LPIPS | Set5 | Set14 | BSD100 |
| --- | --- | --- | --- |
| EDSR-baseline | 32.09 | 28.58 | 27.57 |
| SRResNet | 32.05 | 28.49 | 27.58 |
| SRGAN (LPIPS of SPSR's table) | 29.40 / .088 | 26.02 / .166 | 25.16 / .198 |

![LPIPS against PSNR-Y of every model on each benchmark](images/perception-distortion.png)

On {first} the dotted lines are the ways of `resolve_image.py --fidelity`, weights interpolated between two networks
(for edsr-gan-x4 the other is edsr-baseline-x4 as it was when the training of edsr-gan-x4 began):

{dials}

How each was trained, and what it owes to which other: {cards}.

## The same at 100 %

![LR, bicubic, the models and HR of parts of ten photographs](images/results-crops.png)

A face, fur, still life, machines, a tower, brick, gravel, grass and print. None of these photographs was trained on.
What is good and bad about them, and more: [the gallery](gallery.md).
"""

Means = dict[str, Score]
"""Name of a folder -> means of a model's figures on it."""


def measure(upscale: Callable[[np.ndarray], np.ndarray], name: str, folders: list[Path], lpips: Lpips) -> Means:
    return {folder.name: evaluate(upscale, name, SCALE, folder, lpips=lpips).mean for folder in folders}


def dials(folder: Path, lpips: Lpips) -> dict[str, dict[float, Score]]:
    """Name of a shipped adversarial model whose partner ships too -> fidelity -> means."""
    shipped = zoo.shipped_models()
    found: dict[str, dict[float, Score]] = {}
    for name in shipped:
        if zoo.known(name).base not in GAN_TRAINED or zoo.pixel_trained(name) not in shipped:
            continue
        found[name] = {}
        for fidelity in FIDELITIES:
            model = zoo.interpolate(zoo.pixel_trained(name), name, 1 - fidelity)
            found[name][fidelity] = measure(Upscaler(model), name, [folder], lpips)[folder.name]
    return found


def table(means: dict[str, Means]) -> str:
    rows = [
        [name, *(f"{score.psnr_y:.2f} / {score.ssim_y:.4f} / {score.lpips:.4f}" for score in by_folder.values())]
        for name, by_folder in means.items()
    ]
    return markdown_table(["x4, PSNR-Y / SSIM-Y / LPIPS", *next(iter(means.values()))], rows)


def dial_table(name: str, by_fidelity: dict[float, Score], means: dict[str, Means], folder: str) -> str:
    way = {**by_fidelity, "0": means[name][folder]}
    rows = [[str(fidelity), f"{score.psnr_y:.2f}", f"{score.lpips:.4f}"] for fidelity, score in way.items()]
    return markdown_table([f"`--fidelity` of {name}", "PSNR-Y", "LPIPS"], rows)


def crops(models: list[str], lpips: Lpips) -> np.ndarray:
    methods = load_methods([BICUBIC, *models])
    photos = {name: read_image(sample_path(name)) for name, _, _ in PARTS}
    return stack([row(photos[name], (top, left), SIDE, methods, Path(name).stem, lpips) for name, top, left in PARTS])


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
                way = [*by_fidelity.values(), means[name][folder]]
                axes.plot([s.psnr_y for s in way], [s.lpips for s in way], ".:", color="grey", zorder=0)
                # The ways lie close together: one has its names below on the right, the next above on the left.
                side, away = (("left", (8, -8)), ("right", (-8, 4)))[number % 2]
                for fidelity, score in by_fidelity.items():
                    place = {"xytext": away, "textcoords": "offset points", "ha": side, "fontsize": "x-small"}
                    axes.annotate(f"fidelity {fidelity}", (score.psnr_y, score.lpips), **place)
        axes.set(title=folder, xlabel="PSNR-Y [dB], higher is closer", ylabel="LPIPS, lower looks closer")
        axes.margins(x=0.3)  # room for the names
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", type=Path)
    ap.add_argument("--lpips", required=True, help="file with LPIPS's weights")
    ap.add_argument("--output", type=Path, default=Path("docs"), help="folder (default: docs)")
    args = ap.parse_args()

    lpips = load(args.lpips)
    models = zoo.shipped_models()
    means = {"bicubic": measure(partial(bicubic.upscale, scale=SCALE), "bicubic", args.folders, lpips)}
    for name in models:
        means[name] = measure(Upscaler(zoo.load(name)), name, args.folders, lpips)
    dial = dials(args.folders[0], lpips)
    first = args.folders[0].name
    plot(means, dial, args.output / "images" / "perception-distortion.png")
    write_image(args.output / "images" / "results-crops.png", crops(models, lpips))
    page = PAGE.format(
        scores=table(means),
        first=first,
        dials="\n\n".join(dial_table(name, by_fidelity, means, first) for name, by_fidelity in dial.items()),
        cards=", ".join(f"[{name}](models/{name}.md)" for name in models),
    )
    with atomic_file(args.output / "results.md") as temporary:
        temporary.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
