"""What the pages say to type: programs take it as it stands, and README's lines do what they say."""

import ast
import importlib
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import keras
import pytest
from PIL import Image
from skimage import data

import srzoo
from srzoo.__main__ import COMMANDS
from srzoo.cli import import_weights

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```|(?<=\n\n)((?:^    \S[^\n]*\n)+)")
PROGRAMS = {"resolve_image.py": "resolve", "train.py": "train"}


def blocks(page: Path, language: str) -> list[str]:
    return [fenced or indented for kind, fenced, indented in CODE.findall(page.read_text("utf-8")) if kind == language]


def commands(page: Path, *programs: str) -> list[str]:
    """Lines that begin with one of the programs, with what is continued on the next line, and without comments."""
    lines = map(str.strip, "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines())
    found = [shlex.split(line, comments=True) for line in lines if line.startswith(programs)]
    return [shlex.join(words) for words in found if "..." not in words and "<dataset>" not in words]


SHELL = [(page.name, line) for page in PAGES for line in commands(page, "python ", "srzoo ")]


def parsed(words: list[str]) -> None:
    """Has the program that a line names read its arguments; exits if it refuses them."""
    program, *arguments = words[1:] if words[0] == "python" else words
    if program == "-m" and arguments[0] == "srzoo":
        program, *arguments = ["srzoo", *arguments[1:]]
    if program in PROGRAMS:
        program, arguments = "srzoo", [PROGRAMS[program], *arguments]
    if program == "-m":
        assert Path(ROOT, *arguments[0].split(".")).with_suffix(".py").exists()
    elif program != "srzoo":
        assert program == "-c" or (ROOT / program).exists()
    elif arguments[0] not in ("--version", "help"):
        command = importlib.import_module(COMMANDS[arguments[0]][0])
        kind = arguments[1] if command is import_weights and arguments[1] in import_weights.COMPARING else None
        parser = import_weights.comparing_parser(kind) if kind else command.parser()
        _, unknown = parser.parse_known_args(arguments[2:] if kind else arguments[1:])
        assert arguments[0] == "batch" or not unknown


@pytest.mark.parametrize(("page", "line"), SHELL)
def test_the_program_that_a_page_names_takes_its_arguments(page, line):
    parsed(shlex.split(line))


def test_what_the_readme_installs_and_makes_is_there():
    offered = re.findall(r"(?m)^(\w+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"))
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"))
    for words in map(shlex.split, commands(README, "pip ", "make ")):
        files = [after for before, after in pairwise(words) if before == "-r"]
        assert all((ROOT / name).exists() for name in files)
        assert words[0] == "pip" or words[1] in targets
    lists = re.findall(r"pip install .*\[([\w,]+)\]'", "\n".join(page.read_text("utf-8") for page in PAGES))
    assert lists and set(",".join(lists).split(",")) <= set(offered)


def test_the_readmes_python_is_python_and_its_names_are_there():
    scripts = blocks(README, "python")
    names = [
        node.attr
        for script in scripts
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "srzoo"
    ]
    assert names and all(hasattr(srzoo, name) for name in names)


INSTEAD = (
    (r"python train\.py$|coco/", None),  # downloads gigabytes
    (r" --minutes \d+", ""),
    (r"(train\.py .*)", r"\1 --steps 2 --patch 24 --batch 2 --validate-every 1 --output run"),
    (
        r"(train\.py (?!.*--model edsr-baseline).*)",
        r"\1 --vgg vgg16.weights.h5 --vgg-preprocessing torchvision --content vgg22",
    ),
)
"""What no test can wait for -> what is run in its place, one after the other; None: nothing."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The programs of the checkout, and the files that the README's lines name, small."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("resolve_image.py", "train.py", "examples"):
        (folder / name).symlink_to(ROOT / name)
    pictures = [Image.fromarray(getattr(data, name)()[100:196, 100:196]) for name in ("astronaut", "chelsea", "coffee")]
    for place in ("photos", "holiday"):
        (folder / place).mkdir()
        for i, picture in enumerate(pictures * (4 if place == "photos" else 1)):
            picture.rotate(i).save(folder / place / f"{i}.png")
    for name in ("img.png", "more.jpg"):
        pictures[0].resize((48, 48)).save(folder / name, quality=40)
    shutil.copy(ROOT / "tests/importing/files/rrdb_x4.pth", folder / "RealESRGAN_x4plus.pth")
    run = folder / "runs/edsr-baseline-x4-photos"
    run.mkdir(parents=True)
    shutil.copy(ROOT / "srzoo/weights/edsr-baseline-x4.weights.h5", run / "best.weights.h5")
    keras.applications.VGG16(include_top=False, weights=None).save_weights(folder / "vgg16.weights.h5")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", commands(README, "python "))
def test_the_readmes_commands_run(line, checkout, monkeypatch):
    for pattern, other in INSTEAD:
        if other is None and re.search(pattern, line):
            pytest.skip("downloads gigabytes")
        line = re.sub(pattern, other or "", line)
    # Each line stands for itself: a result of another model is not replaced.
    for made in ("run", "results"):
        shutil.rmtree(checkout / made, ignore_errors=True)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    ran = subprocess.run([sys.executable, *shlex.split(line)[1:]], cwd=checkout, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_the_readmes_python_runs(checkout):
    script = "\n".join(blocks(README, "python"))
    subprocess.run([sys.executable, "-c", script], cwd=checkout, check=True)
