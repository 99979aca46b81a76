"""Crops a second of the training pipeline with each preset of degradations, on one processor.

    python -m benchmarks.degradations [--seconds 10]

Crops are of 192 HR pixels at x4, in batches of 4, cut from scikit-image's photographs. The time is the process's own,
so other work on the machine does not count.
"""

import argparse
import os
import time

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from srzoo.data.degraded import Degradation
from srzoo.data.pipeline import Crops, batches, decode
from srzoo.data.sample import sample
from srzoo.degradations.presets import PRESETS
from srzoo.tables import markdown_table

SCALE, PATCH, BATCH = 4, 192, 4


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=float, default=10, help="of computing, for each preset (default: 10)")
    seconds = ap.parse_args().seconds
    pairs = decode(sample(SCALE), Crops(SCALE, PATCH, BATCH), 4 * 10**9).train
    rows = []
    for name in (None, *PRESETS):
        crops = Crops(SCALE, PATCH, BATCH, degradation=Degradation(name) if name else None)
        stream = iter(batches(pairs, crops))
        for _ in range(8):  # what is fetched ahead
            next(stream)
        count, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            next(stream)
            count += BATCH
        rate = count / (time.process_time() - start)
        rows.append([f"`{name}`" if name else "none", f"{rate:.0f}", f"{1000 / rate:.1f}"])
    print(markdown_table(["preset", "crops a second", "ms a crop"], rows))


if __name__ == "__main__":
    main()
