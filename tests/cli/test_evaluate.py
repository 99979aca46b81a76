"""The command, as a user runs it."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.__main__ import COMMANDS
from srzoo.cli.evaluate import main
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "set" / "a.png", read_image(sample_path("coffee.png"))[:80, :80])
    return tmp_path / "set"


def test_a_trained_network_is_measured_beside_bicubic(folder, tmp_path, capsys):
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), tmp_path / "a.weights.h5")
    assert main(["--model", str(tmp_path / "a.weights.h5"), str(folder)]) == 0
    table, errors = capsys.readouterr()
    assert table.split(" on set")[0].endswith("a.weights.h5") and "Protocol: x2" in table
    assert "bicubic PSNR-Y" in table and errors == ""


def test_a_keras_file_serves_as_model(folder, tmp_path, capsys):
    zoo.create("srresnet-x3.blocks1.filters4").save(tmp_path / "a.keras")
    assert main(["--model", str(tmp_path / "a.keras"), str(folder), str(folder), "--format", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == 2 * [
        [str(tmp_path / "a.keras"), "set", name] for name in ("a", "mean")
    ]


@pytest.mark.parametrize(("arguments", "scale"), [([], 4), (["--scale", "3"], 3)])
def test_bicubic_takes_a_scale(arguments, scale, folder, capsys):
    assert main(["--model", "bicubic", str(folder), *arguments]) == 0
    assert f"Protocol: x{scale};" in capsys.readouterr().out


def test_another_scale_than_the_models_is_refused(folder, tmp_path):
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="--scale 4 was given, but .*a.weights.h5 upscales by 2"):
        main(["--model", str(tmp_path / "a.weights.h5"), "--scale", "4", str(folder)])


def test_a_bad_pair_in_the_last_folder_is_told_before_the_first_is_measured(folder, tmp_path, monkeypatch):
    write_image(tmp_path / "small" / "b.png", read_image(folder / "a.png")[:10, :10])
    monkeypatch.setattr("srzoo.evaluation.evaluate", pytest.fail)
    with pytest.raises(ValueError, match=r"b.png has 10x10 pixels, too few"):
        main(["--model", "bicubic", str(folder), str(tmp_path / "small")])


def test_lpips_is_measured_where_its_weights_are_given(folder, alexnet_weights, capsys):
    assert main(["--model", "bicubic", str(folder), "--lpips", str(alexnet_weights), "--format", "json"]) == 0
    mean = json.loads(capsys.readouterr().out)[0]["mean"]
    assert 0 < mean["lpips"] == mean["bicubic_lpips"]


def test_a_bad_file_for_lpips_is_told_before_anything_is_measured(folder, alexnet_weights, tmp_path, monkeypatch):
    monkeypatch.setattr("srzoo.evaluation.evaluate", pytest.fail)
    arguments = ["--model", "bicubic", str(folder)]
    with pytest.raises(FileNotFoundError, match="nothing.npz: no such file; expected an .npz file of LPIPS's weights"):
        main([*arguments, "--lpips", str(tmp_path / "nothing.npz")])
    with pytest.raises(ValueError, match="holds AlexNet's convolutions itself: leave the backbone .* out"):
        main([*arguments, "--lpips", str(alexnet_weights), "--lpips-backbone", "vgg16.h5"])
    with pytest.raises(ValueError, match="--lpips-backbone was given without --lpips"):
        main([*arguments, "--lpips-backbone", "vgg16.h5"])


def test_the_table_goes_to_a_file_in_the_format_of_its_ending(folder, tmp_path, capsys):
    assert main(["--model", "bicubic", str(folder), "--output", str(tmp_path / "a.json")]) == 0
    assert json.loads((tmp_path / "a.json").read_text())[0]["dataset"] == "set"
    assert capsys.readouterr().out == ""
    (folder / "a.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    assert main(["--model", "bicubic", str(folder), "--output", str(tmp_path / "a.CSV")]) == 0
    assert r"bicubic,set,caf\udce9," in (tmp_path / "a.CSV").read_text("utf-8")
    assert main(["--model", "bicubic", str(folder), "--format", "json", "--output", str(tmp_path / "b.csv")]) == 0
    assert json.loads((tmp_path / "b.csv").read_text())


def test_an_output_that_is_a_folder_is_refused_before_any_work(folder, tmp_path):
    with pytest.raises(ValueError, match="--output must be a file, but .* is a folder"):
        main(["--model", "nothing", str(folder), "--output", str(tmp_path)])


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys; from srzoo.__main__ import main; sys.argv = ['srzoo', 'evaluate', '--help']\n"
        "try: main()\n"
        "finally: assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "--model MODEL" in result.stdout


def test_every_command_is_listed_and_is_there():
    result = subprocess.run([sys.executable, "-m", "srzoo", "--help"], capture_output=True, text=True, check=True)
    for name, (module, purpose) in COMMANDS.items():
        assert name in result.stdout and purpose in result.stdout
        assert callable(importlib.import_module(module).main)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--model", "bicubic", "nowhere"], "error: nowhere: no such folder"),
        (["evaluate", "--model", "bicubic", "README.md"], "error: README.md: a file; expected a folder"),
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


def test_dists_is_measured_where_its_weights_and_vgg16s_are_given(folder, vgg16_weights, tmp_path, capsys):
    np.savez(tmp_path / "dists.npz", alpha=np.ones(1475), beta=np.ones(1475))
    files = ["--dists", str(tmp_path / "dists.npz"), str(vgg16_weights)]
    assert main(["--model", "bicubic", str(folder), *files, "--format", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert 0 < report["mean"]["dists"] == report["mean"]["bicubic_dists"] and "DISTS" in report["protocol"]


def test_bicubic_has_no_self_ensemble(folder):
    with pytest.raises(ValueError, match="leave it out for bicubic"):
        main(["--model", "bicubic", "--self-ensemble", str(folder)])


def test_the_self_ensemble_is_measured_under_a_name_of_its_own(folder, tmp_path, capsys):
    path = tmp_path / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), path)
    scores = []
    for option in ([], ["--self-ensemble"]):
        assert main(["--model", str(path), str(folder), "--format", "json", *option]) == 0
        scores.append(json.loads(capsys.readouterr().out)[0])
    assert [each["model"] for each in scores] == [str(path), f"{path}+"]
    assert scores[0]["mean"]["psnr_y"] != scores[1]["mean"]["psnr_y"]
