"""Crops a second: srzoo's decode-once pipeline beside the two usual ones of tf.data.

    python -m benchmarks.data_pipeline FOLDER [--pictures 200] [--seconds 5] [--rounds 3]

The folder's pictures are first written as PNG pairs, HR and bicubic LR, to a temporary folder, as DIV2K comes. Without
a folder they are scikit-image's photographs, enlarged to DIV2K's 2040x1356. The others are

a decode per crop       shuffle the files, decode both, cut the same random window, flip, batch, prefetch
whole pictures cached   decode each pair once into tf.data's cache on disk, read it whole for every crop

with tf.data's own choice of parallelism. All are timed in turns in one process; what the first batch costs, in seconds
and in memory, is measured in a process for each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import psutil
import tensorflow as tf
from PIL import Image

from benchmarks.common import Row, machine, ratio, threads, to_markdown
from srzoo.data.folder import folder
from srzoo.data.items import Source
from srzoo.data.pipeline import Crops, batches, decode
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

ROOT = Path(__file__).resolve().parents[1]
SCALE, BATCH = 4, 16
OURS, PER_CROP, CACHED = "srzoo, decode once", "tf.data, a decode per crop", "tf.data, whole pictures cached"
DIV2K = 2040, 1356


def decode_once(pairs: Path, crops: Crops) -> tf.data.Dataset:
    items = folder(pairs, SCALE).train
    # One picture to validate on, which takes no part.
    return batches(decode(Source("benchmark", items, items[:1]), crops, 4 * 10**9).train, crops)


def decode_a_crop(pairs: Path, crops: Crops) -> tf.data.Dataset:
    names = sorted(file.name for file in (pairs / "HR").iterdir())
    dataset = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names)).repeat()
    dataset = dataset.map(lambda name: _cut(*_read(pairs, name), crops), tf.data.AUTOTUNE)
    return dataset.batch(crops.batch).prefetch(tf.data.AUTOTUNE)


def cache_whole(pairs: Path, crops: Crops) -> tf.data.Dataset:
    names = sorted(file.name for file in (pairs / "HR").iterdir())
    dataset = tf.data.Dataset.from_tensor_slices(names).map(lambda name: _read(pairs, name), tf.data.AUTOTUNE)
    dataset = dataset.cache(str(pairs / f"cache-{os.getpid()}-{crops.patch}"))
    for _ in dataset:  # a cache is finished by a whole pass
        pass
    dataset = dataset.repeat().map(lambda lr, hr: _cut(lr, hr, crops), tf.data.AUTOTUNE)
    return dataset.batch(crops.batch).prefetch(tf.data.AUTOTUNE)


PIPELINES: dict[str, Callable[[Path, Crops], tf.data.Dataset]] = {
    OURS: decode_once,
    PER_CROP: decode_a_crop,
    CACHED: cache_whole,
}


def _read(pairs: Path, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lr, hr = (tf.io.read_file(tf.strings.join([str(pairs / kind) + "/", name])) for kind in ("LR", "HR"))
    return tf.io.decode_png(lr, channels=3), tf.io.decode_png(hr, channels=3)


def _cut(lr: tf.Tensor, hr: tf.Tensor, crops: Crops) -> tuple[tf.Tensor, tf.Tensor]:
    lr_side = crops.patch // crops.scale
    y = tf.random.uniform((), 0, tf.shape(lr)[0] - lr_side + 1, tf.int32)
    x = tf.random.uniform((), 0, tf.shape(lr)[1] - lr_side + 1, tf.int32)
    lr = lr[y : y + lr_side, x : x + lr_side]
    hr = hr[y * crops.scale :, x * crops.scale :][: crops.patch, : crops.patch]
    flip = tf.random.uniform(()) < 0.5
    return tf.cond(flip, lambda: (lr[:, ::-1], hr[:, ::-1]), lambda: (lr, hr))


def seconds_a_crop(dataset: tf.data.Dataset, seconds: float) -> float:
    # Its threads end with it; else they would fill their buffers while the next one is measured.
    stream = iter(dataset)
    next(stream)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(stream)
        count += BATCH
    return (time.perf_counter() - start) / count


def rows() -> tuple[list[Row], list[str]]:
    """Measures on pictures of DIV2K's size; also gives notes."""
    with tempfile.TemporaryDirectory() as name:
        write_enlarged(Path(name) / "large", 4)
        return measure(Path(name) / "large", 200, 1, 3)


def write_enlarged(path: Path, count: int) -> None:
    """Photographs of DIV2K's size, PNG."""
    from srzoo.data.sample import TRAIN, sample_path

    for number in range(count):
        photo = Image.fromarray(read_image(sample_path(TRAIN[number % len(TRAIN)])))
        write_image(path / f"{number:02d}.png", np.asarray(photo.resize(DIV2K, Image.Resampling.BICUBIC)))


def measure(path: Path, pictures: int, seconds: float, rounds: int) -> tuple[list[Row], list[str]]:
    """Rows for HR patches of 96 and 192, and the notes.

    Args:
        path: folder of pictures.
        pictures: how many of them are used, at most.
        seconds: that each pipeline runs in each round.
        rounds: how often.
    """
    items = folder(path, SCALE).train
    # Spread over the folder, so that pictures of all its sizes take part.
    items = items[:: max(1, len(items) // pictures)][:pictures]
    found: list[Row] = []
    # The caches of tf.data may still be open when all is measured.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        pairs = Path(name)
        area = 0
        for i, item in enumerate(items):
            lr, hr = item.read()
            area += hr.shape[0] * hr.shape[1]
            for kind, pixels in (("LR", lr), ("HR", hr)):
                write_image(pairs / kind / f"{i:04d}.png", pixels)
        first = {each: _first_batch(each, pairs) for each in PIPELINES}
        for patch in (96, 192):
            crops = Crops(SCALE, patch, BATCH)
            datasets = {each: make(pairs, crops) for each, make in PIPELINES.items()}
            taken: dict[str, list[float]] = {each: [] for each in datasets}
            for _ in range(rounds):
                for each, dataset in datasets.items():
                    taken[each].append(seconds_a_crop(dataset, seconds))
            for each, of_a_crop in taken.items():
                rate = 1 / median(of_a_crop)
                figures = {"a core": rate / threads()}
                if patch == 96:
                    figures |= {"seconds to the first batch": first[each][0], "MB then held": first[each][1] / 1e6}
                times = None if each == OURS else ratio(of_a_crop, taken[OURS])
                section = f"data pipeline, HR patch {patch}, batch {BATCH}"
                found.append(Row(section, each, rate, "crops/s", times, figures))
    return found, [
        f"Data pipeline: {len(items)} pictures of {area / len(items) / 1e6:.1f} megapixels on average. The caches were "
        "in the system's memory; from a disk they are slower."
    ]


def _first_batch(name: str, pairs: Path) -> tuple[float, float]:
    """Seconds and bytes until a process has its first batch, beyond what importing TensorFlow takes."""
    code = "import sys; from benchmarks.data_pipeline import child; child(*sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, name, str(pairs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def child(name: str, pairs: str) -> None:
    """Prints what `_first_batch` gives."""
    next(iter(tf.data.Dataset.range(1)))
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    stream = iter(PIPELINES[name](Path(pairs), Crops(SCALE, 96, BATCH)))
    next(stream)
    print(json.dumps([time.perf_counter() - start, process.memory_info().rss - before]))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder", type=Path, nargs="?")
    ap.add_argument("--pictures", type=int, default=200)
    ap.add_argument("--seconds", type=float, default=5)
    ap.add_argument("--rounds", type=int, default=3)
    args = ap.parse_args()

    with tempfile.TemporaryDirectory() as name:
        path = args.folder or Path(name) / "large"
        if not args.folder:
            write_enlarged(path, 10)
        found, notes = measure(path, args.pictures, args.seconds, args.rounds)
    print(to_markdown(machine(), found, notes))


if __name__ == "__main__":
    main()
