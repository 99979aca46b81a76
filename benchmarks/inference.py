"""Inference of EDSR-baseline, SRResNet and EDSR at x4, beside the same networks in other runtimes.

The weights are those that ship, or fresh; in other runtimes the network is what `srzoo export` writes, in PyTorch the
same layers. A whole picture goes through at once, from pixels to pixels in memory. Seconds are medians of runs in
turns; GFLOP/s count two operations for each multiplication of the float32 network, whatever the precision.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import Row, in_turns, processor, ratio, threads
from srzoo import zoo
from srzoo.exporting.onnx import write_onnx
from srzoo.runtimes.exported import facts_of
from srzoo.runtimes.fold import fold_batch_norm
from srzoo.runtimes.prepared import Prepared

CASES = (
    ("edsr-baseline-x4", 320, 180, 4),
    ("srresnet-x4", 320, 180, 3),
    ("edsr-x4", 80, 45, 2),
    ("edsr-baseline-x4", 960, 540, 1),
)
"""Model, width and height of the LR picture, rounds. EDSR does 25 times the work a pixel."""

LARGE = 400_000
"""LR pixels from which on only the fastest peers run: minutes for the others."""

QUICK = (("edsr-baseline-x4", 160, 90, 3), ("srresnet-x4", 160, 90, 3), ("edsr-x4", 40, 23, 1))

HALF = {"avx512_bf16", "amx_bf16", "bf16"} & set(processor()["instructions"])


def rows(quick: bool) -> tuple[list[Row], list[str]]:
    """Measures; also gives what could not be measured, in sentences."""
    found: list[Row] = []
    notes: list[str] = []
    if not HALF:
        notes.append("bfloat16 is left out: this processor has no instructions for it.")
    for name, width, height, rounds in QUICK if quick else CASES:
        with tempfile.TemporaryDirectory() as folder:
            found += _case(name, width, height, rounds, Path(folder), notes)
    return found, list(dict.fromkeys(notes))


def _case(name: str, width: int, height: int, rounds: int, folder: Path, notes: list[str]) -> list[Row]:
    model = zoo.load(name) if name in zoo.shipped_models() else zoo.create(name)
    pixels = np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype(np.float32)
    work = flops(model) * width * height
    candidates: dict[str, Callable] = {}
    weights = folder / "network.weights.h5"
    zoo.save_weights(model, weights)
    prepared = Prepared(weights, folder)
    eight = ["int8"] if name in zoo.shipped_models() else []
    for precision in ("float32", *(["bfloat16"] if HALF else []), *eight):
        run = prepared.make(precision).network.run
        candidates[f"srzoo {precision}"] = lambda run=run: run(pixels)
    call = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((1, None, None, 3))])
    candidates["TensorFlow float32"] = lambda: call(pixels).numpy()
    large = width * height >= LARGE
    if large:
        del candidates["TensorFlow float32"]
    for peer in (_onnx, _litert) if large else (_onnx, _litert, _torch):
        try:
            candidates.update(peer(model, pixels, folder))
        except ImportError as error:
            notes.append(f"{peer.__doc__} is left out: {error.name} is not installed (benchmarks/requirements.txt).")
    side = 2048
    square = np.random.default_rng(0).random((side, side), np.float32)
    candidates["limit: matrix products, float32"] = lambda: square @ square
    lr = pixels[0].astype(np.uint8)
    candidates.update(_bicubic(lr, notes))
    if large:
        for slow in ("ONNX Runtime float32", "LiteRT int8"):
            candidates.pop(slow, None)

    taken = in_turns(candidates, rounds)
    limit = [2 * side**3 / seconds / 1e9 for seconds in taken["limit: matrix products, float32"]]
    section = f"{name}, {width}x{height} to {4 * width}x{4 * height}"
    result = []
    for what, seconds in taken.items():
        figures = {}
        if what.startswith("limit"):
            figures = {"GFLOP/s": median(limit), "of the limit": 1.0}
        elif "bicubic" not in what:
            rates = [work / each / 1e9 for each in seconds]
            figures = {"GFLOP/s": median(rates), "of the limit": median(a / b for a, b in zip(rates, limit))}
        own = f"srzoo {what.rsplit(' ', 1)[1]}"
        compared = own in taken and not what.startswith(("srzoo", "limit"))
        times = ratio(seconds, taken[own]) if compared else None
        result.append(Row(section, what, median(seconds), "seconds", times, figures))
    if not eight:
        notes.append(f"int8 is left out for {name}, because no trained weights of it ship.")
        return result
    peers = [what for what in taken if what.endswith("float32") and not what.startswith(("srzoo", "limit"))]
    best = min(peers, key=lambda what: median(taken[what]))
    gain = ratio(taken[best], taken["srzoo int8"])
    result.append(Row(section, f"srzoo int8 beside {best}", median(taken["srzoo int8"]), "seconds", gain))
    return result


def flops(model: keras.Model) -> int:
    """Of a pixel of LR: two for each multiplication of the convolutions."""
    total, growth = 0, 1
    for operation in model.operations:
        if isinstance(operation, keras.layers.Conv2D):
            total += 2 * int(np.prod(operation.kernel.shape)) * growth**2
        elif type(operation).__name__ == "DepthToSpace":
            growth *= getattr(operation, "block_size", None) or operation.scale
    return total


def _onnx(model: keras.Model, pixels: np.ndarray, folder: Path) -> dict[str, Callable]:
    """ONNX Runtime"""
    import onnxruntime
    import openvino

    path = folder / "network.onnx"
    write_onnx(fold_batch_norm(model), path, facts_of(model, "onnx", "float32"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    candidates: dict[str, Callable] = {"ONNX Runtime float32": lambda: session.run(None, {"lr": pixels})}
    core = openvino.Core()
    for precision, hint in {"float32": "f32", **({"bfloat16": "bf16"} if HALF else {})}.items():
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        request = core.compile_model(core.read_model(path), "CPU", config).create_infer_request()
        candidates[f"OpenVINO, of the ONNX file, {precision}"] = lambda request=request: request.infer({0: pixels})
    return candidates


def _litert(model: keras.Model, pixels: np.ndarray, folder: Path) -> dict[str, Callable]:
    """LiteRT"""
    from ai_edge_litert.interpreter import Interpreter

    from srzoo.exporting.litert import write_litert
    from srzoo.runtimes.calibration import calibration_crops

    candidates = {}
    for precision in ("float32", "int8") if model.name in zoo.shipped_models() else ("float32",):
        path = folder / f"{precision}.tflite"
        crops = calibration_crops(None, 4, 64) if precision == "int8" else []
        write_litert(fold_batch_norm(model), path, precision, crops, facts_of(model, "litert", precision))
        interpreter = Interpreter(str(path), num_threads=threads())
        given = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(given, pixels.shape)
        interpreter.allocate_tensors()

        def run(interpreter=interpreter, given=given):
            interpreter.set_tensor(given, pixels)
            interpreter.invoke()

        candidates[f"LiteRT {precision}"] = run
    return candidates


def _torch(model: keras.Model, pixels: np.ndarray, folder: Path) -> dict[str, Callable]:
    """PyTorch"""
    import torch

    from benchmarks.torch_networks import network

    torch.set_num_threads(threads())
    candidates = {}
    for precision, dtype in {"float32": torch.float32, **({"bfloat16": torch.bfloat16} if HALF else {})}.items():
        net = network(model.name, dtype)
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(dtype).contiguous(memory_format=torch.channels_last)

        def run(net=net, x=x):
            with torch.inference_mode():
                net(x)

        candidates[f"PyTorch, channels last, {precision}"] = run
    return candidates


def _bicubic(lr: np.ndarray, notes: list[str]) -> dict[str, Callable]:
    from PIL import Image

    size = 4 * lr.shape[1], 4 * lr.shape[0]
    picture = Image.fromarray(lr)
    candidates: dict[str, Callable] = {
        "for scale: Pillow bicubic": lambda: picture.resize(size, Image.Resampling.BICUBIC)
    }
    try:
        import cv2
    except ImportError:
        notes.append("OpenCV is left out: it is not installed (benchmarks/requirements.txt).")
    else:
        candidates["for scale: OpenCV bicubic"] = lambda: cv2.resize(lr, size, interpolation=cv2.INTER_CUBIC)
    return candidates
