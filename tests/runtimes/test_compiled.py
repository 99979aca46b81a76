"""Compiled networks: kept for the next process, and never trusted when damaged."""

import os

import numpy as np
import pytest

from srzoo import zoo
from srzoo.runtimes import compiled
from srzoo.runtimes.prepared import Prepared

openvino = pytest.importorskip("openvino")

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 12, 17, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The largest part of a network, as it was prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    weights = folder / "tiny.weights.h5"
    model = zoo.create("edsr-baseline-x4.blocks1.filters8")
    zoo.save_weights(model, weights)
    prepared = Prepared(weights, folder / "cache")
    prepared.make("float32")
    return prepared.folder / "float32" / "framed.xml"


@pytest.fixture
def compilations(monkeypatch):
    """Grows by a path whenever OpenVINO reads a network to compile it."""
    read: list[str] = []
    real = openvino.Core.read_model
    monkeypatch.setattr(openvino.Core, "read_model", lambda core, path: read.append(path) or real(core, path))
    return read


def compile_kept(network, folder, config=()):
    return compiled.compile_kept(network, compiled.checksum_of(network), dict(config), folder)


def features(found) -> np.ndarray:
    return found.create_infer_request().infer({0: PIXELS})[1]


def test_it_is_compiled_once(network, tmp_path, compilations):
    first, second = (features(compile_kept(network, tmp_path / "kept")) for _ in range(2))
    assert compilations == [network] and len(list((tmp_path / "kept").iterdir())) == 1
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("damage", ["cut short", "other bytes", "empty"])
def test_a_damaged_file_is_not_used_but_replaced(network, tmp_path, compilations, damage):
    expected = features(compile_kept(network, tmp_path / "kept"))
    (kept,) = (tmp_path / "kept").iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes({"cut short": content[:-9], "other bytes": content, "empty": b""}[damage])
    np.testing.assert_array_equal(features(compile_kept(network, tmp_path / "kept")), expected)
    assert len(compilations) == 2 and len(list((tmp_path / "kept").iterdir())) == 1
    compile_kept(network, tmp_path / "kept")
    assert len(compilations) == 2


@pytest.mark.parametrize("other", ["processor", "precision", "network"])
def test_what_is_compiled_for_something_else_is_left_alone(network, tmp_path, compilations, monkeypatch, other):
    compile_kept(network, tmp_path / "kept")
    if other == "processor":
        monkeypatch.setattr(compiled, "processor", lambda: ("another", []))
    config = {"INFERENCE_PRECISION_HINT": "f32"} if other == "precision" else {}
    network = network.with_name("tail.xml") if other == "network" else network
    compile_kept(network, tmp_path / "kept", config)
    assert len(compilations) == 2 and len(list((tmp_path / "kept").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_done_without(network, tmp_path):
    (tmp_path / "kept").write_text("a file in the place of the folder")
    assert features(compile_kept(network, tmp_path / "kept")).shape[-1] == 8


def test_preparing_a_network_keeps_it_compiled(network, compilations):
    weights = network.parents[4] / "tiny.weights.h5"
    assert Prepared(weights, network.parents[3]).load("float32")
    assert not compilations and len(os.listdir(network.parent / "compiled")) == 2
