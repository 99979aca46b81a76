"""Each loss against its formula."""

import numpy as np
import pytest

from srzoo.losses import PIXEL_LOSSES

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
