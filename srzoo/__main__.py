"""`python -m srzoo <command>`."""

import importlib
import sys
from difflib import get_close_matches

from srzoo import __version__
from srzoo.cli import run

COMMANDS = {
    "batch": ("srzoo.cli.batch", "upscales archives of pictures with Apache Beam"),
    "compare": ("srzoo.cli.compare", "compares models on one web page"),
    "degrade": ("srzoo.cli.degrade", "makes pairs of HR and degraded LR from pictures"),
    "demo": ("srzoo.cli.demo", "opens a web page to try networks on your pictures"),
    "evaluate": ("srzoo.cli.evaluate", "measures a network on benchmark folders"),
    "export": ("srzoo.cli.export", "writes a model for TF Serving, LiteRT or ONNX"),
    "import": ("srzoo.cli.import_weights", "reads PyTorch checkpoints of other projects"),
    "list": ("srzoo.cli.list_models", "lists the models that come with srzoo"),
    "mos": ("srzoo.cli.mos", "takes a mean opinion score: a page for raters, and a report"),
    "resolve": ("srzoo.cli.resolve", "upscales pictures, as resolve_image.py does"),
    "train": ("srzoo.cli.train", "trains a network, as train.py does"),
    "upload": ("srzoo.cli.upload", "puts a network and its card on the Hugging Face Hub"),
}


def usage() -> str:
    lines = [f"  {name:<10}{purpose}" for name, (_, purpose) in COMMANDS.items()]
    program = "python -m srzoo" if sys.argv[0].endswith("__main__.py") else "srzoo"
    return "\n".join([f"usage: {program} <command> [arguments]; each has --help", "", "commands:", *lines])


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [arguments[1], "--help"]
    if arguments[:1] in (["-h"], ["--help"], ["help"]):
        print(usage())
    elif arguments[:1] == ["--version"]:
        print(f"srzoo {__version__}")
    elif not arguments or arguments[0] not in COMMANDS:
        given = f"unknown command {arguments[0]!r}" if arguments else "no command given"
        close = get_close_matches(arguments[0], COMMANDS, 1) if arguments else []
        given += f"; did you mean {close[0]!r}?" if close else ""
        print(f"error: {given}\n\n{usage()}", file=sys.stderr)
        sys.exit(2)
    else:
        # Only the command's own module is imported, so that the others' imports cost nothing.
        module = importlib.import_module(COMMANDS[arguments[0]][0])
        run(lambda: module.main(arguments[1:]), at_once=arguments[0] == "resolve")


if __name__ == "__main__":
    main()
