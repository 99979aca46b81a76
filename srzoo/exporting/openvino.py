"""A network in OpenVINO's format: a `.xml` file with the graph, and a `.bin` file with the weights beside it."""

from pathlib import Path

import keras
import numpy as np

from srzoo.models.keras_graph import arrays_of, from_keras
from srzoo.runtimes import openvino
from srzoo.runtimes.exported import KEY, Facts, to_json

OPENVINO_PRECISIONS = ("float32", "float16", "int8")


def write_openvino(model: keras.Model, path: Path, precision: str, crops: list[np.ndarray], facts: Facts) -> None:
    """Writes `path` and the `.bin` file beside it, from `lr`, float32 (batch, height, width, 3), all three axes open.

    Args:
        model: without batch normalisation.
        path: a file that ends in `.xml`.
        precision: float32; float16, weights of half the size; or int8, with head and tail in float32.
        crops: for int8, as `srzoo.runtimes.calibration` gives them.
        facts: to travel with it.

    Raises:
        ValueError: if a layer is of a kind that is not known for OpenVINO.
        OSError: if the file cannot be written.
    """
    network = from_keras(model), arrays_of(model)
    graph = openvino.build(*network, openvino.ranges_of(*network, crops) if precision == "int8" else None)
    graph.reshape([-1, -1, -1, 3])
    graph.set_rt_info(to_json(facts), KEY)
    try:
        openvino.runtime().save_model(graph, path, compress_to_fp16=precision == "float16")
    except RuntimeError as error:  # of a stream of C++, which does not tell more
        raise OSError("its disk may be full") from error
