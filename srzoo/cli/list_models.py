"""`srzoo list`: the models whose trained weights ship."""

import json
import sys
from dataclasses import asdict

from srzoo import cards
from srzoo.cli import say
from srzoo.cli.arguments import command
from srzoo.shipped import list_models
from srzoo.tables import markdown_table

DESCRIPTION = "Lists the models that come with srzoo. --model takes their names, with or without the scale."


def main(argv: list[str] | None = None) -> int:
    """Prints the table, or as JSON the same with the metadata of the cards."""
    ap = command("srzoo list", DESCRIPTION, "docs/models/ has a page for each model.")
    ap.add_argument("--json", action="store_true", help="print JSON, with the metadata of each model's card")
    if ap.parse_args(argv).json:
        models = [{**asdict(each), "card": cards.metadata(each.name)} for each in list_models()]
        for line in json.dumps(models, indent=1).split("\n"):
            say(line, sys.stdout)
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
        say(line, sys.stdout)
    return 0
