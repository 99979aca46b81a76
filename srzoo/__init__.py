"""srzoo: single-image super-resolution models for TensorFlow and Keras 3."""

from srzoo.zoo import create, load, save_weights

__version__ = "0.1.0"
