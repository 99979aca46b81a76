"""Measures the models that ship, and writes all that shows their figures.

    python tools/results.py Set5 Set14 BSD100 --lpips lpips_alexnet.npz

The figures go to srzoo/weights/results.json. docs/results.md, the cards in docs/models/, the tests and
`srzoo list` take them from there. Every model and bicubic are measured on the benchmark folders at their own scale, and
where a model for damaged pictures ships, also on the last folder as `srzoo degrade --preset real --seed 0` damages it.
The plot shows PSNR-Y against LPIPS of the models of x4, and between a network trained on pixels and the same network
after GAN training the way of the fidelity dial. The crops are parts of scikit-image's photographs at 100 %.

`--models NAME` measures that one anew, with the dials that it is in, and takes the other figures from the file.
"""

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from draw_strip import row, stack

from srzoo import bicubic, cards, names, shipped, zoo
from srzoo.atomic import atomic_file
from srzoo.cli import run
from srzoo.data.layout import find_layout
from srzoo.data.sample import sample_path
from srzoo.degradations.folder import degrade_folder
from srzoo.evaluation import find_pairs
from srzoo.images import write_image
from srzoo.metrics import psnr_y, ssim_y
from srzoo.metrics.lpips import Lpips, load
from srzoo.models.registry import GAN_TRAINED, parse_known, pixel_trained
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

This page has the figures of the models that ship, on the three usual benchmarks. PSNR-Y and SSIM-Y use luma of BT.601
and 8 bits, and shave as many pixels as the scale. SSIM is that of Wang et al., Gaussian 11x11, sigma 1.5. LPIPS is v0.1
with AlexNet on whole RGB pictures; lower looks closer. MATLAB's bicubic makes LR.

    make results BENCHMARKS="Set5 Set14 BSD100" LPIPS=lpips_alexnet.npz

This command measures the models again and writes this page and its pictures. To add a benchmark such as Urban100, name
one more folder. [How to make `lpips_alexnet.npz`](import.md#lpips-dists-and-vgg).

{scores}

The papers have these figures. Their SSIM comes from other implementations:

| PSNR-Y / LPIPS | Set5 | Set14 | BSD100 |
| --- | --- | --- | --- |
| x2, EDSR-baseline | 37.99 | 33.57 | 32.16 |
| x3, EDSR-baseline | 34.37 | 30.28 | 29.09 |
| x4, EDSR-baseline | 32.09 | 28.58 | 27.57 |
| x4, SRResNet | 32.05 | 28.49 | 27.58 |
| x4, SRGAN (LPIPS of SPSR's table) | 29.40 / .088 | 26.02 / .166 | 25.16 / .198 |

![LPIPS against PSNR-Y of every model of x4 on each benchmark](images/perception-distortion.png)

The dotted lines are `resolve_image.py --fidelity` on {first}. It interpolates the weights of two networks:

{dials}

## Damaged pictures

`python -m srzoo degrade {last} OUT --preset real --seed 0` damages {last}: blur, resizing, noise and JPEG, twice.

{damaged}

The cards say how each model was trained, and from which other:
{cards}.

## The same at 100 %

![LR, bicubic, the models and HR of parts of ten photographs](images/results-crops.png)

The parts show a face, fur, still life, machines, a tower, brick, gravel, grass and print. No model was trained on
these photographs. [The gallery](gallery.md) says what is good and bad about the results.
"""

Figures = dict[str, dict[str, float]]
"""Name of a folder -> means of a model's figures on it."""

DIGITS = {"psnr_y": 3, "ssim_y": 4, "lpips": 4}

DAMAGED = "real"
"""The preset that pictures are damaged by."""


def measure(upscale: Callable[[np.ndarray], np.ndarray], scale: int, folders: list[Path], lpips: Lpips) -> Figures:
    """As `srzoo evaluate` measures, but without bicubic's figures beside each."""
    found = {}
    for folder in folders:
        rows = []
        for pair in find_pairs(folder, scale, lpips):
            lr, hr = pair.read(scale, lpips)
            sr = upscale(lr)
            rows.append((psnr_y(hr, sr, scale), ssim_y(hr, sr, scale), lpips(hr, sr)))
        values = np.mean(rows, axis=0)
        found[folder.name] = {key: round(float(v), n) for (key, n), v in zip(DIGITS.items(), values, strict=True)}
    return found


def measure_all(folders: list[Path], lpips: Lpips, models: list[str], results: dict[str, dict[str, Figures]]) -> None:
    """Writes into `results`: `clean`, `damaged` or a dial -> name of a model, or fidelity -> figures."""
    scales = {name: parse_known(name).scale for name in models}
    upscalers: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        f"bicubic-x{scale}": partial(bicubic.upscale, scale=scale) for scale in sorted(set(scales.values()))
    }
    scales |= {name: names.parse(name).scale for name in upscalers}
    upscalers |= {name: Upscaler(zoo.load(name)) for name in models}
    with TemporaryDirectory() as made:
        damaged = {
            scale: Path(made, str(scale), folders[-1].name)
            for scale in set(scales.values())
            if f"{shipped.FOR_DAMAGED}-x{scale}" in shipped.shipped_models()
        }
        for scale, folder in damaged.items():
            degrade_folder(find_layout(folders[-1], scale, "validation")[0].hr, folder, DAMAGED, scale, 0)
        for name, upscale in upscalers.items():
            scale = scales[name]
            results["clean"][name] = measure(upscale, scale, folders, lpips)
            if scale in damaged:
                results["damaged"][name] = measure(upscale, scale, [damaged[scale]], lpips)
            print(name, results["clean"][name], flush=True)
    for name in (each for each in shipped.shipped_models() if parse_known(each).base in GAN_TRAINED):
        if not {name, pixel_trained(name)} & {*models}:
            continue
        mixed = {share: Upscaler(zoo.interpolate(pixel_trained(name), name, 1 - share)) for share in FIDELITIES}
        results[f"fidelity of {name}"] = {
            str(share): measure(upscaler, parse_known(name).scale, folders[:1], lpips)
            for share, upscaler in mixed.items()
        }


def text(score: dict[str, float]) -> str:
    return f"{score['psnr_y']:.2f} / {score['ssim_y']:.4f} / {score['lpips']:.4f}"


def table(title: str, rows: dict[str, Figures]) -> str:
    folders = next(iter(rows.values()))
    return markdown_table([title, *folders], [[name, *map(text, row.values())] for name, row in rows.items()])


def of_scale(rows: dict[str, Figures], scale: int) -> dict[str, Figures]:
    return {name: row for name, row in rows.items() if name.endswith(f"-x{scale}")}


def dials(results: dict[str, dict[str, Figures]]) -> dict[str, dict[str, Figures]]:
    """Name of a model of GAN training -> fidelity -> figures, down to the model itself."""
    found = {key.removeprefix("fidelity of "): rows for key, rows in results.items() if key.startswith("fidelity of ")}
    return {name: {**rows, "0": results["clean"][name]} for name, rows in found.items()}


def dial_table(name: str, way: dict[str, Figures], folder: str) -> str:
    rows = [[share, f"{of[folder]['psnr_y']:.2f}", f"{of[folder]['lpips']:.4f}"] for share, of in way.items()]
    return markdown_table([f"`--fidelity` of {name}", "PSNR-Y", "LPIPS"], rows)


def crops(models: list[str], lpips: Lpips) -> np.ndarray:
    methods = load_methods([BICUBIC, *models])
    photos = {name: read_image(sample_path(name)) for name, _, _ in PARTS}
    return stack([row(photos[name], (top, left), SIDE, methods, Path(name).stem, lpips) for name, top, left in PARTS])


def plot(clean: dict[str, Figures], ways: dict[str, dict[str, Figures]], path: Path) -> None:
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    folders = list(next(iter(clean.values())))
    figure = Figure(figsize=(5 * len(folders), 4.5), dpi=110, layout="constrained")
    for axes, folder in zip(np.atleast_1d(figure.subplots(1, len(folders))), folders, strict=True):
        for name, of in clean.items():
            axes.plot(of[folder]["psnr_y"], of[folder]["lpips"], "o", label=name)
        if folder == folders[0]:
            for way in ways.values():
                points = [(of[folder]["psnr_y"], of[folder]["lpips"]) for of in way.values()]
                axes.plot(*zip(*points, strict=True), ".:", color="grey", zorder=0)
        axes.set(title=folder, xlabel="PSNR-Y [dB], higher is closer", ylabel="LPIPS, lower looks closer")
        axes.margins(x=0.3)  # room for the names
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def fill_card(card: Path, clean: dict[str, Figures], damaged: dict[str, Figures]) -> None:
    """Writes the figures into a card: into the metadata in front, and into tables.

    There they go into rows whose first cell is `this`, `bicubic` or a model's name.
    """
    folders = list(next(iter(clean.values())))
    kinds = {tuple(folders): clean, (f"{folders[-1]}, damaged",): damaged}
    scale = card.stem.rpartition("-")[2]
    known: dict[str, Figures] = {}
    lines = []
    for line in card.read_text("utf-8").splitlines():
        first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        known = kinds.get(tuple(cells), known) if line.startswith("|") else {}
        name = {"this": card.stem, "bicubic": f"bicubic-{scale}"}.get(first, first)
        lines.append(f"| {first} | {' | '.join(map(text, known[name].values()))} |" if name in known else line)
    with atomic_file(card) as temporary:
        temporary.write_text(cards.with_metadata("\n".join(lines) + "\n", cards.metadata(card.stem)), "utf-8")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", type=Path)
    ap.add_argument("--lpips", required=True, help="file with LPIPS's weights")
    ap.add_argument("--models", nargs="*", help="only these anew; none: only draw")
    ap.add_argument("--output", type=Path, default=Path("docs"), help="folder (default: docs)")
    args = ap.parse_args()

    lpips = load(args.lpips)
    results: dict[str, dict[str, Figures]] = {"clean": {}, "damaged": {}}
    if args.models is not None:
        results = json.loads(shipped.RESULTS.read_text("utf-8"))
    models = shipped.shipped_models()
    if args.models != []:
        measure_all(args.folders, lpips, args.models or models, results)
        with atomic_file(shipped.RESULTS) as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    clean, damaged, ways = results["clean"], results["damaged"], dials(results)
    first, last = args.folders[0].name, args.folders[-1].name
    plot(of_scale(clean, SCALE), of_scale(ways, SCALE), args.output / "images" / "perception-distortion.png")
    write_image(args.output / "images" / "results-crops.png", crops([*of_scale(clean, SCALE)][1:], lpips))
    scales = sorted({parse_known(name).scale for name in models})
    page = PAGE.format(
        scores="\n\n".join(table(f"x{each}, PSNR-Y / SSIM-Y / LPIPS", of_scale(clean, each)) for each in scales),
        first=first,
        last=last,
        dials="\n\n".join(dial_table(name, way, first) for name, way in ways.items()),
        damaged="\n\n".join(
            table(f"x{each}, PSNR-Y / SSIM-Y / LPIPS", rows) for each in scales if (rows := of_scale(damaged, each))
        ),
        cards=",\n".join(f"[{name}](models/{name}.md)" for name in models),
    )
    with atomic_file(args.output / "results.md") as temporary:
        temporary.write_text(page, "utf-8")
    for name in models:
        fill_card(args.output / "models" / f"{name}.md", clean, damaged)


if __name__ == "__main__":
    run(main)
