"""All benchmarks: `make bench`, or

    python -m benchmarks.run [--only inference shell] [--output FOLDER]

Each module of `SUITE` has `rows()`, which measures and gives its rows and notes; one with `draw(folder, rows)` has a
picture of its own too. Peers that are not installed are left out, with a note; benchmarks/requirements.txt has them
all. The results are results.json, results.md and results.png in the folder. By its processor time all together
takes ten minutes on two cores that do nothing else.
"""

import argparse
import importlib
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import common

SUITE = ("inference", "shell", "thumbnails", "large_images", "growth", "data_pipeline", "training")
"""Modules of this folder, in the order in which they run. Another benchmark is another name here."""


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", nargs="+", choices=SUITE, default=SUITE)
    ap.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    args = ap.parse_args()
    about, rows, notes = common.machine(), [], []
    for name in args.only:
        print(f"measures {name}", flush=True)
        start, used = time.monotonic(), sum(os.times()[:4])
        module = importlib.import_module(f"benchmarks.{name}")
        found, said = module.rows()
        rows += found
        notes += said
        about["seconds"][name] = time.monotonic() - start, sum(os.times()[:4]) - used
        # After each, so that an interruption loses none that is done.
        common.write(args.output, about, rows, notes)
        if hasattr(module, "draw"):
            module.draw(args.output, found)
    print(common.to_markdown(about, rows, notes))
    print(f"written to {args.output}")


if __name__ == "__main__":
    main()
