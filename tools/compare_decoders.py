"""Thousands of generated pictures, read here and by another decoder: `python tools/compare_decoders.py --files 2000`.

Each is upscaled x2 by a network that repeats pixels, so every second pixel of the result must be what another decoder
reads of the input. What is refused must be refused for the reason that it was made with. Files that are wrong are kept.

The other decoder is libvips (Debian: `apt install libvips42`; `pip install pyvips`), and for GIF, BMP and APNG Chromium
(`apt install chromium`): libvips 8.14 fills what no frame of a GIF has drawn, and halves a BMP's single bit of alpha.

Exit status: 0 if no file is wrong, else 1.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("VIPS_WARNING", "0")

import numpy as np
from decoding.decoders import Decoders
from decoding.kinds import Made, make

from srzoo.pictures.reading import open_picture
from srzoo.pictures.sources import Source
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, batch
from srzoo.upscaling.sizes import Size

NEAREST = Network("nearest-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))


def difference(made: Made, ours: np.ndarray, other: np.ndarray) -> float | str:
    """Most levels of 255 by which visible pixels differ, or what is different altogether."""
    if ours.shape[:2] != other.shape[:2]:
        return f"{ours.shape[:2]} pixels, expected {other.shape[:2]}"
    if other.dtype == np.uint16 and ours.dtype == np.uint8 and not made.in_8_bits:
        return "8 bits, expected 16"
    levels = []
    for array, white in ((ours, None), (other, made.white)):
        array = array.astype(np.float64) * (255 / (white or np.iinfo(array.dtype).max))
        colour, alpha = (array[..., :-1], array[..., -1:]) if array.shape[2] in (2, 4) else (array, 255.0)
        levels.append((np.broadcast_to(colour, (*colour.shape[:2], 3)), np.broadcast_to(alpha, (*colour.shape[:2], 1))))
    (colour, alpha), (other_colour, other_alpha) = levels
    # Colours as they are seen: Chromium holds them multiplied by alpha.
    seen = np.abs(colour - other_colour) * (other_alpha / 255)
    return float(max(seen.max(), np.abs(alpha - other_alpha).max()))


def judged(path: Path, made: Made, upscaler: Upscaler, decoders: Decoders) -> tuple[str, str]:
    """(`read`, `refused` or `wrong`, why)."""
    results = batch.Results(path.parent / "results", wanted=None if made.pages else "png")
    (job,) = batch.plan([Source(path, Path(path.name))], results, Size(2))
    try:
        if job.refusal:
            raise ValueError(job.refusal)
        batch.carry_out(job, upscaler, "")
    except Exception as error:  # what a picture makes of a decoder is not to be foreseen
        true = made.refusal and re.search(made.refusal, str(error))
        return ("refused" if true else "wrong"), str(error)
    if made.refusal:
        return "wrong", f"is read, expected a refusal ({made.refusal})"
    with open_picture(job.target) as picture:
        frames = [frame.pixels.channels() for frame in picture.frames()]
    expected = decoders.decoded(path, len(frames))
    if len(frames) == 1:
        frames = decoders.by_vips(job.target)
    if len(frames) != len(expected):
        return "wrong", f"{len(frames)} frames, expected {len(expected)}"
    for index, (result, other) in enumerate(zip(frames, expected)):
        found = difference(made, result[::2, ::2], other)
        if isinstance(found, str) or found > made.tolerance:
            return "wrong", f"frame {index}: {found if isinstance(found, str) else f'differs by {found:.3f} of 255'}"
    return "read", ""


def main(argv: list[str] | None = None) -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--files", type=int, default=2000)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--keep", type=Path, default=Path("results/decoders"), help="where wrong files are put")
    args = ap.parse_args(argv)
    upscaler = Upscaler(NEAREST, memory=100_000)
    counts: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory() as folder, Decoders() as decoders:
        for number in range(args.files):
            made = make(args.seed, number)
            path = Path(folder, f"{args.seed}-{number}{made.ending}")
            path.write_bytes(made.content)
            outcome, why = judged(path, made, upscaler, decoders)
            counts.setdefault(made.kind.split(",")[0].split(" of ")[0], Counter())[outcome] += 1
            if outcome == "wrong":
                args.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, args.keep)
                print(f"wrong: {path.name}, {made.kind}: {why}", flush=True)
            shutil.rmtree(path.parent / "results", ignore_errors=True)
            for written in path.parent.glob(f"{path.name}*"):
                written.unlink()
    total = sum(counts.values(), Counter())
    for kind, found in [*sorted(counts.items()), ("all", total)]:
        print(
            f"{kind}: {found.total()} files, {found['read']} equal, {found['refused']} refused, {found['wrong']} wrong"
        )
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
