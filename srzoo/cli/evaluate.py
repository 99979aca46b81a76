"""`python -m srzoo evaluate`: measures a network on benchmark folders."""

import argparse
import sys
from collections.abc import Callable
from functools import partial

from srzoo import shipped
from srzoo.cli import say
from srzoo.cli.arguments import add_lpips, command, lpips_of, place
from srzoo.cli.progress import over_pictures

DESCRIPTION = (
    "Upscales the pictures of benchmark folders and prints PSNR-Y, SSIM-Y, PSNR-RGB and LR-PSNR, beside bicubic's."
)

EPILOG = """A folder holds HR pictures, or HR/ and maybe LR_x4/ or LR/. MATLAB's bicubic makes LR that is missing.

examples:
  %(prog)s --model bicubic Set5/
  %(prog)s --model runs/mine/best.weights.h5 Set5/ Set14/ --output scores.csv
  %(prog)s --model runs/mine/best.weights.h5 --lpips lpips_alexnet.npz Set5/"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo evaluate", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("folders", nargs="+", type=place, metavar="FOLDER", help="benchmark folders")
    add(
        "--model",
        required=True,
        help="a model of `srzoo list`, the folder of a run or a preset, a .keras or .weights.h5 file, or bicubic",
    )
    add("--scale", type=int, choices=(2, 3, 4, 8), help="scale of bicubic (default: 4); a model has its own")
    add(
        "--self-ensemble",
        action="store_true",
        help="average over eight flips and turns of the picture; takes eight times as long",
    )
    add_lpips(ap)
    add(
        "--dists",
        nargs=2,
        type=place,
        metavar=("FILE", "VGG16"),
        help="weights that `srzoo import dists` and `srzoo import vgg` make: DISTS is measured too",
    )
    add(
        "--format",
        choices=("markdown", "csv", "json"),
        help="format of the table (default: csv or json if --output ends so, and markdown otherwise)",
    )
    add("-o", "--output", type=place, help="a file for the table, instead of the terminal")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    from srzoo.atomic import atomic_file
    from srzoo.images import check_folder

    for folder in args.folders:
        check_folder(folder)
    if args.output and args.output.is_dir():
        raise ValueError(f"--output must be a file, but {args.output} is a folder")
    if args.model == "bicubic" and args.self_ensemble:
        raise ValueError("--self-ensemble averages what a network makes of flips and turns; leave it out for bicubic")
    if args.model != "bicubic":
        shipped.locate(args.model)
    distance = lpips_of(args)
    from srzoo import bicubic
    from srzoo.evaluation import TABLE_FORMATS, evaluate, find_pairs
    from srzoo.metrics import dists
    from srzoo.upscaling import Upscaler

    texture = dists.load(*args.dists) if args.dists else None
    upscale: Callable
    if args.model == "bicubic":
        scale = args.scale or 4
        upscale, name = partial(bicubic.upscale, scale=scale), "bicubic"
    else:
        from srzoo import zoo  # TensorFlow, which bicubic does without

        model = zoo.load(args.model)
        upscaler = Upscaler(model, self_ensemble=args.self_ensemble)
        name = model.name if shipped.weights_of_name(args.model) else args.model
        upscale, name, scale = upscaler, name + "+" * args.self_ensemble, upscaler.scale
        if args.scale not in (None, scale):
            raise ValueError(f"--scale {args.scale} was given, but {name} upscales by {scale}")
    for folder in args.folders:
        find_pairs(folder, scale, distance)  # report a bad pair in the last folder before spending hours on the first
    reports = [
        evaluate(upscale, name, scale, folder, partial(over_pictures, title=folder.name), distance, texture)
        for folder in args.folders
    ]
    ending = args.output.suffix.lower()[1:] if args.output else ""
    table = TABLE_FORMATS[args.format or (ending if ending in ("csv", "json") else "markdown")](reports)
    if args.output:
        with atomic_file(args.output) as temporary:
            temporary.write_text(table, encoding="utf-8", errors="backslashreplace")
    else:
        for line in table.split("\n")[:-1]:
            say(line, sys.stdout, is_result=True)
    return 0
