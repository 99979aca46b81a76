"""The ways of upscaling that are shown beside each other: bicubic, and networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from srzoo import bicubic, zoo
from srzoo.runtimes import exported
from srzoo.runtimes.tiles import tile_of
from srzoo.upscaling import Upscaler
from srzoo.viewing.key import HR

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Method:
    """A way of upscaling.

    Attributes:
        name: name for people.
        scale: HR pixels a side of an LR pixel.
        halo, alignment: the same as for `srzoo.runtimes.network.Network`.
        upscale: function from uint8 (h, w, 3) to uint8 (scale h, scale w, 3).
    """

    name: str
    scale: int
    halo: int | None
    upscale: Callable[[np.ndarray], np.ndarray]
    alignment: int = 1

    def upscale_part(self, lr: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """Returns that part of the whole picture's enlargement, without computing the rest.

        Args:
            lr: uint8 (h, w, 3).
            rows, columns: rows and columns of LR.

        Returns:
            uint8 (scale rows, scale columns, 3).
        """
        tile = tile_of((rows, columns), lr.shape[0], lr.shape[1], self.scale, self.halo, self.alignment)
        return self.upscale(lr[tile.source])[tile.inside]


def load_methods(sources: Sequence[str], scale: int | None = None, **options: Any) -> list[Method]:
    """Loads what is to be compared.

    Args:
        sources: `bicubic`, names of models whose weights ship, or files that `resolve_image.py --model` takes; each
            maybe as LABEL=SOURCE.
        scale: scale of bicubic; default: that of the networks, or else 4.
        options: options of `Upscaler`.

    Returns:
        As many methods, in the same order.

    Raises:
        FileNotFoundError: if there is no such file, or no weights ship for a name.
        ValueError: if scales differ, two have one name, a name is that of the original, or as in `zoo.load`.
    """
    labels = [_label(source) for source in sources]
    networks = {
        source: exported.load(source) if exported.is_exported(source) else zoo.load(source)
        for _, source in labels
        if source != BICUBIC
    }
    upscalers = {source: Upscaler(network, **options) for source, network in networks.items()}
    scales = {upscaler.network_scale for upscaler in upscalers.values()} or {scale or 4}
    if scale:
        scales.add(scale)
    if len(scales) > 1:
        found = ", ".join(
            f"{networks[source].name}: {upscaler.network_scale}" for source, upscaler in upscalers.items()
        )
        asked = f"; --scale asks for {scale}" if scale else ""
        raise ValueError(f"all must upscale by the same scale, got {found}{asked}")
    (common,) = scales
    methods = []
    for label, source in labels:
        if source == BICUBIC:
            # It looks two pixels far.
            methods.append(Method(label or BICUBIC, common, 3, partial(bicubic.upscale, scale=common)))
        else:
            upscaler = upscalers[source]
            methods.append(Method(label or networks[source].name, common, upscaler.halo, upscaler, upscaler.alignment))
    names = [method.name for method in methods]
    for name in ("LR", HR):
        if name in names:
            raise ValueError(f"{name!r} is what a picture is called that no model makes; give that model another label")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two models are called {twice[0]!r}; tell them apart as --models first=FILE second=FILE")
    return methods


def _label(source: str) -> tuple[str, str]:
    label, equals, rest = source.partition("=")
    return (label.strip(), rest) if equals and label.strip() and not Path(source).exists() else ("", source)
