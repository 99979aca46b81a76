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

import numpy as np

from benchmarks.common import Row
from srzoo.images import write_image

ROOT = Path(__file__).resolve().parents[1]

CHILD = """
import json, sys, time
marks = []
from srzoo.cli import resolve
from srzoo.upscaling import upscaler

def timed(run):
    def call(pixels):
        start = time.monotonic()
        result = run(pixels)
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
sys.exit(resolve.main(sys.argv[1:]))
"""

WAYS = {
    "default": ({}, []),
    "float32": ({}, ["--precision", "float32"]),
    "by TensorFlow": ({"SRZOO_CACHE": "off"}, []),
}


def rows(quick: bool) -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    rounds = 2 if quick else 3
    found, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        coarse = random.integers(0, 256, (320 // 8, 480 // 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        picture = Path(folder) / "picture.png"
        write_image(picture, coarse)
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
        first = {name: _run(Path(folder), picture, name) for name in WAYS}  # prepares the networks
        for _ in range(rounds):
            for name in WAYS:
                taken[name].append(_run(Path(folder), picture, name))
    notes.append(
        f"The first call with some weights prepares them for OpenVINO: it took {first['default']['all']:.1f} s, once."
    )
    ours = [run["all"] for run in taken["default"]]
    for name, runs in taken.items():
        figures = {part: median(run[part] for run in runs) for part in ("start-up", "load", "compute", "save")}
        figures["all but compute"] = median(run["all"] - run["compute"] for run in runs)
        times = None if name == "default" else median(run["all"] / own for run, own in zip(runs, ours))
        found.append(
            Row("resolve_image.py, 480x320", name, median(run["all"] for run in runs), "seconds", times, figures)
        )
    return found, notes


def _run(folder: Path, picture: Path, way: str) -> dict[str, float]:
    settings, options = WAYS[way]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SRZOO_CACHE": str(folder / "cache"), **settings}
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
