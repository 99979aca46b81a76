"""`srzoo upload`: puts a preset on a hub of models."""

import argparse
import sys
import tempfile
from pathlib import Path

from srzoo import hub, shipped
from srzoo.cli import say
from srzoo.cli.arguments import command

DESCRIPTION = "Uploads a network and its card to the Hugging Face Hub in one commit. The command needs huggingface_hub."

EPILOG = """The command uses the account of `hf auth login`, or of the token in HF_TOKEN. It uploads a folder of
srzoo.save_preset unchanged, so read its README.md first. From other networks it makes a preset.

examples:
  %(prog)s my-preset hf://user/name
  %(prog)s runs/mine/best.weights.h5 hf://user/name --private
  srzoo resolve photo.jpg --model hf://user/name"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo upload", DESCRIPTION, EPILOG)
    ap.add_argument(
        "model", help="a preset's folder, a run's folder, a .keras or .weights.h5 file, or a model of `srzoo list`"
    )
    ap.add_argument("target", metavar="hf://USER/NAME", help="address on the hub; the command makes it")
    ap.add_argument("--private", action="store_true", help="make the address visible for you alone")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    hub.check_target(args.target)
    shipped.locate(args.model)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(args.model)
        if not hub.is_preset(folder):
            from srzoo import presets, zoo

            folder = Path(made)
            presets.save_preset(zoo.load(args.model), folder)
        say(f"{args.model} -> {hub.upload_preset(args.target, folder, args.private)}", sys.stdout)
    return 0
