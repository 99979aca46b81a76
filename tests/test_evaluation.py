"""Benchmark folders and the tables made of them."""

import csv
import io
import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from srzoo import bicubic, evaluation
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.metrics import psnr, psnr_y
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("coffee.png"))[:82, :101]
BICUBIC = partial(bicubic.upscale, scale=4)


class Darkness:
    """Stands for LPIPS where its network does not matter."""

    name = "AlexNet"
    least = 31

    def __call__(self, hr, sr):
        return float(np.mean(hr) - np.mean(sr)) / 255


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
        for name in ("psnr_y", "ssim_y", "psnr_rgb", "lr_psnr"):
            assert score.figures[name] == score.figures[f"bicubic_{name}"]


def test_the_mean_is_over_pictures(benchmark):
    report = evaluation.evaluate(lambda lr: BICUBIC(lr) // 2, "dark", 4, benchmark)
    assert report.mean.figures["psnr_y"] == pytest.approx(np.mean([score.figures["psnr_y"] for score in report.scores]))
    assert report.mean.figures["psnr_y"] < report.mean.figures["bicubic_psnr_y"]


def test_a_folder_of_hr_pictures_gets_its_lr_by_bicubic(tmp_path):
    write_image(tmp_path / "a.png", PHOTO)
    (pair,) = evaluation.find_pairs(tmp_path, 4)
    lr, hr = pair.read(4)
    assert pair.name == "a" and hr.shape == (80, 100, 3)
    np.testing.assert_array_equal(lr, bicubic.downscale(hr, 4))
    assert evaluation.evaluate(BICUBIC, "bicubic", 4, tmp_path).lr == "made from HR by MATLAB's bicubic"


def test_lr_that_is_given_is_used(benchmark):
    write_image(benchmark / "LR_x4" / "a.png", np.zeros((20, 25, 3), np.uint8))
    report = evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)
    assert (
        report.scores[0].figures["psnr_y"] < 20 < report.scores[1].figures["psnr_y"]
        and report.lr == "as given in LR_x4"
    )


def test_lr_of_another_scale_is_not_used(benchmark):
    assert evaluation.evaluate(partial(bicubic.upscale, scale=2), "bicubic", 2, benchmark).lr.startswith("made from HR")


def test_each_bad_pair_is_named(benchmark):
    for name, hr, lr in (("tiny", PHOTO[:16, :40], PHOTO[:4, :10]), ("cut", PHOTO[:80, :100], PHOTO[:20, :25])):
        write_image(benchmark / "HR" / f"{name}.png", hr)
        write_image(benchmark / "LR_x4" / f"{name}.png", lr)
    write_image(benchmark / "HR" / "only_hr.png", PHOTO)
    write_image(benchmark / "LR_x4" / "only_lr.png", PHOTO)
    write_image(benchmark / "LR_x4" / "a.png", PHOTO[:20, :20])
    cut = benchmark / "HR" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"set: 5 bad pair\(s\):\n") as error:
        evaluation.evaluate(pytest.fail, "unused", 4, benchmark)
    for reason in (
        "a.png has 100x80 pixels, which is not 4 times the 20x20 of its LR",
        "cut.png: not an image that can be read",
        "only_hr.png has no LR in",
        "only_lr.png has no HR in",
        "tiny.png has 40x16 pixels, too few to be measured: 4 are shaved off each border, and SSIM's window needs 11",
    ):
        assert reason in str(error.value)


def test_a_folder_of_benchmarks_is_not_taken_for_one(benchmark):
    with pytest.raises(ValueError, match="which of its pictures are HR is not clear, as .*HR is among them"):
        evaluation.find_pairs(benchmark.parent, 4)


def test_an_empty_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures found"):
        evaluation.find_pairs(tmp_path, 4)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        evaluation.find_pairs(tmp_path / "nowhere", 4)


def test_the_first_call_is_not_in_the_seconds(benchmark, monkeypatch):
    calls, clock = [], [0]
    monkeypatch.setattr(evaluation, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def slow_at_first(lr):
        calls.append(lr.shape)
        clock[0] += 1 if len(calls) > 1 else 60
        return BICUBIC(lr)

    report = evaluation.evaluate(slow_at_first, "slow", 4, benchmark)
    assert len(calls) == 3 and [score.figures["seconds"] for score in report.scores] == [1, 1]


def test_progress_sees_every_picture(benchmark):
    seen = []
    evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark, lambda pairs: seen.extend(pairs) or iter(pairs))
    assert [pair.name for pair in seen] == ["a", "b"]


def test_every_format_holds_the_figures_and_the_protocol(benchmark):
    reports = [evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)]
    mean = reports[0].mean.figures
    markdown, table, data = (evaluation.TABLE_FORMATS[name](reports) for name in ("markdown", "csv", "json"))
    assert markdown.startswith("bicubic on set, LR as given in LR_x4:\n") and "Gaussian 11x11" in markdown
    assert f"| mean    |  {mean['psnr_y']:.2f} | {mean['ssim_y']:.4f} |" in markdown
    assert len({len(line) for line in markdown.splitlines() if line.startswith("|")}) == 1
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["name"] for row in rows] == ["a", "b", "mean"]
    assert float(rows[2]["ssim_y"]) == pytest.approx(mean["ssim_y"]) and "4 pixels shaved" in rows[0]["protocol"]
    (report,) = json.loads(data)
    assert report["mean"]["psnr_rgb"] == pytest.approx(mean["psnr_rgb"]) and "BT.601" in report["protocol"]
    assert (report["dataset"], report["scale"], report["scores"][1]["name"]) == ("set", 4, "b")


def test_lpips_is_a_column_of_every_format_and_in_the_protocol(benchmark):
    lpips = Darkness()
    reports = [evaluation.evaluate(lambda lr: BICUBIC(lr) // 2, "dark", 4, benchmark, lpips=lpips)]
    mean = reports[0].mean.figures
    assert mean["lpips"] == pytest.approx(np.mean([score.figures["lpips"] for score in reports[0].scores]))
    assert mean["lpips"] > 0.05 > mean["bicubic_lpips"]
    markdown, table, data = (evaluation.TABLE_FORMATS[name](reports) for name in ("markdown", "csv", "json"))
    titles, _, _, _, means = (line.strip("| ").split(" | ") for line in markdown.splitlines()[2:7])
    of = dict(zip(map(str.strip, titles), map(str.strip, means)))
    assert (of["LPIPS"], of["bicubic LPIPS"]) == (f"{mean['lpips']:.4f}", f"{mean['bicubic_lpips']:.4f}")
    row = list(csv.DictReader(io.StringIO(table)))[2]
    assert (float(row["lpips"]), float(row["bicubic_lpips"])) == (mean["lpips"], mean["bicubic_lpips"])
    (report,) = json.loads(data)
    assert (report["mean"]["lpips"], report["mean"]["bicubic_lpips"]) == (mean["lpips"], mean["bicubic_lpips"])
    protocol = "LPIPS v0.1 of AlexNet (Zhang et al., 2018), on RGB, nothing shaved, lower is better"
    assert protocol in markdown and protocol in row["protocol"] and protocol in report["protocol"]


def test_without_lpips_no_format_speaks_of_it(benchmark):
    reports = [evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)]
    assert not [name for name, table in evaluation.TABLE_FORMATS.items() if "lpips" in table(reports).lower()]


def test_a_picture_too_small_for_lpips_alone_is_a_bad_pair_when_it_is_measured(tmp_path):
    write_image(tmp_path / "a.png", PHOTO[:28, :40])
    assert len(evaluation.find_pairs(tmp_path, 4)) == 1
    with pytest.raises(
        ValueError, match="a.png has 40x28 pixels, too few to be measured: LPIPS of AlexNet needs 31x31"
    ):
        evaluation.evaluate(pytest.fail, "unused", 4, tmp_path, lpips=Darkness())


def test_an_infinite_psnr_leaves_json_valid(tmp_path):
    write_image(tmp_path / "flat.png", np.full((24, 24, 3), 9, np.uint8))
    report = evaluation.evaluate(BICUBIC, "bicubic", 4, tmp_path)
    assert report.mean.figures["psnr_y"] == np.inf and report.mean.figures["ssim_y"] == 1

    def not_json(text):
        raise ValueError(text)

    (data,) = json.loads(evaluation.to_json([report]), parse_constant=not_json)
    assert data["mean"]["psnr_y"] is None and data["scores"][0]["ssim_y"] == 1


@pytest.mark.parametrize(
    ("name", "count", "known"),
    [("Set5", 5, 28.43), ("Set14", 14, 26.09), pytest.param("BSD100", 100, 25.96, marks=pytest.mark.slow)],
)
def test_bicubic_on_a_benchmark_is_the_known_figure(shared_data, name, count, known):
    pairs = evaluation.find_pairs(shared_data / "data" / "benchmark" / name, 4)
    pictures = [pair.read(4) for pair in pairs]
    assert len(pictures) == count
    assert np.mean([psnr_y(hr, BICUBIC(lr), 4) for lr, hr in pictures]) == pytest.approx(known, abs=0.005)


def test_lr_psnr_says_how_far_sr_is_from_its_own_lr(benchmark):
    def bright(lr):
        return np.minimum(BICUBIC(lr), 251) + np.uint8(4)

    report = evaluation.evaluate(bright, "bright", 4, benchmark)
    lr, score = read_image(benchmark / "LR_x4" / "a.png"), report.scores[0]
    assert score.figures["lr_psnr"] == pytest.approx(psnr(lr, bicubic.downscale(bright(lr), 4)))
    assert score.figures["lr_psnr"] < 10 * np.log10(255**2 / 4**2) + 1 < score.figures["bicubic_lr_psnr"]
    assert "LR-PSNR: of RGB" in report.protocol


def test_dists_is_a_column_where_it_is_measured(benchmark):
    (line, *_) = (
        line
        for line in evaluation.to_markdown(
            [evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark, dists=lambda hr, sr: 0.125)]
        ).splitlines()
        if line.startswith("| mean")
    )
    assert line.count("0.1250") == 2
    assert "DISTS" not in evaluation.to_markdown([evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)])


def test_a_flat_picture_is_left_out_of_the_mean_and_named(benchmark):
    write_image(benchmark / "HR" / "flat.png", np.full((80, 100, 3), 255, np.uint8))
    write_image(benchmark / "LR_x4" / "flat.png", np.full((20, 25, 3), 255, np.uint8))
    report = evaluation.evaluate(BICUBIC, "bicubic", 4, benchmark)
    assert report.scores[2].figures["psnr_y"] == np.inf
    assert report.mean.figures["psnr_y"] == np.mean([score.figures["psnr_y"] for score in report.scores[:2]])
    assert "Infinite figures are left out of the mean: flat." in evaluation.to_markdown([report])
