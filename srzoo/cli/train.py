"""`python train.py <dataset>`: trains a network, or goes on with a run that was stopped."""

import argparse
from pathlib import Path

from srzoo import recipes
from srzoo.cli import start_tensorflow

DESCRIPTION = """Trains EDSR or SRResNet on pictures and leaves a run's folder: best.weights.h5, config.json,
log.csv, curve.png, checkpoints, sample pictures and TensorBoard's files. The same command again resumes it."""

EPILOG = """examples:
  python train.py                                   DIV2K, downloaded; the paper's training
  python train.py photos/ --minutes 40 --patch 64   your own pictures, as long as you have
  python train.py coco/2017 --limit 5000            any tensorflow-datasets name with images
  python train.py sample --minutes 2                a try with no download"""


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
    ap.add_argument("--model", default="edsr-baseline", help="edsr-baseline (default), edsr or srresnet")
    ap.add_argument("--scale", type=int, choices=(2, 3, 4, 8), help="default: 4")
    ap.add_argument("--output", type=Path, help="the run's folder; default: runs/<model>-<dataset>")
    ap.add_argument("--steps", type=_positive_int, help="updates of the weights; default: the paper's")
    ap.add_argument("--minutes", type=_positive_float, help="stop after this time; the schedule follows the time")
    ap.add_argument("--patch", type=_positive_int, help="HR pixels a side of a crop; default: the paper's")
    ap.add_argument("--batch", type=_positive_int, help="crops in a batch; default: 16")
    ap.add_argument("--fit", choices=("crop", "resize"), default="crop", help="resize: whole pictures, squeezed")
    ap.add_argument("--loss", help="l1, l2 or charbonnier; default: the paper's")
    ap.add_argument("--learning-rate", type=_positive_float, help="Adam's, at its highest; default: the paper's")
    ap.add_argument("--schedule", choices=recipes.SCHEDULES, help="default: halving; with --minutes cosine")
    ap.add_argument("--init-weights", help="a .weights.h5 to start from")
    ap.add_argument("--precision", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    ap.add_argument("--validation", help="a folder of pictures to validate on; default: some of the data set's")
    ap.add_argument("--validate-every", type=_positive_int, default=1000, help="steps (default: 1000)")
    ap.add_argument("--limit", type=_positive_int, help="at most so many pictures of a tensorflow-datasets name")
    ap.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    ap.add_argument("--memory", type=_positive_float, default=4.0, help="GB of decoded pictures held in memory (4)")
    ap.add_argument("--seed", type=int, default=0)
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    start_tensorflow()
    from srzoo.training.session import settings_of, train_run

    given = {
        key: getattr(args, key)
        for key in ("loss", "patch", "batch", "learning_rate", "schedule", "steps", "minutes", "init_weights")
    }
    settings = settings_of(
        dataset=args.dataset,
        validation=args.validation,
        model=args.model,
        scale=args.scale,
        precision=args.precision,
        fit=args.fit,
        seed=args.seed,
        limit=args.limit,
        **given,
    )
    folder = args.output or Path("runs") / f"{settings.model}-{Path(args.dataset).name}"
    train_run(folder, settings, args.validate_every, memory=int(args.memory * 1e9), data_dir=args.data_dir)
    return 0


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
