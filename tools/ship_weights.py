"""Puts a run's best weights into the package, stored in float16.

    python tools/ship_weights.py runs/mine/best.weights.h5

writes srzoo/weights/<full name>.weights.h5, its ranges for 8 bits into srzoo/weights/int8.npz, and their lines in
srzoo/weights/SHA256SUMS. What the rounding costs is to be measured with `python -m srzoo evaluate`; the model card in
docs/models/ states it.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from srzoo import shipped, stored
from srzoo.atomic import atomic_file
from srzoo.cli import run
from srzoo.models.geometry import scale_of
from srzoo.runtimes import openvino
from srzoo.runtimes.prepared import Prepared, calibration


def store_in_float16(source: Path, target: Path) -> None:
    """Copies a weights file with all its floating-point values in float16; Keras loads them into float32."""

    def copy(name: str, entry) -> None:
        if isinstance(entry, h5py.Dataset):
            created = new.create_dataset(name, data=entry[()].astype("float16"))
        else:
            created = new.require_group(name)
        created.attrs.update(entry.attrs)

    with atomic_file(target) as temporary, h5py.File(source) as old, h5py.File(temporary, "w") as new:
        new.attrs.update(old.attrs)
        old.visititems(copy)


def store_ranges(weights: Path) -> None:
    """Finds what 8 bits need, for some weights that ship, and keeps no others'."""
    graph, arrays = stored.read(weights)
    found = openvino.ranges_of(graph, arrays, calibration((), scale_of(graph)))
    checksum = shipped.checksum(weights)
    others = {shipped.checksum(path) for path in shipped.SHIPPED.glob("*.weights.h5")} - {checksum}
    old = dict(np.load(shipped.RANGES)) if shipped.RANGES.is_file() else {}
    kept = {key: value for key, value in old.items() if key.split()[0] in others}
    # What is known of these weights would be taken for the measurement.
    np.savez_compressed(shipped.RANGES, **kept)
    write_sums({**shipped.checksums(), shipped.RANGES.name: shipped.checksum(shipped.RANGES)})
    with TemporaryDirectory() as cache:
        mean = Prepared(weights, Path(cache)).make("int8").mean
    ends = np.stack([np.concatenate(end) for end in zip(*found.values())]).astype(np.float16)
    np.savez_compressed(shipped.RANGES, **{**kept, checksum: ends, f"{checksum} mean": np.float32(mean)})


def write_sums(sums: dict[str, str]) -> None:
    (shipped.SHIPPED / "SHA256SUMS").write_text("".join(f"{digest}  {file}\n" for file, digest in sorted(sums.items())))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("source", type=Path, help="a .weights.h5 file")
    source = ap.parse_args().source
    name = stored.inspect(source)[0].name
    target = shipped.SHIPPED / f"{name}.weights.h5"
    store_in_float16(source, target)
    store_ranges(target)
    sums = {**shipped.checksums(), **{path.name: shipped.checksum(path) for path in (target, shipped.RANGES)}}
    write_sums(sums)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, sha256 {sums[target.name]}")


if __name__ == "__main__":
    run(main)
