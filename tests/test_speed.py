"""Which runtime is taken by itself: the fastest of those that are near float32, by measurement."""

from types import SimpleNamespace

import numpy as np
import pytest

from srzoo import speed, zoo
from srzoo.runtimes import prepared
from srzoo.runtimes.prepared import WITHIN, Prepared
from srzoo.speed import Speed, measure


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "has_gpu", lambda: False)
    path = tmp_path / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters8"), path)
    return path


@pytest.fixture
def taking(monkeypatch):
    """Networks that take so many seconds, by a clock that they move."""
    now = [0.0]
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def network(seconds):
        def run(pixels):
            now[0] += seconds
            return pixels

        return SimpleNamespace(run=run)

    def use(*found):
        monkeypatch.setattr(speed, "_networks", lambda *_: [(network(seconds), each) for seconds, each in found])

    return use


def test_the_fastest_that_is_near_float32_is_taken_from_then_on(weights, taking):
    far = Speed("LiteRT", "int8", 2 * WITHIN)
    taking(
        (3.0, Speed("OpenVINO", "float32", 0.0)),
        (2.0, Speed("OpenVINO", "int8", WITHIN)),
        (1.0, far),
        (4.0, Speed("TensorFlow", "float32", 0.0)),
    )
    kept = Prepared(weights)
    kept.folder.mkdir(parents=True)
    assert kept.automatic() == "float32"
    found = measure(weights)
    assert [each.seconds for each in found] == pytest.approx([1, 2, 3, 4])
    assert not found[0].near
    assert kept.automatic() == "int8"
    kept.choice.write_text("{")
    assert kept.automatic() == "float32"
    kept.choice.write_text('{"runtime": "TensorFlow", "precision": "float32"}')
    assert prepared.ready(weights, "auto", []) is None


def test_an_exported_file_that_was_the_fastest_is_taken_while_it_is_whole(weights, taking):
    pytest.importorskip("ai_edge_litert")
    kept = Prepared(weights)
    path, _ = speed.export(zoo.load(weights), kept.folder, "litert", "float32")
    taking((2.0, Speed("OpenVINO", "float32", 0.0)), (1.0, Speed("LiteRT", "float32", 0.0, path)))
    measure(weights)
    chosen = kept.chosen_export()
    assert (chosen.runtime, chosen.network.scale) == ("LiteRT", 4)
    pixels = np.zeros((1, 8, 8, 3), np.float32)
    np.testing.assert_allclose(chosen.network.run(pixels), zoo.load(weights)(pixels), atol=1e-3)
    runtimes = {precision: prepared.ready(weights, precision, []).runtime for precision in ("auto", "float32")}
    assert runtimes == {"auto": "LiteRT", "float32": "OpenVINO"}
    path.write_bytes(path.read_bytes() + b"\0")
    assert kept.chosen_export() is None


@pytest.mark.slow
def test_what_is_installed_is_measured(weights, monkeypatch):
    monkeypatch.setattr(speed, "SIDE", 16)
    measured = {(each.runtime, each.precision) for each in measure(weights)}
    assert {("OpenVINO", "float32"), ("OpenVINO", "int8"), ("TensorFlow", "float32")} <= measured
