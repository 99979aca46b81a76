"""`python -m srzoo degrade`: makes a benchmark of degraded LR from a folder of pictures."""

import argparse
import sys

from srzoo.cli import say
from srzoo.cli.arguments import command, place
from srzoo.cli.progress import over_pictures
from srzoo.degradations.presets import PRESETS

DESCRIPTION = (
    "Writes OUT/HR and OUT/LR from a folder of pictures. Blur, noise and JPEG make LR; the same seed gives the same "
    "LR. `srzoo evaluate` and train.py take OUT."
)

EPILOG = "\n".join(
    [
        "presets:",
        *(f"  {name:<8}{preset.purpose}".replace("%", "%%") for name, preset in PRESETS.items()),
        "",
        "examples:",
        "  %(prog)s Set5/ Set5-real/ --preset real",
        "  python -m srzoo evaluate --model edsr-gan-x4 Set5-real/",
    ]
)


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo degrade", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add("folder", type=place, metavar="FOLDER", help="folder with pictures, or a benchmark's, whose HR is taken")
    add("out", type=place, metavar="OUT", help="new folder for the result")
    add("--preset", default="real", choices=tuple(PRESETS), help="kind of damage (default: real)")
    add("--scale", type=int, default=4, choices=(2, 3, 4, 8), help="size of HR over that of LR (default: 4)")
    add("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    if args.seed < 0:
        raise ValueError(f"--seed must be a whole number of at least 0, got {args.seed}")
    from srzoo.data.layout import find_layout
    from srzoo.degradations.folder import degrade_folder

    layout, _ = find_layout(args.folder, args.scale, "validation")
    count = degrade_folder(layout.hr, args.out, args.preset, args.scale, args.seed, over_pictures)
    say(f"{args.out}: {count} picture(s), {args.preset} at x{args.scale}, seed {args.seed}", sys.stdout)
    return 0
