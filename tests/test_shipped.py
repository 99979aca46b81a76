"""The weights that come with the package: whole, and as good as their model cards say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from srzoo import bicubic, shipped, zoo
from srzoo.data.sample import sample_path
from srzoo.evaluation import evaluate
from srzoo.metrics import lpips, psnr_y
from srzoo.pictures.reading import read_image
from srzoo.upscaling import Upscaler

CAT = {
    "edsr-baseline-x2": 37.20,
    "edsr-baseline-x3": 34.06,
    "edsr-baseline-x4": 32.48,
    "edsr-gan-x2": 35.89,
    "edsr-gan-x4": 31.15,
    "edsr-real-pixel-x2": 36.32,
    "edsr-real-pixel-x4": 32.29,
    "edsr-real-x2": 35.61,
    "edsr-real-x4": 30.80,
    "srgan-x4": 31.16,
    "srresnet-x4": 32.47,
}
"""PSNR-Y in dB on scikit-image's cat, recorded when the weights were shipped."""

DROP = 0.05
"""dB that fail a test: far more than rounding gives, far less than anyone sees."""


def measured(kind: str) -> dict[str, dict[str, dict[str, float]]]:
    """Model -> benchmark -> figures, as `tools/results.py` wrote them."""
    found = json.loads(shipped.RESULTS.read_text("utf-8"))[kind]
    return {name: row for name, row in found.items() if not name.startswith("bicubic")}


def test_what_ships_is_what_is_recorded():
    assert shipped.shipped_models() == sorted(CAT) == sorted(measured("clean"))
    assert sorted(shipped.checksums()) == sorted(["int8.npz", *(f"{name}.weights.h5" for name in CAT)])


@pytest.mark.parametrize("name", CAT)
def test_shipped_weights_are_float32_once_loaded_and_as_good_on_a_cat_as_recorded(name):
    model = zoo.load(name)
    assert {weights.dtype for weights in model.get_weights()} == {np.dtype("float32")}
    upscaler = Upscaler(model)
    hr = bicubic.crop_to_multiple(read_image(sample_path("chelsea.png")), upscaler.scale)
    score = psnr_y(hr, upscaler(bicubic.downscale(hr, upscaler.scale)), upscaler.scale)
    assert score == pytest.approx(CAT[name], abs=DROP)


@pytest.mark.parametrize(
    "name", [each if each == "edsr-baseline-x4" else pytest.param(each, marks=pytest.mark.slow) for each in CAT]
)
def test_shipped_weights_are_as_good_on_set5_as_recorded(name, shared_data):
    upscaler = Upscaler(zoo.load(name))
    distance = lpips.load(shared_data / "weights" / "lpips_alexnet.npz")
    report = evaluate(upscaler, name, upscaler.scale, shared_data / "data" / "benchmark" / "Set5", lpips=distance)
    expected = measured("clean")[name]["Set5"]
    assert report.mean.figures["psnr_y"] == pytest.approx(expected["psnr_y"], abs=DROP)
    assert report.mean.figures["lpips"] == pytest.approx(expected["lpips"], abs=0.002)


@pytest.mark.parametrize("name", CAT)
def test_a_card_has_the_figures_that_were_measured_of_every_model_that_it_names(name):
    found = json.loads(shipped.RESULTS.read_text("utf-8"))
    rows, seen = {}, set()
    for line in Path(__file__).parents[1].joinpath("docs", "models", f"{name}.md").read_text("utf-8").splitlines():
        first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        if first.endswith("PSNR-Y / SSIM-Y / LPIPS"):
            rows = found["damaged" if cells == ["BSD100, damaged"] else "clean"]
        elif not line.startswith("|"):
            rows = {}
        model = {"this": name, "bicubic": f"bicubic-{name[-2:]}"}.get(first, first)
        if rows and first != "---" and "PSNR-Y" not in first:
            assert cells == [
                f"{of['psnr_y']:.2f} / {of['ssim_y']:.4f} / {of['lpips']:.4f}" for of in rows[model].values()
            ]
            seen.add((model, len(cells)))
    assert {(name, 3), *([(name, 1)] if "real" in name else [])} <= seen


def test_the_readme_has_the_figures_that_were_measured():
    x2, x3, x4 = (measured("clean")[f"edsr-baseline-x{scale}"]["Set5"]["psnr_y"] for scale in (2, 3, 4))
    assert f"{x2:.2f}, {x3:.2f} and {x4:.2f} dB on Set5" in Path(__file__).parents[1].joinpath("README.md").read_text()


def test_the_fidelity_dial_goes_from_one_shipped_model_to_the_other():
    hr = read_image(sample_path("chelsea.png"))[:128, :128]
    lr = bicubic.downscale(hr, 4)
    pixel, gan = zoo.load("edsr-baseline-x4"), zoo.load("edsr-gan-x4")
    between = zoo.interpolate(pixel, gan, 0.5)
    scores = [psnr_y(hr, Upscaler(model)(lr), 4) for model in (pixel, between, gan)]
    assert scores[0] == max(scores) and scores[2] == min(scores)


def test_a_file_for_openvino_is_another_network_with_other_weights_beside_it(tmp_path):
    (tmp_path / "a.xml").write_text("graph")
    found = set()
    for weights in ("first", "second"):
        (tmp_path / "a.bin").write_text(weights)
        found.add(shipped.content_of(tmp_path / "a.xml"))
    assert len(found) == 2


def test_damaged_shipped_weights_are_refused(tmp_path, monkeypatch):
    copy = tmp_path / "weights"
    shutil.copytree(shipped.SHIPPED, copy)
    monkeypatch.setattr(shipped, "SHIPPED", copy)
    with (copy / "edsr-baseline-x4.weights.h5").open("r+b") as file:
        file.seek(100_000)
        file.write(b"\0\0\0\0")
    with pytest.raises(ValueError, match=r"edsr-baseline-x4.* is damaged: its SHA-256"):
        zoo.load("edsr-baseline-x4")
