"""Crops a second: srzoo's decode-once pipeline beside one that decodes two PNG files for every crop.

    PYTHONPATH=. python benchmarks/data_pipeline.py FOLDER [--pictures 200] [--seconds 5] [--rounds 3]

The folder's pictures are first written as PNG pairs, HR and bicubic LR, to a temporary folder, as DIV2K
comes. The other pipeline is the usual one of tf.data: shuffle the files, decode both, cut the same random
window, flip, batch, prefetch, with tf.data's own choice of parallelism. Both are timed in turns in one run.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from benchmarks.common import Row
from srzoo.data.folder import folder
from srzoo.data.pairs import Source, hold_out
from srzoo.data.pipeline import Crops, batches, decode
from srzoo.images import read_image, write_image

SCALE, BATCH = 4, 16


def decode_a_crop(folder: Path, crops: Crops) -> tf.data.Dataset:
    lr_side = crops.patch // crops.scale

    def read(name):
        lr = tf.io.decode_png(tf.io.read_file(tf.strings.join([str(folder / "LR") + "/", name])), channels=3)
        hr = tf.io.decode_png(tf.io.read_file(tf.strings.join([str(folder / "HR") + "/", name])), channels=3)
        y = tf.random.uniform((), 0, tf.shape(lr)[0] - lr_side + 1, tf.int32)
        x = tf.random.uniform((), 0, tf.shape(lr)[1] - lr_side + 1, tf.int32)
        lr = lr[y : y + lr_side, x : x + lr_side]
        hr = hr[y * crops.scale :, x * crops.scale :][: crops.patch, : crops.patch]
        flip = tf.random.uniform(()) < 0.5
        return tf.cond(flip, lambda: (lr[:, ::-1], hr[:, ::-1]), lambda: (lr, hr))

    names = sorted(file.name for file in (folder / "HR").iterdir())
    dataset = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names)).repeat()
    return dataset.map(read, tf.data.AUTOTUNE).batch(crops.batch).prefetch(tf.data.AUTOTUNE)


def crops_a_second(dataset: tf.data.Dataset, seconds: float) -> float:
    stream = iter(dataset)
    next(stream)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(stream)
        count += BATCH
    return count / (time.perf_counter() - start)


def rows(quick: bool) -> tuple[list[Row], list[str]]:
    """Measures on scikit-image's photographs; also gives notes."""
    from srzoo.data.sample import TRAIN, sample_path

    with tempfile.TemporaryDirectory() as temporary:
        for name in TRAIN:
            write_image(Path(temporary) / f"{Path(name).stem}.png", read_image(sample_path(name)))
        found = measure(Path(temporary), 200, 1 if quick else 4, 2 if quick else 3)
    result = []
    for patch, (ours, theirs, ratio, _) in found.items():
        section = f"data pipeline, HR patch {patch}, batch {BATCH}"
        result.append(Row(section, "srzoo, decode once", ours, "crops/s"))
        result.append(Row(section, "tf.data, a decode per crop", theirs, "crops/s", ratio))
    return result, []


def measure(path: Path, pictures: int, seconds: float, rounds: int) -> dict[int, tuple[float, float, float, float]]:
    """HR patch -> crops a second of ours, of theirs, the ratio (medians), and the seconds that decoding once took."""
    source = folder(path, SCALE)
    # Spread over the folder, so that pictures of all its sizes take part.
    items = source.train[:: max(1, len(source.train) // pictures)][:pictures]
    train, held_out = hold_out(items)
    found = {}
    for patch in (96, 192):
        crops = Crops(SCALE, patch, BATCH)
        start = time.perf_counter()
        decoded = decode(Source("benchmark", train, held_out[:1]), crops, 4 * 10**9, lambda _: None)
        cold = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as temporary:
            for i, (lr, hr) in enumerate(decoded.train):
                write_image(Path(temporary) / "LR" / f"{i:04d}.png", lr)
                write_image(Path(temporary) / "HR" / f"{i:04d}.png", hr)
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(crops_a_second(batches(decoded.train, crops), seconds))
                theirs.append(crops_a_second(decode_a_crop(Path(temporary), crops), seconds))
        ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
        found[patch] = median(ours), median(theirs), ratio, cold
    return found


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder", type=Path)
    ap.add_argument("--pictures", type=int, default=200)
    ap.add_argument("--seconds", type=float, default=5)
    ap.add_argument("--rounds", type=int, default=3)
    args = ap.parse_args()

    print(
        f"{platform.machine()}, {os.cpu_count()} cores, TensorFlow {tf.__version__}, {args.pictures} pictures at most"
    )
    print("| HR patch | decode once | a decode per crop | ratio |\n| --- | --- | --- | --- |")
    for patch, figures in measure(args.folder, args.pictures, args.seconds, args.rounds).items():
        ours, theirs, ratio, cold = figures
        print(f"| {patch} | {ours:,.0f}/s (after {cold:.1f} s) | {theirs:,.0f}/s | {ratio:.1f} |")


if __name__ == "__main__":
    main()
