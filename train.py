"""Trains a super-resolution network: `python train.py <dataset>`; see `--help`."""

from srzoo.cli import run
from srzoo.cli.train import main

if __name__ == "__main__":
    run(main)
