"""Many small pictures in one command, beside the network alone on as many arrays."""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.common import Row
from benchmarks.growth import ROOT, launch
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.runtimes.choice import Choice, choose

COUNT, SIDE, ROUNDS = 50, 128, 3


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives notes."""
    network = choose(Choice("edsr-baseline-x4"))
    # One without flat areas, which would be computed in float32.
    photo = read_image(sample_path("astronaut.png"))
    pixels = photo[None, :SIDE, :SIDE].astype(np.float32)
    taken = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_image(folder / "one" / "0.png", photo[:SIDE, :SIDE])
        for number in range(COUNT):
            write_image(folder / "all" / f"{number}.png", photo[number : number + SIDE, number : number + SIDE])
        for _ in range(ROUNDS):
            one, every = (_seconds(folder, which) for which in ("one", "all"))
            start = time.perf_counter()
            for _ in range(COUNT - 1):
                network.run(pixels)
            taken.append(((every - one) / (COUNT - 1), (time.perf_counter() - start) / (COUNT - 1)))
    both, alone = map(median, zip(*taken))
    rate = median(network / picture for picture, network in taken)
    section = f"thumbnails of {SIDE}x{SIDE}, {COUNT} in one command"
    figures = {"of the network's rate": rate}
    return [
        Row(section, "a picture", both, "seconds", None, figures),
        Row(section, "network alone", alone, "seconds"),
    ], []


def _seconds(folder: Path, which: str) -> float:
    command = [sys.executable, str(ROOT / "resolve_image.py"), str(folder / which)]
    return launch([*command, "--output", str(folder / "results" / which), "--overwrite"])[0]
