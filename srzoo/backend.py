"""Keras's backend: networks run in all of them, training and export in TensorFlow alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def require_tensorflow(what: str) -> None:
    """Raises ValueError, with what to do, if Keras computes by another backend; `what` begins the sentence."""
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise ValueError(
            f"{what} needs Keras's TensorFlow backend, but Keras runs on {backend}; set KERAS_BACKEND=tensorflow "
            "before Keras is imported"
        )


@contextmanager
def channels_last() -> Iterator[None]:
    """A context that makes layers for (N, H, W, C), whatever the user's keras.json says; they stay so."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """A context that makes layers of a dtype policy, whatever Keras's global one; they stay so."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
