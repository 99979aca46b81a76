"""A network as a LiteRT file (`.tflite`) for phones and small boards, in four precisions."""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srzoo.data.sample import TRAIN, sample_path
from srzoo.export.parity import PICTURES
from srzoo.export.runtimes import ENTRY, Facts, to_json
from srzoo.images import image_files, read_image

PRECISIONS = ("float32", "float16", "dynamic", "int8")

CROPS = 36
"""Crops that int8 is calibrated on, at most."""

CROP = 96
"""Pixels a side of a crop, at most."""


def write_litert(model: keras.Model, path: Path, precision: str, crops: list[np.ndarray], facts: Facts) -> None:
    """Writes a `.tflite` file with one signature, `lr` to `sr`, whose batch, height and width are open.

    Its input and output are float32 pixels in [0, 255] in all precisions; only LiteRT's built-in operations are used.

    Args:
        model: in float32.
        path: the file.
        precision: `float32`; `float16`: weights of half the size, computed in float32 where the device wants it;
            `dynamic`: weights of 8 bits, values quantised when the network runs; `int8`: weights and values of 8 bits
            throughout.
        crops: uint8 arrays of shape (H, W, 3) on which the ranges of `int8` are found; no other precision reads them.
        facts: to travel with it.
    """
    # As `model.export(format="litert")` does, which Keras before 3.13 lacks and which lets in operations that are not
    # built in.
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda lr: {"sr": model(lr, training=False)},
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="lr")],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        path.write_bytes(_convert(tf.lite.TFLiteConverter.from_saved_model(folder), precision, crops))
    # A zip at the end is the format's own way to pack files with a model.
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(ENTRY, to_json(facts))


def _convert(converter: tf.lite.TFLiteConverter, precision: str, crops: list[np.ndarray]) -> bytes:
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        converter.representative_dataset = lambda: ([crop[None].astype(np.float32)] for crop in crops)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()


def calibration_crops(folder: Path | None, count: int | None = None, side: int | None = None) -> list[np.ndarray]:
    """Pictures as the network will see them, for `int8`.

    Args:
        folder: of pictures of the kind that will be upscaled; without one, scikit-image's photographs are taken, but
            for those that parity is measured on.
        count: of crops, at most; default: `CROPS`.
        side: pixels of a crop's sides, at most; default: `CROP`.

    Returns:
        At most `count` uint8 arrays of shape (H, W, 3), H and W at most `side`: as many from each picture.

    Raises:
        FileNotFoundError: if there is no such folder, or none is given and scikit-image is not installed.
        ValueError: if the folder holds no pictures, or one cannot be read.
    """
    count, side = count or CROPS, side or CROP
    if folder is None:
        try:
            paths = [sample_path(name) for name in TRAIN if name not in {each for each, *_ in PICTURES}]
        except FileNotFoundError as error:
            raise FileNotFoundError(
                "int8 is calibrated on pictures, and neither a folder of them is given nor is scikit-image with its "
                "photographs installed; give --calibration FOLDER, or run `pip install scikit-image`"
            ) from error
    else:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder of calibration pictures")
        paths = image_files(folder)
        if not paths:
            raise ValueError(f"{folder}: no pictures to calibrate on; give a folder that holds some")
    # Spread over all files where there are more than can be taken.
    paths = [paths[i * len(paths) // min(len(paths), count)] for i in range(min(len(paths), count))]
    return [crop for path in paths for crop in crops_of(path, count // len(paths), side)]


def crops_of(path: Path, count: int, side: int) -> list[np.ndarray]:
    """At most `count` crops of a picture, as `calibration_crops` gives them; raises ValueError if it cannot be read."""
    return list(_crops(read_image(path), count, side))


def _crops(picture: np.ndarray, count: int, side: int) -> Iterator[np.ndarray]:
    """From the top left to the bottom right corner in equal steps, at alternate sides of the diagonal."""
    rows, columns = (max(0, length - side) for length in picture.shape[:2])
    # Without room to move, all crops would be the one.
    for i in range(count if rows or columns else 1):
        top = rows * i // max(1, count - 1)
        left = columns * i // max(1, count - 1)
        left = columns - left if i % 2 else left
        yield picture[top : top + side, left : left + side]
