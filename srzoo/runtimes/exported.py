"""Exported files as networks that `Upscaler` takes: SavedModel, LiteRT, ONNX and OpenVINO.

An exported file holds a graph and no layers, from which scale and halo could be read off. So they travel with it, as a
line of JSON: beside the SavedModel, in a zip at the end of the `.tflite` file, in the metadata of the `.onnx` file and
of the `.xml` file.
"""

import contextlib
import importlib.util
import json
import math
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from srzoo import shipped
from srzoo.pictures.waiting import threads
from srzoo.runtimes.network import Network, Run
from srzoo.runtimes.operations import check_operations
from srzoo.tables import first_line, speaking

# TensorFlow takes seconds to import, and a file of another runtime is read without it.
if TYPE_CHECKING:
    import keras

ENTRY = "srzoo.json"
"""Name of the facts in a SavedModel's `assets.extra` and within a `.tflite` file."""

GRAPH = "saved_model.pb"

CHECKSUM = "srzoo.sha256"
"""Name of the checksum of `GRAPH` beside the facts: TensorFlow ends the process where a bit is wrong."""

KEY = "srzoo"
"""Name of the facts in the metadata of an ONNX file and of one for OpenVINO."""

MAX_FACTS = 10_000
"""Bytes of them; compressed, a small file may hold any number."""

MOST = {"scale": 16, "halo": 10**6, "bytes_per_pixel": 10**12, "alignment": 64, "border": 1000}
"""Of the facts; whatever goes beyond would ask for memory without end."""

MEMORY = {"litert": 1.6, "onnx": 1.25}
"""Format -> how much more memory its runtime takes at its peak than TensorFlow.

Measured with LiteRT 2.3 (1.22 for EDSR, 1.56 for SRResNet; int8 takes half) and ONNX Runtime 1.31 (1.17 and 1.2).
"""

NEEDED = {
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "openvino": {"openvino": "openvino"},
}
"""Format -> modules that writing and checking it need besides TensorFlow, and the packages that bring them."""


LAID_OUT = 5
"""Rows of the largest kernel that a file in int16x8 has in one convolution."""


@dataclass(frozen=True)
class Facts:
    """Facts of an exported file about its network; all but the precision are those of `Network`."""

    name: str
    scale: int
    halo: int | None
    bytes_per_pixel: int
    precision: str
    alignment: int = 1
    border: int = 0

    def is_one_pixel(self, pixels: np.ndarray) -> bool:
        """Whether a network makes one pixel of these, (N, H, W, 3): OpenVINO 2026.4 has that wrong in 8 and 16 bits.

        What follows a convolution channel by channel, as a PReLU or a rounding, has another channel's numbers then.
        """
        return max(pixels.shape[1:3]) <= self.alignment

    def network(self, run: Run) -> Network:
        return Network(self.name, self.scale, self.halo, self.bytes_per_pixel, run, self.alignment, self.border)


def facts_of(model: "keras.Model", format: str, precision: str) -> Facts:
    """Reads the facts off a Keras model; raises ValueError if its output is no upscaled picture."""
    from srzoo.models.geometry import alignment_of, halo_of, peak_bytes_per_pixel, scale_of
    from srzoo.models.keras_graph import from_keras
    from srzoo.models.registry import border_of
    from srzoo.runtimes.linear_tail import linear_tail

    graph, memory = from_keras(model), math.ceil(peak_bytes_per_pixel(model) * MEMORY.get(format, 1))
    if precision == "int16x8":
        # Values take half, but LiteRT lays out whatever a convolution's kernel covers, for all pixels at once. Of a
        # tail that is merged, only a frame is computed by its own convolutions.
        tail = linear_tail(graph)
        convolutions = [each for each in graph.layers if each.kind == "Conv2D" and each not in tail]
        sizes = [each.get("kernel_size") for each in convolutions]
        covered = [columns * (rows if rows <= LAID_OUT else 1) for rows, columns in sizes]
        values = (each.size_ratio**2 * each.inputs[0].channels * size for each, size in zip(convolutions, covered))
        laid_out = 2 * max(values, default=0)
        memory = math.ceil(memory / 2 + laid_out)
    borders = alignment_of(model), border_of(graph)
    return Facts(model.name, scale_of(model), halo_of(model), memory, precision, *borders)


def to_json(facts: Facts) -> str:
    return json.dumps(asdict(facts))


def is_exported(source: str | os.PathLike) -> bool:
    """Tells whether `load` is the one to read it: `.tflite`, `.onnx`, `.xml`, or a folder that is no run's.

    A folder of a model's name must be a path (`./edsr-baseline-x4`), because the name alone means the weights
    that ship.
    """
    text = os.fspath(source)
    if Path(text).suffix in READERS:
        return True
    named = os.path.basename(text) == text and shipped.weights_of_name(text)
    return Path(text).is_dir() and not named and shipped.locate(text) == text


def load(source: str | os.PathLike, precision: str = "auto") -> Network:
    """Loads what `python -m srzoo export` wrote.

    Args:
        source: a `.tflite`, `.onnx` or `.xml` file, or a SavedModel: the folder that holds `saved_model.pb`, or the
            one above with a folder for each version, of which the newest is taken.
        precision: the precision that it must have; `auto`: any.

    Returns:
        The network, for `Upscaler`.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is no such file, is damaged, was not written by srzoo, or its runtime is not installed;
            the message names the package to install. Also if it is of another precision.
    """
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    read = _saved_model if path.is_dir() else READERS.get(path.suffix)
    if read is None:
        raise ValueError(
            f"{path}: expected a .tflite, .onnx or .xml file or the folder of a SavedModel; export a model first"
        )
    if path.is_dir():
        importlib.import_module("tensorflow")  # not within `quiet`: another thread may import it and wait for that
    with quiet():
        text, run = read(path)
    facts = _parsed(text, path)
    if precision not in ("auto", facts.precision):
        raise ValueError(f"{path} was exported in {facts.precision}, not in {precision}; leave out --precision")
    network = facts.network(_checked(run, facts, path))
    # The other runtimes compute on the processor.
    return replace(network, in_machine_memory=not (path.is_dir() and _has_gpu()))


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _checked(run: Run, facts: Facts, path: Path) -> Run:
    """Of whatever goes wrong in a runtime a sentence, and no picture of another size."""
    scale, in_8_bits = facts.scale, path.suffix == ".xml" and facts.precision == "int8"

    def checked(pixels: np.ndarray) -> np.ndarray:
        if in_8_bits and facts.is_one_pixel(pixels):
            raise ValueError(f"{path} is wrong for one pixel in int8; give more of them, or the model in float32")
        try:
            sr = run(pixels)
        except Exception as error:
            reason = first_line(error)
            if isinstance(error, MemoryError) or "alloc" in reason.lower():
                raise MemoryError(reason) from error
            raise ValueError(f"{path} cannot compute a picture ({reason})") from error
        expected = (len(pixels), *(scale * side for side in pixels.shape[1:3]), 3)
        if sr.shape != expected:
            raise ValueError(f"{path} makes {sr.shape} of {pixels.shape}, expected {expected} by its scale {scale}")
        return sr

    return checked


def _parsed(text: str | bytes | None, path: Path) -> Facts:
    try:
        facts = Facts(**json.loads(text or ""))
        for name, most in MOST.items():
            number, least = getattr(facts, name), name not in ("halo", "border")
            whole = type(number) is int and least <= number <= most
            if not whole and not (name == "halo" and number is None):
                raise ValueError(f"{name} must be a whole number from {int(least)} to {most}")
        if not isinstance(facts.name, str):
            raise ValueError("the name must be a text")
        return facts
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} does not say its scale and halo, so its pictures cannot be tiled; "
            "give a file that `python -m srzoo export` wrote"
        ) from error


def newest_version(folder: Path) -> Path:
    """The folder of the SavedModel with the highest version below `folder`, or `folder` if it is one itself.

    Raises:
        ValueError: if there is none.
    """
    if (folder / GRAPH).is_file():
        return folder
    versions = [path.parent for path in folder.glob(f"*/{GRAPH}") if path.parent.name.isdecimal()]
    if not versions:
        raise ValueError(
            f"{folder}: no SavedModel; expected saved_model.pb in it, or in a folder below it named by its version"
        )
    return max(versions, key=lambda path: int(path.name))


def _saved_model(folder: Path) -> tuple[bytes | None, Run]:
    import tensorflow as tf

    path = newest_version(folder)
    checksum = path / "assets.extra" / CHECKSUM
    if checksum.is_file() and checksum.read_bytes()[:64].decode("ascii", "replace") != shipped.checksum(path / GRAPH):
        raise ValueError(f"{path / GRAPH} is damaged; export the model again")
    check_operations(path)
    try:
        loaded = tf.saved_model.load(path)
        signature = loaded.signatures["float"]
    except Exception as error:
        raise ValueError(f"{path}: not a SavedModel with a signature 'float' that can be loaded ({error})") from error
    (given,) = signature.structured_input_signature[1]

    # `loaded` is named here because the signature alone does not keep the weights alive.
    def run(pixels: np.ndarray, _alive=loaded) -> np.ndarray:
        (sr,) = signature(**{given: tf.constant(pixels)}).values()
        return sr.numpy()

    facts = path / "assets.extra" / ENTRY
    if not facts.is_file():
        return None, run
    with facts.open("rb") as file:
        return file.read(MAX_FACTS), run


def _litert(path: Path) -> tuple[bytes | None, Run]:
    runtime = require("ai_edge_litert.interpreter", "ai-edge-litert", "a .tflite file")
    try:
        interpreter = runtime.Interpreter(model_path=str(path), num_threads=threads() or os.cpu_count())
        interpreter.allocate_tensors()
        (given,), (returned,) = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:
        raise ValueError(f"{path}: not a LiteRT file that can be loaded ({error})") from error
    allocated: list[tuple[int, ...]] = []

    def run(pixels: np.ndarray) -> np.ndarray:
        if allocated != [pixels.shape]:
            allocated.clear()  # or a failure would leave the size before it
            interpreter.resize_tensor_input(given["index"], pixels.shape, strict=True)
            interpreter.allocate_tensors()
            allocated[:] = [pixels.shape]
        interpreter.set_tensor(given["index"], pixels)
        interpreter.invoke()
        return interpreter.get_tensor(returned["index"])

    try:
        with zipfile.ZipFile(path) as archive, archive.open(ENTRY) as entry:
            return entry.read(MAX_FACTS), run
    except (zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError, EOFError):
        return None, run


def _onnx(path: Path) -> tuple[str | None, Run]:
    runtime = require("onnxruntime", "onnxruntime", "an .onnx file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads() or 0
    try:
        # Without a fallback, of which it tells on stdout; there is no other provider to fall back to.
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        (given,) = session.get_inputs()
        text = session.get_modelmeta().custom_metadata_map.get(KEY)
    except Exception as error:
        raise ValueError(f"{path}: not an ONNX file that can be loaded ({error})") from error

    def run(pixels: np.ndarray) -> np.ndarray:
        (sr,) = session.run(None, {given.name: pixels})
        return sr

    return text, run


def _openvino(path: Path) -> tuple[str | None, Run]:
    require("openvino", "openvino", "a .xml file of OpenVINO")
    from srzoo.runtimes.openvino import EXACT, core, in_threads

    try:
        graph = core().read_model(path)
        request = core().compile_model(graph, "CPU", in_threads(EXACT)).create_infer_request()
    except RuntimeError as error:
        # OpenVINO names places in its code, over several lines.
        raise ValueError(
            f"{path}: not an OpenVINO file that can be loaded; its .bin file must lie beside it"
        ) from error

    def run(pixels: np.ndarray) -> np.ndarray:
        request.infer({0: pixels})
        return request.get_output_tensor(0).data.copy()  # as the next run overwrites it

    return graph.get_rt_info(KEY).astype(str) if graph.has_rt_info(KEY) else None, run


READERS: dict[str, Callable[[Path], tuple[str | bytes | None, Run]]] = {
    ".tflite": _litert,
    ".onnx": _onnx,
    ".xml": _openvino,
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what converters and runtimes say on stderr from C++; shows it if they fail in a way of their own.

    A user who has set `TF_CPP_MIN_LOG_LEVEL` below 2 sees everything.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2") < "2":
        yield
        return
    with speaking, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except (ValueError, OSError):
            raise
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            with contextlib.suppress(OSError):
                os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def check_packages(format: str) -> None:
    """Raises ValueError if a package that an export in that format needs is not installed, and imports none."""
    for module, package in NEEDED.get(format, {}).items():
        if not importlib.util.find_spec(module):
            raise _missing(package, f"the format {format}")


def require(module: str, package: str, purpose: str) -> ModuleType:
    """Imports an optional package; raises ValueError with the command that installs it where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(package, purpose) from error


def _missing(package: str, purpose: str) -> ValueError:
    return ValueError(f"{purpose} needs {package}, which is not installed; run `pip install {package}`")
