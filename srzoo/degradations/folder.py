"""A folder of pictures -> a folder of HR beside degraded LR, to measure networks on."""

import importlib.metadata
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from zlib import crc32

import numpy as np

import srzoo
from srzoo.atomic import check_place, make_folder, unfinished_folder
from srzoo.degradations.presets import preset_of
from srzoo.degradations.steps import degrade
from srzoo.images import ImageError, check_folder, write_image
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import own_pictures


def degrade_folder(
    folder: Path,
    out: Path,
    preset: str,
    scale: int = 4,
    seed: int = 0,
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> int:
    """Writes `HR/` (cropped to a multiple of the scale) and `LR/` as PNG, and in `degradation.json` what made them.

    What becomes of a picture follows from its pixels, its path below the folder without its ending, the preset, the
    scale and the seed; the other pictures do not matter. The folder appears, or fills, when all are done.

    Args:
        folder: folder of HR pictures at any depth.
        out: a folder that does not exist or is empty.
        preset: a name of `srzoo.degradations.presets.PRESETS`.
        scale: HR pixels per LR pixel.
        seed: seed of all random numbers.
        progress: is given the list of pictures and gives them back one by one, as `tqdm.tqdm` does.

    Returns:
        The number of pictures.

    Raises:
        FileNotFoundError, NotADirectoryError: the errors of `srzoo.images.check_folder`.
        ValueError: for an unknown preset, a folder without pictures or with two of one name, a picture that cannot be
            read or is too small, or an `out` that holds something or lies within the folder.
    """
    steps = preset_of(preset).steps
    check_folder(folder)
    check_place(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out}: there already, and not an empty folder; give another one")
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{out} lies within {folder}, and would be among its pictures next time; give another folder")
    names = _names(own_pictures(folder), folder)
    make_folder(out.parent)
    there = out.exists()
    # A folder that is there is filled, not replaced: it may be the working directory, a mount or a link.
    with unfinished_folder(out if there else out.parent) as temporary:
        writing = temporary / "pairs"
        for file in progress(list(names)):
            name = names[file]
            hr = read_image(file)
            height, width = (side - side % scale for side in hr.shape[:2])
            if not height or not width:
                raise ImageError(f"{file}: {hr.shape[1]}x{hr.shape[0]} pixels are too few for scale {scale}")
            hr = np.ascontiguousarray(hr[:height, :width])
            rng = np.random.default_rng((seed, crc32(os.fsencode(name))))
            write_image(writing / "HR" / f"{name}.png", hr)
            write_image(writing / "LR" / f"{name}.png", degrade(hr, scale, steps, rng))
        versions = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "pillow")}
        made_by = {"preset": preset, "scale": scale, "seed": seed, "srzoo": srzoo.__version__, **versions}
        (writing / "degradation.json").write_text(json.dumps(made_by, indent=2) + "\n")
        if there:
            for part in sorted(writing.iterdir()):
                part.replace(out / part.name)
        else:
            writing.replace(out)
    return len(names)


def _names(files: list[Path], folder: Path) -> dict[Path, str]:
    """File -> path below the folder without its ending, as all systems write it."""
    if not files:
        raise ValueError(f"{folder}: no pictures found (PNG, JPEG, WebP, BMP or TIFF)")
    names = {file: file.relative_to(folder).with_suffix("").as_posix() for file in files}
    first: dict[str, Path] = {}
    for file, name in names.items():
        if first.setdefault(name, file) != file:
            raise ValueError(f"{first[name]} and {file} would both become {name}.png; give one of them another name")
    return names
