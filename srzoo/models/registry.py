"""All models of the zoo: the entries of every module in this package."""

import importlib
import pkgutil
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from srzoo import models
from srzoo.models.entry import Entry, Kernels
from srzoo.models.graph import Graph
from srzoo.names import Configuration, parse

if TYPE_CHECKING:
    import keras

OF_KERAS = ("discriminator", "keras_graph", "layers")
"""Modules without entries that import Keras, which takes seconds."""

_FOUND = [each.name for each in pkgutil.iter_modules(models.__path__) if each.name not in OF_KERAS]
_MODULES = [importlib.import_module(f"{models.__name__}.{name}") for name in _FOUND]


def by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Name -> entry; raises ValueError for a name that two have, or that nobody can type."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in found or parse(entry.name) != Configuration(entry.name):
            raise ValueError(
                f"the entry {entry.name!r} needs a name of its own, in small letters, digits and hyphens, without scale"
            )
        found[entry.name] = entry
    return found


MODELS = by_name(entry for module in _MODULES for entry in getattr(module, "ENTRIES", ()))
"""Name -> entry."""

GAN_TRAINED = tuple(entry.name for entry in MODELS.values() if entry.pixel_trained)
"""Names of the models of GAN training."""


def entry_of(base: str) -> Entry:
    """The entry of that name; raises ValueError with the known ones if there is none."""
    if base not in MODELS:
        close = get_close_matches(base, MODELS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"unknown model {base!r}; expected one of {', '.join(MODELS)}, maybe with a scale, as in "
            f"'edsr-baseline-x4'{hint}"
        )
    return MODELS[base]


def parse_known(name: str, scale: int | None = None) -> Configuration:
    """Like `srzoo.names.parse`, but raises ValueError with the known models for an unknown one."""
    configuration = parse(name, scale)
    entry_of(configuration.base)
    return configuration


def pixel_trained(name: str) -> str:
    """`"edsr-gan-x4.blocks4"` -> `"edsr-baseline-x4.blocks4"`: the same network, trained on pixels alone.

    Raises:
        ValueError: if it is no model's name, or not that of a model of GAN training.
    """
    configuration = parse_known(name)
    partner = entry_of(configuration.base).pixel_trained
    if not partner:
        raise ValueError(
            f"{name!r} has no pixel-trained partner to be interpolated with; give a model of GAN training "
            f"({', '.join(GAN_TRAINED)})"
        )
    return Configuration(partner, configuration.scale, configuration.options).name


def border_of(graph: Graph) -> int:
    """`Entry.border` of a network, whatever its name; 0 if it has the convolutions of none of ours."""
    found = recognise([shape for layer in graph.layers for shape in layer.shapes if len(shape) == 4])
    return entry_of(found[0].base).border if found else 0


def build(configuration: Configuration) -> "keras.Model":
    """Builds a network with fresh weights.

    Raises:
        ValueError: as `build_graph`, or if the network is deeper than Keras can build.
    """
    from srzoo.models.keras_graph import to_keras

    graph = build_graph(configuration)
    try:
        return to_keras(graph)
    except RecursionError:  # Keras goes through a model by itself
        raise ValueError(f"{graph.name!r} has {len(graph.layers)} layers, more than Keras can build") from None


def build_graph(configuration: Configuration) -> Graph:
    """The graph of a network, without Keras.

    Raises:
        ValueError: for an unknown model, scale or option, or an option of another type, with the known ones.
    """
    entry = entry_of(configuration.base)
    if configuration.scale not in entry.scales:
        raise ValueError(
            f"{entry.name!r} is built for the scales {', '.join(map(str, entry.scales))}, got {configuration.scale}"
        )
    published = entry.published()
    for key, value in configuration.options.items():
        if key not in published:
            raise ValueError(f"{entry.name!r} has no option {key!r}; its options are {', '.join(published)}")
        _check_option(key, value, published[key])
    return entry.build(scale=configuration.scale, name=configuration.name, **configuration.options)


def _check_option(key: str, value: Any, published: Any) -> None:
    if isinstance(published, int):
        if type(value) is not int or value < 1:
            raise ValueError(f"{key} must be a whole number of at least 1, got {value!r}")
    elif isinstance(published, float) and (type(value) not in (int, float) or not abs(value) < float("inf")):
        raise ValueError(f"{key} must be a finite number, got {value!r}")


def fits(configuration: Configuration, kernels: Kernels) -> bool:
    """Whether a network of that configuration has convolutions of these shapes."""
    entry = entry_of(configuration.base)
    found = entry.recognise(kernels) or {}
    sizes = {**entry.published(), **configuration.options, "scale": configuration.scale}
    # What is None is the usual one, which a configuration may name.
    return bool(found) and all(value in (None, sizes[key]) for key, value in found.items())


def recognise(kernels: Kernels) -> list[Configuration]:
    """The configurations, of models trained on pixels, that have such convolutions; the published sizes first."""
    found = []
    for entry in MODELS.values():
        arguments = None if entry.pixel_trained else entry.recognise(kernels)
        if arguments is not None:
            published = entry.published()
            options = {key: arguments[key] for key in published.keys() & arguments if arguments[key] != published[key]}
            found.append(Configuration(entry.name, arguments["scale"], options))
    return sorted(found, key=lambda each: len(each.options))
