"""`python -m srzoo mos`: makes a study of opinions, and reports its answers."""

import argparse
import sys
from pathlib import Path

from srzoo.cli import say
from srzoo.cli.arguments import check_compared, command, place
from srzoo.cli.progress import over_pictures
from srzoo.tables import counted, duration

DESCRIPTION = "Takes a mean opinion score: makes a web page where people rate pictures, and reports their answers."

EPILOG = """examples:
  %(prog)s create --models bicubic edsr-baseline-x4 edsr-gan-x4 BSD100/ --output study/
  (give study/study.html to the raters, keep study/key.json, collect their answers)
  %(prog)s report study/ answers/*.json"""


def parser() -> argparse.ArgumentParser:
    ap = command("srzoo mos", DESCRIPTION, EPILOG)
    commands = ap.add_subparsers(dest="command", required=True, metavar="{create,report}")
    _add_create(commands.add_parser("create", help="makes a study", description="Makes a study of opinions."))
    _add_report(commands.add_parser("report", help="reports on answers", description="Reports on a study's answers."))
    return ap


def _add_create(ap: argparse.ArgumentParser) -> None:
    add = ap.add_argument
    add("folder", nargs="?", type=place, metavar="FOLDER", help="folder with HR pictures, or with HR/ and maybe LR_x4/")
    add(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="bicubic, names of `srzoo list`, or files of weights or models; LABEL=MODEL gives a model another name",
    )
    add("-o", "--output", type=place, required=True, help="new folder for the study")
    add("--scale", type=int, choices=(2, 3, 4, 8), help="scale of bicubic, without other models (default: 4)")
    add("--crop", type=int, default=320, help="largest side that the page shows, in HR pixels (default: 320)")
    add(
        "--pictures",
        type=int,
        default=20,
        help="largest number of pictures, evenly spread over the folder (default: 20)",
    )
    add("--repeats", type=int, help="number of versions that raters see twice (default: a tenth, at least three)")
    add("--examples", type=int, default=3, help="number of examples at the start (default: 3)")
    add("--no-reference", action="store_true", help="upscale the pictures themselves; there is no hidden HR")


def _add_report(ap: argparse.ArgumentParser) -> None:
    ap.add_argument("study", type=place, metavar="STUDY", help="folder of the study, with its key.json")
    ap.add_argument(
        "answers", nargs="+", type=place, metavar="ANSWERS", help="files that raters saved, or folders of them"
    )
    ap.add_argument(
        "-o", "--output", type=place, help="folder for report.md, mos.png and report.json (default: STUDY/report)"
    )


def main(argv: list[str] | None = None) -> int:
    """Runs the command; raises ValueError or OSError for bad input, as `srzoo.cli.run` expects."""
    args = parser().parse_args(argv)
    return _create(args) if args.command == "create" else _report(args)


def _create(args: argparse.Namespace) -> int:
    # `--models A B FOLDER`: argparse takes the folder for a model.
    *models, last = args.models
    models, folder = (args.models, args.folder) if args.folder else (models, Path(last))
    if not models:
        raise ValueError("the folder of pictures is missing: give --models MODEL... FOLDER")
    from srzoo.images import check_folder

    check_folder(folder)
    check_compared(models)
    from srzoo.viewing.key import KEY
    from srzoo.viewing.methods import load_methods
    from srzoo.viewing.study import PAGE, Plan, check_output, create_study

    check_output(args.output)
    plan = Plan(args.crop, args.pictures, args.repeats, args.examples, not args.no_reference)
    methods = load_methods(models, args.scale)
    key = create_study(folder, methods, args.output, plan, over_pictures)
    page = args.output / PAGE
    say(
        f"{page}: {counted(len(key.pictures), 'picture')}, {counted(len(key.models), 'version')} each, {key.repeats} "
        f"shown twice; about {duration(60 * key.minutes)}, {page.stat().st_size / 1e6:.1f} MB",
        sys.stdout,
    )
    say(f"Give {PAGE} to the raters, and keep {KEY}: it says which picture is whose.", sys.stdout)
    if key.minutes > 30:
        say("This is more than the half hour that BT.500 allows for a session; see --pictures.", sys.stdout)
    return 0


def _report(args: argparse.Namespace) -> int:
    from srzoo.atomic import check_place
    from srzoo.viewing.answers import read_answers
    from srzoo.viewing.key import read_key
    from srzoo.viewing.study_report import report, write_report

    output = args.output or args.study / "report"
    check_place(output)
    key = read_key(args.study)
    result = report(key, read_answers(args.answers, key))
    for line in write_report(result, output).split("\n"):
        say(line, sys.stdout)
    return 0
