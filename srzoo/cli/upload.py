"""`srzoo upload`: puts a preset on a hub of models."""

import argparse
import sys
import tempfile
from pathlib import Path

from srzoo import hub, shipped
from srzoo.cli import say
from srzoo.cli.arguments import command

DESCRIPTION = (
    "Uploads a network and its card to the Hugging Face Hub, in one commit; needs the package huggingface_hub."
)

EPILOG = """The user is the one of `hf auth login`, or of the token in HF_TOKEN. A folder that srzoo.save_preset wrote
goes up as it is, so look at its README.md first; of other networks a preset is made.

examples:
  %(prog)s my-preset hf://user/name
  %(prog)s runs/mine/best.weights.h5 hf://user/name --private
  srzoo resolve photo.jpg --model hf://user/name"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo upload", DESCRIPTION, EPILOG)
    ap.add_argument(
        "model", help="a preset's folder, a run's folder, a .keras or .weights.h5 file, or a model of `srzoo list`"
    )
    ap.add_argument("target", metavar="hf://USER/NAME", help="made if it is not there")
    ap.add_argument("--private", action="store_true", help="if it is made: for you alone")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    hub.check_target(args.target)
    shipped.found(args.model)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(args.model)
        if not hub.is_preset(folder):
            from srzoo import presets, zoo

            folder = Path(made)
            presets.save_preset(zoo.load(args.model), folder)
        say(f"{args.model} -> {hub.upload_preset(args.target, folder, args.private)}", sys.stdout)
    return 0
