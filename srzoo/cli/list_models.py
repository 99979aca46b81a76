"""`srzoo list`: the models whose trained weights ship."""

import json
import sys
from dataclasses import asdict

from srzoo import cards
from srzoo.cli import say, show_log
from srzoo.cli.arguments import command
from srzoo.shipped import FOR_CLEAN, list_models
from srzoo.tables import markdown_table

DESCRIPTION = "Lists the models that come with srzoo. --model takes their names, with or without the scale."


def main(argv: list[str] | None = None) -> int:
    """Prints the table, as JSON the same with the metadata of the cards, or how fast one of them is here."""
    ap = command("srzoo list", DESCRIPTION, "docs/models/ has a page for each model.")
    group = ap.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="print JSON, with the metadata of each model's card")
    group.add_argument(
        "--speed",
        nargs="?",
        const=FOR_CLEAN,
        metavar="MODEL",
        help="measure each runtime and precision on this machine, a minute to four; --precision auto then takes the "
        f"fastest that is within a grey level of float32 (default: {FOR_CLEAN})",
    )
    args = ap.parse_args(argv)
    if args.speed:
        return _speed(args.speed)
    if args.json:
        models = [{**asdict(each), "card": cards.metadata(each.name)} for each in list_models()]
        for line in json.dumps(models, indent=1).split("\n"):
            say(line, sys.stdout, is_result=True)
        return 0
    head = ["model", "scale", "MB", "PSNR-Y on Set5", "LPIPS on Set5", "what it is for"]
    rows = [
        [
            each.name,
            f"x{each.scale}",
            f"{each.megabytes:.1f}",
            "" if each.psnr_y is None else f"{each.psnr_y:.2f}",
            "" if each.lpips is None else f"{each.lpips:.3f}",
            each.purpose,
        ]
        for each in list_models()
    ]
    for line in markdown_table(head, rows).split("\n"):
        say(line, sys.stdout, is_result=True)
    return 0


def _speed(source: str) -> int:
    from srzoo import shipped, speed
    from srzoo.runtimes.prepared import weights_of

    weights = weights_of(shipped.locate(source))
    if weights is None:
        raise ValueError(f"--speed measures weights, and {source} are none; give a model's name or a .weights.h5 file")
    show_log()
    found = speed.measure(weights)
    best = next(each for each in found if each.near)
    head = ["runtime", "precision", f"s for {speed.SIDE}x{speed.SIDE}", "grey levels from float32", ""]
    rows = [
        [each.runtime, each.precision, f"{each.seconds:.3f}", f"{each.mean:.2f}", "auto" if each is best else ""]
        for each in found
    ]
    for line in markdown_table(head, rows).split("\n"):
        say(line, sys.stdout, is_result=True)
    return 0
