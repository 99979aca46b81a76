"""What srzoo writes by hand, beside the libraries that do it too: the figures of docs/written-by-hand.md.

    python -m benchmarks.borrowed

Needs the extras `sample` and `tiff` and psutil. Each row is the best of three, in turns.
"""

import io
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import imagecodecs
import numpy as np
import psutil
from PIL import Image
from scipy import stats
from skimage import data
from skimage.metrics import structural_similarity

import srzoo
from srzoo import bicubic
from srzoo.metrics import luma, ssim_y
from srzoo.pictures.animations import Playing, write_animation
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.png import png
from srzoo.pictures.reading import Frame
from srzoo.tables import markdown_table
from srzoo.viewing.opinions import permutation_p

SIDE = 500
FRAMES = (20, 80)


def main() -> None:
    photo = srzoo.Upscaler(srzoo.load("edsr-baseline-x4"))(data.chelsea())
    rows = [*_pngs(photo), *_similarities(photo), *_bicubics(data.chelsea()[:300, :448]), *_permutations()]
    for name in ("PNG", "WEBP", "GIF"):
        for way in ("srzoo", "Pillow"):
            for count in FRAMES:
                child = [sys.executable, "-m", "benchmarks.borrowed", name, way, str(count)]
                printed = subprocess.run(child, check=True, capture_output=True, text=True).stdout
                rows.append([f"animated {name}, {count} frames of {SIDE}x{SIDE}", way, printed.splitlines()[-1]])
    print(markdown_table(["what", "by", "figure"], rows))


def _fastest(ways: dict[str, Callable]) -> dict[str, tuple[float, float, object]]:
    """Name -> seconds on the clock, of processors, and the result."""
    runs: dict[str, list] = {name: [] for name in ways}
    for _ in range(3):
        for name, way in ways.items():
            clock, processor = time.perf_counter(), time.process_time()
            result = way()
            runs[name].append((time.perf_counter() - clock, time.process_time() - processor, result))
    return {name: (min(run[0] for run in of), min(run[1] for run in of), of[0][2]) for name, of in runs.items()}


def _pngs(photo: np.ndarray) -> list[list[str]]:
    def by_pillow(level: int) -> bytes:
        written = io.BytesIO()
        Image.fromarray(photo).save(written, "PNG", compress_level=level)
        return written.getvalue()

    ways = {
        "srzoo": lambda: png(Pixels(photo), Metadata()),
        "Pillow, level 6": lambda: by_pillow(6),
        "Pillow, level 1": lambda: by_pillow(1),
        "imagecodecs, level 1": lambda: imagecodecs.png_encode(photo, level=1),
    }
    size = photo.nbytes / 1e6
    return [
        [
            "PNG of an upscaled photograph",
            name,
            f"{size / clock:.1f} MB/s, {size / used:.1f} a processor, {len(file) / 1e6:.2f} MB",
        ]
        for name, (clock, used, file) in _fastest(ways).items()
    ]


def _similarities(photo: np.ndarray) -> list[list[str]]:
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 12, photo.shape), 0, 255).astype(np.uint8)

    def by_skimage() -> float:
        x, y = (luma(pixels)[4:-4, 4:-4] for pixels in (photo, noisy))
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        return structural_similarity(x, y, data_range=255, **options)

    found = _fastest({"srzoo": lambda: ssim_y(photo, noisy, 4), "scikit-image": by_skimage})
    return [["SSIM", name, f"{clock:.2f} s, {value:.12f}"] for name, (clock, _, value) in found.items()]


def _bicubics(photo: np.ndarray) -> list[list[str]]:
    import tensorflow as tf

    expected = bicubic.downscale(photo, 4).astype(int)
    height, width = expected.shape[:2]
    resized = tf.image.resize(photo.astype(np.float32), (height, width), method="bicubic", antialias=True)
    others = {
        "tf.image.resize": np.rint(resized).clip(0, 255),
        "Pillow": np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)),
    }
    rows = []
    for name, other in others.items():
        away = np.abs(other - expected)
        inside = away[3:-3, 3:-3].max()
        figure = f"up to {away.max():.0f} grey levels off MATLAB's, {inside:.0f} away from the border"
        rows.append(["bicubic, x1/4", name, figure])
    return rows


def _permutations() -> list[list[str]]:
    differences = np.random.default_rng(0).integers(-1, 3, 400)

    def by_scipy() -> float:
        options = {"permutation_type": "samples", "n_resamples": 9999, "rng": 0}
        return stats.permutation_test((differences,), np.mean, **options).pvalue

    found = _fastest({"srzoo, exact": lambda: permutation_p(differences), "SciPy, 9,999 tosses": by_scipy})
    return [["p of 400 differences", name, f"{clock:.3f} s, {p:.1g}"] for name, (clock, _, p) in found.items()]


def _animation(name: str, way: str, count: int) -> None:
    """Prints seconds and the growth of this process while it writes an animation."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8))
    picture, opaque = np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC)), np.full((SIDE, SIDE), 255, "u1")
    frames = (Frame(Pixels(np.roll(picture, 7 * i, axis=1), opaque), Metadata(), 40) for i in range(count))
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, process.memory_info().rss)

    threading.Thread(target=watch, daemon=True).start()
    start = time.perf_counter()
    with tempfile.TemporaryFile() as file:
        if way == "srzoo":
            write_animation(file, frames, name, Playing(count, 0), lossless=False)
        else:
            first, *others = (Image.fromarray(frame.pixels.channels()) for frame in frames)
            options = {"quality": 95} if name == "WEBP" else {}
            first.save(file, name, save_all=True, append_images=others, duration=40, **options)
    done.set()
    print(f"{time.perf_counter() - start:.1f} s, {(most - before) / 1e6:.0f} MB at the peak")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _animation(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main()
