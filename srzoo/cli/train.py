"""`python train.py <dataset>`: trains a network, or resumes a run."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import numpy as np

from srzoo import recipes, shipped
from srzoo.atomic import check_place
from srzoo.cli import say, show_log
from srzoo.cli.arguments import command, named, place, whole
from srzoo.data.known import check_known
from srzoo.models import registry
from srzoo.training.settings import Settings

DESCRIPTION = """Trains EDSR, SRResNet or SRGAN on pictures. A run's folder has best.weights.h5, config.json, log.csv,
curve.png, checkpoints, sample pictures and TensorBoard's files. The same command again resumes it.

By default it first trains EDSR-baseline on pixels (L1), in pixel/ below the output. Then it fine-tunes the network as
SRGAN, in adversarial/, with a content loss on VGG's features and against a discriminator."""

EPILOG = """examples:
  %(prog)s                                            downloads DIV2K; EDSR-baseline, then SRGAN
  %(prog)s photos/ --model edsr-baseline --minutes 40 your own pictures, on pixels, for 40 minutes
  %(prog)s photos/ --model srgan                      SRResNet (L2), then SRGAN
  %(prog)s photos/ --init-weights best.weights.h5     SRGAN from a trained generator
  %(prog)s coco/2017 --model edsr --limit 5000        any tensorflow-datasets name that has images
  %(prog)s sample --model edsr-baseline --minutes 2   a first try without a download
  %(prog)s --distribute mirrored --batch 64           all GPUs of this machine, 64 crops together"""


ALSO_CALLED = {"model": ["-m"], "batch": ["--batch-size"], "learning_rate": ["--lr"]}
"""Setting -> names of its flag in other programs."""


def parser() -> argparse.ArgumentParser:
    """One flag for each setting that has a help text, and flags that change no result."""
    ap = command("srzoo train", DESCRIPTION, EPILOG)
    add = ap.add_argument
    gan = ap.add_argument_group(f"GAN training (--model {', '.join(registry.GAN_TRAINED)})")
    for each in fields(Settings):
        if "help" not in each.metadata:
            continue
        how = {key: value for key, value in each.metadata.items() if key != "stage"}
        group = gan if each.metadata.get("stage") == "gan" else ap
        if each.name == "dataset":
            group.add_argument("dataset", nargs="?", type=named, default="div2k", **how)
        else:
            kind: Any = get_args(each.type)[0] if isinstance(each.type, UnionType) else each.type
            how |= {"action": "store_true"} if kind is bool else {"type": how.get("type", TYPES.get(kind, _layers))}
            group.add_argument(f"--{each.name.replace('_', '-')}", *ALSO_CALLED.get(each.name, ()), **how)
    for term, purpose in recipes.TERMS.items():
        gan.add_argument(f"--{term}-weight", type=_weight, help=f"{purpose}; 0: none (default: the objective's)")
    add("--scale", type=whole(1), help="scale of the network (default: 4)")
    add("--epochs", type=_epochs, help=argparse.SUPPRESS)
    add("-o", "--output", type=place, help="folder of the run (default: runs/<model>-<dataset>)")
    add("--validate-every", type=whole(1), default=1000, help="steps between two validations (default: 1000)")
    add(
        "--engine",
        choices=("auto", "winograd", "tensorflow"),
        default="auto",
        help="code that computes the gradient on a processor. winograd trains EDSR-baseline about three times as fast "
        "and needs g++; auto uses it if it can (default: auto)",
    )
    add("--data-dir", type=named, help="folder in which tensorflow-datasets keeps its data")
    add("--memory", type=_positive_float, default=4.0, help="GB of decoded pictures in memory (default: 4)")
    add(
        "--distribute",
        choices=("mirrored", "multi-worker"),
        help="train on all GPUs of this machine, or in the processes that TF_CONFIG names; --batch counts all of them",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects.

    Args:
        argv: the arguments; default: the process's.

    Returns:
        0; 143, 130 or 129 if a SIGTERM, SIGINT or SIGHUP stopped the run, after a last checkpoint; 75 if another worker
        is gone.
    """
    args = parser().parse_args(argv)
    if args.sync_batch_norm and not args.distribute:
        raise ValueError("--sync-batch-norm is for several replicas; give --distribute with it, or leave it out")
    _check_inputs(args)
    show_log(sys.stdout)
    from srzoo.training.distribution import LOST, WorkerLostError, open_distribution
    from srzoo.training.session import train_stages
    from srzoo.training.stages import stages_of
    from srzoo.training.stopping import Stopped
    from srzoo.winograd.step import choose_step

    names = {each.name for each in fields(Settings)} | {"scale"}
    given = {name: value for name, value in vars(args).items() if name in names and value is not None}
    weights = {term: value for term in recipes.TERMS if (value := getattr(args, f"{term}_weight")) is not None}
    try:
        distribution = open_distribution(args.distribute)
        stages = stages_of(**given, weights=weights or None)
        stages, pixel_step = choose_step(stages, args.engine, args.precision or "auto", not args.distribute)
        teacher = _teacher(args.teacher, registry.parse_known(stages[0].model).scale) if args.teacher else None
        folder = args.output or Path("runs") / f"{stages[-1].model}-{Path(os.path.abspath(args.dataset)).name}"
        train_stages(
            folder,
            stages,
            distribution,
            validate_every=args.validate_every,
            memory=args.memory * 1e9,
            data_dir=args.data_dir,
            pixel_step=pixel_step,
            teacher=teacher,
        )
    except Stopped as stopped:
        say(str(stopped), sys.stderr)
        return stopped.status
    except WorkerLostError as lost:
        say(str(lost), sys.stderr)
        return LOST
    return 0


def _check_inputs(args: argparse.Namespace) -> None:
    """Tells of a model, a scale, a folder or weights that there are not, before TensorFlow is imported."""
    if args.output:
        check_place(args.output)
    registry.build_graph(registry.parse_known(args.model or "edsr-gan", args.scale))
    for dataset in filter(None, (args.dataset, args.validation)):
        check_known(dataset, args.data_dir)
    for source in (args.init_weights, args.teacher):
        if source:
            shipped.locate(source)
    for file in (args.lpips, args.perceptual, args.dists, args.vgg):
        if file and file not in ("vgg19", "vgg16") and not Path(file).is_file():
            raise FileNotFoundError(f"{file}: no such file; `srzoo import --help` tells how to make it")


def _teacher(source: str, scale: int) -> Callable[[np.ndarray], np.ndarray]:
    from srzoo.runtimes.choice import Choice, choose
    from srzoo.upscaling import Upscaler

    upscaler = Upscaler(choose(Choice(source, "float32"), []))
    if upscaler.scale != scale:
        raise ValueError(f"--teacher {source} upscales by {upscaler.scale}, expected {scale} as what is trained")
    return upscaler.unrounded


def _epochs(text: str) -> int:
    raise argparse.ArgumentTypeError(
        f"srzoo counts updates of the weights: give --steps; {text} epochs are {text} times the pictures by --batch"
    )


def _layers(text: str) -> dict[str, float]:
    layers = {}
    for part in text.split(","):
        name, _, weight = part.partition(":")
        layers[name.strip()] = _positive_float(weight or "1")
    return layers


def _positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _weight(text: str) -> float:
    return 0.0 if text == "0" else _positive_float(text)


TYPES = {int: whole(1), float: _positive_float, str: named}
"""Type of a setting -> how its flag is read."""
