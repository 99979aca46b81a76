"""The SavedModel, as a server without srzoo and Keras sees it."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from srzoo import Upscaler, bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.export.serving import export_saved_model
from srzoo.images import read_image

LR = bicubic.downscale(read_image(sample_path("chelsea.png"))[:96, :128], 4)


@pytest.fixture(scope="module")
def model():
    return zoo.create("edsr-baseline", blocks=1, filters=4)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return export_saved_model(model, tmp_path_factory.mktemp("exported"), max_pixels=2000)


@pytest.fixture(scope="module")
def serve(exported):
    loaded = tf.saved_model.load(exported)
    return lambda *contents: loaded.signatures["serving_default"](image_bytes=tf.constant(contents, tf.string))[
        "sr_bytes"
    ]


def encoded(pixels: np.ndarray, format: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_process_without_srzoo_and_keras_gets_a_png_for_a_png(model, exported, tmp_path):
    (tmp_path / "lr.png").write_bytes(encoded(LR))
    client = (
        "import sys; sys.modules.update(dict.fromkeys(('keras', 'srzoo', 'tf_keras')))\n"
        "import tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "sr = serve(image_bytes=tf.constant([open('lr.png', 'rb').read()]))['sr_bytes']\n"
        "open('sr.png', 'wb').write(sr.numpy()[0])\n"
    )
    subprocess.run([sys.executable, "-c", client, str(exported)], cwd=tmp_path, check=True, capture_output=True)
    expected = Upscaler(model)(LR)
    assert np.abs(read_image(tmp_path / "sr.png").astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "format, mode", [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("JPEG", "RGB"), ("BMP", "RGB")]
)
def test_usual_files_are_read(model, serve, format, mode):
    content = encoded(LR, format, mode)
    (sr,) = serve(content).numpy()
    expected = Upscaler(model)(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    # Two JPEG decoders differ by a level or two.
    assert np.abs(decoded(sr).astype(int) - expected).mean() < 1


def test_images_of_different_sizes_go_in_one_batch(model, serve):
    contents = [encoded(LR), encoded(LR[:9, :13])]
    for lr, sr in zip((LR, LR[:9, :13]), serve(*contents).numpy(), strict=True):
        assert np.abs(decoded(sr).astype(int) - Upscaler(model)(lr)).max() <= 1


@pytest.mark.parametrize(
    "contents, says",
    [
        ((), "the batch holds no image"),
        ((encoded(LR), encoded(np.zeros((40, 60, 3), "uint8"))), "image 1 of the batch has more than 2000 pixels"),
        ((encoded(LR), b"not an image"), "Unknown image file format"),
        ((encoded(LR)[:200],), "PNG"),
    ],
)
def test_what_cannot_be_served_is_an_invalid_argument(serve, contents, says):
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        serve(*contents)


def test_pixels_go_in_and_out_as_uint8_and_float_unrounded(model, exported):
    signatures = tf.saved_model.load(exported).signatures
    batch = np.stack([LR, LR[::-1]])
    sr = signatures["pixels"](pixels=tf.constant(batch))["sr"].numpy()
    assert sr.dtype == np.uint8
    for lr, each in zip(batch, sr, strict=True):
        assert np.abs(each.astype(int) - Upscaler(model)(lr)).max() <= 1
    exact = signatures["float"](pixels=tf.constant(batch, tf.float32))["sr"].numpy()
    np.testing.assert_allclose(exact, model.predict(batch.astype("float32"), verbose=0), atol=1e-2)


def test_versions_count_up_and_none_is_replaced(model, tmp_path):
    assert [export_saved_model(model, tmp_path).name for _ in range(2)] == ["1", "2"]
    with pytest.raises(FileExistsError, match="is there already"):
        export_saved_model(model, tmp_path, version=2)


def test_an_export_that_fails_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tf.saved_model, "save", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        export_saved_model(model, tmp_path)
    assert not list((tmp_path / model.name).iterdir())
