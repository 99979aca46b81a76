"""`resolve_image.py` on a picture of 480x320, from start to file, in a process of its own each time.

start-up    the interpreter, what is imported, arguments, the network read and compiled, and the exit
load        the picture, from file to pixels
compute     the network
save        rounding, encoding and writing
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.common import Row
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

ROOT = Path(__file__).resolve().parents[1]

CHILD = """
import json, sys, time
marks = []
from srzoo.cli import resolve, run
from srzoo.upscaling import upscaler

def timed(run):
    def call(*given):
        start = time.monotonic()
        result = run(*given)
        result = result if hasattr(result, "dtype") and not hasattr(result, "numpy") else result.numpy()
        marks.append((start, time.monotonic()))
        return result
    return call

class Timed(upscaler.Upscaler):
    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self._upscale_tile = timed(self._upscale_tile)

upscaler.Upscaler = Timed
carry_out = resolve._carry_out

def measured(*given):
    start = time.monotonic()
    status = carry_out(*given)
    print(json.dumps([start, time.monotonic(), marks]))
    return status

resolve._carry_out = measured
run(resolve.main, at_once=True)
"""

WAYS = {
    "default": ("cache", []),
    "default, first call": ("new {}", []),
    "float32": ("cache", ["--precision", "float32"]),
    "by TensorFlow": ("off", []),
}
"""Name -> the cache folder, which `{}` makes another one in each round, and options."""

ROUNDS = 3


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        write_image(picture, read_image(sample_path("astronaut.png"))[:320, :480])
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
        for number in range(ROUNDS + 1):
            for name in WAYS:
                taken[name].append(_run(Path(folder), picture, name, number))
    taken = {name: runs[1:] for name, runs in taken.items()}  # of which the first prepares the networks
    ours = [run["all"] for run in taken["default"]]
    for name, runs in taken.items():
        figures = {part: median(run[part] for run in runs) for part in ("start-up", "load", "compute", "save")}
        figures["all but compute"] = median(run["all"] - run["compute"] for run in runs)
        times = None if name == "default" else median(run["all"] / own for run, own in zip(runs, ours))
        found.append(
            Row("resolve_image.py, 480x320", name, median(run["all"] for run in runs), "seconds", times, figures)
        )
    return found, []


def _run(folder: Path, picture: Path, way: str, number: int) -> dict[str, float]:
    cache, options = WAYS[way]
    cache = cache if cache == "off" else str(folder / cache.format(number))
    # Compiled modules are kept, as usual, whatever this process was told.
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "modules")}
    environment = {**os.environ, **kept, "PYTHONPATH": str(ROOT), "SRZOO_CACHE": cache}
    command = [sys.executable, "-c", CHILD, str(picture), "--output", str(folder / "results"), *options]
    start = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    end = time.monotonic()
    began, ended, marks = json.loads(done.stdout.splitlines()[-1])
    compute = sum(stop - begin for begin, stop in marks)
    load = marks[0][0] - began
    save = ended - began - load - compute
    return {
        "all": end - start,
        "start-up": end - start - (ended - began),
        "load": load,
        "compute": compute,
        "save": save,
    }
