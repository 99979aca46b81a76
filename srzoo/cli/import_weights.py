"""`python -m srzoo import`: turns a PyTorch checkpoint of others into a weights file of srzoo."""

import argparse
from pathlib import Path

from srzoo.cli import start_tensorflow

DESCRIPTION = "Reads an EDSR that EDSR-PyTorch or BasicSR trained, without PyTorch, and writes it as .weights.h5."

EPILOG = """Blocks, filters and scale are read off the file; nothing that it holds is run.

examples:
  python -m srzoo import edsr_baseline_x4-6b446fab.pt --as edsr-baseline
  python -m srzoo import net_g_latest.pth --as edsr --output runs/theirs.weights.h5
  python resolve_image.py photo.jpg --weights edsr-baseline-x4.weights.h5"""


def parser() -> argparse.ArgumentParser:
    ap = argparse.ArgumentParser(
        prog="srzoo import",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ap.add_argument("checkpoint", type=Path, metavar="FILE", help="a .pt or .pth file of PyTorch")
    ap.add_argument(
        "--as",
        dest="name",
        required=True,
        metavar="MODEL",
        help="what it becomes: edsr-baseline, edsr or edsr-gan; or a full name, which the file must fit then",
    )
    ap.add_argument("--scale", type=int, choices=(2, 3, 4, 8), help="the scale it must have (default: the file's)")
    ap.add_argument(
        "--residual-scaling",
        type=float,
        metavar="FACTOR",
        help="res_scale of its training, which no file tells (default: 0.1 for edsr, 1 for the others)",
    )
    ap.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="a file ending in .weights.h5, replaced if there (default: <full name>.weights.h5, which must be new)",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    if not args.checkpoint.is_file():
        raise FileNotFoundError(f"{args.checkpoint}: no such file")
    if args.output and not args.output.name.endswith(".weights.h5"):
        raise ValueError(f"--output must end in .weights.h5, got {args.output}")
    if args.output and args.output.is_dir():
        raise ValueError(f"--output must be a file, but {args.output} is a folder")
    start_tensorflow()
    from srzoo import zoo
    from srzoo.importing.torch_checkpoints import load_torch

    model = load_torch(args.checkpoint, args.name, args.scale, args.residual_scaling)
    output = args.output or Path(f"{model.name}.weights.h5")
    if not args.output and output.exists():
        raise ValueError(f"{output} is there already; move it away or name a file with --output")
    zoo.save_weights(model, output)
    print(f"{args.checkpoint}: {model.name}, {model.count_params():,} parameters -> {output}")
    return 0
