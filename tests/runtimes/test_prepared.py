"""Networks kept in the cache: made once, the same ever after, and made anew rather than trusted when damaged."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from srzoo import hub, stored, zoo
from srzoo.images import write_image
from srzoo.runtimes import compiled, openvino, parity, prepared
from srzoo.runtimes.openvino import coarse, ranges_by_name
from srzoo.runtimes.prepared import CacheError, Prepared
from srzoo.shipped import checksum, shipped_models

pytest.importorskip("openvino")

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 12, 17, 3)).astype(np.float32)


@pytest.fixture
def model():
    return zoo.create("edsr-baseline-x4.blocks1.filters8")


@pytest.fixture
def weights(model, tmp_path):
    path = tmp_path / "tiny.weights.h5"
    zoo.save_weights(model, path)
    return path


@pytest.fixture
def kept(weights, tmp_path):
    return Prepared(weights, tmp_path / "cache")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_what_is_loaded_later_gives_the_same_pixels(kept, model, precision):
    assert kept.load(precision) is None
    made = kept.make(precision)
    later = kept.load(precision)
    np.testing.assert_array_equal(later.network.run(PIXELS), made.network.run(PIXELS))
    assert (later.network.name, later.network.scale, later.network.halo) == (model.name, 4, made.network.halo)
    assert later.mean == made.mean < (1e-3 if precision == "float32" else 1)
    differences = parity.measure(kept.float32().run, made.network.run, 4).differences
    assert made.mean == pytest.approx(max(each.mean for each in differences), abs=1e-3)
    expected = np.asarray(model(PIXELS, training=False))
    assert np.abs(later.network.run(PIXELS) - expected).mean() < (1e-3 if precision == "float32" else 1)


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_one_pixel_is_computed_in_float32_as_others_are_wrong_for_it(model, weights, precision, tmp_path):
    if not prepared.processor_has(precision):
        pytest.skip("this processor has no bfloat16")
    for name in ("block1_conv1", "block1_conv2"):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([kernel, np.linspace(-0.3, 0.3, len(bias))])
    zoo.save_weights(model, weights)
    kept = Prepared(weights, tmp_path / "cache")
    for taken in (kept.make(precision), kept.load(precision)):
        given = PIXELS[:, :1, :1]
        np.testing.assert_allclose(taken.network.run(given), model(given, training=False), atol=0.01)


@pytest.mark.parametrize(("threads", "expected"), [("3", 3), ("", None), ("2,1", None)])
def test_the_environment_says_how_many_threads(kept, model, monkeypatch, threads, expected):
    given = []
    real = compiled.compile_kept
    monkeypatch.setattr(
        compiled, "compile_kept", lambda path, sum, config, to: given.append(config) or real(path, sum, config, to)
    )
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    kept.make("float32")
    assert {config.get("INFERENCE_NUM_THREADS") for config in given} == {expected and str(expected)}


def test_weights_that_change_while_they_are_read_make_no_entry(kept, model, weights, monkeypatch):
    monkeypatch.setattr(stored, "read", lambda path, real=stored.read: (real(path), path.write_bytes(b"better"))[0])
    with pytest.raises(ValueError, match="tiny.weights.h5 changed while it was read; run the same command again"):
        kept.make("float32")
    assert not kept.folder.exists()


def test_two_descriptions_of_the_same_weights_have_entries_of_their_own(tmp_path):
    entries = set()
    for description in ("a", "b"):
        for name in hub.PRESET:
            (tmp_path / name).write_text(description if name == "config.json" else "the same")
        entries.add(Prepared(tmp_path / hub.WEIGHTS, tmp_path / "cache").folder)
    assert len(entries) == 2


@pytest.mark.parametrize(("name", "other"), [("__version__", "0.0.0"), ("LAYOUT", 0)])
def test_entries_of_another_srzoo_are_not_taken(kept, weights, tmp_path, monkeypatch, name, other):
    monkeypatch.setattr(prepared, name, other)
    assert Prepared(weights, tmp_path / "cache").folder != kept.folder


def test_what_was_measured_otherwise_is_not_taken(kept, monkeypatch):
    """With another number of cores, on another processor, or by another OpenVINO."""
    choices = {kept.choice}
    for place, name, other in (
        (os, "cpu_count", 999),
        (prepared, "processor", ("Old One", ["FP32"])),
        (openvino.runtime(), "get_version", "0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda other=other: other)
            choices.add(kept.choice)
    assert len(choices) == 4


def test_the_result_of_a_tile_outlives_the_next_one(kept, model):
    run = kept.make("float32").network.run
    first = run(PIXELS)
    before = first.copy()
    run(255 - PIXELS)
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("file", ["framed.bin", "tail.xml", "manifest.json"])
def test_a_damaged_entry_is_made_anew(kept, model, file):
    kept.make("float32")
    path = kept.folder / "float32" / file
    path.write_bytes(path.read_bytes()[:-9])
    shutil.rmtree(path.parent / "compiled")  # which a network is loaded from without these
    assert kept.load("float32") is None
    kept.make("float32")
    assert kept.load("float32")


def test_a_full_disk_leaves_nothing_and_is_told(kept, model, monkeypatch):
    def fails(graph, path):
        path.write_text("half")
        raise RuntimeError("basic_ios::clear: iostream error")  # as OpenVINO tells it

    monkeypatch.setattr(openvino.runtime(), "serialize", fails)
    with pytest.raises(prepared.CacheError, match="cannot be written .its disk may be full"):
        kept.make("float32")
    assert not list(kept.folder.iterdir())


def test_an_entry_that_another_process_wrote_meanwhile_stays(kept, model, monkeypatch):
    kept.make("float32")
    monkeypatch.setattr(prepared, "shutil", SimpleNamespace(rmtree=lambda *_, **__: None))  # it came after this
    assert kept.make("float32").network.run(PIXELS).shape == (1, 48, 68, 3)
    assert [each.name for each in kept.folder.iterdir()] == ["float32"]


def test_other_weights_have_an_entry_of_their_own(kept, weights, tmp_path):
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters8"), weights)
    assert Prepared(weights, tmp_path / "cache").folder != kept.folder


def test_by_itself_int8_is_taken_of_weights_that_ship_with_its_ranges(kept, tmp_path):
    assert kept.automatic() == "float32"
    name = "edsr-baseline-x4"
    known = Prepared(prepared.weights_of(name), tmp_path / "cache")
    assert known.automatic() == "int8" and known.make("auto").mean == prepared.shipped_ranges(known._checksum)[1]
    for runtime, precision, taken in (
        ("OpenVINO", "float32", "float32"),
        ("OpenVINO", "int3", "int8"),
        ("LiteRT", "float32", "int8"),
    ):
        known.choice.write_text(json.dumps({"runtime": runtime, "precision": precision}))
        assert known.automatic() == taken


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "has_gpu", lambda: False)


def test_int8_that_nobody_asked_for_has_float32_beside_it(cache, monkeypatch):
    asked_for, by_itself = (prepared.ready("edsr-baseline-x4", each, []).network for each in ("int8", "auto"))
    assert asked_for.precise is None
    made = by_itself.precise().run(PIXELS)
    monkeypatch.setattr(Prepared, "make", None)  # from now on it is loaded
    np.testing.assert_array_equal(by_itself.precise().run(PIXELS), made)


def test_an_openvino_that_cannot_be_imported_leaves_the_choice_with_tensorflow(weights, cache, monkeypatch):
    def fails():
        raise ImportError("libtbb.so: cannot open shared object file")

    monkeypatch.setattr(openvino, "runtime", fails)
    assert prepared.ready(weights, "auto", []) is None
    with pytest.raises(ImportError):
        prepared.ready(weights, "int8", [])


@pytest.mark.parametrize("name", shipped_models())
def test_all_weights_that_ship_have_their_ranges(name):
    graph, _ = stored.read(prepared.weights_of(name))
    ends, mean = prepared.shipped_ranges(checksum(prepared.weights_of(name)))
    ranges = ranges_by_name(graph, ends)
    assert set(ranges) == set(coarse(graph)) and 0 < mean < prepared.WITHIN
    assert all((low <= 0).all() and (high > low).any() for low, high in ranges.values())


def test_a_network_that_is_not_the_model_is_not_kept(kept, model, monkeypatch):
    monkeypatch.setitem(parity.BOUNDS, "int8", parity.Bound(0, 0))
    with pytest.raises(parity.ParityError, match="for OpenVINO in int8"):
        kept.make("int8")
    assert kept.load("int8") is None and [each.name for each in kept.folder.iterdir()] == ["float32"]


def test_what_keras_had_to_read_is_compared_with_keras(model, tmp_path, monkeypatch):
    model.save(tmp_path / "tiny.keras")
    monkeypatch.setitem(parity.BOUNDS, "float32", parity.Bound(-1, 0))
    with pytest.raises(parity.ParityError, match="for OpenVINO in float32"):
        Prepared(tmp_path / "tiny.keras", tmp_path / "cache").make("float32")


def test_a_cache_that_cannot_be_written_is_named(weights, model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="file/networks/.* cannot be written"):
        Prepared(weights, tmp_path / "file").make("float32")


def test_bfloat16_is_refused_where_the_processor_has_none(kept, model, monkeypatch):
    monkeypatch.setattr(prepared, "processor", lambda: ("Old One", ["FP32", "INT8"]))
    with pytest.raises(ValueError, match=r"\(Old One\) has no instructions for bfloat16; choose"):
        kept.make("bfloat16")


def test_int8_is_calibrated_on_the_given_pictures_without_scikit_image(monkeypatch, tmp_path):
    def missing(name):
        raise FileNotFoundError(name)

    usual, side = prepared.calibration([], 2), prepared.CALIBRATION[1]
    assert max(crop.shape for crop in usual[:-4]) == (side, side, 3)
    np.testing.assert_array_equal(usual[-4:], [parity.drawn(seed, side, side) for seed in range(4)])
    monkeypatch.setattr("srzoo.runtimes.calibration.sample_path", missing)
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", picture)
    crops = prepared.calibration([tmp_path / "a.png", tmp_path / "gone.png"], 4)
    assert any(np.array_equal(crop, picture) for crop in crops)
    assert len(prepared.calibration(11 * [tmp_path / "a.png"], 4)) == 10 + 4
    with pytest.raises(ValueError, match="none could be read"):
        prepared.calibration([tmp_path / "gone.png"], 4)


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("SRZOO_CACHE")
    with monkeypatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
        assert prepared.cache_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert prepared.cache_folder() == tmp_path / "srzoo"
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "mine"))
    assert prepared.cache_folder() == tmp_path / "mine" and prepared.is_available()
    for off in ("", "off", "OFF"):
        monkeypatch.setenv("SRZOO_CACHE", off)
        assert prepared.cache_folder() is None and not prepared.is_available()


def test_weights_that_ship_are_found_by_their_names(tmp_path):
    name = shipped_models()[0]
    assert prepared.weights_of(name).name == f"{name}.weights.h5"
    assert prepared.weights_of(name.removesuffix("-x4")) == prepared.weights_of(name)
    assert prepared.weights_of("unknown") is None and prepared.weights_of(tmp_path / "a.weights.h5") is None


def test_a_container_that_has_the_fourth_gpu_alone_has_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(prepared, "Path", lambda _: tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert not prepared.has_gpu()
    (tmp_path / "nvidia3").touch()
    assert prepared.has_gpu()
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert not prepared.has_gpu()
