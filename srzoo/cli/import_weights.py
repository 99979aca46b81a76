"""`python -m srzoo import`: turns a PyTorch checkpoint of others into a weights file of srzoo."""

import argparse
from pathlib import Path

from srzoo.cli.arguments import command

DESCRIPTION = "Reads a network that others trained with PyTorch, without PyTorch, and writes it as .weights.h5."

EPILOG = """EDSR, RRDB (ESRGAN, Real-ESRGAN) and compact (SRVGGNetCompact) are found by the names and shapes
inside; nothing that the file holds is run. docs/import.md lists the projects.

examples:
  %(prog)s RealESRGAN_x4plus.pth
  %(prog)s edsr_x4-4f62e9ef.pt --output runs/theirs.weights.h5
  %(prog)s net_g_latest.pth --as edsr-gan --scale 4
  python resolve_image.py photo.jpg --weights rrdb-x4.weights.h5"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo import", DESCRIPTION, EPILOG)
    ap.add_argument("checkpoint", type=Path, metavar="FILE", help="a .pt, .pth or .safetensors file")
    ap.add_argument(
        "--as",
        dest="name",
        metavar="MODEL",
        help="what it becomes, as edsr-gan or esrgan; or a full name, which the file must fit (default: by its sizes)",
    )
    ap.add_argument("--scale", type=int, metavar="N", help="the scale it must have (default: the file's)")
    ap.add_argument(
        "--residual-scaling",
        type=float,
        metavar="FACTOR",
        help="res_scale of EDSR's training, which no file tells (default: 0.1 for edsr, 1 for the others)",
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
    from srzoo import zoo
    from srzoo.importing.checkpoints import load_checkpoint
    from srzoo.models.registry import entry_of

    model = load_checkpoint(args.checkpoint, args.name, args.scale, args.residual_scaling)
    output = args.output or Path(f"{model.name}.weights.h5")
    if not args.output and output.exists():
        raise ValueError(f"{output} is there already; move it away or name a file with --output")
    zoo.save_weights(model, output)
    configuration = zoo.known(model.name)
    sizes = {"scale": configuration.scale, **entry_of(configuration.base).published(), **configuration.options}
    told = ", ".join(f"{key.replace('_', ' ')} {size}" for key, size in sizes.items() if size is not None)
    if "residual_scaling" in sizes and args.residual_scaling is None:
        told += " (assumed, as no file tells it)"
    print(f"{args.checkpoint}: {model.name}, {told}, {model.count_params():,} parameters -> {output}")
    return 0
