"""`python -m srzoo compare`: one web page that compares models on pictures."""

import argparse
import sys
from pathlib import Path

from srzoo.cli import say
from srzoo.cli.arguments import add_lpips, check_compared, command, lpips_of, place
from srzoo.cli.progress import over_pictures

DESCRIPTION = (
    "Writes one web page that compares bicubic and models on your pictures: linked zoom, maps of the differences, "
    "PSNR, SSIM and LPIPS."
)

EPILOG = """The pictures are HR, and MATLAB's bicubic makes LR from them. Folders may be those that
`srzoo evaluate` takes. With --no-reference the command upscales the pictures themselves, and measures nothing.

examples:
  %(prog)s butterfly.png baby.png --models edsr-baseline-x4 edsr-gan-x4
  %(prog)s Set5/ --models first=runs/a/best.weights.h5 second=runs/b/best.weights.h5 -o set5.html
  %(prog)s holiday.jpg --models edsr-gan-x4 --no-reference"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo compare", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("images", nargs="+", type=place, metavar="IMAGE", help="a picture or a folder of pictures")
    add(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="names of `srzoo list`, or files of weights or models; LABEL=MODEL gives a model another name. Bicubic is "
        "always on the page, in the first place unless you name it elsewhere",
    )
    add("-o", "--output", type=place, default=Path("compare.html"), help="file of the page (default: compare.html)")
    add("--scale", type=int, choices=(2, 3, 4, 8), help="scale of bicubic, without other models (default: 4)")
    add("--no-reference", action="store_true", help="upscale the pictures themselves")
    add_lpips(ap)
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    for path in args.images:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    check_compared(args.models)
    if args.output.suffix.lower() not in (".html", ".htm") or args.output.is_dir():
        raise ValueError(f"--output must be a file that ends in .html, got {args.output}")
    if args.lpips and args.no_reference:
        raise ValueError("--lpips measures against HR, which --no-reference says is not there")
    distance = lpips_of(args)
    from srzoo.viewing.comparison import write_comparison
    from srzoo.viewing.methods import BICUBIC, load_methods
    from srzoo.viewing.pictures import find_pictures

    methods = load_methods(args.models if BICUBIC in args.models else [BICUBIC, *args.models], args.scale)
    pictures = find_pictures(args.images, methods[0].scale, not args.no_reference, distance)
    write_comparison(pictures, methods, args.output, distance, over_pictures)
    names = ", ".join(method.name for method in methods)
    size = args.output.stat().st_size / 1e6
    say(f"{args.output}: {len(pictures)} picture(s), {names}, {size:.1f} MB", sys.stdout)
    return 0
