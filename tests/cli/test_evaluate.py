"""The command, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from srzoo import zoo
from srzoo.cli.evaluate import main
from srzoo.data.sample import sample_path
from srzoo.images import read_image, write_image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "set" / "a.png", read_image(sample_path("coffee.png"))[:80, :80])
    return tmp_path / "set"


def test_a_trained_network_is_measured_beside_bicubic(folder, tmp_path, capsys):
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), tmp_path / "a.weights.h5")
    assert main(["--model", str(tmp_path / "a.weights.h5"), str(folder)]) == 0
    table = capsys.readouterr().out
    assert table.startswith("edsr-baseline-x2.blocks1.filters4 on set") and "Protocol: x2" in table


def test_the_table_goes_to_a_file(folder, tmp_path, capsys):
    assert main(["--model", "bicubic", str(folder), "--format", "json", "--output", str(tmp_path / "a.json")]) == 0
    assert json.loads((tmp_path / "a.json").read_text())[0]["dataset"] == "set"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--model", "bicubic", "nowhere"], "error: nowhere: no such folder"),
        (["evalute"], "error: unknown command 'evalute'"),
        ([], "error: no command given"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, message):
    result = subprocess.run(
        [sys.executable, "-m", "srzoo", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2 and result.stdout == ""
    assert message in result.stderr and "Traceback" not in result.stderr
