"""A network as an ONNX file."""

import warnings
from pathlib import Path

import keras

from srzoo.runtimes.exported import KEY, Facts, require, to_json

OPSET = 18
"""Version of the operators; ONNX Runtime reads it from version 1.14 on."""

# Keras's PReLU arrives as five operations; joined into ONNX's own, ONNX Runtime 1.31 was 7 percent slower.


def write_onnx(model: keras.Model, path: Path, facts: Facts) -> None:
    """Writes an `.onnx` file from `lr`, float32 (batch, height, width, 3), to `sr`, all three axes open.

    Args:
        model: model in float32.
        path: the file.
        facts: facts that the file carries.

    Raises:
        ValueError: if a package is missing; the message names it.
    """
    onnx = require("onnx", "onnx", "writing ONNX")
    require("tf2onnx", "tf2onnx", "writing ONNX")
    with warnings.catch_warnings():
        # Of np.object, which Keras looks for.
        warnings.simplefilter("ignore", FutureWarning)
        # The signature is what spares a model that was never called a call.
        signature = [keras.InputSpec("float32", (None, None, None, 3))]
        model.export(path, format="onnx", input_signature=signature, opset_version=OPSET, verbose=False)
    graph = onnx.load(path)
    (given,), (returned,) = graph.graph.input, graph.graph.output
    _rename(graph.graph, given.name, "lr")
    _rename(graph.graph, returned.name, "sr")
    _name_axes(given, ("batch", "height", "width"))
    _name_axes(returned, ("batch", "sr_height", "sr_width"))
    onnx.helper.set_model_props(graph, {KEY: to_json(facts)})
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def _rename(graph, old: str, new: str) -> None:
    for values in (graph.input, graph.output):
        for value in values:
            if value.name == old:
                value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new


def _name_axes(value, names: tuple[str, ...]) -> None:
    for axis, name in zip(value.type.tensor_type.shape.dim, names):
        axis.dim_param = name
