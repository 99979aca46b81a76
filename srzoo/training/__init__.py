"""Training: the steps, the one loop that runs them, and the folder that a run leaves."""

import importlib

_MODULES = {"AdversarialStep": "steps", "PixelStep": "steps", "StepModel": "keras", "gan_step": "gan"}

__all__ = list(_MODULES)


def __getattr__(name: str):
    # TensorFlow takes seconds to import, which those who look at settings alone need not wait for.
    if name not in _MODULES:
        raise AttributeError(f"module 'srzoo.training' has no attribute {name!r}")
    return getattr(importlib.import_module(f"srzoo.training.{_MODULES[name]}"), name)
