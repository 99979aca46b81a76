"""How often `--model auto` takes a damaged picture for damaged, and a clean one for clean.

    python -m benchmarks.damage valid/ BSD100/HR/ train/:240:330

of pictures at x4: some of a folder are named by their places in the order of the SHA-256 of their names, so that others
than those that the thresholds were chosen on can be taken. Each picture is seen in each of the states below.
"""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np

from srzoo.degradations.operations import jpeg
from srzoo.degradations.presets import PRESETS
from srzoo.degradations.steps import Chain, Jpeg, ToLr, degrade
from srzoo.images import image_files, to_uint8
from srzoo.pictures.damage import find_damage
from srzoo.pictures.reading import read_image
from srzoo.tables import markdown_table

SCALE = 4
SMALLEST = 120
"""HR pixels a side; of fewer no LR is left to look at."""

BICUBIC = ToLr(("matlab",))

DAMAGED = {
    **{name: PRESETS[name].steps for name in ("real", "mild", "noise")},
    "JPEG of 30 to 79": Chain((BICUBIC, Jpeg((30, 79)))),
}
CLEAN: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "untouched": lambda hr, rng: hr,
    "JPEG of 90 to 95": lambda hr, rng: to_uint8(jpeg(hr.astype(np.float32), int(rng.integers(90, 96)))),
    "bicubic": lambda hr, rng: degrade(hr, SCALE, BICUBIC, rng),
}


def pictures_of(place: str) -> list[Path]:
    folder, *slices = place.split(":")
    files = sorted(image_files(Path(folder)), key=lambda path: hashlib.sha256(path.name.encode()).hexdigest())
    large = [path for path in files if min(read_image(path).shape[:2]) >= SMALLEST]
    return large[slice(*map(int, slices))] if slices else large


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+", help="of HR pictures; FOLDER:FIRST:LAST takes some of them")
    paths = [path for place in ap.parse_args().folders for path in pictures_of(place)]
    right: dict[str, list[bool]] = {name: [] for name in (*DAMAGED, *CLEAN)}
    for path in paths:
        hr = read_image(path)
        hr = np.ascontiguousarray(hr[: hr.shape[0] // SCALE * SCALE, : hr.shape[1] // SCALE * SCALE])
        for name, steps in DAMAGED.items():
            rng = np.random.default_rng(crc32(f"{name} {path.name}".encode()))
            right[name].append(bool(find_damage(degrade(hr, SCALE, steps, rng))))
        for name, made in CLEAN.items():
            rng = np.random.default_rng(crc32(f"{name} {path.name}".encode()))
            right[name].append(not find_damage(made(hr, rng)))
    rates = {name: float(np.mean(each)) for name, each in right.items()}
    print(f"{len(paths)} pictures")
    print(markdown_table(["state", "taken right"], [[name, f"{rate:.1%}"] for name, rate in rates.items()]))
    damaged, clean = (float(np.mean([rates[name] for name in names])) for names in (DAMAGED, CLEAN))
    print(f"damaged {damaged:.1%}, clean {clean:.1%}, mean {(damaged + clean) / 2:.1%}")


if __name__ == "__main__":
    main()
