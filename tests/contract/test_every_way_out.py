"""Every registered model in every format and runtime."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tiny_models import EVERY, FAST_AND_SLOW, answer

from srzoo import zoo
from srzoo.exporting.formats import EXPORT_FORMATS, export
from srzoo.images import to_uint8
from srzoo.models.geometry import alignment_of, halo_of
from srzoo.models.keras_graph import arrays_of, from_keras
from srzoo.runtimes import exported, openvino, parity, prepared
from srzoo.runtimes.choice import Choice, choose
from srzoo.runtimes.fold import fold_batch_norm
from srzoo.runtimes.keras import keras_network
from srzoo.upscaling import Upscaler

NEEDS = {"litert": ("ai_edge_litert",), "onnx": ("onnx", "tf2onnx", "onnxruntime"), "openvino": ("openvino",)}


def exported_to(model, folder, format, precision="float32"):
    for package in NEEDS.get(format, ()):
        pytest.importorskip(package)
    path, report = export(model, folder, format, precision)
    bound = parity.BOUNDS[precision]
    assert report.worst <= bound.worst and report.psnr_lost <= bound.psnr_lost
    return path


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_folded_it_is_the_same_function_without_batch_normalisation(name, scale, model, picture):
    folded = fold_batch_norm(model)
    np.testing.assert_allclose(answer(folded, picture), answer(model, picture), atol=1e-3)
    assert folded.name == model.name and halo_of(folded) == halo_of(model)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)


@pytest.mark.parametrize("format", ["litert", "onnx", "openvino"])
@pytest.mark.parametrize(("name", "scale"), FAST_AND_SLOW)
def test_a_file_takes_pictures_of_any_size(name, scale, format, model, picture, tmp_path, capfd):
    network = exported.load(exported_to(model, tmp_path, format))
    assert (network.name, network.scale, network.halo) == (model.name, scale, Upscaler(model).halo)
    for height, width in ((1, 1), (7, 31), (37, 41), (7, 31)):
        given = picture[:height, :width]
        np.testing.assert_allclose(network.run(given[None].astype(np.float32))[0], answer(model, given), atol=0.01)
    assert np.abs(Upscaler(network)(picture).astype(int) - Upscaler(model)(picture)).max() <= 1
    assert len(capfd.readouterr().err.splitlines()) < 5  # LiteRT's interpreter says a line of its own


@pytest.mark.parametrize(("name", "scale"), FAST_AND_SLOW)
def test_litert_computes_it_in_whole_numbers_of_16_bits(name, scale, model, tmp_path):
    if alignment_of(model) > 1:
        # LiteRT's converter cannot calibrate the indices of a pixel unshuffle for 16 bits.
        with pytest.raises(ValueError, match=" as litert in int16x8.*; choose another --"):
            exported_to(model, tmp_path, "litert", "int16x8")
        return
    path = exported_to(model, tmp_path, "litert", "int16x8")
    tensors = importlib.import_module("ai_edge_litert.interpreter").Interpreter(str(path)).get_tensor_details()
    assert [np.dtype(each["dtype"]) for each in tensors].count(np.dtype("float32")) == 2  # pixels, in and out


@pytest.mark.parametrize(("name", "scale"), FAST_AND_SLOW)
def test_litert_computes_it_in_8_bits(name, scale, model, tmp_path):
    if halo_of(model) is not None:
        exported_to(model, tmp_path, "litert", "int8")
        return
    # 8 bits are coarse for a mean over the picture, and LiteRT's fast kernels have not all of these.
    with pytest.raises(ValueError, match=" as litert in int8.*; choose another --"):
        exported_to(model, tmp_path, "litert", "int8")
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("name", "scale"),
    # TensorFlow computes what Keras does: the layers of these two are in the others.
    [
        pytest.param(*each, marks=pytest.mark.slow) if each in (("edsr-baseline", 4), ("compact", 4)) else each
        for each in FAST_AND_SLOW
    ],
)
def test_a_saved_model_answers_with_pixels_and_with_png(name, scale, model, picture, tmp_path):
    loaded = tf.saved_model.load(str(exported_to(model, tmp_path, "saved_model")))
    expected = Upscaler(model)(picture).astype(int)
    (sr,) = loaded.signatures["pixels"](pixels=tf.constant(picture[None])).values()
    assert np.abs(sr.numpy()[0] - expected).max() <= 1
    (sr,) = loaded.signatures["serving_default"](image_bytes=tf.io.encode_png(picture)[None]).values()
    assert np.abs(tf.io.decode_png(sr[0]).numpy() - expected).max() <= 1


@pytest.fixture
def cache(tmp_path, monkeypatch, caplog):
    """What is logged while there is a cache for prepared networks."""
    caplog.set_level("INFO", "srzoo")
    pytest.importorskip("openvino")
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "has_gpu", lambda: False)
    monkeypatch.setattr(prepared, "CALIBRATION", (4, 48))
    return caplog


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_openvino_computes_it_at_any_size(name, scale, model, picture):
    pytest.importorskip("openvino")
    compiled = openvino.core().compile_model(openvino.build(from_keras(model), arrays_of(model)), "CPU", openvino.EXACT)
    for given in (picture, picture[:7, :6], picture[:1, :1]):
        np.testing.assert_allclose(compiled(given[None].astype(np.float32))[0][0], answer(model, given), atol=0.02)


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_openvino_computes_weights_without_keras_and_keeps_what_it_made(
    name, scale, model, weights, picture, cache, monkeypatch
):
    monkeypatch.setattr(zoo, "load", lambda source: pytest.fail("Keras was asked"))
    first, later = (choose(Choice(str(weights)), []) for _ in range(2))
    assert cache.messages == 2 * [f"{model.name}: float32 by OpenVINO"]
    assert all(each.halo == halo_of(model) and each.alignment == alignment_of(model) for each in (first, later))
    assert first.bytes_per_pixel <= keras_network(model).bytes_per_pixel
    given = picture[None].astype(np.float32)
    np.testing.assert_array_equal(later.run(given), first.run(given))
    np.testing.assert_allclose(first.run(given)[0], answer(model, picture), atol=0.02)


@pytest.mark.parametrize(("name", "scale"), FAST_AND_SLOW)
def test_openvino_computes_it_in_8_bits(name, scale, model, weights, cache):
    assert prepared.Prepared(weights).make("int8").mean < 3


@pytest.mark.parametrize(("name", "scale"), [("rrdb", 1), ("edsr-baseline", 4)])
def test_tiles_of_what_openvino_prepares_are_the_whole(name, scale, model, weights, picture, cache):
    network = choose(Choice(str(weights), "float32"), [])
    wide = np.tile(picture, (5, 18, 1))
    least = (2 * network.halo + 3 * network.alignment) ** 2
    tiled = Upscaler(network, memory=2 * least * network.bytes_per_pixel)
    assert len(tiled.plan(wide)) > 1
    assert np.abs(tiled(wide).astype(int) - to_uint8(answer(model, wide))).max() <= 1


@pytest.fixture
def unknown(tmp_path):
    """A file and a preset of a network with a layer that OpenVINO has not, although Keras files may hold it."""
    pixels = keras.Input((None, None, 3))
    x = layers.UpSampling2D(2, interpolation="bilinear", name="soft")(pixels)
    model = keras.Model(pixels, layers.Conv2D(3, 3, padding="same", name="tail")(x), name="mine")
    model.save(tmp_path / "mine.keras")
    keras.saving.save_model(model, tmp_path / "mine", zipped=False)
    return str(tmp_path / "mine.keras"), str(tmp_path / "mine")


UNKNOWN = "layer 'soft' is a UpSampling2D of a kind that srzoo does not build for OpenVINO"


def test_a_layer_that_openvino_has_not_leaves_the_choice_with_tensorflow(unknown, cache):
    for source in 2 * unknown:
        cache.clear()
        network = choose(Choice(source), [])
        for side in (5, 8, 9):
            assert network.run(np.zeros((1, side, 7, 3), np.float32)).shape == (1, 2 * side, 14, 3)
        assert cache.messages == [f"goes on with TensorFlow: {UNKNOWN}", "mine: float32 by TensorFlow"]
    with pytest.raises(ValueError, match=UNKNOWN):
        choose(Choice(unknown[0], "int8"), [])


@pytest.mark.parametrize("format", ["litert", "onnx"])
def test_what_a_converter_cannot_take_is_one_sentence(format, tmp_path, monkeypatch, capfd):
    for package in NEEDS[format]:
        pytest.importorskip(package)

    def fail(*_, **__):
        raise RuntimeError("no such operation\nat a place in C++\nand another")

    monkeypatch.setattr(f"srzoo.exporting.formats.write_{format}", fail)
    model = zoo.create("edsr-baseline-x2.blocks1.filters4")
    with pytest.raises(ValueError) as error:
        export(model, tmp_path, format)
    assert str(error.value) == (
        f"{model.name} cannot be had as {format} in float32: no such operation; choose another --format or --precision"
    )
    assert not capfd.readouterr().err and not list(tmp_path.iterdir())


def test_every_format_is_in_this_contract():
    """Keras and safetensors files have tests of their own."""
    assert set(EXPORT_FORMATS) == {"saved_model", "litert", "onnx", "openvino", "keras", "safetensors"}
