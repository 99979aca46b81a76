"""srzoo: single-image super-resolution models for TensorFlow and Keras 3.

srzoo.list_models()                                 what ships
hr = srzoo.upscale("photo.jpg", scale=2)            a picture, an array, a path
model = srzoo.create("edsr-baseline", scale=4)      a fresh network, to train
model = srzoo.load("best.weights.h5")               a trained one
model = srzoo.interpolate(pixel, gan, alpha=0.5)    one between the faithful and the vivid
hr = srzoo.Upscaler(model)(lr)                      an image of any size, in bounded memory
"""

import importlib

__version__ = "0.1.0"

_MODULES = {
    "Upscaler": "srzoo.upscaling",
    "create": "srzoo.zoo",
    "interpolate": "srzoo.zoo",
    "list_models": "srzoo.shipped",
    "load": "srzoo.zoo",
    "load_weights": "srzoo.zoo",
    "save_preset": "srzoo.presets",
    "save_weights": "srzoo.zoo",
    "upload_preset": "srzoo.hub",
    "upscale": "srzoo.upscaling.anything",
}

__all__ = list(_MODULES)

_PACKAGES = ("data", "losses", "metrics", "training", "zoo")


def __dir__() -> list[str]:
    return [*__all__, *_PACKAGES, "__version__"]


def __getattr__(name: str):
    # TensorFlow takes seconds to import, which `--help` and a refused argument need not wait for.
    if name in _PACKAGES:
        return importlib.import_module(f"srzoo.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'srzoo' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_MODULES[name]), name)
