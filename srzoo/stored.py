"""What a `.weights.h5` file holds: its network and its arrays, without Keras."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srzoo.files.hdf5 import Declared, check_sum, open_weights, read_attribute, read_declared
from srzoo.models import registry
from srzoo.models.graph import Graph
from srzoo.models.registry import entry_of
from srzoo.names import Configuration, from_json, parse
from srzoo.tables import first_line


def read(path: str | os.PathLike) -> tuple[Graph, dict[str, list[Any]]]:
    """Reads a network.

    Args:
        path: of a file that `srzoo.save_weights` or Keras's own `Model.save_weights` wrote.

    Returns:
        Its graph; and its weights, name of a layer -> float32 arrays in Keras's order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file does not hold a model of the zoo, or is damaged.
    """
    configuration, declared = inspect(path)
    check_size(path, configuration, declared)
    graph = registry.build_graph(configuration)
    try:
        with open_weights(Path(path).read_bytes()) as file:
            groups = [layer["vars"] for layer in file["layers"].values() if len(layer["vars"])]
            arrays = {
                read_attribute(group, "name"): [group[str(i)].astype("float32")[()] for i in range(len(group))]
                for group in groups
            }
    except Exception as error:
        raise ValueError(f"{path}: the weights are damaged ({first_line(error)})") from error
    expected = {layer.name: layer.shapes for layer in graph.layers if layer.shapes}
    if {name: [each.shape for each in own] for name, own in arrays.items()} != expected:
        raise ValueError(f"{path}: damaged, its arrays are not those of {graph.name!r}; get the file again")
    return graph, arrays


def inspect(path: str | os.PathLike) -> tuple[Configuration, Declared]:
    """Of a `.weights.h5` file: the model's configuration, and what the file declares, of which no byte has changed."""
    path = weights_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        data = path.read_bytes()
        with open_weights(data) as file:
            declared = read_declared(file, len(data))
            check_sum(file)
            if "srzoo" in file.attrs:
                configuration = from_json(read_attribute(file, "srzoo"))
                entry_of(configuration.base)
                return configuration, declared
    except Exception as error:
        # Of a damaged file HDF5 tells as nearly any exception.
        raise ValueError(f"{path}: not a weights file that srzoo wrote, or damaged ({first_line(error)})") from error
    found = next(_by_layers(declared), None)
    if not found:
        raise ValueError(
            f"{path}: no weights of a model of the zoo, or of one whose file does not hold its residual scaling; "
            "give a file of `srzoo.save_weights`, or a .keras file"
        )
    return found, declared


def _by_layers(declared: Declared) -> Iterator[Configuration]:
    """Configurations with the layers that Keras wrote the weights of, by the model's name first."""
    candidates = registry.recognise([shape for shape in declared.shapes if len(shape) == 4])
    with contextlib.suppress(ValueError):
        named = parse(declared.model or "")
        # Only sizes that the arrays have, so that a small file cannot ask for a huge network.
        sizes = {(each.scale, *_sizes(each)) for each in candidates}
        if (named.scale, *_sizes(named)) in sizes:
            yield named
    for candidate in candidates:
        # A number that is no shape, such as a residual scaling, is in no such file: only the published network is sure.
        factors = [each for each in entry_of(candidate.base).published().values() if isinstance(each, float)]
        if candidate.options and any(factor != 1 for factor in factors):
            continue
        layers = registry.build_graph(candidate).layers
        shapes = sorted(shape for layer in layers for shape in layer.shapes)
        # With some versions of Keras a shuffle is a layer, with others it is none.
        names = {layer.name for layer in layers}
        sure = {layer.name for layer in layers if layer.kind != "DepthToSpace"}
        if shapes == sorted(declared.shapes) and sure <= declared.layers <= names:
            yield candidate


def _sizes(configuration: Configuration) -> list[tuple[str, int]]:
    """Whole numbers among the arguments of the builder, published or not."""
    arguments = {**entry_of(configuration.base).published(), **configuration.options}
    return sorted((key, value) for key, value in arguments.items() if isinstance(value, int))


def check_size(path: str | os.PathLike, configuration: Configuration, declared: Declared) -> None:
    """Refuses a small file that names a huge network, before that is built."""
    if not registry.fits(configuration, [shape for shape in declared.shapes if len(shape) == 4]):
        raise ValueError(
            f"{path}: damaged, its arrays are not those of {configuration.name[:80]!r}; get the file again"
        )


def weights_path(path: str | os.PathLike) -> Path:
    """The path; raises ValueError if its name does not end as a weights file's."""
    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path}: a weights file's name must end in .weights.h5")
    return path
