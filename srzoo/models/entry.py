"""What a model of the zoo is: all that is particular to it stands in its entry, in its own file."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from srzoo.recipes import Recipe

Kernels = Sequence[tuple[int, ...]]
"""Shapes of a network's convolutions, each (height, width, in, out), in any order."""


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        name: what people type, without a scale.
        build: from `scale`, `name` and sizes, all by keyword and each with its published value as default, to a
            functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to (N, scale H, scale W, 3).
        recipe: its published training.
        scales: that it can be built for.
        recognise: from the shapes of a network's convolutions to the arguments of `build` that give such, `scale`
            among them; None if none do.
        pixel_trained: for a model of GAN training, the entry of the same network, trained on pixels alone.
        fine: names of the convolutions that stay in float32 where the others are computed in 8 bits.
    """

    name: str
    build: Callable[..., keras.Model]
    recipe: Recipe
    scales: tuple[int, ...]
    recognise: Callable[[Kernels], Mapping[str, Any] | None]
    pixel_trained: str | None = None
    fine: tuple[str, ...] = ("head", "tail")

    def published(self) -> dict[str, Any]:
        """The builder's sizes and their published values."""
        parameters = inspect.signature(self.build).parameters
        return {key: each.default for key, each in parameters.items() if key not in ("scale", "name")}
