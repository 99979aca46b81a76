"""`python -m srzoo export`: writes a network in a format for other programs."""

import argparse
import sys

from srzoo import shipped
from srzoo.atomic import check_place
from srzoo.cli import say
from srzoo.cli.arguments import command, place

FORMATS = ("saved_model", "litert", "onnx", "openvino", "keras", "safetensors")

UPSCALE = "to upscale with it: python resolve_image.py photo.jpg --model {}"
NEXT = {
    "saved_model": "to serve it: docs/serving.md",
    **dict.fromkeys(("litert", "onnx", "openvino", "keras"), UPSCALE),
    "safetensors": "to use it in PyTorch: docs/formats.md",
}
"""Format -> what to do with the export."""

DESCRIPTION = "Writes a trained network in a format for other programs, and measures its difference from the original."

EPILOG = """formats:
  saved_model  a folder OUTPUT/<name>/<version>/ for TensorFlow Serving and TensorFlow
  litert       a .tflite file for phones and small boards; needs the package ai-edge-litert
  onnx         a .onnx file for ONNX Runtime and many others; needs onnx, tf2onnx and onnxruntime
  openvino     a .xml and a .bin file for OpenVINO; needs openvino
  keras        a .keras file
  safetensors  the weights under PyTorch's names, for its programs (--layout); not for srresnet and srgan

An export that differs too much from the original fails and leaves no file.

examples:
  %(prog)s edsr-baseline-x4 --output exported
  %(prog)s edsr-baseline-x4 --output exported --format litert --precision int8 --calibration photos/
  %(prog)s runs/mine/best.weights.h5 --output exported --format onnx"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo export", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("model", help="a model of `srzoo list`, the folder of a run or a preset, or a .keras or .weights.h5 file")
    add("-o", "--output", type=place, required=True, help="folder for the export; the command makes it")
    add("--format", choices=FORMATS, default="saved_model", help="format (default: saved_model)")
    add(
        "--precision",
        choices=("float32", "float16", "dynamic", "int8", "int16x8"),
        default="float32",
        help="precision, for litert and openvino. float16 halves the size of the weights; dynamic, for litert, "
        "quarters it; int8 has weights and computation in 8 bits, and is fastest on phones and on processors with "
        "instructions for it; int16x8, for litert, has weights of 8 bits and values of 16, nearer to float32 and "
        "slower (default: float32)",
    )
    add("--version", type=int, help="version of a saved_model (default: the next free one)")
    add("--max-pixels", type=int, help="largest image that a saved_model accepts, in pixels (default: 16 million)")
    add(
        "--calibration",
        type=place,
        metavar="FOLDER",
        help="pictures like those that you want to upscale, for int8 and int16x8 (default: photographs of "
        "scikit-image)",
    )
    add(
        "--layout",
        metavar="PROJECT",
        help="program that will read safetensors: EDSR-PyTorch, BasicSR, mmagic, Real-ESRGAN or ESRGAN (default: the "
        "network's own)",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    check_place(args.output)
    shipped.locate(args.model)
    from srzoo.runtimes import exported

    exported.check_packages(args.format)  # before TensorFlow is imported
    from srzoo import zoo
    from srzoo.exporting import formats
    from srzoo.runtimes import parity

    request = args.format, args.precision, args.version, args.calibration
    formats.check_request(*request, args.max_pixels, args.layout)
    model = zoo.load(args.model)
    say(f"writes {model.name} as {args.format}, and compares its results with the original's", sys.stderr)
    path, report = formats.export(model, args.output, *request, max_pixels=args.max_pixels, layout=args.layout)
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    files += [path.with_suffix(".bin")] * (args.format == "openvino")
    size = sum(each.stat().st_size for each in files)
    summary = f"{path}: {model.name} as {args.format} in {args.precision}, {size / 1e6:.2f} MB"
    for line in (summary, "", *parity.to_text(report).split("\n"), "", NEXT[args.format].format(path)):
        say(line, sys.stdout)
    return 0
