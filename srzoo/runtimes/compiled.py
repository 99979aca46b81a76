"""Compiled networks of OpenVINO for one processor, kept beside the network.

To compile takes 0.4 s each time, as long as all else that happens before a picture is computed. OpenVINO has a cache of
its own for this, but it takes a damaged file for whole and computes other pixels with it; here each file is checked.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from srzoo import shipped
from srzoo.images import atomic_file
from srzoo.runtimes import openvino


def processor() -> tuple[str, list[str]]:
    """Name and capabilities of the processor, from OpenVINO."""
    core = openvino.core()
    return core.get_property("CPU", "FULL_DEVICE_NAME"), sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def compile_kept(path: Path, config: Mapping[str, Any], folder: Path):
    """Compiles a network, or takes what was compiled earlier on the same processor by the same OpenVINO.

    Args:
        path: path of the `.xml` file.
        config: OpenVINO's.
        folder: where compiled networks are kept; if it cannot be written to, nothing is kept.

    Returns:
        `openvino.CompiledModel`.

    Raises:
        RuntimeError: of OpenVINO, if the network is damaged.
    """
    core = openvino.core()
    sums = [shipped.checksum(each) for each in (path, path.with_suffix(".bin"))]
    about = repr((*sums, openvino.runtime().get_version(), processor(), sorted(config.items())))
    key = hashlib.sha256(about.encode()).hexdigest()[:32]
    for kept in folder.glob(f"{key}-*.blob"):
        with contextlib.suppress(OSError, RuntimeError):
            if kept.name == f"{key}-{shipped.checksum(kept)}.blob":
                return core.import_model(io.BytesIO(kept.read_bytes()), "CPU", dict(config))
    compiled = core.compile_model(core.read_model(path), "CPU", dict(config))
    with contextlib.suppress(OSError):
        _keep(compiled, folder, key)
    return compiled


def _keep(compiled, folder: Path, key: str) -> None:
    written = io.BytesIO()
    compiled.export_model(written)
    content = written.getvalue()
    for damaged in folder.glob(f"{key}-*.blob"):
        os.unlink(damaged)
    with atomic_file(folder / f"{key}-{hashlib.sha256(content).hexdigest()}.blob") as temporary:
        temporary.write_bytes(content)
