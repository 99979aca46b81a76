"""`python -m srzoo batch`: upscales archives of pictures with Apache Beam."""

import argparse
import importlib.util
import sys
from pathlib import Path

from srzoo import names, shipped
from srzoo.atomic import check_place
from srzoo.cli import say, show_log
from srzoo.cli.arguments import (
    FORMAT_NAMES,
    add_network,
    add_size,
    check_network,
    command,
    format_name,
    pixels,
    size_of,
)

DESCRIPTION = """Upscales the pictures that match a pattern, on any file system of Apache Beam (this machine, gs://, s3://,
hdfs://), and keeps all that they hold. Workers of this machine or of a cluster do the work. The command skips finished
pictures, and lists bad ones in OUTPUT_DIR/failed.jsonl. Options that are not listed here are Beam's. docs/batch.md
describes all. The command needs Apache Beam: pip install '.[beam]'."""

EPILOG = """examples:
  %(prog)s 'photos/**.jpg' large/
  %(prog)s photos/ large/ --workers 4 --format png
  %(prog)s 'gs://archive/scans/**' gs://archive/large --runner DataflowRunner --project mine \\
    --region europe-west4 --temp_location gs://archive/tmp --sdk_container_image example/srzoo:1"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo batch", DESCRIPTION, EPILOG, allow_abbrev=False)
    add = ap.add_argument
    add(
        "pattern",
        metavar="INPUT_PATTERN",
        help="pattern such as 'photos/**.jpg' (* within a folder, ** also below), a file, or a folder (all pictures "
        "below it)",
    )
    add("output", metavar="OUTPUT_DIR", help="folder for the results, with the inputs' sub-folders")
    add_network(ap)
    add_size(ap)
    add("--format", type=format_name, choices=FORMAT_NAMES, help="format of the results (default: each input's)")
    add(
        "--unit-pixels",
        type=pixels,
        default=1_000_000,
        help="size of a work unit; larger pictures are cut into units, and any worker upscales a unit (default: 1M)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace any file that is there; if several inputs have one result, take the last input. "
        "Otherwise all of these fail",
    )
    add("--workers", type=int, default=1, help="processes on this machine (default: 1); not with --runner")
    add(
        "--stall-seconds",
        type=float,
        help="seconds without progress after which --workers start again (default: 900)",
    )
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, or 1 if some pictures failed or the pipeline did not come to its end.

    Raises:
        ValueError, OSError: for bad arguments, before anything is written.
    """
    args, rest = parser().parse_known_args(argv)
    if importlib.util.find_spec("apache_beam") is None:
        raise ValueError("srzoo batch needs Apache Beam; run `pip install '.[beam]'`")
    if args.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {args.workers}")
    if args.stall_seconds is not None and args.stall_seconds <= 0:
        raise ValueError(f"--stall-seconds must be above 0, got {args.stall_seconds:g}")
    if args.stall_seconds is not None and args.workers == 1:
        raise ValueError("--stall-seconds is of --workers on this machine; give --workers 2 or more, or leave it out")
    dials = check_network(args)
    from srzoo.archive import running, storage, worker  # before Beam, whose warnings it holds back
    from srzoo.archive.records import ArchiveSettings, Chosen
    from srzoo.images import MAX_PIXELS
    from srzoo.pictures.formats import QUALITY
    from srzoo.runtimes.choice import Choice
    from srzoo.runtimes.tiles import least_area
    from srzoo.upscaling.sizes import Size
    from srzoo.upscaling.upscaler import DEFAULT_MEMORY

    workers = running.local_workers(rest, args.workers)
    output = storage.absolute(args.output)
    if storage.is_local(output):
        check_place(Path(args.output))
    if output.encode("utf-8", "replace").decode() != output:
        raise ValueError("OUTPUT_DIR's name is not UTF-8, which Beam takes alone; give another folder")
    pattern, prefix, by_ending = running.check_inputs(args.pattern, output)
    size = size_of(args)
    automatic, damaged = args.model == shipped.AUTO, args.restore is not None
    asked = [shipped.FOR_CLEAN] * automatic + [shipped.FOR_DAMAGED] * (automatic or damaged) or [args.model]
    factor = size.scale if size and size.scale else names.DEFAULT_SCALE
    sources = [args.weights] if args.weights else [shipped.nearest(each, factor) for each in asked]
    choices = [Choice(each, args.precision, args.fidelity, args.pixel_weights, args.restore) for each in sources]
    memory, shared = args.memory or DEFAULT_MEMORY, worker.Shared()
    show_log()
    loads = shared.acquire(lambda: worker.load_all(choices, memory))
    networks = tuple(
        Chosen(choice, each.network.scale, each.network.halo, each.network.alignment)
        for choice, each in zip(choices, loads)
    )
    least = max(1 if each.halo is None else least_area(each.halo, each.alignment) for each in networks)
    if args.unit_pixels < least:
        raise ValueError(f"--unit-pixels must be at least {least}, a pixel and its halo; got {args.unit_pixels}")
    size = size or Size(networks[0].scale)
    weights = [
        each if storage.must_fetch(each) else shipped.content_of(each)
        for each in (sources[0], args.pixel_weights)
        if each
    ]
    # Of a size in pixels `srzoo resolve` takes the nearest networks, whose results these are not.
    by_name = [shipped.AUTO] if automatic and size.scale else map(shipped.absolute_source, sources)
    made_by = [" or ".join(by_name), str(size), *dials]
    settings = ArchiveSettings(
        pattern,
        prefix,
        by_ending,
        output,
        running.new_scratch(output),
        networks,
        ", ".join(made_by),
        f"{args.precision} {QUALITY} {weights}",
        size,
        args.format,
        memory,
        args.max_pixels or MAX_PIXELS,
        args.unit_pixels,
        args.overwrite,
    )
    try:
        report = running.run(settings, rest, shared, workers, args.stall_seconds or running.STALL_SECONDS)
    except running.PipelineError as error:
        say(f"error: {error}", sys.stderr)
        return 1
    for note, count in report.notes.items():
        say(f"note: of {count}: {note}", sys.stderr)
    left = f", {report.already_there} already there" if report.already_there else ""
    failed = f", {report.failed} failed ({output}/{running.FAILED})" if report.failed else ""
    say(f"{report.upscaled} of {report.images} images upscaled to {args.output}{left}{failed}", sys.stdout)
    rate = (
        f"{report.megapixels_out:.1f} megapixels in {report.seconds:.1f} s, {report.megapixels_per_second:.2f} a second"
    )
    say(f"{rate}; the network took {report.inference_seconds:.1f} s", sys.stdout)
    return 1 if report.failed else 0
