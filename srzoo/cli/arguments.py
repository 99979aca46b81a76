"""Arguments that the commands for upscaling share."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Union

from srzoo import shipped
from srzoo.tables import printable

if TYPE_CHECKING:
    from srzoo.metrics.lpips import Lpips
    from srzoo.upscaling.sizes import Size

FORMAT_NAMES = ("png", "jpeg", "webp", "tiff", "gif", "bmp", "avif", "heif", "jpeg2000")
ALSO_CALLED = {"jpg": "jpeg", "tif": "tiff", "apng": "png", "heic": "heif", "jp2": "jpeg2000"}


class _Parser(argparse.ArgumentParser):
    """Suggests a similar flag for an unknown one."""

    def error(self, message: str):
        _, unknown, words = message.partition("unrecognized arguments: ")
        flags = [flag[2:] for action in self._actions for flag in action.option_strings if flag.startswith("--")]
        for word in words.split() if unknown else ():
            close = get_close_matches(word.split("=")[0].lstrip("-"), flags, 1)
            message += f"; did you mean --{close[0]}?" if word.startswith("-") and close else ""
        super().error(printable(message))


def command(prog: str, description: str, epilog: str, **options) -> argparse.ArgumentParser:
    """A command's parser. Its texts keep their lines, and `%(prog)s` in them is the command as the user typed it.

    Args:
        prog: name such as `srzoo resolve`.
        description, epilog, options: arguments of `argparse.ArgumentParser`.
    """
    typed = Path(sys.argv[0]).name
    if typed in ("resolve_image.py", "train.py"):
        prog = f"python {typed}"
    elif typed == "__main__.py":
        prog = f"python -m {prog}"
    texts = {"description": description, "epilog": epilog, "formatter_class": argparse.RawDescriptionHelpFormatter}
    return _Parser(prog=prog, **texts, **options)  # type: ignore[arg-type]


def format_name(text: str) -> str:
    return ALSO_CALLED.get(text.lower(), text.lower())


def named(text: str) -> str:
    """A name or a path; a variable of the shell that is not set must not mean the default."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name or a path, got an empty text")
    return text


def place(text: str) -> Path:
    return Path(named(text))


def name_part(text: str) -> str:
    if Path(f"_{text}").name != f"_{text}":
        raise argparse.ArgumentTypeError(f"expected a part of a file's name, without folders, got {text!r}")
    return text


def whole(least: int, most: float = math.inf) -> Callable[[str], int]:
    """A type for argparse: a whole number in a range."""

    def read(text: str) -> int:
        if not text.isdigit() or not least <= int(text) <= most:
            upto = f" from {least} to {most}" if most < math.inf else f" of at least {least}"
            raise argparse.ArgumentTypeError(f"expected a whole number{upto}, got {text!r}")
        return int(text)

    return read


def weights_file(text: str) -> str:
    if not text.endswith(".weights.h5"):
        raise argparse.ArgumentTypeError(f"expected a file ending in .weights.h5, got {text!r}; see also --model")
    return text


def share(text: str) -> float:
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


def add_network(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for a network, and for what it may take; `check_network` looks at them together."""
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "-m",
        "--model",
        type=named,
        default="edsr-baseline",
        help="a model of `srzoo list`, the folder of a run or a preset, hf://user/name, a .keras or .weights.h5 file, "
        "or an export of `srzoo export`: a .tflite, .onnx or .xml file, or the folder of a SavedModel. auto takes "
        "edsr-real for pictures that look damaged, and edsr-baseline for others (default: edsr-baseline)",
    )
    which.add_argument("--weights", type=weights_file, help="a .weights.h5 file, such as train.py writes")
    which.add_argument(
        "--restore",
        type=share,
        help="how much damage (noise, JPEG, blur) to remove, from 0 to 1. 0 uses edsr-baseline, 1 uses edsr-real; "
        "values between them mix the results of both",
    )
    add(
        "--fidelity",
        type=share,
        help="for a model of GAN training (edsr-gan, edsr-real, srgan), from 0 to 1. 0 uses the model as it is, 1 uses "
        "the same network trained on pixels alone; a higher number invents less detail",
    )
    add(
        "--pixel-weights",
        type=named,
        help="the network trained on pixels, for --fidelity: a name of `srzoo list`, the folder of a run or a preset, "
        "a .keras or .weights.h5 file (default: the one that ships)",
    )
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16", "int8"),
        default="auto",
        help="precision of the network. auto takes the fastest that is within one grey level of float32 on average "
        "(default: auto)",
    )
    add(
        "--memory",
        type=size_in_bytes,
        help="memory that the network may use for a tile, such as 800MB or 1.5GiB; a number alone is GB (default: 2GB)",
    )
    add(
        "--max-pixels",
        type=pixels,
        help="largest number of pixels of a picture (width times height), such as 400M; a larger picture may be a "
        "decompression bomb (default: 400M)",
    )


def check_network(args: argparse.Namespace) -> list[str]:
    """The dials that are set, in words; raises ValueError for flags of `add_network` that contradict each other."""
    if args.pixel_weights and args.fidelity is None:
        raise ValueError(
            f"--pixel-weights {args.pixel_weights} has no use without --fidelity; give a number from 0 to 1"
        )
    if args.fidelity is not None and (args.model == shipped.AUTO or args.restore is not None):
        raise ValueError("--fidelity is for one model of GAN training; name it by --model, and leave out --restore")
    dials = {"fidelity": args.fidelity, "restore": args.restore}
    return [f"{dial} {share:g}" for dial, share in dials.items() if share is not None]


def check_compared(sources: Sequence[str]) -> None:
    """Raises FileNotFoundError for a model of `srzoo.viewing.methods.load_methods` that there is not."""
    for source in sources:
        model = source if Path(source).exists() else source.partition("=")[2] or source
        if model != "bicubic":
            shipped.locate(model)


def add_lpips(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for LPIPS; `lpips_of` reads them."""
    add = partial(parser.add_argument, type=place, metavar="FILE")
    add("--lpips", help="file of LPIPS's weights, which `srzoo import lpips` makes; adds LPIPS")
    add("--lpips-backbone", help="file of torchvision's VGG16 weights, if the file of --lpips holds only the heads")


def lpips_of(args: argparse.Namespace) -> Union["Lpips", None]:
    """LPIPS, if it is asked for; raises ValueError for flags that contradict each other."""
    if args.lpips_backbone and not args.lpips:
        raise ValueError("--lpips-backbone was given without --lpips: give the file of the heads as --lpips FILE")
    from srzoo.metrics import lpips  # NumPy, which `--help` need not wait for

    return lpips.load(args.lpips, args.lpips_backbone) if args.lpips else None


def add_size(parser: argparse.ArgumentParser) -> None:
    """Adds the flags for a size; `size_of` reads them."""
    add = parser.add_argument_group("size of the results (default: the model's scale)").add_argument
    add("-s", "--scale", type=_scale, help="factor on width and height, such as 2, 3 or 1.5, up to 16")
    add(
        "--size",
        type=_sides,
        metavar="WxH",
        help="width and height in pixels, such as 3840x2160, in the picture's aspect ratio",
    )
    add("--width", type=whole(1), help="width in pixels; the height follows")
    add("--height", type=whole(1), help="height in pixels; the width follows")
    add("--fit", action="store_true", help="take the largest size that fits into --size")


def size_of(args: argparse.Namespace) -> Union["Size", None]:
    """The size that is asked for, or None; raises ValueError for flags that contradict each other."""
    if args.size and (args.width or args.height):
        raise ValueError("--size says width and height; leave out --width and --height")
    from srzoo.upscaling.sizes import Size  # NumPy, which `--help` need not wait for

    width, height = args.size or (args.width, args.height)
    return Size(args.scale, width, height, args.fit) if any((args.scale, width, height, args.fit)) else None


def _scale(text: str) -> float:
    match = re.fullmatch(r"x?(\d+(?:\.\d+)?)x?", text.strip(), re.IGNORECASE)
    number = float(match[1]) if match else 0.0
    if not 1 <= number <= 16:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 16, got {text!r}")
    return number


def _sides(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)[xX×]([1-9]\d*)", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"expected width and height such as 3840x2160, got {text!r}")
    return int(match[1]), int(match[2])


def size_in_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([KMG])(i?))?B?", text.strip(), re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 800MB or 1.5GB, got {text!r}")
    power = {"K": 1, "M": 2, "G": 3}[(match[2] or "G").upper()]
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)
