"""Benchmark folders and the tables made of them."""

import csv
import io
import json
from functools import partial

import numpy as np
import pytest

from srzoo import bicubic, evaluation
from srzoo.data.sample import sample_path
from srzoo.images import read_image, write_image

PHOTO = read_image(sample_path("coffee.png"))[:82, :101]
BICUBIC = partial(bicubic.upscale, scale=4)


@pytest.fixture
def benchmark(tmp_path):
    hr = bicubic.crop_to_multiple(PHOTO, 4)
    for name, picture in (("a", hr), ("b", hr[:, ::-1])):
        write_image(tmp_path / "set" / "HR" / f"{name}.png", picture)
        write_image(tmp_path / "set" / "LR_x4" / f"{name}.png", bicubic.downscale(picture, 4))
    return tmp_path / "set"


def test_bicubic_beside_itself_is_the_same(benchmark):
    report = evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)
    assert [score.name for score in report.scores] == ["a", "b"]
    for score in (*report.scores, report.mean):
        assert (score.psnr_y, score.ssim_y, score.psnr_rgb) == (
            score.bicubic_psnr_y,
            score.bicubic_ssim_y,
            score.bicubic_psnr_rgb,
        )


def test_the_mean_is_over_pictures(benchmark):
    report = evaluation.evaluate(lambda lr: BICUBIC(lr) // 2, "dark", 4, benchmark)
    assert report.mean.psnr_y == pytest.approx(np.mean([score.psnr_y for score in report.scores]))
    assert report.mean.psnr_y < report.mean.bicubic_psnr_y


def test_a_folder_of_hr_pictures_gets_its_lr_by_bicubic(tmp_path):
    write_image(tmp_path / "a.png", PHOTO)
    ((name, lr, hr),) = evaluation.read_benchmark(tmp_path, 4)
    assert name == "a" and hr.shape == (80, 100, 3)
    np.testing.assert_array_equal(lr, bicubic.downscale(hr, 4))


def test_each_bad_pair_is_named(benchmark):
    write_image(benchmark / "HR" / "c.png", PHOTO)
    write_image(benchmark / "LR_x4" / "a.png", PHOTO[:20, :20])
    with pytest.raises(ValueError, match=r"2 bad pair\(s\)") as error:
        evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)
    assert "c.png has no LR" in str(error.value)
    assert "a.png has 100x80 pixels, which is not 4 times the 20x20" in str(error.value)


def test_an_empty_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures found"):
        list(evaluation.read_benchmark(tmp_path, 4))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        list(evaluation.read_benchmark(tmp_path / "nowhere", 4))


def test_every_format_holds_the_figures_and_the_protocol(benchmark):
    reports = [evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)]
    mean = reports[0].mean
    markdown, table, data = (evaluation.FORMATS[name](reports) for name in ("markdown", "csv", "json"))
    assert f"| mean    | {mean.psnr_y:.2f}" in markdown and "Gaussian 11x11" in markdown
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["name"] for row in rows] == ["a", "b", "mean"]
    assert float(rows[2]["ssim_y"]) == pytest.approx(mean.ssim_y) and "4 pixels shaved" in rows[0]["protocol"]
    (report,) = json.loads(data)
    assert report["mean"]["psnr_rgb"] == pytest.approx(mean.psnr_rgb) and "BT.601" in report["protocol"]


def test_bicubic_on_set5_set14_and_bsd100_is_the_known_figure(shared_data):
    for name, published in (("Set5", 28.43), ("Set14", 26.09), ("BSD100", 25.96)):
        report = evaluation.evaluate(BICUBIC, "bicubic", 4, shared_data / "data" / "benchmark" / name)
        assert report.mean.psnr_y == pytest.approx(published, abs=0.005)
