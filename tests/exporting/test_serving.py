"""SavedModels as TensorFlow Serving loads them: what goes in, what comes out, what lies on disk."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from served import NAME, encoded, predicted, refusal, serve, worst
from tensorflow_serving.apis import prediction_log_pb2

from srzoo import shipped, zoo
from srzoo.data.sample import sample_path
from srzoo.exporting.serving import WARMUP, write_saved_model
from srzoo.exporting.serving_tiles import TiledNetwork, grid, upscale_batch, upscale_tiled
from srzoo.images import write_image
from srzoo.models.geometry import peak_bytes_per_pixel
from srzoo.pictures.reading import read_image
from srzoo.runtimes.openvino import core
from srzoo.runtimes.tiles import _grid, cut
from srzoo.upscaling import Upscaler

ROOT = Path(__file__).resolve().parents[2]

BARE = """
import sys

sys.modules.update(dict.fromkeys(("keras", "srzoo", "tf_keras")))
import tensorflow as tf

folder, source, target = sys.argv[1:]
loaded = tf.saved_model.load(folder)
images = tf.constant([open(source, "rb").read()])
(result,) = loaded.signatures["serving_default"](image_bytes=images).values()
open(target, "wb").write(result.numpy()[0])
"""
"""None in `sys.modules` makes the import of that name fail."""

SHOW = """
from tensorflow.python.tools import saved_model_cli

sys.argv[1:] = ["show", "--dir", folder, "--tag_set", "serve", "--all"]
saved_model_cli.main()
"""

CROWD = """
import sys
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["float"]
images = [tf.random.uniform((1, *size, 3), maxval=255.0) for size in ((59, 77), (20, 30))]
alone = [serve(pixels=image)["sr"] for image in images]


def ask(index):
    for _ in range(5000):
        tf.debugging.assert_equal(serve(pixels=images[index])["sr"], alone[index])


with ThreadPoolExecutor() as pool:
    list(pool.map(ask, (0, 1, 0, 1)))
"""


@pytest.fixture(scope="module")
def bare(small_saved, picture, tmp_path_factory) -> tuple[np.ndarray, str]:
    """The picture, upscaled by a process without srzoo and Keras, and what saved_model_cli shows there."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "lr.png").write_bytes(encoded(picture))
    command = [sys.executable, "-c", BARE + SHOW, small_saved, folder / "lr.png", folder / "sr.png"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return read_image(folder / "sr.png"), done.stdout


def test_a_process_without_srzoo_and_keras_turns_a_png_into_an_upscaled_one(small, bare, picture):
    assert worst(bare[0], Upscaler(small)(picture)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped.shipped_models())
def test_every_shipped_model_serves_what_resolve_image_gives(name, tmp_path):
    write_image(tmp_path / "lr.png", read_image(sample_path("chelsea.png"))[:150, :200])
    for command in (
        [ROOT / "resolve_image.py", "lr.png", "--model", name, "--precision", "float32", "--output", "expected"],
        ["-m", "srzoo", "export", name, "--output", "models"],
        ["-c", BARE, f"models/{name}/1", "lr.png", "sr.png"],
    ):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    assert worst(read_image(tmp_path / "sr.png"), read_image(next((tmp_path / "expected").iterdir()))) <= 1


def test_pixels_are_those_of_the_upscaler_for_any_batch(small, small_served, picture):
    upscaler = Upscaler(small)
    for batch in (np.stack([picture, picture[::-1]]), np.stack([picture[i : i + 7, :9] for i in range(20)])):
        (sr,) = small_served.signatures["pixels"](pixels=tf.constant(batch)).values()
        assert sr.shape == (len(batch), 2 * batch.shape[1], 2 * batch.shape[2], 3)
        assert max(worst(got, upscaler(lr)) for got, lr in zip(sr.numpy(), batch)) <= 1


@pytest.mark.parametrize("shape, reason", [((0, 9, 9, 3), "no side of 0"), ((1, 0, 9, 3), "no side of 0")])
def test_pixels_without_any_are_refused(small_served, shape, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        small_served.signatures["pixels"](pixels=tf.zeros(shape, tf.uint8))


def test_pixels_over_the_limit_are_refused(small_served):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape \[1 61 100 3\], expected at most 6000 pixels"):
        small_served.signatures["pixels"](pixels=tf.zeros((1, 61, 100, 3), tf.uint8))
    assert small_served.signatures["pixels"](pixels=tf.zeros((1, 60, 100, 3), tf.uint8))["sr"].shape[1] == 120


def test_the_float_signature_gives_what_the_model_gives(small, small_served, picture):
    batch = np.stack([picture, picture[::-1]]).astype(np.float32)
    (sr,) = small_served.signatures["float"](pixels=tf.constant(batch)).values()
    np.testing.assert_allclose(sr, small(batch), atol=1e-3)


def test_the_grid_is_the_one_of_the_upscaler():
    random = np.random.default_rng(4)
    for _ in range(60):
        height, width, halo = (int(number) for number in random.integers((1, 1, 1), (400, 400, 20)))
        most = int((2 * halo + 1) ** 2 + random.integers(0, 20_000))
        for wide in (width, 2 * halo):
            got = grid(tf.constant(height, tf.int64), tf.constant(wide, tf.int64), halo, most)
            assert tuple(int(number) for number in got) == _grid(height, wide, halo, most, height)


@pytest.mark.parametrize(("alignment", "halo"), [(1, 5), (2, 5), (4, 8), (1, None), (2, None)])
def test_the_tiles_are_those_of_the_upscaler(alignment, halo):
    pixels = np.random.default_rng(0).integers(0, 256, (67, 90, 3), np.uint8)
    most = 67 * 90 if halo is None else 1000
    seen = []

    def run(part):
        seen.append(part.numpy()[0].astype(np.uint8))
        return part

    whole = upscale_tiled(tf.constant(pixels[None]), TiledNetwork(run, 1, halo, most, alignment))
    np.testing.assert_array_equal(whole[0], pixels)
    expected = cut(67, 90, 1, halo, most, alignment=alignment)
    assert len(seen) == len(expected)
    for part, tile in zip(seen, expected):
        np.testing.assert_array_equal(part, pixels[tile.source])


def test_pictures_share_a_run_as_far_as_they_fit_and_are_rounded_and_clipped():
    seen = []

    def run(part):
        seen.append(part.shape[0])
        return 0 * part + [-3.0, 254.6, 300.0]

    sr = upscale_batch(tf.zeros((10, 5, 6, 3), tf.uint8), TiledNetwork(run, 1, 0, 100))
    assert seen == [3, 3, 3, 1] and np.all(sr.numpy() == [0, 255, 255])
    seen.clear()
    upscale_batch(tf.zeros((10, 3, 4, 3), tf.uint8), TiledNetwork(run, 1, 0, 100, border=1))
    assert seen == [3, 3, 3, 1]


def test_a_network_that_sees_the_whole_picture_is_served_what_fits_in_memory(tmp_path, picture):
    pixels = tf.keras.Input((None, None, 3))
    mean = tf.keras.layers.GlobalAveragePooling2D(keepdims=True)(pixels)
    model = tf.keras.Model(pixels, tf.keras.layers.UpSampling2D(2)(tf.keras.layers.Average()([pixels, mean])))
    write_saved_model(model, tmp_path / "1", memory=1000 * peak_bytes_per_pixel(model))
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    assert all(predicted(loaded, each).outputs for each in warm_up(tmp_path / "1"))
    signature = loaded.signatures["pixels"]
    few = picture[:20, :30]
    assert worst(signature(pixels=tf.constant(few[None]))["sr"].numpy()[0], Upscaler(model)(few)) <= 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected at most 1000 pixels an image"):
        signature(pixels=tf.zeros((1, 40, 30, 3), tf.uint8))


def test_memory_that_no_tile_fits_in_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=f"memory must be at least 1 MB for '{NAME}', got 0.001 MB; allow more"):
        write_saved_model(small, tmp_path / "1", memory=1000)


def test_a_network_that_gives_nan_is_an_error_and_not_a_black_picture(tmp_path, picture):
    broken = zoo.create(NAME)
    broken.set_weights([np.full_like(weight, np.nan) for weight in broken.get_weights()])
    write_saved_model(broken, tmp_path / "1")
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["pixels"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="the network gave NaN or infinite values"):
        signature(pixels=tf.constant(picture[None]))


@pytest.mark.slow
def test_another_kind_of_network_is_exported_as_well(tmp_path, picture):
    srresnet = zoo.create("srresnet-x3.blocks1.filters4")
    write_saved_model(srresnet, tmp_path / "1", memory=4_000_000)
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    assert worst(serve(loaded, [encoded(picture)])[0], Upscaler(srresnet)(picture)) <= 1


@pytest.mark.parametrize(
    "signature, given, returned",
    [
        ("serving_default", ("image_bytes", "DT_STRING", "(-1)"), ("sr_bytes", "DT_STRING", "(-1)")),
        ("pixels", ("pixels", "DT_UINT8", "(-1, -1, -1, 3)"), ("sr", "DT_UINT8", "(-1, -1, -1, 3)")),
        ("float", ("pixels", "DT_FLOAT", "(-1, -1, -1, 3)"), ("sr", "DT_FLOAT", "(-1, -1, -1, 3)")),
    ],
)
def test_saved_model_cli_shows_each_signature(bare, signature, given, returned):
    text = bare[1].split(f"signature_def['{signature}']")[1].split("signature_def[")[0]
    for way, (key, dtype, shape) in (("inputs", given), ("outputs", returned)):
        assert f"{way}['{key}'] tensor_info:" in text
        part = text.split(f"{way}['{key}'] tensor_info:")[1]
        assert part.split("dtype: ")[1].startswith(dtype) and part.split("shape: ")[1].startswith(shape)


@pytest.mark.slow
def test_at_x8_the_limit_is_what_one_png_holds(tmp_path):
    write_saved_model(zoo.create("edsr-baseline-x8.blocks1.filters4"), tmp_path / "1")
    head = bytearray(encoded(np.zeros((8, 8, 3), np.uint8)))
    head[16:24] = (12_000).to_bytes(4, "big") + (1000).to_bytes(4, "big")
    assert "12000x1000 pixels, expected 11184810 at most" in refusal(
        tf.saved_model.load(str(tmp_path / "1")), [bytes(head)]
    )


def warm_up(folder: Path):
    records = tf.data.TFRecordDataset(str(folder / "assets.extra" / WARMUP)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]


def test_the_warm_up_requests_run_on_every_signature(small_saved, small_served):
    requests = warm_up(small_saved)
    assert [each.model_spec.signature_name for each in requests] == ["serving_default", "pixels", "float"]
    assert {each.model_spec.name for each in requests} == {NAME}
    assert all(predicted(small_served, each).outputs for each in requests)


def test_the_network_waits_for_its_turn(small_served, picture):
    served = small_served.signatures["float"]
    nodes = (node for function in served.graph.as_graph_def().library.function for node in function.node_def)
    (name,) = {node.attr["shared_name"].s for node in nodes if node.op == "MutexV2"}
    with ThreadPoolExecutor() as pool:
        lock = tf.raw_ops.MutexLock(mutex=tf.raw_ops.MutexV2(shared_name=name))
        waiting = pool.submit(served, pixels=tf.constant(picture[None], tf.float32))
        assert not wait([waiting], 0.3).done
        del lock
        waiting.result()


@pytest.mark.slow
def test_requests_at_the_same_time_get_what_each_gets_alone(small_saved):
    """In a process of its own, which TensorFlow's fused convolution used to end within seconds."""
    done = subprocess.run([sys.executable, "-c", CROWD, small_saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.xfail(sys.version_info >= (3, 13), raises=NameError, strict=True, reason="a fault of OpenVINO's converter")
def test_openvino_reads_the_network_as_the_page_says_and_agrees(small, small_saved, picture):
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", (ROOT / "docs/serving.md").read_text("utf-8"))
    (script,) = [each for each in blocks if "openvino" in each]
    names = {"tf": tf}
    exec(script.replace("models/edsr-baseline-x4/1", str(small_saved)), names)
    # By itself it would take bfloat16 where the processor has it.
    compiled = core().compile_model(names["network"], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    lr = picture[None].astype(np.float32)
    np.testing.assert_allclose(compiled(lr)[0], small(lr), atol=0.1)
