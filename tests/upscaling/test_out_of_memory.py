"""What happens when the memory that a tile may take is not there."""

import numpy as np
import psutil
import pytest
import tensorflow as tf
from skimage import data

from srzoo import zoo
from srzoo.runtimes import keras as keras_network
from srzoo.runtimes.tiles import cut, halve
from srzoo.upscaling import Upscaler, memory

PHOTO = data.chelsea()[100:171, 150:239]
MODEL = "edsr-baseline-x2.blocks1.filters4"

ERRORS = [
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    MemoryError(),
    RuntimeError("Failed to allocate memory for requested buffer of size 42"),
    tf.errors.InternalError(None, None, "CUDNN_STATUS_ALLOC_FAILED"),
]


def narrow(upscale, most, error):
    """Lets tiles of more than `most` pixels fail; gives the list of the areas that were tried."""
    run, tried = upscale._upscale_tile, []

    def limited(pixels, inside):
        tried.append(pixels.shape[1] * pixels.shape[2])
        if tried[-1] > most:
            raise error
        return run(pixels, inside)

    upscale._upscale_tile = limited
    return tried


def said(caplog) -> list[str]:
    """What the package logged; TensorFlow does too."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("srzoo")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_tiles_get_smaller_the_result_is_the_same_and_it_is_said_once(error, caplog):
    model = zoo.create(MODEL)
    expected = Upscaler(model)(PHOTO).astype(int)
    upscale = Upscaler(model)
    upscale.max_pixels = 3000  # of which the picture takes several
    tried = narrow(upscale, 1800, error)
    assert np.abs(upscale(PHOTO) - expected).max() <= 1
    assert len(said(caplog)) == 1 and said(caplog)[0].startswith("out of memory: goes on with tiles of ")
    assert sum(area > 1800 for area in tried) == 1  # what is left of this picture is cut before it is tried
    tried.clear()
    assert np.abs(upscale(PHOTO) - expected).max() <= 1
    assert max(tried) <= upscale.max_pixels and len(said(caplog)) == 1


def test_it_goes_down_to_a_pixel_and_its_halo_and_then_says_that_there_is_no_memory():
    model = zoo.create(MODEL)
    upscale = Upscaler(model)
    least = (2 * upscale.halo + 1) ** 2
    narrow(upscale, least, ERRORS[0])
    few = PHOTO[: 2 * upscale.halo + 3, : 2 * upscale.halo + 2]
    assert np.abs(upscale(few).astype(int) - Upscaler(model)(few)).max() <= 1
    narrow(upscale, least - 1, ERRORS[0])
    with pytest.raises(MemoryError, match=f"no memory for a tile of one pixel and its halo of {upscale.halo}"):
        upscale(few)


def test_other_errors_of_the_runtime_are_not_taken_for_it():
    upscale = Upscaler(zoo.create(MODEL))
    tried = narrow(upscale, 0, RuntimeError("the graph is broken"))
    with pytest.raises(RuntimeError, match="the graph is broken"):
        upscale(PHOTO)
    assert len(tried) == 1


def test_a_result_larger_than_the_memory_is_refused_before_it_kills_the_process(repeating, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    with pytest.raises(MemoryError, match=r"no memory for the result of 178x142 pixels, 0.0 GB"):
        repeating(PHOTO)


@pytest.mark.parametrize("gpu", [False, True])
def test_without_a_gpu_tiles_are_cut_to_the_memory_that_is_there_before_the_system_kills(gpu, monkeypatch, caplog):
    monkeypatch.setattr(keras_network, "runs_in_machine_memory", lambda model: not gpu)
    model = zoo.create(MODEL)
    upscale = Upscaler(model)
    tried = narrow(upscale, 10**9, None)
    available = 4000 * upscale.bytes_per_pixel / memory.SHARE
    monkeypatch.setattr(memory, "available_memory", lambda: available)
    result = upscale(PHOTO).astype(int)
    assert np.abs(result - Upscaler(model)(PHOTO)).max() <= 1
    # Both upscalers say it.
    assert tried == [PHOTO.shape[0] * PHOTO.shape[1]] if gpu else max(tried) <= 4000 and len(said(caplog)) == 2


def test_the_memory_of_this_process_is_what_the_system_says():
    assert memory.resident_memory() == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_the_available_memory_is_that_of_the_machine_or_of_the_container(tmp_path):
    assert memory.available_memory(tmp_path) == float("inf")
    (tmp_path / "proc").mkdir()
    meminfo = "MemTotal: 9000 kB\nMemAvailable:    3000 kB\nSwapFree:  1000 kB\n"
    (tmp_path / "proc/meminfo").write_text(meminfo)
    assert memory.available_memory(tmp_path) == 4000 * 1024
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    for name, text in (("max", "max\n"), ("current", "900000\n"), ("stat", "anon 1\ninactive_file 50000\n")):
        (group / f"memory.{name}").write_text(text)
    assert memory.available_memory(tmp_path) == 4000 * 1024
    (group / "memory.max").write_text("1000000\n")
    assert memory.available_memory(tmp_path) == 150_000


@pytest.mark.parametrize(("height", "width", "halo"), [(53, 38, 5), (1, 90, 3), (40, 40, 0)])
def test_halves_of_halves_make_up_the_picture(height, width, halo):
    def pixels_of(tile):
        halves = halve(tile, height, width, 2, halo)
        return [tile] if not halves else [part for half in halves for part in pixels_of(half)]

    picture = np.arange(height * width).reshape(height, width)
    enlarged = picture.repeat(2, axis=0).repeat(2, axis=1)
    result, times = np.zeros_like(enlarged), np.zeros_like(enlarged)
    for whole in cut(height, width, 2, halo, 400):
        for tile in pixels_of(whole):
            result[tile.target] = picture[tile.source].repeat(2, axis=0).repeat(2, axis=1)[tile.inside]
            times[tile.target] += 1
            for source, target, length in zip(tile.source, tile.target, (height, width)):
                assert source.start == max(0, target.start // 2 - halo)
                assert source.stop == min(length, target.stop // 2 + halo)
    np.testing.assert_array_equal(result, enlarged)
    assert np.all(times == 1)
