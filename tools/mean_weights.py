"""Averages weights of one network: snapshots of a run are often better together than each is alone.

    python tools/mean_weights.py mean.weights.h5 step-250.weights.h5:0.4 step-500.weights.h5:0.6

Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (arXiv 1803.05407). The snapshots
have to be of one run, or of runs from the same start: the mean of unrelated networks is none.
"""

import argparse
import math
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from srzoo import stored, zoo
from srzoo.cli import run


def part(text: str) -> tuple[Path, float]:
    path, _, share = text.rpartition(":")
    try:
        return Path(path), float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FILE:SHARE such as a.weights.h5:0.5, got {text!r}") from None


def main(argv: list[str] | None = None) -> None:
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("output", type=Path)
    ap.add_argument("parts", nargs="+", type=part, help="FILE:SHARE; the shares add up to 1")
    args = ap.parse_args(argv)
    shares = [share for _, share in args.parts]
    if not math.isclose(sum(shares), 1):
        ap.error(f"the shares add up to {sum(shares):g}; expected 1")
    names = {stored.inspect(path)[0].name for path, _ in args.parts}
    if len(names) > 1:
        ap.error(f"the files are of different networks, {', '.join(sorted(names))}; expected one")
    model, *others = [zoo.load(path) for path, _ in args.parts]
    values = zip(*(each.get_weights() for each in (model, *others)), strict=True)
    model.set_weights([sum(share * value for share, value in zip(shares, each, strict=True)) for each in values])
    zoo.save_weights(model, args.output)


if __name__ == "__main__":
    run(main)
