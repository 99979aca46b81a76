"""Puts a run's best weights into the package, stored in float16.

    python tools/ship_weights.py runs/mine/best.weights.h5

writes srzoo/weights/<full name>.weights.h5 and its line in srzoo/weights/SHA256SUMS. What the rounding costs is
to be measured with `python -m srzoo evaluate`; the model card in docs/models/ states it.
"""

import sys
from pathlib import Path

import h5py

from srzoo import shipped, zoo
from srzoo.images import atomic_file


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


def main() -> None:
    source = Path(sys.argv[1])
    name = zoo.weights_name(source)
    target = shipped.SHIPPED / f"{name}.weights.h5"
    store_in_float16(source, target)
    sums = {**shipped.checksums(), target.name: shipped.checksum(target)}
    (shipped.SHIPPED / "SHA256SUMS").write_text("".join(f"{digest}  {file}\n" for file, digest in sorted(sums.items())))
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, sha256 {sums[target.name]}")


if __name__ == "__main__":
    main()
