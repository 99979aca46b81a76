"""`python -m srzoo import`: turns PyTorch files of others into files of srzoo."""

import argparse
import sys
from pathlib import Path

from srzoo.cli import say
from srzoo.cli.arguments import command, place

DESCRIPTION = (
    "Reads a network that others trained with PyTorch, and writes it as .weights.h5. It does not need PyTorch."
)

EPILOG = """The command recognises EDSR, RRDB (ESRGAN, Real-ESRGAN) and compact (SRVGGNetCompact) by the names and
shapes in the file. It runs no code from the file. docs/import.md lists the projects.

examples:
  %(prog)s RealESRGAN_x4plus.pth
  %(prog)s edsr_x4-4f62e9ef.pt --output runs/theirs.weights.h5
  %(prog)s net_g_latest.pth --as edsr-gan --scale 4
  python resolve_image.py photo.jpg --weights rrdb-x4.weights.h5

for --lpips, --dists and --vgg (docs/import.md says where these files are):
  %(prog)s lpips alexnet-owt-7be5be79.pth alex.pth lpips_alexnet.npz
  %(prog)s dists weights.pt dists.npz
  %(prog)s vgg vgg16-397923af.pth vgg16.weights.h5"""

COMPARING = {
    "lpips": ("AlexNet of torchvision and alex.pth of LPIPS, or vgg.pth of LPIPS alone", "--lpips {}", ".npz"),
    "dists": ("weights.pt of DISTS", "--dists {} vgg16.weights.h5", ".npz"),
    "vgg": (
        "vgg19-dcbb9e9d.pth or vgg16-397923af.pth of torchvision",
        "--vgg {} --vgg-preprocessing torchvision",
        ".weights.h5",
    ),
}
"""Network that compares pictures -> its source files, the option for its file, and the file's ending."""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo import", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("checkpoint", type=place, metavar="FILE", help="a .pt, .pth or .safetensors file")
    add(
        "--as",
        dest="name",
        metavar="MODEL",
        help="name of the model, such as edsr-gan or esrgan, or a full name that the file must fit (default: by its "
        "sizes)",
    )
    add("--scale", type=int, metavar="N", help="scale that the file must have (default: the file's)")
    add(
        "--residual-scaling",
        type=float,
        metavar="FACTOR",
        help="res_scale of EDSR's training, which no file holds (default: 0.1 for edsr, 1 for others)",
    )
    add(
        "-o",
        "--output",
        type=place,
        metavar="FILE",
        help="a file that ends in .weights.h5; it is replaced (default: <full name>.weights.h5, which must be new)",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] and argv[0] in COMPARING:
        return _import_comparing(argv[0], argv[1:])
    args = parser().parse_args(argv)
    if args.checkpoint.is_dir():
        raise ValueError(f"{args.checkpoint} is a folder; give the .pt, .pth or .safetensors file in it")
    if not args.checkpoint.is_file():
        raise FileNotFoundError(f"{args.checkpoint}: no such file")
    if args.output and not args.output.name.endswith(".weights.h5"):
        raise ValueError(f"--output must end in .weights.h5, got {args.output}")
    if args.output and args.output.is_dir():
        raise ValueError(f"--output must be a file, but {args.output} is a folder")
    from srzoo import zoo
    from srzoo.importing.checkpoints import load_checkpoint
    from srzoo.models.registry import entry_of, parse_known

    model = load_checkpoint(args.checkpoint, args.name, args.scale, args.residual_scaling)
    output = args.output or Path(f"{model.name}.weights.h5")
    if not args.output and output.exists():
        raise ValueError(f"{output} is there already; move it away or name a file with --output")
    zoo.save_weights(model, output)
    configuration = parse_known(model.name)
    sizes = {"scale": configuration.scale, **entry_of(configuration.base).published(), **configuration.options}
    told = ", ".join(f"{key.replace('_', ' ')} {size}" for key, size in sizes.items() if size is not None)
    if "residual_scaling" in sizes and args.residual_scaling is None:
        told += " (assumed, because no file holds it)"
    say(f"{args.checkpoint}: {model.name}, {told}, {model.count_params():,} parameters -> {output}", sys.stdout)
    return 0


def comparing_parser(kind: str) -> argparse.ArgumentParser:
    files, use, ending = COMPARING[kind]
    ap = command(
        f"srzoo import {kind}", f"Reads {files}, without PyTorch, and writes the file for {use.format('OUT')}.", ""
    )
    ap.add_argument("files", nargs="+" if kind == "lpips" else 1, type=place, metavar="FILE", help=files)
    ap.add_argument("output", type=place, metavar="OUT", help=f"a file ending in {ending}, replaced if there")
    return ap


def _import_comparing(kind: str, argv: list[str]) -> int:
    args, (_, use, ending) = comparing_parser(kind).parse_args(argv), COMPARING[kind]
    for path in args.files:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
    if not args.output.name.endswith(ending) or args.output.is_dir():
        raise ValueError(f"the last name is that of the file to write and must end in {ending}, got {args.output}")
    import numpy as np

    from srzoo.atomic import atomic_file
    from srzoo.files.hdf5 import write_weights
    from srzoo.importing import perceptual

    with atomic_file(args.output) as temporary:
        if kind == "vgg":
            write_weights(perceptual.read_vgg(args.files[0]), temporary, {})
        else:
            arrays = perceptual.read_lpips(args.files) if kind == "lpips" else perceptual.read_dists(args.files[0])
            np.savez(temporary, allow_pickle=False, **arrays)
    say(f"{args.output}: for {use.format(args.output)}", sys.stdout)
    return 0
