"""A network as a SavedModel with the signatures that TensorFlow Serving offers to its clients."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

DEFAULT_MAX_PIXELS = 500_000
"""Of an image sent as bytes: the network runs over it whole, and EDSR-baseline takes some 10 kB of memory a pixel."""


def export_saved_model(
    model: keras.Model, output: Path, version: int | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Path:
    """Writes `<output>/<model.name>/<version>/`; the folder appears whole or not at all.

    The signatures, all for images of any size, need neither srzoo nor Keras to be loaded:
    `serving_default`: `image_bytes`, a batch of encoded images (PNG, JPEG, BMP; gray and transparent ones become
    RGB), to `sr_bytes`, PNG files. `pixels`: uint8 (N, H, W, 3) in and out. `float`: float32 in and out, not rounded.

    Args:
        model: as `srzoo.load` gives it.
        output: a folder, made if it is missing.
        version: a number above 0; default: the one after the highest that is there.
        max_pixels: of an image that is sent as bytes.

    Returns:
        The version's folder.

    Raises:
        FileExistsError: if that version is there.
    """
    folder = output / model.name
    if version is None:
        version = 1 + max((int(path.name) for path in folder.glob("*") if path.name.isdigit()), default=0)
    target = folder / str(version)
    if target.exists():
        raise FileExistsError(f"{target} is there already; choose another version, or none for the next free one")
    module = _module(model, max_pixels)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
        written = Path(temporary) / "model"
        signatures = {
            "serving_default": module.serve_bytes,
            "pixels": module.serve_pixels,
            "float": module.serve_float,
        }
        tf.saved_model.save(module, str(written), signatures=signatures)
        written.rename(target)
    return target


def _module(model: keras.Model, max_pixels: int) -> tf.Module:
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]  # a SavedModel saves what its module holds

    def upscale(pixels: tf.Tensor) -> tf.Tensor:
        sr = model(tf.cast(pixels, tf.float32), training=False)
        return tf.cast(tf.clip_by_value(tf.round(sr), 0, 255), tf.uint8)

    def one(index: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
        lr = tf.io.decode_image(content, channels=3, expand_animations=False)
        size = tf.shape(lr)
        name = tf.strings.format("image {}", index)
        tf.debugging.assert_less_equal(
            size[0] * size[1], max_pixels, tf.strings.join([name, f" of the batch has more than {max_pixels} pixels"])
        )
        return tf.io.encode_png(upscale(tf.ensure_shape(lr, (None, None, 3))[None])[0])

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        count = tf.shape(image_bytes)[0]
        tf.debugging.assert_positive(count, "the batch holds no image")
        return {
            "sr_bytes": tf.map_fn(
                lambda pair: one(*pair), (tf.range(count), image_bytes), fn_output_signature=tf.string
            )
        }

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="pixels")])
    def serve_pixels(pixels):
        return {"sr": upscale(pixels)}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="pixels")])
    def serve_float(pixels):
        return {"sr": model(pixels, training=False)}

    module.serve_bytes, module.serve_pixels, module.serve_float = serve_bytes, serve_pixels, serve_float
    return module
