"""Upscales pictures with a trained network: `python resolve_image.py img.png`; see `--help`."""

from srzoo.cli import run
from srzoo.cli.resolve import main

if __name__ == "__main__":
    run(main, at_once=True)
