"""The page of `srzoo demo` as a Space of the Hugging Face Hub."""

from srzoo.cli import run
from srzoo.cli.demo import main

run(lambda: main(["--host", "0.0.0.0", "--port", "7860", "--no-browser"]))
