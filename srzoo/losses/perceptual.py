"""The content loss: how far apart the features of SR and HR are in a VGG network that was trained on ImageNet.

Ledig et al. (arXiv 1609.04802), section 2.2.1; the networks are of Simonyan and Zisserman (arXiv 1409.1556).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import keras
from keras import layers, ops

from srzoo.backend import channels_last
from srzoo.files.hdf5 import open_weights, read_declared
from srzoo.metrics.weights import load_vgg
from srzoo.recipes import FEATURE_SCALE

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each block of a network."""

_SITE = "https://storage.googleapis.com/tensorflow/keras-applications"

# RGB: (pixel - mean) / deviation, and whether the channels are then turned to BGR.
_PREPROCESSING = {
    "keras": ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), True),
    "torchvision": ((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255), False),
}
PREPROCESSING = tuple(_PREPROCESSING)
"""Who trained the weights: `keras`: those of keras.applications, which were Caffe's; `torchvision`."""


@keras.saving.register_keras_serializable("srzoo")
class ContentLoss:
    """Distance between the features of two batches of pictures.

    Args:
        layers: name -> weight; `vgg54` is phi(5,4), the fourth convolution before the fifth pooling.
        weights: `vgg19` or `vgg16`: downloaded by `keras.applications` on first use; or a local file in its layout
            without the dense layers, which itself says which of the two it holds.
        preprocessing: a name of `PREPROCESSING`; must be stated for a local file, and is `keras` otherwise.
        activation: `after` the ReLU, as SRGAN, or `before` it, as ESRGAN (arXiv 1809.00219, section 3.2).
        distance: `l2`: mean squared, SRGAN's; `l1`: mean absolute, ESRGAN's.
        feature_scale: factor on the features.

    Attributes:
        network: the frozen feature network, from pixels in [0, 255] to the features by name, computing in the dtype
            policy that was Keras's global one when it was made.

    Raises:
        ValueError: for an unknown layer or option, or a file that holds no such network.
        OSError: if there is no such file, or the weights cannot be downloaded.
    """

    def __init__(
        self,
        layers: Mapping[str, float],
        weights: str | os.PathLike = "vgg19",
        preprocessing: str | None = None,
        activation: str = "after",
        distance: str = "l2",
        feature_scale: float = FEATURE_SCALE,
    ):
        if activation not in ("after", "before"):
            raise ValueError(f"activation must be after or before, got {activation!r}")
        if distance not in ("l1", "l2"):
            raise ValueError(f"the distance of features must be l1 or l2, got {distance!r}")
        if not layers:
            raise ValueError("a content loss needs at least one layer, such as vgg54")
        if preprocessing not in (None, *PREPROCESSING):
            raise ValueError(f"the preprocessing must be one of {', '.join(PREPROCESSING)}, got {preprocessing!r}")
        if weights in CONVOLUTIONS and preprocessing == "torchvision":
            raise ValueError(
                f"the {weights} that keras.applications downloads has the preprocessing keras, not torchvision"
            )
        if weights not in CONVOLUTIONS and preprocessing is None:
            raise ValueError(
                f"{weights}: say with which preprocessing these weights were trained, keras (those of "
                "keras.applications) or torchvision; the file does not say"
            )
        self.distance = distance
        self.feature_scale = feature_scale
        self.layers = dict(layers)
        self._given = {"weights": os.fspath(weights), "preprocessing": preprocessing, "activation": activation}
        self.network = _features(_backbone(weights), tuple(layers), preprocessing or "keras", activation)

    def __call__(self, hr, sr):
        """From two batches (N, H, W, 3) of float32 pixels in [0, 255] to a distance for each crop, (N,)."""
        of_hr, of_sr = self.network(hr), self.network(sr)
        total = 0.0
        for name, weight in self.layers.items():
            # In float32: squares of features overflow float16.
            difference = self.feature_scale * (ops.cast(of_hr[name], "float32") - ops.cast(of_sr[name], "float32"))
            apart = ops.square(difference) if self.distance == "l2" else ops.abs(difference)
            total += weight * ops.mean(apart, axis=(1, 2, 3))
        return total

    def get_config(self) -> dict:
        """The arguments, so that Keras can save a model that was compiled with it."""
        own = {"layers": self.layers, "distance": self.distance, "feature_scale": self.feature_scale}
        return {**own, **self._given}

    @classmethod
    def from_config(cls, config: dict) -> "ContentLoss":
        """The reverse of `get_config`, by which Keras loads such a model."""
        return cls(**config)


@channels_last()
def _backbone(weights: str | os.PathLike) -> keras.Model:
    networks = {"vgg19": keras.applications.VGG19, "vgg16": keras.applications.VGG16}
    if weights in networks:
        file = f"{_SITE}/{weights}/{weights}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        try:
            return networks[str(weights)](include_top=False, weights="imagenet")
        except Exception as error:  # Keras wraps whatever the network raised in a plain Exception.
            raise OSError(
                f"{str(weights).upper()}'s weights cannot be downloaded ({str(error).splitlines()[0]}): fetch {file} "
                "on another machine and give --vgg FILE --vgg-preprocessing keras, or train on pixels alone, as with "
                "--model edsr-baseline"
            ) from error
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; expected VGG19's or VGG16's weights such as those of {_SITE}/vgg19/, or the name "
            "vgg19 or vgg16 to download them"
        )
    try:
        data = path.read_bytes()
        with open_weights(data) as file:
            kernels = [shape for shape in read_declared(file, len(data)).shapes if len(shape) == 4]
    except Exception as error:
        # HDF5 raises nearly any exception for a damaged file.
        raise ValueError(f"{path}: not an HDF5 file of VGG weights ({error})") from error
    # By their number, because only the older of Keras's formats has the layers' names.
    convolutions = {sum(counts): name for name, counts in CONVOLUTIONS.items()}
    if len(kernels) not in convolutions:
        raise ValueError(
            f"{path}: not VGG19's or VGG16's weights without dense layers (16 or 13 convolutions), but a file with "
            f"{len(kernels)} convolutions"
        )
    return load_vgg(path, convolutions[len(kernels)].upper())


def _features(backbone: keras.Model, names: tuple[str, ...], preprocessing: str, activation: str) -> keras.Model:
    """A network from pixels to the features of the named layers, by name, up to the deepest of them."""
    wanted = {name: _layer_name(backbone.name, name) for name in names}
    mean, deviation, bgr = _PREPROCESSING[preprocessing]
    pixels = keras.Input((None, None, 3), name="pixels", dtype="float32")
    # With all three axes, or Keras would take a list of three for the first axis where its settings say channels first.
    scale, offset = [[[1 / d for d in deviation]]], [[[-m / d for m, d in zip(mean, deviation)]]]
    x = layers.Rescaling(scale, offset, dtype="float32")(pixels)
    if bgr:
        x = ops.flip(x, axis=-1)
    found = {}
    for layer in backbone.layers[1:]:
        if isinstance(layer, layers.Conv2D):
            # Apart from its ReLU, so that both can be had.
            layer.activation = keras.activations.linear
            x = layer(x)
            found[layer.name] = x
            x = ops.relu(x)
            if activation == "after":
                found[layer.name] = x
        else:
            x = layer(x)
        if all(name in found for name in wanted.values()):
            break
    network = keras.Model(pixels, {name: found[of] for name, of in wanted.items()}, name=backbone.name)
    network.trainable = False
    return network


def _layer_name(backbone: str, name: str) -> str:
    """`vgg54` -> `block5_conv4`, if that network has it."""
    match = re.fullmatch(r"vgg([1-5])([1-9])", name)
    convolutions = CONVOLUTIONS[backbone]
    if not match or int(match[2]) > convolutions[int(match[1]) - 1]:
        known = ", ".join(f"vgg{block}{i}" for block, n in enumerate(convolutions, start=1) for i in range(1, n + 1))
        raise ValueError(f"{backbone.upper()} has no layer {name!r} for the content loss; it has {known}")
    return f"block{match[1]}_conv{match[2]}"
