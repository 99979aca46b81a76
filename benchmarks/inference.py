"""Inference of EDSR-baseline, SRResNet and EDSR at x4, beside the same networks in other runtimes.

The weights are those that ship, or fresh; in other runtimes the network is what `srzoo export` writes, in PyTorch the
same layers. A whole picture goes through at once, from pixels to pixels in memory. Seconds are medians of runs in
turns; GFLOP/s count two operations for each multiplication of the float32 network, whatever the precision.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import Row, in_turns, processor, ratio, threads
from srzoo import shipped, zoo
from srzoo.exporting.onnx import write_onnx
from srzoo.runtimes import prepared
from srzoo.runtimes.calibration import calibration_crops
from srzoo.runtimes.exported import facts_of
from srzoo.runtimes.fold import fold_batch_norm
from srzoo.training.precision import POLICIES

CASES = (("edsr-baseline-x4", 240, 135), ("srresnet-x4", 240, 135), ("edsr-x4", 48, 27))
"""Model, width and height of the LR picture. EDSR does 25 times the work a pixel."""

ROUNDS = 3

FEW = 2, 48
"""Pictures on which ranges of 8 bits are found, and their pixels a side; speed does not depend on them."""

FLOATS = (
    ("float32", "bfloat16") if {"avx512_bf16", "amx_bf16", "bf16"} & set(processor()["instructions"]) else ("float32",)
)

LIMIT = "limit: matrix products, float32"

Runs = dict[str, Callable]
"""What runs, as `runtime precision` -> a run of it."""


def rows() -> tuple[list[Row], list[str]]:
    """Measures; also gives what could not be measured, in sentences."""
    found: list[Row] = []
    notes = [] if "bfloat16" in FLOATS else ["bfloat16 is left out: this processor has no instructions for it."]
    for name, width, height in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found += _case(name, width, height, Path(folder), notes)
    return found, list(dict.fromkeys(notes))


def _case(name: str, width: int, height: int, folder: Path, notes: list[str]) -> list[Row]:
    model = _model(name)
    pixels = np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype(np.float32)
    runs = _srzoo(model, pixels, folder) | _tensorflow(model, pixels)
    for peer in (_onnx, _openvino, _litert, _torch):
        try:
            runs |= peer(model, pixels, folder)
        except ImportError as error:
            notes.append(f"{peer.__doc__} is left out: {error.name} is not installed (benchmarks/requirements.txt).")
    side = 2048
    square = np.random.default_rng(0).random((side, side), np.float32)
    runs[LIMIT] = lambda: square @ square
    taken = in_turns(runs, ROUNDS)

    limit = [2 * side**3 / seconds / 1e9 for seconds in taken.pop(LIMIT)]
    section = f"{name}, {width}x{height} to {4 * width}x{4 * height}"
    work = flops(model) * width * height / 1e9
    result = []
    for what, seconds in taken.items():
        rates = [work / each for each in seconds]
        figures = {"GFLOP/s": median(rates), "of the limit": median(a / b for a, b in zip(rates, limit))}
        times = None if what.startswith("srzoo") else ratio(seconds, taken[f"srzoo {_precision(what)}"])
        result.append(Row(section, what, median(seconds), "seconds", times, figures))
    result.append(Row(section, LIMIT, 2e-9 * side**3 / median(limit), "seconds", None, {"GFLOP/s": median(limit)}))
    for precision in dict.fromkeys(map(_precision, taken)):
        result.append(_beside_best(section, precision, [precision], taken))
    result.append(_beside_best(section, "int8", FLOATS, taken))
    return result


def _beside_best(section: str, own: str, precisions, taken: dict[str, list[float]]) -> Row:
    """srzoo in a precision beside the fastest of the others in some precisions."""
    peers = [what for what in taken if not what.startswith("srzoo") and _precision(what) in precisions]
    best, ours = min(peers, key=lambda what: median(taken[what])), taken[f"srzoo {own}"]
    return Row(section, f"srzoo {own} beside the best: {best}", median(ours), "seconds", ratio(taken[best], ours))


def _precision(what: str) -> str:
    return what.rsplit(" ", 1)[1]


def _model(name: str) -> keras.Model:
    return zoo.load(name) if name in shipped.shipped_models() else zoo.create(name)


def flops(model: keras.Model) -> int:
    """Of a pixel of LR: two for each multiplication of the convolutions."""
    total, growth = 0, 1
    for operation in model.operations:
        if isinstance(operation, keras.layers.Conv2D):
            total += 2 * int(np.prod(operation.kernel.shape)) * growth**2
        elif type(operation).__name__ == "DepthToSpace":
            growth *= getattr(operation, "block_size", None) or operation.scale
    return total


def _srzoo(model: keras.Model, pixels: np.ndarray, folder: Path) -> Runs:
    weights = folder / "network.weights.h5"
    zoo.save_weights(model, weights)
    # How far fresh weights in 8 bits are from float32 takes a minute for EDSR, and says nothing.
    with (
        mock.patch.object(prepared, "CALIBRATION", FEW),
        mock.patch.object(prepared.Prepared, "_difference", return_value=0.0),
    ):
        made = prepared.Prepared(weights, folder)
        networks = {precision: made.make(precision).network for precision in (*FLOATS, "int8")}
    return {f"srzoo {precision}": lambda run=network.run: run(pixels) for precision, network in networks.items()}


def _tensorflow(model: keras.Model, pixels: np.ndarray) -> Runs:
    runs: Runs = {}
    for precision in FLOATS:
        keras.config.set_dtype_policy(POLICIES[precision])
        same = zoo.create(model.name)
        same.set_weights(model.get_weights())
        signature = [tf.TensorSpec((1, None, None, 3))]
        call = tf.function(partial(same, training=False), input_signature=signature, autograph=False)
        runs[f"TensorFlow {precision}"] = lambda call=call: call(pixels).numpy()
    keras.config.set_dtype_policy("float32")
    return runs


def _onnx(model: keras.Model, pixels: np.ndarray, folder: Path) -> Runs:
    """ONNX Runtime"""
    import onnxruntime
    from onnxruntime import quantization

    paths = {precision: folder / f"{precision}.onnx" for precision in ("float32", "int8")}
    write_onnx(fold_batch_norm(model), paths["float32"], facts_of(model, "onnx", "float32"))

    class Crops(quantization.CalibrationDataReader):
        def __init__(self):
            self._crops = iter(calibration_crops(None, *FEW))

        def get_next(self):
            crop = next(self._crops, None)
            return None if crop is None else {"lr": crop[None].astype(np.float32)}

    quantization.quantize_static(paths["float32"], paths["int8"], Crops(), per_channel=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    runs: Runs = {}
    for precision, path in paths.items():
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        runs[f"ONNX Runtime {precision}"] = lambda session=session: session.run(None, {"lr": pixels})
    return runs


def _openvino(model: keras.Model, pixels: np.ndarray, folder: Path) -> Runs:
    """OpenVINO"""
    import openvino

    core, runs = openvino.Core(), {}
    for precision, hint in zip(FLOATS, ("f32", "bf16")):
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        request = core.compile_model(folder / "float32.onnx", "CPU", config).create_infer_request()
        runs[f"OpenVINO, of the ONNX file, {precision}"] = lambda request=request: request.infer({0: pixels})
    return runs


def _litert(model: keras.Model, pixels: np.ndarray, folder: Path) -> Runs:
    """LiteRT"""
    from ai_edge_litert.interpreter import Interpreter

    from srzoo.exporting.litert import write_litert

    runs: Runs = {}
    for precision in ("float32", "int8"):
        path = folder / f"{precision}.tflite"
        crops = calibration_crops(None, *FEW) if precision == "int8" else []
        write_litert(fold_batch_norm(model), path, precision, crops, facts_of(model, "litert", precision))
        interpreter = Interpreter(str(path), num_threads=threads())
        given = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(given, pixels.shape)
        interpreter.allocate_tensors()

        def run(interpreter=interpreter, given=given):
            interpreter.set_tensor(given, pixels)
            interpreter.invoke()

        runs[f"LiteRT {precision}"] = run
    return runs


def _torch(model: keras.Model, pixels: np.ndarray, folder: Path) -> Runs:
    """PyTorch"""
    import torch

    from benchmarks.torch_networks import network

    torch.set_num_threads(threads())
    runs: Runs = {}
    for precision in FLOATS:
        dtype = getattr(torch, precision)
        net = network(model.name, dtype)
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(dtype).contiguous(memory_format=torch.channels_last)

        def run(net=net, x=x):
            with torch.inference_mode():
                net(x)

        runs[f"PyTorch, channels last, {precision}"] = run
    return runs
