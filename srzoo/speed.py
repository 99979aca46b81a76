"""Which runtime and precision is the fastest on this processor, by measurement; `auto` takes it from then on."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srzoo import shipped, zoo
from srzoo.atomic import atomic_file
from srzoo.exporting.formats import export
from srzoo.runtimes import exported
from srzoo.runtimes.keras import keras_network
from srzoo.runtimes.network import Network
from srzoo.runtimes.prepared import RUNTIME_PRECISIONS, WITHIN, Prepared, processor_has

LOGGER = logging.getLogger(__name__)

ROUNDS, SIDE = 8, 128
"""In which all networks take turns, and LR pixels a side of what they upscale."""

OTHERS = (("LiteRT", "litert", "float32"), ("LiteRT", "litert", "int8"), ("ONNX Runtime", "onnx", "float32"))
"""Runtime, format of `srzoo export`, precision."""


@dataclass(frozen=True)
class Speed:
    """How fast a runtime computes a network in a precision.

    Attributes:
        runtime, precision: which.
        mean: absolute difference from float32 in grey levels, of the picture where it is the greatest.
        file: an exported file in the cache that it runs; None for OpenVINO and TensorFlow.
        seconds: for `SIDE` by `SIDE` LR pixels, the least of some runs that took turns with the others'.
    """

    runtime: str
    precision: str
    mean: float
    file: Path | None = None
    seconds: float = 0.0

    @property
    def near(self) -> bool:
        """Whether it may be chosen by itself."""
        return self.mean <= WITHIN


def measure(weights: Path) -> list[Speed]:
    """Measures all runtimes that are installed and keeps the answer, and the files that it needs, in the cache.

    It takes a minute for EDSR-baseline on an idle machine, most of it for exports.

    Args:
        weights: a `.weights.h5` or `.keras` file.

    Returns:
        The fastest first.

    Raises:
        ValueError: if the file is damaged, or the cache is switched off.
        OSError: if it cannot be written.
    """
    prepared = Prepared(weights)
    networks = list(_networks(weights, prepared))
    pixels = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.float32)
    taken: list[list[float]] = [[] for _ in networks]
    for _ in range(ROUNDS):
        for times, (network, _) in zip(taken, networks):
            start = time.perf_counter()
            np.asarray(network.run(pixels))
            times.append(time.perf_counter() - start)
    # The first run allots memory.
    found = [replace(speed, seconds=min(times[1:])) for times, (_, speed) in zip(taken, networks)]
    found.sort(key=lambda each: each.seconds)
    best = next(each for each in found if each.near)
    answer = {"runtime": best.runtime, "precision": best.precision, "mean": best.mean}
    if best.file:
        answer |= {"file": best.file.name, "sha256": shipped.checksum(best.file)}
    with atomic_file(prepared.choice) as temporary:
        temporary.write_text(json.dumps(answer), "utf-8")
    return found


def _networks(weights: Path, prepared: Prepared) -> Iterator[tuple[Network, Speed]]:
    """Each with what is known of it before it is measured."""
    for precision in RUNTIME_PRECISIONS:
        if processor_has(precision):
            try:
                taken = prepared.load(precision) or prepared.make(precision)
            except ValueError as error:  # too far from float32
                LOGGER.info("left out: %s", error)
                continue
            yield taken.network, Speed("OpenVINO", precision, taken.mean)
    model = zoo.load(weights)
    yield keras_network(model), Speed("TensorFlow", "float32", 0.0)
    for runtime, format, precision in OTHERS:
        try:
            path, report = export(model, prepared.folder, format, precision)
            mean = max(each.mean for each in report.differences)
            yield exported.load(path), Speed(runtime, precision, mean, path)
        except ValueError as error:  # not installed, or too far from float32
            LOGGER.info("left out: %s", error)
