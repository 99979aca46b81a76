"""`python train.py <dataset>`: trains a network, or goes on with a run that was stopped."""

import argparse
import sys
from pathlib import Path

from srzoo import recipes
from srzoo.cli import start_tensorflow

DESCRIPTION = """Trains EDSR, SRResNet or SRGAN on pictures. A run's folder has best.weights.h5, config.json, log.csv,
curve.png, checkpoints, sample pictures and TensorBoard's files. The same command again resumes it.

By default EDSR-baseline is trained on pixels (L1), below pixel/ of the output, and then fine-tuned as SRGAN, below
adversarial/: with a content loss on VGG's features and against a discriminator."""

EPILOG = """examples:
  python train.py                                            DIV2K, downloaded; EDSR-baseline, then SRGAN
  python train.py photos/ --model edsr-baseline --minutes 40 your own pictures, pixels alone, as long as you have
  python train.py photos/ --model srgan                      SRResNet (L2), then SRGAN
  python train.py photos/ --init-weights best.weights.h5     SRGAN from a trained generator
  python train.py coco/2017 --model edsr --limit 5000        any tensorflow-datasets name with images
  python train.py sample --model edsr-baseline --minutes 2   a try with no download
  python train.py --distribute mirrored --batch 64           on all GPUs of this machine, 64 crops in all"""


def parser() -> argparse.ArgumentParser:
    ap = argparse.ArgumentParser(
        prog="train.py", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument(
        "dataset",
        nargs="?",
        default="div2k",
        help="div2k (default) or div2k/<configuration>, a folder (HR/ and LR/, only HR/, or just pictures), "
        "a tensorflow-datasets name, or sample",
    )
    ap.add_argument(
        "--model",
        default="edsr-gan",
        help="edsr-gan (default) or srgan, in two stages; edsr-baseline, edsr or srresnet, on pixels alone",
    )
    ap.add_argument("--scale", type=int, choices=(2, 3, 4, 8), help="default: 4")
    ap.add_argument("--output", type=Path, help="the run's folder; default: runs/<model>-<dataset>")
    ap.add_argument("--steps", type=_positive_int, help="updates of the weights, in all; default: the paper's")
    ap.add_argument("--minutes", type=_positive_float, help="stop after this time; the schedule follows the time")
    ap.add_argument("--patch", type=_positive_int, help="HR pixels a side of a crop; default: the paper's")
    ap.add_argument("--batch", type=_positive_int, help="crops in a batch, of all GPUs together; default: 16")
    ap.add_argument("--fit", choices=("crop", "resize"), default="crop", help="resize: whole pictures, squeezed")
    ap.add_argument("--loss", help="on pixels: l1, l2 or charbonnier; default: the paper's")
    ap.add_argument("--optimizer", help="on pixels: adam (default, the paper's) or muon, which learns in fewer steps")
    ap.add_argument("--learning-rate", type=_positive_float, help="at its highest; default: the paper's")
    ap.add_argument(
        "--schedule", choices=recipes.SCHEDULES, help="default: the paper's; on pixels with --minutes cosine"
    )
    ap.add_argument("--init-weights", help="a .weights.h5 to start from; SRGAN's training on pixels is skipped then")
    ap.add_argument("--precision", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    ap.add_argument("--validation", help="a folder of pictures to validate on; default: some of the data set's")
    ap.add_argument("--validate-every", type=_positive_int, default=1000, help="steps (default: 1000)")
    ap.add_argument("--limit", type=_positive_int, help="at most so many pictures of a tensorflow-datasets name")
    ap.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    ap.add_argument("--memory", type=_positive_float, default=4.0, help="GB of decoded pictures held in memory (4)")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument(
        "--distribute",
        choices=("mirrored", "multi-worker"),
        help="on all GPUs of this machine, or in the processes that TF_CONFIG names; the batch is that of all together",
    )
    ap.add_argument(
        "--sync-batch-norm", action="store_true", help="batch statistics of all replicas' crops, not of each one's own"
    )
    _add_game(ap.add_argument_group("the adversarial game (--model edsr-gan or srgan)"))
    return ap


def _add_game(group) -> None:
    """Names are checked where they are known, in rooms that import TensorFlow."""
    group.add_argument("--objective", help=f"{', '.join(recipes.OBJECTIVES)} (default: srgan-vgg54)")
    group.add_argument("--vgg", help="vgg19 (default) or vgg16, downloaded, or a file with the weights of either")
    group.add_argument("--vgg-preprocessing", help="keras or torchvision: who trained the weights in the file")
    group.add_argument("--content", type=_layers, help="layers of the content loss: vgg54, or vgg22:0.1,vgg54:1")
    group.add_argument("--activation", choices=("after", "before"), help="take features after or before the ReLU")
    group.add_argument(
        "--adversarial", help="vanilla, minimax, least-squares, hinge, wasserstein or relativistic (default: vanilla)"
    )
    group.add_argument("--adversarial-weight", type=_positive_float, help="default: the objective's, 1e-3 in SRGAN")
    group.add_argument("--pixel-weight", type=_positive_float, help="of a loss on pixels beside it")
    group.add_argument("--grid-weight", type=_positive_float, help="of a loss against checkerboards beside it")
    group.add_argument("--discriminator-norm", choices=("batch", "spectral", "none"), help="default: batch")
    group.add_argument(
        "--discriminator-head",
        choices=("pool", "flatten", "patches"),
        help="default: pool; flatten is the paper's; patches judges part by part",
    )
    group.add_argument(
        "--discriminator-input",
        choices=("pixels", "details"),
        help="default: pixels; details: their difference from the mean around them",
    )
    group.add_argument(
        "--discriminator-rate", type=_positive_float, help="its learning rate, times the generator's (default: 1)"
    )
    group.add_argument("--lpips", help="file with LPIPS's weights: the best weights are then those of the best LPIPS")


def main(argv: list[str] | None = None, **options) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects.

    Args:
        argv: the arguments; default: the process's.
        options: more for `srzoo.training.session.train_run`, which no argument gives.

    Returns:
        0; 143 or 130 if a SIGTERM or SIGINT stopped the run, after a last checkpoint; 75 if another worker is gone.
    """
    args = parser().parse_args(argv)
    if args.sync_batch_norm and not args.distribute:
        raise ValueError("--sync-batch-norm is for several replicas; give --distribute with it, or leave it out")
    start_tensorflow(devices=args.distribute != "multi-worker")
    from srzoo.training.distribution import LOST, WorkerLostError, open_distribution
    from srzoo.training.session import train_stages
    from srzoo.training.settings import stages_of
    from srzoo.training.stopping import Stopped

    settings = vars(args)
    output, validate_every, memory, data_dir, distribute = (
        settings.pop(name) for name in ("output", "validate_every", "memory", "data_dir", "distribute")
    )
    try:
        distribution = open_distribution(distribute)
        stages = stages_of(**settings)
        folder = output or Path("runs") / f"{stages[-1].model}-{Path(args.dataset).name}"
        train_stages(
            folder,
            stages,
            distribution,
            validate_every=validate_every,
            memory=int(memory * 1e9),
            data_dir=data_dir,
            **options,
        )
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.status
    except WorkerLostError as lost:
        print(lost, file=sys.stderr)
        return LOST
    return 0


def _layers(text: str) -> dict[str, float]:
    layers = {}
    for part in text.split(","):
        name, _, weight = part.partition(":")
        layers[name.strip()] = _positive_float(weight or "1")
    return layers


def _positive_int(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
