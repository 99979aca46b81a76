"""Networks prepared once for OpenVINO and kept in the user's cache folder, to be run without TensorFlow.

TensorFlow takes seconds to import, more than a small picture takes to compute. So the first use of some weights has
it write the network in OpenVINO's format, one folder a precision; later uses read that alone. An entry is keyed by the
SHA-256 of the weights and by srzoo's version, appears whole or not at all, and is checked when it is read.
"""

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srzoo import __version__, shipped
from srzoo.images import unfinished_folder
from srzoo.runtimes import exported, openvino
from srzoo.runtimes.compiled import compile_kept, processor
from srzoo.runtimes.network import Network
from srzoo.runtimes.stages import two_stages

if TYPE_CHECKING:
    import keras

LOGGER = logging.getLogger(__name__)

RUNTIME_PRECISIONS = ("float32", "bfloat16", "int8")

LAYOUT = 4
"""Version of an entry's layout; entries of another version are made again."""

WITHIN = 1.0
"""Grey levels, mean over a picture's pixels, that a precision may be from float32 to be taken by itself."""

CALIBRATION = 10, 64
"""Real crops to find the ranges of int8 on, and their pixels a side, at most: seconds on two cores."""

LEAST_PIECE = 8192
"""LR pixels of a piece of the tail: 80 MB. Smaller ones took an eighth longer for pictures of some 60,000 pixels."""

MANIFEST = "manifest.json"
COMPILED = "compiled"


class CacheError(OSError):
    """The cache folder cannot be used; the message names it and the cause."""


@dataclass(frozen=True)
class Taken:
    """A network that is ready to run, in which precision, and how far that is from float32.

    Attributes:
        network: network for `Upscaler`.
        precision: one of `RUNTIME_PRECISIONS`.
        mean: absolute difference from float32, in grey levels, of the picture where it is the greatest.
    """

    network: Network
    precision: str
    mean: float


def is_available() -> bool:
    """Whether OpenVINO is installed and the cache is on."""
    return cache_folder() is not None and importlib.util.find_spec("openvino") is not None


def has_gpu() -> bool:
    """Whether there seems to be a GPU for TensorFlow. It does not ask TensorFlow, whose import takes seconds."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    return not hidden and Path("/dev/nvidia0").exists()


def cache_folder() -> Path | None:
    """`SRZOO_CACHE`, or `srzoo` in the user's cache folder; None if `SRZOO_CACHE` is empty or `off`."""
    given = os.environ.get("SRZOO_CACHE")
    if given is not None:
        return None if given.lower() in ("", "off") else Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srzoo"
    except RuntimeError:  # a user without a home
        return None


def weights_of(source: str | os.PathLike) -> Path | None:
    """The file of weights that `--model` or `--weights` names, found without a look into it, or None.

    Raises:
        ValueError: if weights that ship are damaged.
    """
    path = Path(source)
    if path.name.endswith((".weights.h5", ".keras")):
        return path if path.is_file() else None
    found = shipped.weights_of_name(str(source))
    return shipped.whole(found) if found else None


class Prepared:
    """Cache entry of one weights file.

    Args:
        weights: a `.weights.h5` or `.keras` file.
        root: the cache folder; default: `cache_folder()`.
    """

    def __init__(self, weights: Path, root: Path | None = None):
        root = root or cache_folder()
        if root is None:
            raise ValueError("the cache is switched off by SRZOO_CACHE; give it a folder")
        key = hashlib.sha256(f"{shipped.checksum(weights)} {__version__} {LAYOUT}".encode()).hexdigest()[:32]
        self.folder = root / "networks" / key
        self._weights = weights.name

    def load(self, precision: str) -> Taken | None:
        """The network in a precision, or in the one that was found the best for this processor (`auto`).

        Returns:
            None if it has to be made first; an entry that is damaged counts as not there.
        """
        if precision == "auto":
            try:
                precision = json.loads(self._choice().read_text("utf-8"))["precision"]
            except (OSError, ValueError, KeyError, TypeError):
                return None
            if precision not in RUNTIME_PRECISIONS:
                return None
        folder = self.folder / precision
        try:
            entry = json.loads((folder / MANIFEST).read_text("utf-8"))
            if any(shipped.checksum(folder / name) != digest for name, digest in entry["sha256"].items()):
                return None
            network = load_network(folder, exported.Facts(**entry["facts"]), int(entry["tail_halo"]))
            return Taken(network, precision, float(entry["mean"]))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None

    def make(self, model: "keras.Model", precision: str, pictures: Sequence[Path] = ()) -> Taken:
        """Writes the network in a precision; for `auto` in all that this processor has, and chooses among them.

        Args:
            model: model with its weights, from `srzoo.load`.
            precision: one of `RUNTIME_PRECISIONS`, or `auto`.
            pictures: pictures that calibrate int8 if scikit-image with its photographs is not installed.

        Raises:
            CacheError: if the folder cannot be written.
            ParityError: if the float32 network is not equal to the model.
            ValueError: if the model has layers that are not known for OpenVINO, or this processor has no
                instructions for the precision.
        """
        from srzoo.runtimes import parity
        from srzoo.runtimes.fold import fold_batch_norm

        check_processor(precision)
        openvino.build(fold_batch_norm(model))  # refuses before anything is promised
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            LOGGER.warning("prepares %s for OpenVINO, once; later calls start at once", self._weights)
            if precision != "auto":
                return self._made(model, precision, pictures)
            found = {"float32": self._made(model, "float32", pictures)}
            for each in RUNTIME_PRECISIONS[1:]:
                if processor_has(each):
                    # One that is too far off is not for this network.
                    with contextlib.suppress(parity.ParityError):
                        found[each] = self._made(model, each, pictures)
            near = {each: taken for each, taken in found.items() if taken.mean <= WITHIN}
            seconds = _seconds({each: taken.network for each, taken in near.items()})
            fastest = min(seconds, key=lambda each: seconds[each])
            self._choice().write_text(json.dumps({"precision": fastest, "seconds": seconds}), "utf-8")
            return found[fastest]
        except OSError as error:
            raise CacheError(f"{self.folder} cannot be written ({error.strerror or error})") from error

    def _choice(self) -> Path:
        # Which precision is the fastest depends on the processor, and a home folder may be shared by several.
        digest = hashlib.sha256(repr(processor()).encode()).hexdigest()[:8]
        return self.folder / f"auto-{digest}.json"

    def _made(self, model: "keras.Model", precision: str, pictures: Sequence[Path]) -> Taken:
        from keras import ops

        from srzoo.runtimes import parity

        def reference(pixels: np.ndarray) -> np.ndarray:
            return ops.convert_to_numpy(model(pixels, training=False))

        with unfinished_folder(self.folder) as temporary:
            written = temporary / precision
            written.mkdir()
            for part, graph in _graphs(model, precision, pictures).items():
                _serialize(graph, written / f"{part}.xml")
            facts, tail_halo = _facts(model, precision)
            network = load_network(written, facts, tail_halo)
            report = parity.measure(reference, network.run, facts.scale)
            parity.check(report, parity.BOUNDS[precision], f"{model.name} for OpenVINO in {precision}")
            mean = max(each.mean for each in report.differences)
            sums = {path.name: shipped.checksum(path) for path in written.iterdir() if path.is_file()}
            entry = {"facts": asdict(facts), "tail_halo": tail_halo, "sha256": sums, "mean": mean}
            (written / MANIFEST).write_text(json.dumps(entry), "utf-8")
            final = self.folder / precision
            shutil.rmtree(final, ignore_errors=True)  # one that is damaged
            # Another process may have been faster; what it wrote is the same.
            with contextlib.suppress(FileExistsError):
                written.rename(final)
        return Taken(network, precision, mean)


def _serialize(graph, path: Path) -> None:
    try:
        openvino.runtime().serialize(graph, path)
    except RuntimeError as error:  # of a stream of C++, which does not tell more
        raise OSError(f"its disk may be full: {error}") from error


def _graphs(model: "keras.Model", precision: str, pictures: Sequence[Path]) -> dict:
    """The network in OpenVINO: its two parts, or the whole if it has none."""
    from srzoo.models.geometry import scale_of, split_at_growth
    from srzoo.runtimes.fold import fold_batch_norm

    folded = fold_batch_norm(model)
    ranges = openvino.ranges_of(folded, calibration(pictures, scale_of(model))) if precision == "int8" else None
    parts = ("body", "tail") if split_at_growth(folded) else ("whole",)
    return {part: openvino.build(folded, ranges, part=part) for part in parts}


def _facts(model: "keras.Model", precision: str) -> tuple[exported.Facts, int]:
    """Facts for tiling, and the tail's reach in LR pixels, 0 without a tail.

    The memory is that of TensorFlow; OpenVINO takes less.
    """
    from srzoo.models.geometry import halo_of, split_at_growth
    from srzoo.runtimes.keras import keras_network

    parts, known = split_at_growth(model), keras_network(model)
    size = known.scale, known.halo, known.bytes_per_pixel
    facts = exported.Facts(known.name, *size, precision, known.alignment, known.border)
    # `split_at_growth` gives no tail without a halo.
    return facts, (parts and halo_of(parts[1])) or 0


def calibration(pictures: Sequence[Path], scale: int) -> list[np.ndarray]:
    """Crops to find the ranges of values on: real ones, and some that go to the extremes.

    The real ones are scikit-image's photographs, brought down to the sharpness of LR, or `pictures` as they are
    where it is not installed. Drawn pictures of hard edges and full colours come with them: what lies beyond the ranges
    is cut off, which on a vivid picture cost 8 dB and with them 0.6.

    Raises:
        ValueError: if there is no real picture.
    """
    from srzoo import bicubic
    from srzoo.runtimes import parity
    from srzoo.runtimes.calibration import calibration_crops, crops_of

    count, side = CALIBRATION
    crops: list[np.ndarray] = []
    try:
        for crop in calibration_crops(None, count, side * scale):
            crops.append(bicubic.downscale(bicubic.crop_to_multiple(crop, scale), scale))
    except FileNotFoundError:
        for path in pictures[:count]:
            # One that cannot be read is reported when its turn comes.
            with contextlib.suppress(ValueError, OSError):
                crops += crops_of(path, max(1, count // len(pictures)), side)
    if not crops:
        raise ValueError("int8 is calibrated on pictures, but none could be read; run `pip install scikit-image`")
    return [*crops, *(parity.drawn(seed, side, side) for seed in range(4))]


def load_network(folder: Path, facts: exported.Facts, tail_halo: int) -> Network:
    """Loads what `Prepared.make` wrote; raises RuntimeError, of OpenVINO, if it is damaged."""
    runners = {path.stem: _runner(path, facts.precision) for path in folder.glob("*.xml")}
    if "whole" in runners:
        return facts.network(lambda values: runners["whole"](values).copy())  # as the next run overwrites them
    return facts.network(two_stages(runners["body"], runners["tail"], facts.scale, tail_halo, LEAST_PIECE))


def _runner(path: Path, precision: str) -> exported.Run:
    """A part of a network; what it gives is overwritten when it runs again."""
    config = openvino.HALF if precision == "bfloat16" else openvino.EXACT
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and int(threads):
        # What other runtimes go by; OpenVINO itself takes all cores.
        config = {**config, "INFERENCE_NUM_THREADS": threads}
    request = compile_kept(path, config, path.parent / COMPILED).create_infer_request()

    def run(values: np.ndarray) -> np.ndarray:
        request.infer({0: np.ascontiguousarray(values)}, share_inputs=True)
        return request.get_output_tensor(0).data

    return run


def processor_has(precision: str) -> bool:
    """Whether the processor has instructions for a precision; only bfloat16 is asked for."""
    return precision != "bfloat16" or "BF16" in processor()[1]


def check_processor(precision: str) -> None:
    """Raises ValueError if the processor has no instructions for a precision."""
    if not processor_has(precision):
        raise ValueError(
            f"this processor ({processor()[0]}) has no instructions for bfloat16; choose --precision float32 or int8"
        )


def _seconds(networks: dict[str, Network]) -> dict[str, float]:
    """The least time of some interleaved runs on a small picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3)).astype(np.float32)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(4 if len(networks) > 1 else 0):
        for name, network in networks.items():
            start = time.perf_counter()
            network.run(pixels)
            taken[name].append(time.perf_counter() - start)
    # The first run allots memory.
    return {name: min(times[1:], default=0.0) for name, times in taken.items()}


def ready(
    source: str | os.PathLike, precision: str, pictures: Sequence[Path], load: Callable[[], "keras.Model"]
) -> Taken | None:
    """Finds or makes the network that runs some weights without TensorFlow.

    Args:
        source: what `srzoo.load` takes, or an exported file.
        precision: one of `RUNTIME_PRECISIONS`, or `auto`.
        pictures: pictures that calibrate int8 if scikit-image is not installed.
        load: gives the model with these weights; called if they are not prepared.

    Returns:
        None if TensorFlow is the one to run it: with a GPU, without OpenVINO or a cache, for exported files, and if the
        source is missing, which loading will report.

    Raises:
        ValueError: if int8 or bfloat16 is asked for and cannot be had.
        CacheError: if the cache cannot be written and int8 or bfloat16 is asked for.
    """
    optional = precision in ("auto", "float32")
    weights = weights_of(source)
    if weights is None:
        if not optional and exported.is_exported(source):
            raise ValueError(f"--precision {precision} is for weights, but {source} was exported in its own precision")
        return None
    if has_gpu() and precision != "int8":
        return None
    if not is_available():
        if optional:
            return None
        exported.require("openvino", "openvino", f"--precision {precision}")
        raise ValueError(f"--precision {precision} needs the cache, but SRZOO_CACHE switches it off; give it a folder")
    try:
        check_processor(precision)
        prepared = Prepared(weights)
        taken = prepared.load(precision) or prepared.make(load(), precision, pictures)
        if precision != "auto" or taken.precision != "int8":
            return taken
        precise = partial(_float32, prepared, load)
        return replace(taken, network=replace(taken.network, precise=precise))
    except (ValueError, CacheError, ImportError) as error:
        if not optional:
            raise
        LOGGER.warning("goes on with TensorFlow: %s", error)
        return None


def _float32(prepared: Prepared, load: Callable[[], "keras.Model"]) -> Network:
    return (prepared.load("float32") or prepared.make(load(), "float32")).network
