"""`resolve_image.py --precision`: without TensorFlow after the first time, and a sentence for what cannot be had."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from srzoo import zoo
from srzoo.cli.resolve import main
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.runtimes import exported, prepared
from srzoo.runtimes import keras as keras_network
from srzoo.runtimes.network import Network

pytest.importorskip("openvino")

KERAS = ("tensorflow", "keras", "openvino.tools", "openvino_telemetry")
FORMATS = ("pillow_heif", "PIL.WebPImagePlugin", "PIL.ImageCms")
TO_PREPARE = ["h5py", "srzoo.models.registry"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters8"), path)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "has_gpu", lambda: False)
    write_image("cup.png", data.coffee()[150:180, 200:241])
    return tmp_path


def test_the_first_run_and_the_second_need_neither_tensorflow_nor_other_formats(here, weights, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv("SRZOO_CACHE", "off")
    assert main(["cup.png", "--weights", weights]) == 0
    assert "edsr-baseline-x4.blocks1.filters8: float32 by TensorFlow" in capsys.readouterr().err
    expected = read_image("results/cup.png").astype(int)
    monkeypatch.setenv("SRZOO_CACHE", str(here / "cache"))
    script = (
        "import sys; from srzoo.cli.resolve import main; status = main(sys.argv[1:]); "
        f"print([name for name in {[*KERAS, *FORMATS, *TO_PREPARE]} if sys.modules.get(name)]); sys.exit(status)"
    )
    command = [sys.executable, "-c", script, "cup.png", "--weights", weights, "--precision", "float32"]
    for loaded in (TO_PREPARE, []):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.endswith(f"\n{loaded}\n"), done
        assert done.stderr == "edsr-baseline-x4.blocks1.filters8: float32 by OpenVINO\n"
        assert np.abs(read_image("results/cup.png") - expected).max() <= 1


def test_int8_is_said_with_its_distance_from_float32_and_not_left_to_a_gpu(here, weights, monkeypatch, capsys):
    monkeypatch.setattr(prepared, "has_gpu", lambda: True)
    assert main(["cup.png", "--weights", weights, "--precision", "int8"]) == 0
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("edsr-baseline-x4.blocks1.filters8: int8 by OpenVINO, 0.")
    assert line.endswith(" grey levels from float32 on average")


def test_by_default_it_goes_on_with_tensorflow_where_the_cache_cannot_be_written(here, weights, monkeypatch, capsys):
    monkeypatch.setenv("SRZOO_CACHE", str(here / "cup.png"))
    assert main(["cup.png", "--weights", weights]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "goes on with TensorFlow: " in lines[0] and "cannot be written" in lines[0]
    assert lines[1].endswith(": float32 by TensorFlow") and len(lines) < 4
    with pytest.raises(OSError, match="cannot be written"):
        main(["cup.png", "--weights", weights, "--precision", "int8"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cut.weights.h5", "not a weights file that srzoo wrote, or damaged"),
        ("cut.keras", "not a Keras model of srzoo's"),
    ],
)
def test_a_damaged_file_is_told_once_and_tensorflow_does_not_try_it(here, weights, name, sentence, capsys):
    Path(name).write_bytes(Path(weights).read_bytes()[:1000])
    with pytest.raises(ValueError, match=sentence):
        main(["cup.png", "--model", name])
    assert not capsys.readouterr().err


def test_with_a_gpu_tensorflow_runs_it(here, weights, monkeypatch, capsys):
    monkeypatch.setattr(prepared, "has_gpu", lambda: True)
    assert main(["cup.png", "--weights", weights]) == 0
    assert capsys.readouterr().err.endswith("float32 by TensorFlow\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--precision", "int8"], "which alone has int8; choose another --precision"),
        ([], "because Keras finds no GPU"),
        (["--model", "tiny.onnx"], "as are .tflite, .onnx and .xml files; give its weights or a SavedModel"),
    ],
)
def test_what_only_the_processor_computes_is_refused_for_the_gpu(here, weights, arguments, why, monkeypatch):
    monkeypatch.setattr(prepared, "has_gpu", lambda: True)
    monkeypatch.setattr(exported, "load", lambda *_: Network("tiny", 4, 4, 1, np.asarray))
    Path("tiny.onnx").touch()
    model = arguments if "--model" in arguments else [*arguments, "--weights", weights]
    with pytest.raises(ValueError, match=f"--device gpu: .* is computed by the processor, {why}"):
        main(["cup.png", "--device", "gpu", *model])
    assert not Path("results").exists()
    monkeypatch.setattr(keras_network, "runs_in_machine_memory", lambda model: False)
    if not arguments:
        assert main(["cup.png", "--device", "gpu", *model]) == 0


def test_without_openvino_the_default_works_and_int8_names_the_package(here, weights, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(prepared.importlib.util, "find_spec", lambda name: None)
    assert main(["cup.png", "--weights", weights]) == 0
    assert capsys.readouterr().err.endswith("float32 by TensorFlow\n")
    with pytest.raises(ValueError, match=r"--precision int8 needs openvino, .* run `pip install openvino`"):
        main(["cup.png", "--weights", weights, "--precision", "int8"])


def test_what_has_no_precision_to_choose_is_refused(here, weights, monkeypatch):
    with pytest.raises(ValueError, match="--precision int8 is not for mixtures"):
        main(["cup.png", "--weights", weights, "--fidelity", "0.5", "--precision", "int8"])
    facts = exported.Facts("tiny", 4, 4, 1, "int8")
    monkeypatch.setitem(exported.READERS, ".tflite", lambda path: (exported.to_json(facts), np.asarray))
    Path("a.tflite").touch()
    assert exported.load("a.tflite", "int8").name == "tiny"
    for precision in ("float32", "bfloat16"):
        with pytest.raises(ValueError, match=f"a.tflite was exported in int8, not in {precision}; leave out"):
            main(["cup.png", "--model", "a.tflite", "--precision", precision])
    monkeypatch.setenv("SRZOO_CACHE", "off")
    with pytest.raises(ValueError, match="SRZOO_CACHE switches it off"):
        main(["cup.png", "--weights", weights, "--precision", "int8"])
    assert not Path("results").exists()
