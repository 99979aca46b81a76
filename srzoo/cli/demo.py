"""`python -m srzoo demo`: a web page to try networks on your own pictures."""

import argparse

from srzoo import shipped
from srzoo.cli.arguments import command

DESCRIPTION = (
    "Serves a web page on this machine: drop pictures, choose a model, compare before and after, download. The command "
    "needs Gradio: pip install '.[demo]'."
)

EPILOG = """examples:
  %(prog)s
  %(prog)s --models edsr-gan-x4 runs/mine/best.weights.h5 --port 8000
  %(prog)s --host 0.0.0.0 --no-browser    everyone who reaches this machine can use it, without a password
  %(prog)s --allow-host sr.example.org    behind a server on this machine that passes that name on"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo demo", DESCRIPTION, EPILOG)
    add = ap.add_argument
    add(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="names of `srzoo list`, auto, or files (default: auto and all models that ship)",
    )
    add("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this machine alone)")
    add(
        "--allow-host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="host names that browsers may use besides localhost, if only this machine has access",
    )
    add("--port", type=int, help="port to listen at (default: the first free one from 7860 on)")
    add(
        "--max-megapixels",
        type=float,
        default=16.0,
        help="largest picture before upscaling, in millions of pixels (default: 16)",
    )
    add("--max-pictures", type=int, default=8, help="largest number of pictures of one person at a time (default: 8)")
    add("--queue", type=int, default=8, help="requests that may wait; the server computes one at a time (default: 8)")
    add("--no-browser", action="store_true", help="do not open a browser")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    for name in ("max_megapixels", "max_pictures", "queue"):
        if not 0 < getattr(args, name) < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(args, name)}")
    if args.port is not None and not 0 < args.port < 65536:
        raise ValueError(f"--port must be from 1 to 65535, got {args.port}")
    for model in args.models or ():
        if model != shipped.AUTO:
            shipped.locate(model)
    from srzoo.viewing.demo import serve
    from srzoo.viewing.uploads import Limits

    limits = Limits(int(args.max_megapixels * 1e6), args.max_pictures, waiting=args.queue)
    serve(args.models or (), args.host, args.port, limits, not args.no_browser, args.allow_host)
    return 0
