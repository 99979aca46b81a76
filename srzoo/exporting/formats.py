"""A trained network in the formats that other programs read, each measured against the network before it appears."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from srzoo import shipped, zoo
from srzoo.atomic import make_folder, unfinished_folder
from srzoo.backend import require_tensorflow
from srzoo.exporting.litert import LITERT_PRECISIONS, write_litert
from srzoo.exporting.merged import with_merged_tail
from srzoo.exporting.onnx import write_onnx
from srzoo.exporting.openvino import OPENVINO_PRECISIONS, write_openvino
from srzoo.exporting.safetensors import layout_of, write_safetensors
from srzoo.exporting.serving import DEFAULT_MAX_PIXELS, write_saved_model
from srzoo.importing.checkpoints import load_checkpoint
from srzoo.models.registry import entry_of
from srzoo.runtimes import exported, parity
from srzoo.runtimes.calibration import calibration_crops
from srzoo.runtimes.exported import Facts
from srzoo.runtimes.fold import fold_batch_norm
from srzoo.runtimes.network import Run
from srzoo.runtimes.parity import BOUNDS, Bound, Parity
from srzoo.tables import first_line

EXPORT_FORMATS = {
    "saved_model": ("float32",),
    "litert": LITERT_PRECISIONS,
    "onnx": ("float32",),
    "openvino": OPENVINO_PRECISIONS,
    "keras": ("float32",),
    "safetensors": ("float32",),
}
"""Format -> the precisions that it comes in."""

CALIBRATED = ("int8", "int16x8")
"""Precisions whose ranges of values are found on pictures."""

OTHER = "choose another --format or --precision"
SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml", "keras": ".keras", "safetensors": ".safetensors"}


def export(
    model: keras.Model,
    output: Path,
    format: str = "saved_model",
    precision: str = "float32",
    version: int | None = None,
    calibration: Path | None = None,
    bound: Bound | None = None,
    max_pixels: int | None = None,
    layout: str | None = None,
) -> tuple[Path, Parity]:
    """Writes a network in one format, its batch normalisations folded into the convolutions, and checks it.

    What is written appears whole, after it was found to be within its bound, or not at all.

    Args:
        model: model from `srzoo.load`.
        output: a folder, made if it is missing.
        format: a key of `EXPORT_FORMATS`. `saved_model` becomes `<output>/<name>/<version>/`, the others a file
            `<output>/<name>` with the format's suffix; in another precision than float32, its name is in the file's,
            as in `edsr-baseline-x4-int8.tflite`. A file of that name is replaced. `openvino` is two, `.xml` and `.bin`.
        precision: one of the format's.
        version: version of a SavedModel; default: the one after the highest.
        calibration: folder of pictures like those to upscale, for int8 and int16x8; default: scikit-image's
            photographs.
        bound: what the result may differ from `model`; default: the precision's in `srzoo.runtimes.parity.BOUNDS`.
        max_pixels: largest image that a SavedModel accepts; default: `srzoo.exporting.serving.DEFAULT_MAX_PIXELS`.
        layout: program in PyTorch that will read safetensors, as `srzoo.models.entry.Layout.project`; default: the
            first of the model's entry.

    Returns:
        The file or folder, and the differences that were measured.

    Raises:
        ParityError: if the result is over its bound.
        FileExistsError: if that version is there.
        FileNotFoundError: if pictures to calibrate on are missing.
        ValueError: if format, precision and the others do not go together, the model does not upscale, or a package
            that the format needs is not installed.

    Example:
        >>> path, report = export(srzoo.load("edsr-baseline-x4"), Path("exported"), "litert", "int8")
        >>> path.name
        'edsr-baseline-x4-int8.tflite'
    """
    check_request(format, precision, version, calibration, max_pixels, layout)
    exported.check_packages(format)
    theirs = layout_of(model, layout) if format == "safetensors" else None
    crops = calibration_crops(calibration) if precision in CALIBRATED else []
    facts = exported.facts_of(model, format, precision)
    # A `.keras` file is read by srzoo, which knows the border that a network wants by its convolutions.
    folded = fold_batch_norm(model, crop_kernels=format != "keras")
    if format in ("saved_model", "litert", "onnx"):
        folded = with_merged_tail(folded)

    def checked(written: Path) -> Parity:
        try:
            run = _run_of(written, model)
        except ValueError as error:
            reason = str(error).replace(str(written), "the file")[:200]
            raise ValueError(f"{model.name} cannot be had as {format} in {precision}: {reason}; {OTHER}") from error
        report = parity.measure(_keras_run(model), run, facts.scale)
        parity.check(report, bound or BOUNDS[precision], f"{model.name} as {format} in {precision}")
        return report

    if format == "saved_model":
        return _export_saved_model(folded, output, version, max_pixels or DEFAULT_MAX_PIXELS, facts, checked)
    path = output / f"{model.name}{'' if precision == 'float32' else f'-{precision}'}{SUFFIXES[format]}"
    make_folder(output)
    with unfinished_folder(output) as temporary, _named_failure(path):
        written = temporary / path.name
        if theirs:
            write_safetensors(model, written, theirs)
        elif format == "keras":
            folded.save(written)
        else:
            _converted(folded, format, written, precision, crops, facts)
        report = checked(written)
        for each in sorted(temporary.iterdir()):  # of OpenVINO's two the one that is opened comes last
            each.replace(output / each.name)
        return path, report


def _run_of(written: Path, model: keras.Model) -> Run:
    """The network that was written, read again."""
    if written.suffix == SUFFIXES["keras"]:
        return _keras_run(zoo.load(written))
    if written.suffix != SUFFIXES["safetensors"]:
        return exported.load(written).run
    configuration = zoo.configuration_of(model)
    sizes = {**entry_of(configuration.base).published(), **configuration.options}
    return _keras_run(load_checkpoint(written, configuration.base, residual_scaling=sizes.get("residual_scaling")))


@contextlib.contextmanager
def _named_failure(path: Path) -> Iterator[None]:
    """Says of a failed write, of Python's or TensorFlow's, what could not be written."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in ("OSError", "ResourceExhaustedError"):
            raise
        reason = re.sub(r".*; | \[Op:\w+\]$", "", str(getattr(error, "message", error)).splitlines()[0])
        raise OSError(f"{path} cannot be written ({reason}); nothing of it is left") from error


def _converted(
    model: keras.Model, format: str, path: Path, precision: str, crops: list[np.ndarray], facts: Facts
) -> None:
    try:
        with exported.quiet():
            if format == "litert":
                write_litert(model, path, precision, crops, facts)
            elif format == "openvino":
                write_openvino(model, path, precision, crops, facts)
            else:
                write_onnx(model, path, facts)
    except OSError:
        raise
    except Exception as error:
        # Converters raise nearly any exception, with pages of their own code's places.
        raise ValueError(
            f"{model.name} cannot be had as {format} in {precision}: {first_line(error)}; {OTHER}"
        ) from error


def check_request(
    format: str,
    precision: str,
    version: int | None,
    calibration: Path | None,
    max_pixels: int | None,
    layout: str | None,
) -> None:
    """Raises ValueError if these arguments of `export` do not go together."""
    if format not in EXPORT_FORMATS:
        raise ValueError(f"format must be one of {', '.join(EXPORT_FORMATS)}, got {format!r}")
    if format not in ("keras", "safetensors"):
        require_tensorflow(f"export to {format}")
    if precision not in EXPORT_FORMATS[format]:
        known = ", ".join(EXPORT_FORMATS[format])
        raise ValueError(f"the precision of {format} must be one of {known}, got {precision!r}")
    for name, number in (("version", version), ("max_pixels", max_pixels)):
        if number is not None and format != "saved_model":
            raise ValueError(f"{name} {number} was given, but only a saved_model has one, not {format}; leave it out")
        if number is not None and number < 1:
            raise ValueError(f"{name} must be a number above 0, got {number}")
    if calibration is not None and precision not in CALIBRATED:
        raise ValueError(f"calibration pictures were given, but {precision} needs none; choose int8 or leave them out")
    if layout is not None and format != "safetensors":
        raise ValueError(f"layout {layout!r} was given, but only safetensors have one, not {format}; leave it out")


def _export_saved_model(
    model: keras.Model,
    output: Path,
    version: int | None,
    max_pixels: int,
    facts: Facts,
    checked: Callable[[Path], Parity],
) -> tuple[Path, Parity]:
    folder = output / model.name
    if version is None:
        version = 1 + max((int(path.name) for path in folder.glob("*") if path.name.isdecimal()), default=0)
    path = folder / str(version)
    if path.exists():
        raise FileExistsError(f"{path} is there already; choose another version, or none for the next free one")
    make_folder(output)
    # A server that watches the folder loads whatever is called as a number: it must not see one that is not checked.
    with unfinished_folder(output) as temporary, _named_failure(path):
        written = temporary / str(version)
        write_saved_model(model, written, max_pixels, facts=facts)
        (written / "assets.extra" / exported.ENTRY).write_text(exported.to_json(facts), "utf-8")
        checksum = shipped.checksum(written / exported.GRAPH)
        (written / "assets.extra" / exported.CHECKSUM).write_text(checksum, "utf-8")
        report = checked(written)
        folder.mkdir(exist_ok=True)
        written.rename(path)
    return path, report


def _keras_run(model: keras.Model) -> Run:
    return lambda pixels: keras.ops.convert_to_numpy(model(pixels, training=False))
