"""Files that put srzoo elsewhere: images, a Space, a workflow, which nothing here runs, and the wheel."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import srzoo

ROOT = Path(__file__).parents[1]
PINS = "".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
PINNED = dict(re.findall(r"(?m)^(gradio|openvino)==([\d.]+)", PINS))


def test_versions_are_those_that_are_tested():
    image, space = (ROOT / "deploy" / name for name in ("demo/Dockerfile", "space/README.md"))
    assert f"gradio=={PINNED['gradio']}\n" in image.read_text()
    assert f"sdk_version: {PINNED['gradio']}\n" in space.read_text()
    installed = (space.parent / "requirements.txt").read_text()
    assert f"openvino=={PINNED['openvino']}\n" in installed and f"srzoo-{srzoo.__version__}-" in installed
    peers = (ROOT / "benchmarks/requirements.txt").read_text()
    of_peers, of_tests = (set(re.findall(r"(?m)^([\w-]+)==", text)) for text in (peers, PINS))
    assert of_peers and not of_peers & of_tests  # those are installed already


def test_a_wheel_holds_nothing_of_an_earlier_build(tmp_path):
    pytest.importorskip("setuptools")
    shutil.copy(ROOT / "setup.py", tmp_path)
    project = '[project]\nname = "a"\nversion = "1"\n[tool.setuptools]\npackages = ["a"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    for name in ("a/__init__.py", "build/lib/a/old.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    subprocess.run([sys.executable, "setup.py", "-q", "build"], cwd=tmp_path, check=True)
    assert [path.name for path in (tmp_path / "build/lib/a").iterdir()] == ["__init__.py"]


@pytest.mark.parametrize("image", ["demo", "serving"])
def test_what_an_image_copies_is_there(image):
    text = (ROOT / "deploy" / image / "Dockerfile").read_text()
    copied = re.findall(r"(?m)^COPY (?!--from)(\S+) ", text)
    assert copied and all((ROOT / name).exists() for name in copied)


def test_the_workflow_calls_the_two_commands():
    yaml = pytest.importorskip("yaml")
    (job,) = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make lint", "make test"]


def test_a_space_has_its_metadata():
    yaml = pytest.importorskip("yaml")
    _, found, _ = (ROOT / "deploy/space/README.md").read_text("utf-8").split("---\n", 2)
    found = yaml.safe_load(found)
    assert found["sdk"] == "gradio" and (ROOT / "deploy/space" / found["app_file"]).is_file()
