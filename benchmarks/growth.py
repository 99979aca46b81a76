"""How time and memory grow: with a picture's area, and with the batch.

Each point is a process of its own, whose peak memory the operating system tells. Against the area, `resolve_image.py`
runs with a small network, so that what is not the network shows; against the batch, EDSR-baseline computes LR crops of
48x48.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.common import Row
from srzoo import zoo
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

ROOT = Path(__file__).resolve().parents[1]
SMALL = "edsr-baseline-x4.blocks1.filters8"
AREA, BATCH = "growth with the area, small network", "growth with the batch, EDSR-baseline"

LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, time.monotonic() - start, peak, done.stdout.decode(), done.stderr.decode()]))
"""
"""A process starts with the peak of the one that started it, so a small one does."""

RESOLVE = """
import sys
from srzoo.cli import resolve
resolve.duration = "{:.1f} seconds".format
sys.exit(resolve.main(sys.argv[1:]))
"""
"""`resolve_image.py`, which rounds the time that it tells to whole minutes."""

CHILD = """
import sys, time
import numpy as np, tensorflow as tf
from srzoo import zoo
model = zoo.create("edsr-baseline-x4")
call = tf.function(lambda x: model(x, training=False))
x = tf.constant(np.zeros((int(sys.argv[1]), 48, 48, 3), np.float32))
taken = []
for _ in range(4):
    start = time.perf_counter()
    call(x).numpy()
    taken.append(time.perf_counter() - start)
print(sorted(taken[1:])[1])
"""


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    with tempfile.TemporaryDirectory() as name:
        found = [*_by_area(Path(name)), *_by_batch()]
    return found, [
        "Growth: with linear growth the seconds a megapixel and a picture stay the same, apart from the start."
    ]


def _by_area(folder: Path) -> list[Row]:
    weights = folder / "small.weights.h5"
    zoo.save_weights(zoo.create(SMALL), weights)
    options = ["--weights", str(weights)]
    resolve(folder, 64, 64, options)  # prepares the network
    found = []
    for width, height in ((500, 125), (1000, 250), (2000, 500), (4000, 1000)):
        seconds, peak, *_ = resolve(folder, width, height, options)
        megapixels = width * height * 16e-6
        figures = {"seconds a megapixel": seconds / megapixels, "peak GB": peak / 1e9}
        found.append(Row(AREA, f"{megapixels:.0f} megapixels out", seconds, "seconds", None, figures))
    return found


def _by_batch() -> list[Row]:
    found = []
    for batch in (1, 4, 16):
        _, peak, printed, _ = launch([sys.executable, "-c", CHILD, str(batch)])
        seconds = float(printed.splitlines()[-1])
        figures = {"seconds a picture": seconds / batch, "peak GB": peak / 1e9}
        found.append(Row(BATCH, f"{batch} in a batch", seconds, "seconds", None, figures))
    return found


def resolve(
    folder: Path, width: int, height: int, options: Sequence[str], written_as: str = "tiff"
) -> tuple[float, float, float, float]:
    """Upscales a picture by the command; the result is in `folder / "results"`.

    Returns:
        Seconds; bytes at the peak; both as the command tells them before, 0 for a picture that is no long run.
    """
    picture = folder / f"{width}x{height}.jpg"
    if not picture.exists():
        photo = read_image(sample_path("astronaut.png"))
        repeats = ceil(height / len(photo)), ceil(width / photo.shape[1]), 1
        write_image(picture, np.tile(photo, repeats)[:height, :width])
    command = [sys.executable, "-c", RESOLVE, str(picture), *options]
    command += ["--format", written_as, "--output", str(folder / "results")]
    seconds, peak, _, said = launch(command, SRZOO_CACHE=str(folder / "cache"))
    told = re.search(r"takes about ([\d.]+) seconds.* and ([\d.]+) GB", said)
    return seconds, peak, float(told[1]) if told else 0.0, 1e9 * float(told[2]) if told else 0.0


def launch(command: Sequence[str], **settings: str) -> tuple[float, float, str, str]:
    """Runs a command; gives seconds, bytes of memory at its peak, and what it printed to stdout and stderr."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command], env=environment, capture_output=True, text=True, check=True
    )
    status, seconds, peak, printed, said = json.loads(done.stdout)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {said[-1000:]}")
    return seconds, peak * (1 if sys.platform == "darwin" else 1024), printed, said


def draw(folder: Path, rows: Sequence[Row]) -> None:
    """Draws `growth.png`: seconds and peak memory, each against the area and the batch, on logarithmic scales."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), dpi=110, layout="constrained")
    for column, (section, label) in zip(
        figure.subplots(2, 2).T, ((AREA, "megapixels out"), (BATCH, "pictures in a batch")), strict=True
    ):
        own = [row for row in rows if row.section == section]
        sizes = [int(row.name.split()[0]) for row in own]
        for axes, values, what in (
            (column[0], [row.value for row in own], "seconds"),
            (column[1], [(row.figures or {})["peak GB"] for row in own], "peak memory [GB]"),
        ):
            axes.loglog(sizes, values, "o-", label="measured")
            axes.loglog(sizes, [values[-1] * size / sizes[-1] for size in sizes], ":", color="grey", label="linear")
            axes.set(title=section, xlabel=label, ylabel=what)
            axes.grid(alpha=0.3, which="both")
            axes.legend()
    figure.savefig(folder / "growth.png")
