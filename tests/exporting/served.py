"""What the tests of serving share: a small network as TensorFlow Serving has it, and images to send it."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2

from srzoo.pictures.reading import read_image

NAME = "edsr-baseline-x2.blocks1.filters4"

MEMORY = 250_000
"""For tiles of a few hundred pixels, halo included."""

LIMIT = 6000
"""Pixels that an image may have."""


def encoded(pixels, format: str = "PNG", mode: str | None = None, **options) -> bytes:
    image, file = Image.fromarray(pixels), io.BytesIO()
    (image.convert(mode) if mode else image).save(file, format, **options)
    return file.getvalue()


def pixels_of(content: bytes, tmp_path: Path) -> np.ndarray:
    path = tmp_path / "image"
    path.write_bytes(content)
    return read_image(path)


def serve(loaded, contents: list[bytes]) -> list[np.ndarray]:
    images = tf.constant(contents, tf.string, (len(contents),))
    (served,) = loaded.signatures["serving_default"](image_bytes=images).values()
    assert all(content.startswith(b"\x89PNG") for content in served.numpy())
    return [np.asarray(Image.open(io.BytesIO(content))) for content in served.numpy()]


def refusal(loaded, contents: list[bytes]) -> str:
    """The reason for which a batch is refused."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        serve(loaded, contents)
    return re.search(r"assertion failed: \[(.*?)\]", caught.value.message, re.DOTALL)[1]


def worst(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape and a.dtype == b.dtype == np.uint8
    return int(np.abs(a.astype(int) - b).max())


def predicted(loaded, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """What TensorFlow Serving does with a PredictRequest."""
    tensors = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
    response = predict_pb2.PredictResponse()
    for key, value in loaded.signatures[request.model_spec.signature_name](**tensors).items():
        response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
    return response
