"""Puts a run's best weights into the package, stored in float16.

    python tools/ship_weights.py runs/mine/best.weights.h5

writes srzoo/weights/<full name>.weights.h5, its ranges for 8 bits into srzoo/weights/int8.npz, and their lines in
srzoo/weights/SHA256SUMS. What the rounding costs is to be measured with `python -m srzoo evaluate`; the model card in
docs/models/ states it.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import h5py
import numpy as np

from srzoo import shipped, stored
from srzoo.atomic import unfinished_folder
from srzoo.cli import run
from srzoo.files.hdf5 import CHECKSUM, crc32_of
from srzoo.models.geometry import scale_of
from srzoo.runtimes import openvino, prepared
from srzoo.runtimes.prepared import calibration


def store_in_float16(source: Path, target: Path) -> None:
    """Copies a weights file with all its floating-point values in float16; Keras loads them into float32."""

    def copy(name: str, entry) -> None:
        if isinstance(entry, h5py.Dataset):
            created = new.create_dataset(name, data=entry[()].astype("float16"))
        else:
            created = new.require_group(name)
        created.attrs.update(entry.attrs)

    with h5py.File(source) as old, h5py.File(target, "w") as new:
        new.attrs.update(old.attrs)
        old.visititems(copy)
        new.attrs[CHECKSUM] = crc32_of(new)


def all_ranges(weights: Path) -> dict[str, np.ndarray]:
    """What 8 bits need, found for some weights, and as it is known for the others that ship."""
    graph, arrays = stored.read(weights)
    found = openvino.ranges_of(graph, arrays, calibration((), scale_of(graph)))
    # What is known of these weights would be taken for the measurement.
    with TemporaryDirectory() as cache, mock.patch.object(prepared, "shipped_ranges", return_value=None):
        mean = prepared.Prepared(weights, Path(cache)).make("int8").mean
    checksum = shipped.checksum(weights)
    others = {shipped.checksum(path) for path in shipped.SHIPPED.glob("*.weights.h5") if path.name != weights.name}
    old = dict(np.load(shipped.RANGES)) if shipped.RANGES.is_file() else {}
    kept = {key: value for key, value in old.items() if key.split()[0] in others}
    ends = np.stack([np.concatenate(end) for end in zip(*found.values())]).astype(np.float16)
    return {**kept, checksum: ends, f"{checksum} mean": np.float32(mean)}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("source", type=Path, help="a .weights.h5 file")
    source = ap.parse_args().source
    name = stored.inspect(source)[0].name
    with unfinished_folder(shipped.SHIPPED) as folder:
        weights, ranges, table = written = [folder / f"{name}.weights.h5", folder / "int8.npz", folder / "SHA256SUMS"]
        store_in_float16(source, weights)
        np.savez_compressed(ranges, **all_ranges(weights))
        sums = {**shipped.checksums(), **{path.name: shipped.checksum(path) for path in (weights, ranges)}}
        table.write_text("".join(f"{digest}  {file}\n" for file, digest in sorted(sums.items())))
        size = weights.stat().st_size
        # At the end together, as one without the others is refused.
        for path in written:
            path.replace(shipped.SHIPPED / path.name)
    print(f"{name}: {size / 1e6:.1f} MB, sha256 {sums[f'{name}.weights.h5']}")


if __name__ == "__main__":
    run(main)
