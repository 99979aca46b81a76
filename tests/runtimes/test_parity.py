"""The measure of how far an export is from the Keras model."""

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.runtimes import parity
from srzoo.runtimes.parity import Bound, ParityError, check, measure, pictures, to_text


def by_bicubic(scale):
    return lambda given: bicubic.upscale(given[0].astype(np.uint8), scale)[None].astype(np.float32)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_three_photographs_of_three_sizes_are_taken(scale):
    origin, taken = pictures(scale)
    assert origin == "photographs of scikit-image"
    shapes = [hr.shape for _, hr in taken]
    assert len(set(shapes)) == 3
    assert all(height % scale == 0 and width % scale == 0 for height, width, _ in shapes)
    assert all(hr.dtype == np.uint8 and hr.std() > 20 for _, hr in taken)


def test_without_scikit_image_they_are_drawn_and_the_report_says_so(monkeypatch):
    def missing(name):
        raise FileNotFoundError

    monkeypatch.setattr(parity, "sample_path", missing)
    origin, taken = pictures(4)
    assert "drawn from a seed, as scikit-image with its photographs is not installed" in origin
    assert [hr.shape for _, hr in taken] == [(96, 136, 3), (200, 272, 3), (296, 448, 3)]
    assert all(hr.std() > 20 and hr.min() == 0 and hr.max() == 255 for _, hr in taken)
    np.testing.assert_array_equal(taken[1][1], pictures(4)[1][1][1])
    assert "drawn from a seed" in to_text(measure(by_bicubic(4), by_bicubic(4), 4))


def test_equal_networks_differ_by_nothing():
    report = measure(by_bicubic(4), by_bicubic(4), 4)
    assert (report.worst, report.mean, report.psnr_lost) == (0, 0, 0)
    check(report, Bound(0, 0), "it")
    assert [(each.width, each.height) for each in report.differences] == [(34, 24), (68, 50), (112, 74)]


def test_differences_are_in_grey_levels_of_values_that_can_be_shown():
    reference = by_bicubic(2)
    report = measure(reference, lambda given: reference(given) + 3, 2)
    assert report.worst == 3 and 2.5 < report.mean <= 3
    assert measure(lambda given: reference(given) * 0 + 300, lambda given: reference(given) * 0 + 400, 2).worst == 0


def test_the_psnr_that_is_lost_is_that_of_the_worst_picture():
    reference = by_bicubic(2)
    report = measure(reference, lambda given: reference(given) + (6 if given.shape[1] == 48 else 0), 2)
    assert report.psnr_lost == report.differences[0].psnr_lost > 0.1
    assert report.differences[1].psnr_lost == report.differences[2].psnr_lost == 0


@pytest.mark.parametrize(
    ("exported", "sentence"),
    [
        (lambda given: by_bicubic(2)(given) * np.nan, "on chelsea the exported network gave NaN or infinite values of"),
        (by_bicubic(3), r"gave values of shape \(1, 144, 204, 3\) where the Keras model gives .*\(1, 96, 136, 3\)"),
    ],
)
def test_an_output_that_is_no_picture_is_refused(exported, sentence):
    with pytest.raises(ParityError, match=sentence):
        measure(by_bicubic(2), exported, 2)


@pytest.mark.parametrize("bound", [Bound(worst=1, psnr_lost=9), Bound(worst=9, psnr_lost=0.0001)])
def test_a_report_over_either_bound_fails_with_the_figures(bound):
    reference = by_bicubic(2)
    report = measure(reference, lambda given: reference(given) + 3, 2)
    with pytest.raises(
        ParityError, match=r"^net is too far from the Keras model: 3 grey levels at worst and .* dB of PSNR"
    ):
        check(report, bound, "net")


def test_the_report_is_a_line_for_each_picture_and_one_for_all():
    reference = by_bicubic(2)
    lines = to_text(measure(reference, lambda given: reference(given) + 3, 2)).splitlines()
    assert [line.split()[1] for line in lines[2:-1]] == ["chelsea", "coffee", "astronaut", "all"]
    assert lines[2].startswith("| chelsea 68x48") and " 3.00000 " in lines[2]
    assert lines[-1] == "(photographs of scikit-image)"
