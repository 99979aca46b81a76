"""Entries of the zoo's models. An entry holds everything special about a model, in the model's own file."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from srzoo.models.graph import STAGES, Graph
from srzoo.recipes import Recipe

Kernels = Sequence[tuple[int, ...]]
"""Shapes of a network's convolutions, each (height, width, in, out), in any order."""


@dataclass(frozen=True)
class Layout:
    """Names of a network's layers in a project's PyTorch checkpoints.

    Attributes:
        project: name of the project.
        names: function from the arguments of `build`, with `scale`, to a mapping: our name of a layer -> theirs.
        white: value of white inside their network.
        mean_shifts: 1x1 convolutions for DIV2K's mean, which hold the value of white, if the file has them.
    """

    project: str
    names: Callable[[Mapping[str, Any]], dict[str, str]]
    white: int = 1
    mean_shifts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        name: what people type, without a scale.
        build: from `scale`, `name` and sizes, all by keyword and each with its published value as default, to a
            graph of a network from RGB pixels in [0, 255], float32 (N, H, W, 3), to (N, scale H, scale W, 3).
        recipe: its published training.
        scales: scales that the builder supports.
        recognise: function from the shapes of a network's convolutions to the arguments of `build` for them, `scale`
            among them; None if none do.
        pixel_trained: name of the entry of the same network trained on pixels alone, for a model of GAN training.
        fine: names of the convolutions that stay in float32 where the others are computed in 8 bits.
        layouts: checkpoints of others that become it.
        border: LR pixels by which a picture is continued at its borders, mirrored, before it goes through the
            network. Zeros there are grey for a network that maps black to -1, and it draws them as a frame.
    """

    name: str
    build: Callable[..., Graph]
    recipe: Recipe
    scales: tuple[int, ...]
    recognise: Callable[[Kernels], Mapping[str, Any] | None]
    pixel_trained: str | None = None
    fine: tuple[str, ...] = ("head", "tail")
    layouts: tuple[Layout, ...] = ()
    border: int = 0

    def published(self) -> dict[str, Any]:
        """The builder's sizes and their published values."""
        parameters = inspect.signature(self.build).parameters
        return {key: each.default for key, each in parameters.items() if key not in ("scale", "name")}


def recognise_residual(kernels: Kernels, end: int) -> dict[str, Any] | None:
    """The sizes of a network of blocks of two convolutions and of shuffles, whose head and tail are `end` wide."""
    filters = next((each[3] for each in kernels if each[2] == 3), 0)
    for scale, stages in STAGES.items():
        blocks = (len(kernels) - len(stages) - 3) // 2
        body = (2 * blocks + 1) * [(3, 3, filters, filters)]
        upsampling = [(3, 3, filters, filters * factor**2) for factor in stages]
        if Counter([(end, end, 3, filters), *body, *upsampling, (end, end, filters, 3)]) == Counter(kernels):
            return {"scale": scale, "blocks": blocks, "filters": filters}
    return None
