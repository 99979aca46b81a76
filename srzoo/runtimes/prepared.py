"""Networks in OpenVINO's format, kept in the user's cache folder, and run without TensorFlow.

TensorFlow takes seconds to import, more than a small picture takes to compute. A file of weights needs it not even the
first time: the graph is that of its model's entry. A `.keras` file or a preset may hold any network, so Keras reads it,
once. There is a folder a precision; an entry is keyed by the SHA-256 of the weights and by srzoo's version, appears
whole or not at all, and is checked when it is read.
"""

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from srzoo import __version__, hub, shipped
from srzoo.atomic import unfinished_folder
from srzoo.models.geometry import features_of, scale_of
from srzoo.models.graph import Graph
from srzoo.runtimes import exported, openvino
from srzoo.runtimes.compiled import checksum_of, load_network, processor
from srzoo.runtimes.linear_tail import merged_network
from srzoo.runtimes.network import Network, Run
from srzoo.runtimes.stages import staged_facts_of

LOGGER = logging.getLogger(__name__)

RUNTIME_PRECISIONS = ("float32", "bfloat16", "int8")

LAYOUT = 11
"""Of an entry; with another one, entries are made anew."""

WITHIN = 1.0
"""Grey levels, mean over a picture's pixels, that a precision may be from float32 to be taken by itself."""

CALIBRATION = 10, 64
"""Real crops to find the ranges of int8 on, and their pixels a side, at most: seconds on two cores."""

MANIFEST = "manifest.json"


class UnreadableError(ValueError):
    """A file that holds no network, which no other runtime would read either."""


class CacheError(OSError):
    """The cache folder cannot be used; the message names it and the cause."""


@dataclass(frozen=True)
class Taken:
    """A network that is ready to run, in which precision, and how far that is from float32.

    Attributes:
        network: network for `Upscaler`.
        precision: one of `RUNTIME_PRECISIONS`.
        mean: absolute difference from float32, in grey levels, of the picture where it is the greatest.
        runtime: what runs it.
    """

    network: Network
    precision: str
    mean: float
    runtime: str = "OpenVINO"


def is_available() -> bool:
    """Whether OpenVINO is installed and the cache is on."""
    return cache_folder() is not None and importlib.util.find_spec("openvino") is not None


def has_gpu() -> bool:
    """Whether there seems to be a GPU for TensorFlow. It does not ask TensorFlow, whose import takes seconds."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    # A container that was given one of several GPUs may have `nvidia3` alone.
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))


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
    return shipped.verified(found) if found else None


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
        self._weights = weights
        self._checksum = self._found_checksum()
        key = hashlib.sha256(f"{self._checksum} {__version__} {LAYOUT}".encode()).hexdigest()[:32]
        self.folder = root / "networks" / key

    def load(self, precision: str) -> Taken | None:
        """The network in a precision, or in that of `automatic`.

        Returns:
            None if it has to be made first; an entry that is damaged counts as not there.
        """
        precision = self.automatic() if precision == "auto" else precision
        folder = self.folder / precision
        try:
            entry = json.loads((folder / MANIFEST).read_text("utf-8"))
            facts = exported.Facts(**entry["facts"])
            network = load_network(folder, entry["sha256"], facts, int(entry["tail_halo"]))
            return self._taken(network, facts, float(entry["mean"]))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None

    def make(self, precision: str, pictures: Sequence[Path] = ()) -> Taken:
        """Writes the network in a precision.

        Args:
            precision: one of `RUNTIME_PRECISIONS`, or `auto`.
            pictures: to calibrate int8 on if the weights do not ship and scikit-image is not installed.

        Raises:
            CacheError: if the folder cannot be written.
            ParityError: if the network is too far from float32, or a `.keras` file's from the model.
            ValueError: if the file is damaged or has layers that are not known for OpenVINO, or this processor has no
                instructions for the precision.
        """
        precision = self.automatic() if precision == "auto" else precision
        check_processor(precision)
        graph, arrays, reference = self._read()
        if self._found_checksum() != self._checksum:  # as a training may write a better one
            raise ValueError(f"{self._weights} changed while it was read; run the same command again")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._made(graph, arrays, reference, precision, pictures)
        except OSError as error:
            raise CacheError(f"{self.folder} cannot be written ({error.strerror or error})") from error

    def automatic(self) -> str:
        """The precision that was measured to be the best on this processor, or else int8 for weights that ship with it.

        8 bits were the fastest on every processor that was measured, but how far they are from float32 takes seconds to
        find out, so of other weights it is only known once they are measured (`srzoo list --speed`).
        """
        measured = self.measured()
        if measured.get("runtime") == "OpenVINO" and measured["precision"] in RUNTIME_PRECISIONS:
            return measured["precision"]
        return "int8" if self._checksum in shipped.checksums().values() else "float32"

    def measured(self) -> dict[str, Any]:
        """What `srzoo.speed.measure` found to be the best on this processor; empty if it did not measure."""
        try:
            found = json.loads(self.choice.read_text("utf-8"))
            return {"runtime": str(found["runtime"]), "precision": str(found["precision"]), **found}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def chosen_export(self) -> Taken | None:
        """The network of another runtime, if that was measured to be the best and its file is whole."""
        found = self.measured()
        try:
            path = self.folder / found["file"]
            if shipped.checksum(path) != found["sha256"]:
                return None
            return Taken(exported.load(path), found["precision"], float(found["mean"]), found["runtime"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def choice(self) -> Path:
        """The file of what was measured on this processor by this OpenVINO; a home folder may be shared by several."""
        about = processor(), os.cpu_count(), openvino.runtime().get_version()
        digest = hashlib.sha256(repr(about).encode()).hexdigest()[:8]
        return self.folder / f"auto-{digest}.json"

    def _found_checksum(self) -> str:
        return " ".join(map(shipped.checksum, shipped.files_of(self._weights)))

    def _read(self) -> tuple[Graph, openvino.Arrays, Run | None]:
        """The network, and if Keras had to read it how that computes it; raises UnreadableError if there is none."""
        own = hub.is_preset(self._weights.parent) and self._weights.name == hub.WEIGHTS
        try:
            if self._weights.name.endswith(".weights.h5") and not own:
                from srzoo import stored  # which imports h5py

                return *stored.read(self._weights), None
            from keras import ops

            from srzoo import zoo
            from srzoo.models.keras_graph import arrays_of, from_keras

            model = zoo.load(self._weights)
        except ValueError as error:
            raise UnreadableError(str(error)) from error
        graph, arrays = from_keras(model), arrays_of(model)
        openvino.build(graph, arrays)  # refuses before anything is promised
        LOGGER.warning("prepares %s for OpenVINO, once; later calls start at once", self._weights.name)
        return graph, arrays, lambda pixels: ops.convert_to_numpy(model(pixels, training=False))

    def _made(
        self, graph: Graph, arrays: openvino.Arrays, reference, precision: str, pictures: Sequence[Path]
    ) -> Taken:
        ranges, mean = None, 0.0
        known = shipped_ranges(self._checksum) if precision == "int8" else None
        if known:
            ranges, mean = openvino.ranges_by_name(graph, known[0]), known[1]
        elif precision == "int8":
            LOGGER.warning("finds the ranges of %s for 8 bits, once; later calls start at once", self._weights.name)
            ranges = openvino.ranges_of(graph, arrays, calibration(pictures, scale_of(graph)))
        with unfinished_folder(self.folder) as temporary:
            written = temporary / precision
            written.mkdir()
            merged = merged_network(graph, arrays)
            parts = ("framed" if merged else "body", "tail") if features_of(graph) else ("whole",)
            for part in parts:
                network_of_part = merged if merged and part == "framed" else (graph, arrays)
                _serialize(openvino.build(*network_of_part, ranges, part=part), written / f"{part}.xml")
            facts, tail_halo = staged_facts_of(graph, precision, in_openvino=True)
            sums = {part: checksum_of(written / f"{part}.xml") for part in parts}
            network = load_network(written, sums, facts, tail_halo)
            if not known and (reference or precision != "float32"):
                mean = self._difference(network, reference or self.float32().run, precision)
            entry = {"facts": asdict(facts), "tail_halo": tail_halo, "sha256": sums, "mean": mean}
            (written / MANIFEST).write_text(json.dumps(entry), "utf-8")
            final = self.folder / precision
            shutil.rmtree(final, ignore_errors=True)  # one that is damaged
            # Another process may have been faster; what it wrote is the same, and the network here is loaded.
            with contextlib.suppress(OSError):
                written.rename(final)
        return self._taken(network, facts, mean)

    def _taken(self, network: Network, facts: exported.Facts, mean: float) -> Taken:
        def call(run: Run, pixels: np.ndarray, *inside) -> np.ndarray:
            return self.float32().run(pixels) if facts.is_one_pixel(pixels) else run(pixels, *inside)

        return Taken(network if facts.precision == "float32" else network.wrapped_by(call), facts.precision, mean)

    def _difference(self, network: Network, reference: Run, precision: str) -> float:
        from srzoo.runtimes import parity

        report = parity.measure(reference, network.run, network.scale)
        parity.check(report, parity.BOUNDS[precision], f"{network.name} for OpenVINO in {precision}")
        return max(each.mean for each in report.differences)

    def float32(self) -> Network:
        """The network in float32."""
        return (self.load("float32") or self.make("float32")).network


def _serialize(model, path: Path) -> None:
    try:
        openvino.runtime().serialize(model, path)
    except RuntimeError as error:  # of a stream of C++, which does not tell more
        raise OSError(f"its disk may be full: {error}") from error


def shipped_ranges(checksum: str) -> tuple[np.ndarray, float] | None:
    """What comes with weights that ship, found by their SHA-256.

    Returns:
        The ranges of 8 bits as (2, channels), for `openvino.ranges_by_name`; and the mean absolute difference from
        float32 in grey levels, of the picture where it is the greatest. None for other weights.
    """
    with np.load(shipped.verified(shipped.RANGES), allow_pickle=False) as known:
        if checksum not in known:
            return None
        return known[checksum].astype(np.float32), float(known[f"{checksum} mean"])


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


def processor_has(precision: str) -> bool:
    """Whether the processor has instructions for a precision; only bfloat16 is asked for."""
    return precision != "bfloat16" or "BF16" in processor()[1]


def check_processor(precision: str) -> None:
    """Raises ValueError if the processor has no instructions for a precision."""
    if not processor_has(precision):
        raise ValueError(
            f"this processor ({processor()[0]}) has no instructions for bfloat16; choose --precision float32 or int8"
        )


def ready(source: str | os.PathLike, precision: str, pictures: Sequence[Path]) -> Taken | None:
    """Finds or makes the network that runs some weights in OpenVINO.

    Args:
        source: what `srzoo.load` takes, or an exported file.
        precision: one of `RUNTIME_PRECISIONS`, or `auto`.
        pictures: to calibrate on if scikit-image is not installed.

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
        automatic = precision == "auto"
        if automatic and prepared.measured().get("runtime") == "TensorFlow":
            return None
        taken = prepared.chosen_export() if automatic else None
        taken = taken or prepared.load(precision) or prepared.make(precision, pictures)
        if precision != "auto" or taken.precision != "int8":
            return taken
        return replace(taken, network=replace(taken.network, precise=prepared.float32))
    except (ValueError, CacheError, ImportError) as error:
        if not optional or isinstance(error, UnreadableError):
            raise
        LOGGER.warning("goes on with TensorFlow: %s", str(error).partition("\n")[0])  # Keras shows the pixels below
        return None
