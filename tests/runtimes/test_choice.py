"""The choice of a network: precisions by Keras, and `--restore`, from clean pictures to damaged ones."""

import contextlib
import threading

import numpy as np
import pytest

from srzoo import shipped, zoo
from srzoo.runtimes import prepared
from srzoo.runtimes.choice import Choice, choose
from srzoo.runtimes.keras import keras_network
from srzoo.upscaling import Upscaler


@pytest.fixture(scope="module")
def lr():
    return np.random.default_rng(0).integers(0, 256, (12, 14, 3), np.uint8)


@pytest.fixture(autouse=True)
def tiny(tmp_path, monkeypatch):
    """Tiny networks as those that ship."""
    monkeypatch.setenv("SRZOO_CACHE", "off")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path)
    lines = []
    for name in (f"{base}-x{scale}" for base in ("edsr-baseline", "edsr-real", "edsr-real-pixel") for scale in (2, 4)):
        path = tmp_path / f"{name}.weights.h5"
        zoo.save_weights(zoo.create(f"{name}.blocks1.filters4"), path)
        lines.append(f"{shipped.checksum(path)}  {path.name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("restore, name", [(0, "edsr-baseline"), (1, "edsr-real")])
@pytest.mark.parametrize("scale", [4, 2])
def test_the_ends_of_restore_are_the_networks_for_clean_and_for_damaged_pictures(lr, restore, name, scale):
    model, name = choose(Choice(f"edsr-real-x{scale}", "float32", restore=restore), []), f"{name}-x{scale}"
    np.testing.assert_array_equal(Upscaler(model)(lr), Upscaler(zoo.load(name))(lr))


def test_between_them_restore_is_the_weighted_mean_of_both_results(lr):
    quarter = choose(Choice("edsr-real-x4", "float32", restore=0.25), [])
    clean, damaged = [
        keras_network(zoo.load(name)).run(lr[None].astype(np.float32)) for name in ("edsr-baseline-x4", "edsr-real-x4")
    ]
    np.testing.assert_allclose(quarter.run(lr[None].astype(np.float32)), 0.75 * clean + 0.25 * damaged, atol=1e-3)


def test_the_partner_of_fidelity_is_of_the_models_scale_if_its_name_leaves_it_out(lr):
    model = choose(Choice("edsr-real-x2", fidelity=1.0, pixel_weights="edsr-real-pixel"))
    np.testing.assert_array_equal(Upscaler(model)(lr), Upscaler(zoo.load("edsr-real-pixel-x2"))(lr))


def test_a_choice_of_bfloat16_leaves_the_next_network_in_float32(monkeypatch, caplog):
    monkeypatch.setattr(prepared, "has_gpu", lambda: True)
    caplog.set_level("INFO", "srzoo")
    for precision in ("bfloat16", "float32"):
        choose(Choice("edsr-baseline-x4", precision))
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "bfloat16 by TensorFlow",
        "float32 by TensorFlow",
    ]


def test_threads_load_networks_one_after_the_other(monkeypatch):
    meeting = threading.Barrier(2)

    def ready(*_):
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(0.1)
            raise AssertionError("two at once")

    monkeypatch.setattr(prepared, "ready", ready)
    loaded: list = []
    load = lambda: loaded.append(choose(Choice("edsr-real-x4")))  # noqa: E731
    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 2
