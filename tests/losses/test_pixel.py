"""Each loss against its formula."""

import numpy as np
import pytest

from srzoo.losses import PIXEL_LOSSES, grid

HR = np.array([[[[255.0, 0.0, 51.0]]]], "float32")
SR = np.array([[[[204.0, 0.0, 153.0]]]], "float32")
ERRORS = np.array([0.2, 0.0, 0.4])  # on the [0, 1] scale


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", np.mean(ERRORS)),
        ("l2", np.mean(ERRORS**2)),
        ("charbonnier", np.mean(np.sqrt(ERRORS**2 + 1e-3**2))),
    ],
)
def test_a_pixel_loss_is_its_formula_on_the_unit_scale(name, expected):
    assert float(PIXEL_LOSSES[name](HR, SR)) == pytest.approx(expected, rel=1e-5)


def test_the_grid_loss_is_the_power_of_what_all_cells_have_in_common():
    random = np.random.default_rng(0)
    hr = random.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    cell = random.normal(0, 5, (4, 4, 3))
    cell -= cell.mean((0, 1))
    pattern = np.tile(cell, (24, 24, 1)).astype("float32")
    assert float(grid(hr, hr + pattern, 4)) == pytest.approx(np.mean((cell / 255) ** 2), rel=1e-3)
    # A colour is no pattern, and errors that differ from cell to cell are averaged away, to a 64th of their power.
    assert float(grid(hr, hr + np.float32([9, -4, 2]), 4)) == pytest.approx(0, abs=1e-9)
    noise = random.normal(0, 5, hr.shape).astype("float32")
    assert float(grid(hr, hr + noise, 4)) == pytest.approx((5 / 255) ** 2 / 64 * 15 / 16, rel=0.2)


def test_the_grid_loss_finds_a_pattern_that_changes_its_sign_across_the_picture():
    hr = np.zeros((1, 96, 96, 3), "float32")
    pattern = np.tile(np.where(np.arange(4) % 2, 5.0, -5.0)[:, None], (24, 96))[..., None].astype("float32")
    pattern[48:] *= -1
    assert float(grid(hr, hr + pattern, 4)) > 0.7 * (5 / 255) ** 2
