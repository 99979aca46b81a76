"""`python -m srzoo export`: what is written and said."""

import re
from pathlib import Path

import pytest

from srzoo import zoo
from srzoo.cli.export import main, parser
from srzoo.exporting import formats
from srzoo.images import write_image
from srzoo.runtimes import parity
from srzoo.runtimes.parity import Bound, ParityError

NAME = "edsr-baseline-x4.blocks1.filters4"


@pytest.fixture
def weights(here):
    zoo.save_weights(zoo.create(NAME), "tiny.weights.h5")
    return "tiny.weights.h5"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_saved_model_is_the_default(weights, capsys):
    assert main([weights, "--output", "out"]) == 0
    assert {f"{NAME}/1/saved_model.pb", f"{NAME}/1/assets.extra/srzoo.json"} <= set(files("out"))
    out = capsys.readouterr().out
    assert out.startswith(f"{Path('out') / NAME / '1'}: {NAME} as saved_model in float32, ")
    assert out.splitlines()[2].startswith("| parity ") and out.endswith("to serve it: docs/serving.md\n")


@pytest.mark.slow
def test_a_version_can_be_chosen(weights):
    main([weights, "--output", "out", "--version", "12"])
    assert [path.name for path in (Path("out") / NAME).iterdir()] == ["12"]


def test_int8_takes_calibration_pictures_and_the_converter_says_nothing(weights, capfd):
    pytest.importorskip("ai_edge_litert", reason="the format litert needs ai-edge-litert, which is not installed")
    from skimage import data

    write_image("photos/cat.png", data.chelsea()[:40, :40])
    arguments = ["--format", "litert", "--precision", "int8", "--calibration", "photos"]
    assert main([weights, "--output", "out", *arguments]) == 0
    assert files("out") == [f"{NAME}-int8.tflite"]
    out, err = capfd.readouterr()
    assert re.search(f"{NAME} as litert in int8, 0.0[36] MB", out)  # the larger one under Keras 3.12
    assert err == f"writes {NAME} as litert, and compares its results with the original's\n"
    assert out.endswith(f"with it: python resolve_image.py photo.jpg --model {Path('out') / NAME}-int8.tflite\n")


def test_onnx_is_one_file(weights):
    for package in ("onnx", "tf2onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"the format onnx needs {package}, which is not installed")
    main([weights, "--output", "out", "--format", "onnx"])
    assert files("out") == [f"{NAME}.onnx"]


def test_an_export_that_is_too_far_off_leaves_nothing(weights, monkeypatch):
    monkeypatch.setitem(parity.BOUNDS, "float32", Bound(-1, 0))
    with pytest.raises(ParityError, match=f"{NAME} as keras in float32 is too far from the Keras model"):
        main([weights, "--output", "out", "--format", "keras"])
    assert files(".") == [weights]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.keras", "--output", "out"], "missing.keras: no such file"),
        (["tiny.weights.h5", "--output", "tiny.weights.h5/a"], "expected a folder, but tiny.weights.h5 is a file"),
        (
            ["tiny.weights.h5", "--output", "o", "--format", "onnx", "--precision", "int8"],
            "precision of onnx must be one",
        ),
        (["tiny.weights.h5", "--output", "o", "--format", "onnx", "--version", "1"], "only a saved_model has one"),
        (
            ["tiny.weights.h5", "--output", "o", "--calibration", "."],
            "float32 needs none; choose int8 or leave them out",
        ),
        (
            ["tiny.weights.h5", "--output", "o", "--format=litert", "--precision=int8", "--calibration", "nowhere"],
            "nowhere: no such folder of calibration pictures",
        ),
    ],
)
def test_bad_input_is_told_in_a_sentence_and_leaves_nothing(weights, arguments, sentence):
    if "--format=litert" in arguments:
        pytest.importorskip("ai_edge_litert", reason="the format litert needs ai-edge-litert, which is not installed")
    with pytest.raises((ValueError, OSError), match=sentence):
        main(arguments)
    assert files(".") == [weights]


def test_the_options_are_those_of_the_formats():
    choices = {action.dest: action.choices for action in parser()._actions}
    assert choices["format"] == tuple(formats.EXPORT_FORMATS)
    assert set(choices["precision"]) == {each for precisions in formats.EXPORT_FORMATS.values() for each in precisions}
