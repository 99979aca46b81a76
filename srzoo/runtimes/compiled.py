"""Compiled networks of OpenVINO for one processor, kept beside the network, and what runs them.

To compile takes 0.4 s each time, as long as all else that happens before a picture is computed. OpenVINO has a cache of
its own for this, but it takes a damaged file for whole and computes other pixels with it; here each file is checked.
"""

import contextlib
import hashlib
import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from srzoo import shipped
from srzoo.atomic import atomic_file
from srzoo.runtimes import openvino
from srzoo.runtimes.exported import Facts
from srzoo.runtimes.network import Network, Run
from srzoo.runtimes.stages import framed, two_stages

LEAST_PIECE = 8192
"""LR pixels of a piece of the tail: 80 MB. Smaller ones took an eighth longer for pictures of some 60,000 pixels."""


def processor() -> tuple[str, list[str]]:
    """Name and capabilities of the processor, from OpenVINO."""
    core = openvino.core()
    return core.get_property("CPU", "FULL_DEVICE_NAME"), sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def compile_kept(path: Path, checksum: str, config: Mapping[str, Any], folder: Path):
    """Compiles a network, or takes what was compiled earlier on the same processor by the same OpenVINO.

    Args:
        path: path of the `.xml` file.
        checksum: of it and its `.bin` file, as `checksum_of` finds it.
        config: OpenVINO's.
        folder: where compiled networks are kept; if it cannot be written to, nothing is kept.

    Returns:
        `openvino.CompiledModel`.

    Raises:
        ValueError: if the network is damaged, and was not compiled before.
    """
    core = openvino.core()
    about = repr((checksum, openvino.runtime().get_version(), processor(), sorted(config.items())))
    key = hashlib.sha256(about.encode()).hexdigest()[:32]
    for kept in folder.glob(f"{key}-*.blob"):
        with contextlib.suppress(OSError, RuntimeError):
            content = kept.read_bytes()
            if kept.name == _name(key, content):
                return core.import_model(io.BytesIO(content), "CPU", dict(config))
    if checksum_of(path) != checksum:
        raise ValueError(f"{path} is damaged: its SHA-256 is not the recorded one; remove it")
    compiled = core.compile_model(core.read_model(path), "CPU", dict(config))
    written = io.BytesIO()
    compiled.export_model(written)
    with contextlib.suppress(OSError):
        for damaged in folder.glob(f"{key}-*.blob"):
            damaged.unlink()
        with atomic_file(folder / _name(key, written.getvalue())) as temporary:
            temporary.write_bytes(written.getvalue())
    return compiled


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()}.blob"


def checksum_of(path: Path) -> str:
    """SHA-256 of a network's `.xml` file and of its `.bin` file."""
    return " ".join(map(shipped.checksum, (path, path.with_suffix(".bin"))))


def load_network(folder: Path, sums: Mapping[str, str], facts: Facts, tail_halo: int) -> Network:
    """Loads what `srzoo.runtimes.prepared` wrote.

    Args:
        folder: of the parts.
        sums: name of each part -> its checksum.
        facts: of the network.
        tail_halo: LR pixels that its tail looks far.

    Raises:
        ValueError, OSError, RuntimeError: if it is damaged.
    """

    def only_output(part: str) -> Run:
        return lambda values: runners[part](values)[0]

    openvino.core()  # of which two threads would make two
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda part: _runner(folder / f"{part}.xml", sums[part], facts.precision), sums)
        runners = dict(zip(sums, made))
    if "whole" in runners:
        return facts.network(lambda values: only_output("whole")(values).copy())  # as the next run overwrites them
    if "framed" in runners:
        return framed(facts, runners["framed"], only_output("tail"), tail_halo, LEAST_PIECE)
    return two_stages(facts, only_output("body"), only_output("tail"), tail_halo, LEAST_PIECE)


def _runner(path: Path, checksum: str, precision: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A part of a network; what it gives is overwritten when it runs again."""
    config = openvino.in_threads(openvino.HALF if precision == "bfloat16" else openvino.EXACT)
    request = compile_kept(path, checksum, config, path.parent / "compiled").create_infer_request()

    def run(values: np.ndarray) -> list[np.ndarray]:
        request.infer({0: np.ascontiguousarray(values)}, share_inputs=True)
        return [tensor.data for tensor in request.output_tensors]

    return run
