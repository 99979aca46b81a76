"""Pages for people: README.md, docs/ and their neighbours."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"(?ms)^```.*?^```$")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if not link.startswith(("http", "mailto")):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme():
    linked = LINK.findall((ROOT / "README.md").read_text("utf-8"))
    assert not [page for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in linked]


def test_pages_are_short_and_their_prose_is_wrapped_alike():
    for page in PAGES:
        lines = CODE.sub("", page.read_text("utf-8")).splitlines()
        prose = [line for line in lines if not line.startswith(("|", "![", "    "))]
        assert len(prose) <= 150, page
        assert not [line for line in prose if len(line) > 120 and " " in line.strip()], page


def test_no_page_needs_what_a_reader_cannot_get():
    pages = [*PAGES, *(ROOT / "examples").glob("*.ipynb")]
    assert not [page for page in pages if re.search("[.][.]/shared|OWNER", page.read_text("utf-8"))]


def test_what_int8_costs_at_most_is_the_most_in_its_table():
    page = (ROOT / "docs/performance.md").read_text("utf-8")
    lost = re.findall(r"\| Set(?:5|14) \| [\d.]+ \| [\d.]+ \| (-?[\d.]+) \|", page)
    assert f"at most {max(map(float, lost)):.3f} dB on Set5 and Set14" in page


def test_every_test_that_a_page_names_is_there():
    files = (ROOT / "tests").rglob("*.py")
    tests = [name for file in files for name in re.findall(r"def test_(\w+)", file.read_text("utf-8"))]
    for page in PAGES:
        for pair in re.findall(r"`(?:test_([a-z]\w+)(?:\.\.\.)?|([a-z]\w+)\.\.\.)`", page.read_text("utf-8")):
            assert [test for test in tests if test.startswith(max(pair))], f"{page.name}: {max(pair)}"


@pytest.mark.slow
def test_the_readmes_first_lines_run_as_they_stand(tmp_path):
    for name in ("resolve_image.py", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    text = (ROOT / "README.md").read_text("utf-8")
    shell = re.findall(r"(?ms)^```\n(.*?)^```", text)[0].splitlines()
    commands = [shlex.split(line, comments=True) for line in shell if line.startswith("python ")]
    script = re.findall(r"(?ms)^```python\n(.*?)^```", text)[0]
    for command in (*commands, ["python", "-c", script]):
        environment = {**os.environ, "SRZOO_CACHE": str(tmp_path / "cache")}
        subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, env=environment, check=True)
    sizes = [Image.open(tmp_path / name).size for name in ("results/cat.jpg", "cat-x2.png", "cat-large.png")]
    assert sizes == [(900, 600), (450, 300), (450, 300)]
