"""What int8 costs the models that ship: PSNR-Y (and LPIPS) in float32 and in int8, as `resolve_image.py` computes them.

    python tools/precision_cost.py [--lpips lpips_alexnet.npz] [--model NAME ...] Set5/ Set14/ BSD100/
    python tools/precision_cost.py --litert Set5/ Set14/ [--model NAME ...]

Both run in OpenVINO; with --litert, LiteRT runs the files that `srzoo export` writes. A folder is as that of `srzoo
evaluate`. It decides nothing: how int8 is made was chosen on other pictures.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from srzoo import names, shipped
from srzoo.cli import run
from srzoo.evaluation import find_pairs
from srzoo.metrics import lpips, psnr_y
from srzoo.runtimes import exported
from srzoo.runtimes.parity import Bound
from srzoo.runtimes.prepared import Prepared, weights_of
from srzoo.upscaling import Upscaler

ANY = Bound(worst=255, psnr_lost=99)
"""Here the difference is to be shown, not judged."""


def litert_lines(name: str, folders: Sequence[Path]) -> list[str]:
    """A line a precision: MB, PSNR-Y lost in each folder, and the median of its times over float32's."""
    from srzoo import zoo  # TensorFlow
    from srzoo.exporting import formats

    with TemporaryDirectory() as made, exported.quiet():
        model, scale = zoo.load(name), names.parse(name).scale
        paths = {
            each: formats.export(model, Path(made), "litert", each, bound=ANY)[0]
            for each in formats.EXPORT_FORMATS["litert"]
        }
        upscalers = {each: Upscaler(exported.load(path)) for each, path in paths.items()}
        sizes = {each: path.stat().st_size / 1e6 for each, path in paths.items()}
        seconds: dict[str, list[float]] = {each: [] for each in paths}
        figures: dict[str, list[float]] = {each: [] for each in paths}
        for folder in folders:
            scores: dict[str, list[float]] = {each: [] for each in paths}
            for pair in find_pairs(folder, scale):
                lr, hr = pair.read(scale)
                for each, upscaler in upscalers.items():
                    start = time.perf_counter()
                    sr = upscaler(lr)
                    seconds[each].append(time.perf_counter() - start)
                    scores[each].append(psnr_y(hr, sr, scale))
            for each in paths:
                figures[each].append(mean(scores["float32"]) - mean(scores[each]))
    return [
        f"| `{name}` | {each} | {sizes[each]:.2f} | {' | '.join(f'{lost:.3f}' for lost in figures[each])} | "
        f"{median(one / whole for one, whole in zip(seconds[each], seconds['float32'])):.2f} |"
        for each in paths
    ]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", type=Path)
    ap.add_argument("--model", nargs="+", default=shipped.shipped_models())
    ap.add_argument("--lpips", type=Path)
    ap.add_argument("--litert", action="store_true", help="LiteRT's files, their sizes and times: docs/formats.md")
    args = ap.parse_args()

    if args.litert:
        for name in args.model:
            print("\n".join(litert_lines(name, args.folders)), flush=True)
        return
    metric = lpips.load(args.lpips) if args.lpips else None
    print("| model | pictures | float32, dB | int8, dB | lost, dB |" + (" LPIPS float32 | int8 |" if metric else ""))
    print("| --- | --- | ---: | ---: | ---: |" + (" ---: | ---: |" if metric else ""))
    for name in args.model:
        scale = names.parse(name).scale
        with TemporaryDirectory() as cache:
            prepared = Prepared(weights_of(name), Path(cache))
            upscalers = [Upscaler(prepared.make(each).network) for each in ("float32", "int8")]
            for folder in args.folders:
                figures, perceived = [], []
                for pair in find_pairs(folder, scale):
                    lr, hr = pair.read(scale)
                    results = [upscaler(lr) for upscaler in upscalers]
                    figures.append([psnr_y(hr, sr, scale) for sr in results])
                    if metric:
                        perceived.append([metric(hr, sr) for sr in results])
                before, after = map(mean, zip(*figures))
                line = f"| `{name}` | {folder.name} | {before:.2f} | {after:.2f} | {before - after:.3f} |"
                if metric:
                    line += "".join(f" {mean(each):.4f} |" for each in zip(*perceived))
                print(line, flush=True)


if __name__ == "__main__":
    run(main)
