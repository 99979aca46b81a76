"""Exported files: the same function in other formats, and what is refused."""

import errno
import functools
import importlib
import pkgutil
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from srzoo import shipped, zoo
from srzoo.exporting import formats, litert
from srzoo.exporting.formats import EXPORT_FORMATS, export
from srzoo.images import write_image
from srzoo.pictures.record import Made, remember
from srzoo.runtimes import calibration, exported, parity
from srzoo.runtimes.parity import BOUNDS, Bound, ParityError

ALL = [(format, precision) for format, precisions in EXPORT_FORMATS.items() for precision in precisions]
FILES = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}


def need(format):
    for module, package in exported.NEEDED.get(format, {}).items():
        pytest.importorskip(module, reason=f"the format {format} needs {package}, which is not installed")


@pytest.fixture(autouse=True)
def few_crops(monkeypatch):
    monkeypatch.setattr(calibration, "CROPS", 9)
    monkeypatch.setattr(calibration, "CROP", 24)


def tiny(name="edsr-baseline"):
    """A tiny model; the statistics of its batch normalisations are those of no fresh one."""
    model = zoo.create(name, blocks=1, filters=4)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


def pixels(height, width, batch=1):
    return np.random.default_rng(1).integers(0, 256, (batch, height, width, 3)).astype(np.float32)


def run(model, given):
    return np.asarray(model(given, training=False))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


@dataclass
class Exported:
    model: keras.Model
    folder: Path
    path: Path
    report: parity.Parity


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A tiny model by name, as a file not to be changed; each is made once."""

    @functools.cache
    def made(name, format, precision):
        model, folder = tiny(name), tmp_path_factory.mktemp("exported")
        return Exported(model, folder, *export(model, folder, format, precision))

    return lambda name, format, precision="float32": made(name, format, precision)


@pytest.mark.parametrize(("format", "precision"), ALL)
def test_an_export_is_within_its_bound_and_alone_in_its_folder(once, format, precision):
    need(format)
    made = once("edsr-baseline", format, precision)
    model, folder, path, report = made.model, made.folder, made.path, made.report
    assert report.worst <= BOUNDS[precision].worst and report.psnr_lost <= BOUNDS[precision].psnr_lost
    if format == "saved_model":
        assert path == folder / model.name / "1"
        assert [each.name for each in folder.iterdir()] == [model.name]
        assert (path / "assets.extra/srzoo.sha256").read_text() == shipped.checksum(path / "saved_model.pb")
    else:
        ending = "" if precision == "float32" else f"-{precision}"
        assert path.name == f"{model.name}{ending}{formats.SUFFIXES[format]}"
        beside = [path.with_suffix(".bin").name] if format == "openvino" else []
        assert files(folder) == [*beside, path.name]


@pytest.mark.parametrize("format", ["saved_model", *FILES])
def test_several_pictures_fit_in_a_batch(once, format):
    need(format)
    made = once("edsr-baseline", format)
    given = pixels(9, 12, batch=3)
    np.testing.assert_allclose(exported.load(made.path).run(given), run(made.model, given), atol=1e-3)


@pytest.mark.parametrize(
    ("format", "place", "option"),
    [
        ("litert", "ai_edge_litert.interpreter.Interpreter", "num_threads=1"),
        ("onnx", "onnxruntime.InferenceSession", "1 threads"),
        ("openvino", "openvino.Core.compile_model", "'INFERENCE_NUM_THREADS': '1'"),
    ],
)
def test_the_environment_says_how_many_threads_a_file_takes(once, format, place, option, monkeypatch):
    need(format)
    path, real, taken = once("edsr-baseline", format).path, pkgutil.resolve_name(place), []

    def noted(*given, **options):
        threads = [f"{each.intra_op_num_threads} threads" for each in given if hasattr(each, "intra_op_num_threads")]
        taken.append(f"{threads} {given} {' '.join(f'{key}={value}' for key, value in options.items())}")
        return real(*given, **options)

    monkeypatch.setattr(place, noted)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    exported.load(path)
    assert option in taken[0]


def test_a_size_that_could_not_be_had_does_not_stand_for_the_next_one(once, monkeypatch):
    need("litert")
    made = once("edsr-baseline", "litert")
    network, given = exported.load(made.path), pixels(9, 12)
    expected = network.run(given)
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter
    with monkeypatch.context() as short_of_memory:
        short_of_memory.setattr(interpreter, "allocate_tensors", lambda _: (_ for _ in ()).throw(RuntimeError("alloc")))
        with pytest.raises(MemoryError):
            network.run(pixels(90, 120))
    np.testing.assert_array_equal(network.run(given), expected)


def test_a_file_that_is_wrong_for_one_pixel_says_so(once):
    need("openvino")
    network = exported.load(once("edsr-baseline", "openvino", "int8").path)
    assert network.run(pixels(1, 2)).shape == (1, 4, 8, 3)
    with pytest.raises(ValueError, match="is wrong for one pixel in int8; give more of them, or the model in float32"):
        network.run(pixels(1, 1))


def test_an_exported_keras_file_is_a_model_of_the_zoo(tmp_path):
    model = tiny("srresnet")
    path, _ = export(model, tmp_path, "keras")
    loaded = zoo.load(path)
    assert loaded.name == model.name
    np.testing.assert_allclose(run(loaded, pixels(9, 12)), run(model, pixels(9, 12)), atol=1e-3)


@pytest.mark.parametrize(
    "precision",
    [
        each if each in ("float32", "int8") else pytest.param(each, marks=pytest.mark.slow)
        for each in litert.LITERT_PRECISIONS
    ],
)
def test_a_litert_file_needs_no_operations_but_the_built_in_ones(once, precision):
    need("litert")
    assert b"Flex" not in once("srresnet", "litert", precision).path.read_bytes()


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning")
def test_all_values_of_an_int8_file_but_its_input_and_output_are_integers(once):
    need("litert")
    from ai_edge_litert.interpreter import Interpreter

    path = once("srresnet", "litert", "int8").path
    interpreter = Interpreter(str(path), experimental_preserve_all_tensors=True)
    kinds = [np.dtype(each["dtype"]) for each in interpreter.get_tensor_details() if each["name"]]
    assert kinds.count(np.dtype("float32")) == 2 and kinds.count(np.dtype("int8")) > 20
    (signature,) = interpreter.get_signature_list().values()
    assert signature == {"inputs": ["lr"], "outputs": ["sr"]}


@pytest.mark.slow
def test_weights_of_16_and_8_bits_make_smaller_files(tmp_path):
    need("litert")
    model = zoo.create("edsr-baseline", blocks=1, filters=32)
    size = {each: export(model, tmp_path, "litert", each)[0].stat().st_size for each in litert.LITERT_PRECISIONS}
    assert size["float16"] < 0.6 * size["float32"]
    assert max(size["dynamic"], size["int8"]) < 0.35 * size["float32"]


@pytest.mark.slow
def test_a_wide_kernel_that_is_0_but_for_its_middle_runs_in_16_bits(tmp_path):
    need("litert")
    model = tiny("srresnet")  # as tools/graft_srresnet.py makes it; LiteRT aborts the process where it adds 0 and 0
    for layer in (model.get_layer("head"), model.get_layer("tail")):
        kernel, bias = layer.get_weights()
        kernel[:3] = kernel[6:] = kernel[:, :3] = kernel[:, 6:] = 0
        layer.set_weights([kernel, bias])
    path, report = export(model, tmp_path, "litert", "int16x8")
    assert path.is_file() and report.worst <= BOUNDS["int16x8"].worst


def test_an_onnx_file_states_its_opset_and_its_open_axes(tmp_path):
    need("onnx")
    import onnx

    path, _ = export(tiny("srresnet"), tmp_path, "onnx")
    file = onnx.load(path)
    assert {each.domain: each.version for each in file.opset_import}[""] == 18
    axes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*file.graph.input, *file.graph.output)
    }
    assert axes == {"lr": ["batch", "height", "width", 3], "sr": ["batch", "sr_height", "sr_width", 3]}
    assert "BatchNormalization" not in {node.op_type for node in file.graph.node}


@pytest.mark.parametrize(
    "format",
    # The slow ones leave one file, as a Keras file does.
    [pytest.param(each, marks=pytest.mark.slow) if each in ("litert", "onnx") else each for each in EXPORT_FORMATS],
)
def test_an_export_over_its_bound_fails_and_leaves_nothing(tmp_path, format):
    need(format)
    model = tiny()
    with pytest.raises(ParityError, match=rf"{model.name} as {format} in float32 is too far from the Keras model"):
        export(model, tmp_path, format, bound=Bound(worst=-1, psnr_lost=0))
    assert files(tmp_path) == []


def test_a_failed_export_leaves_the_file_of_an_earlier_one(tmp_path):
    path, _ = export(tiny(), tmp_path, "keras")
    before = path.read_bytes()
    with pytest.raises(ParityError):
        export(tiny(), tmp_path, "keras", bound=Bound(worst=-1, psnr_lost=0))
    assert files(tmp_path) == [path.name] and path.read_bytes() == before


@pytest.mark.parametrize("format", ["keras", "saved_model"])
def test_a_full_disk_leaves_nothing_and_is_told(tmp_path, monkeypatch, format):
    def keras_fails(path):
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def tensorflow_fails(model, folder, max_pixels, facts):
        assert max_pixels == 9
        folder.mkdir()
        raise tf.errors.ResourceExhaustedError(None, None, f"{folder}/variables; No space left on device [Op:SaveV2]")

    monkeypatch.setattr(formats, "write_saved_model", tensorflow_fails)
    monkeypatch.setattr(
        formats, "fold_batch_norm", lambda model, **_: SimpleNamespace(name=model.name, save=keras_fails)
    )
    monkeypatch.setattr(formats, "with_merged_tail", lambda folded: folded)
    with pytest.raises(OSError, match=r"cannot be written \(.*No space left on device\); nothing of it is left"):
        export(tiny(), tmp_path, format, max_pixels=9 if format == "saved_model" else None)
    assert not files(tmp_path)


def test_a_full_disk_is_told_where_openvino_has_no_word_for_it(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(pytest.importorskip("openvino"), "save_model", fails)
    with pytest.raises(OSError, match=r"x4.*\.xml cannot be written \(its disk may be full\); nothing of it is left"):
        export(tiny(), tmp_path, "openvino")
    assert not files(tmp_path)


@pytest.mark.slow
def test_versions_of_a_saved_model_count_up_and_none_is_replaced(tmp_path):
    model = tiny()
    assert export(model, tmp_path)[0].name == "1"
    (tmp_path / model.name / "old").mkdir()
    assert export(model, tmp_path, version=7)[0].name == "7"
    assert export(model, tmp_path)[0].name == "8"
    with pytest.raises(FileExistsError, match=r"7 is there already; choose another version, or none for the next free"):
        export(model, tmp_path, version=7)
    assert exported.newest_version(tmp_path / model.name).name == "8"
    assert exported.load(tmp_path / model.name).name == model.name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"format": "coreml"},
            "format must be one of saved_model, litert, onnx, openvino, keras, safetensors, got 'coreml'",
        ),
        ({"format": "onnx", "precision": "int8"}, "the precision of onnx must be one of float32, got 'int8'"),
        ({"format": "keras", "version": 2}, "version 2 was given, but only a saved_model has one, not keras"),
        ({"version": 0}, "version must be a number above 0, got 0"),
        ({"max_pixels": 0}, "max_pixels must be a number above 0, got 0"),
        ({"format": "onnx", "max_pixels": 9}, "max_pixels 9 was given, but only a saved_model has one, not onnx"),
        ({"calibration": Path("photos")}, "calibration pictures were given, but float32 needs none; choose int8"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(tmp_path, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        export(tiny(), tmp_path, **arguments)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("format", "module", "package"),
    [
        ("litert", "ai_edge_litert", "ai-edge-litert"),
        ("onnx", "onnx", "onnx"),
        ("onnx", "tf2onnx", "tf2onnx"),
        ("onnx", "onnxruntime", "onnxruntime"),
    ],
)
def test_a_missing_package_is_named_before_any_work(tmp_path, monkeypatch, format, module, package):
    for other in exported.NEEDED[format]:
        monkeypatch.setitem(sys.modules, other, sys)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=f"the format {format} needs {package}, .* run `pip install {package}`"):
        export(tiny(), tmp_path / "new", format)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("module", "file"), [("ai_edge_litert.interpreter", "a.tflite"), ("onnxruntime", "a.onnx")])
def test_loading_names_the_missing_runtime(tmp_path, monkeypatch, module, file):
    (tmp_path / file).write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=r"file needs (ai-edge-litert|onnxruntime), which is not installed; run `pip"):
        exported.load(tmp_path / file)


@pytest.mark.parametrize("format", FILES)
def test_a_damaged_file_is_named(tmp_path, format):
    need(format)
    path = tmp_path / f"damaged{FILES[format]}"
    path.write_bytes(b"no network at all" * 10)
    with pytest.raises(ValueError, match=r"damaged\.(tflite|onnx|xml): not an? .* file that can be loaded"):
        exported.load(path)


def test_a_file_without_scale_and_halo_is_refused(once, tmp_path):
    need("litert")
    whole, path = once("edsr-baseline", "litert").path, tmp_path / "bare.tflite"
    with zipfile.ZipFile(whole) as archive:
        (entry,) = archive.infolist()
    path.write_bytes(whole.read_bytes()[: entry.header_offset])
    with pytest.raises(ValueError, match=r"does not say its scale and halo.*give a file that `python -m srzoo export"):
        exported.load(path)


@pytest.mark.parametrize(
    "changed",
    [{"scale": True}, {"scale": 10**9}, {"bytes_per_pixel": 10**400}, {"border": 10**6}, {"halo": -1}, {"name": ["a"]}],
)
def test_facts_of_no_network_are_refused(changed):
    facts = exported.Facts("a-x2", 2, None, 100, "float32")
    assert exported._parsed(exported.to_json(facts), Path("a.onnx")) == facts
    with pytest.raises(ValueError, match="a.onnx does not say its scale and halo"):
        exported._parsed(exported.to_json(replace(facts, **changed)), Path("a.onnx"))


def test_a_network_that_does_not_upscale_as_it_tells_or_fails_is_told(tmp_path, capfd):
    need("onnx")
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, None, 3]) for name in "xy"]
    path = tmp_path / "a.onnx"
    for operation, reason in (
        ("Identity", r"makes \(1, 4, 5, 3\) of \(1, 4, 5, 3\), expected \(1, 8, 10, 3\) by its scale 2"),
        ("MaxUnpool", "not an ONNX file that can be loaded"),
    ):
        graph = helper.make_graph([helper.make_node(operation, ["x"], ["y"])], "a", ends[:1], ends[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, {"srzoo": exported.to_json(exported.Facts("a", 2, 1, 100, "float32"))})
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ValueError, match=reason):
            exported.load(path).run(pixels(4, 5))
    assert not capfd.readouterr().out


def test_a_wrong_bit_in_a_saved_model_is_found_before_tensorflow_reads_it(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "assets.extra" / "srzoo.sha256").write_text("0" * 64)
    with pytest.raises(ValueError, match=r"saved_model\.pb is damaged; export the model again"):
        exported.load(tmp_path)


def test_a_folder_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no SavedModel; expected saved_model.pb in it, or in a folder below it"):
        exported.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing.onnx: no such file or folder"):
        exported.load("missing.onnx")


def test_a_models_name_means_its_weights_and_a_path_the_folder(here):
    for name in ("edsr-baseline-x4", "mine"):
        Path(name).mkdir()
    assert not exported.is_exported("edsr-baseline-x4") and not exported.is_exported("a.weights.h5")
    assert all(exported.is_exported(each) for each in ("./edsr-baseline-x4", "mine", "a.tflite", Path("b.onnx")))


def test_int8_is_calibrated_on_photographs_that_parity_is_not_measured_on(monkeypatch):
    taken = []
    grey = np.zeros((50, 60, 3), np.uint8)
    monkeypatch.setattr(calibration, "read_image", lambda path: taken.append(path.name) or grey)
    crops = calibration.calibration_crops(None)
    assert 0 < len(crops) <= calibration.CROPS and {crop.shape for crop in crops} == {(24, 24, 3)}
    assert taken and not {name for name, *_ in parity.PICTURES} & set(taken)


def test_int8_is_calibrated_on_the_pictures_of_a_folder(tmp_path):
    for i in range(20):
        write_image(tmp_path / f"{i:02}.png", np.full((10 + i, 30, 3), i, np.uint8))
    crops = calibration.calibration_crops(tmp_path)
    assert len(crops) == 9
    assert [crop.shape for crop in crops[:2]] == [(10, 24, 3), (12, 24, 3)]
    assert crops[-1].max() == 17


def test_crops_of_one_picture_lie_on_alternate_sides_and_results_are_no_pictures_to_calibrate_on(tmp_path):
    places = np.stack(np.broadcast_arrays(*np.ogrid[:64, :64], 0), axis=2).astype(np.uint8)
    write_image(tmp_path / "a.png", places)
    write_image(tmp_path / "a_sr.png", places)
    remember(tmp_path / "a_sr.png", Made("edsr-baseline-x4", ""))
    crops = calibration.calibration_crops(tmp_path)
    assert [tuple(crop[0, 0, :2]) for crop in crops] == [(5 * i, 40 - 5 * i if i % 2 else 5 * i) for i in range(9)]
    write_image(tmp_path / "a.png", places[:24, :24])
    assert len(calibration.calibration_crops(tmp_path)) == 1


def test_missing_calibration_pictures_are_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder of calibration pictures"):
        calibration.calibration_crops(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no pictures to calibrate on; give a folder that holds some"):
        calibration.calibration_crops(tmp_path)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(FileNotFoundError, match=r"give --calibration FOLDER, or run `pip install scikit-image`"):
        calibration.calibration_crops(None)
