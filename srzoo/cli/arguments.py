"""What the commands that upscale pictures have in common."""

import argparse
import math
import re
from pathlib import Path

FORMAT_NAMES = ("png", "jpeg", "webp", "tiff", "gif", "bmp", "avif", "heif", "jpeg2000")
PRECISION_NAMES = ("auto", "float32", "bfloat16", "int8")


def command(prog: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """The parser of a command, whose texts keep their lines."""
    formatter = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=prog, description=description, epilog=epilog, formatter_class=formatter)


def weights_file(text: str) -> Path:
    if not text.endswith(".weights.h5"):
        raise argparse.ArgumentTypeError(f"expected a file ending in .weights.h5, got {text!r}; see also --model")
    return Path(text)


def fidelity(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return number


def pixels(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)", text.strip(), re.IGNORECASE)
    number = int(float(match[1]) * {"K": 1e3, "M": 1e6, "G": 1e9, "": 1}[match[2].upper()]) if match else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of pixels such as 400M or 2.5G, got {text!r}")
    return number


def size_in_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG]?)B?", text.strip(), re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 800MB or 1.5GB, got {text!r}")
    return int(float(match[1]) * {"M": 1e6, "G": 1e9, "": 1e9}[match[2].upper()])
