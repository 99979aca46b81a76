"""Blur kernels beside closed forms."""

import numpy as np
import pytest
from scipy.special import j1

from srzoo.degradations import kernels

X, Y = np.meshgrid(np.arange(21) - 10, np.arange(21) - 10)


def test_a_gaussian_is_the_normal_density():
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    along, across = turn.T @ np.stack([X.ravel(), Y.ravel()])
    density = np.exp(-((along / 2.0) ** 2 + (across / 0.7) ** 2) / 2).reshape(X.shape)
    np.testing.assert_allclose(kernels.gaussian(21, (2.0, 0.7), 0.4), density / density.sum(), atol=1e-7)


@pytest.mark.parametrize("beta", (0.5, 2.0))
def test_generalised_kernels_are_those_of_the_paper(beta):
    power = ((X**2 + Y**2) / 1.5**2) ** beta
    for kernel, values in (
        (kernels.gaussian(21, (1.5, 1.5), 0.3, beta), np.exp(-power / 2)),
        (kernels.gaussian(21, (1.5, 1.5), 0.3, beta, plateau=True), 1 / (power + 1)),
    ):
        np.testing.assert_allclose(kernel, values / values.sum(), rtol=1e-5, atol=1e-12)


def test_a_sinc_passes_what_is_below_its_cutoff_alone():
    response = np.abs(np.fft.fft2(kernels.sinc(21, np.pi / 3), (256, 256)))
    assert response[0, 10] == pytest.approx(1, abs=0.1) and response[0, 100] < 0.1
    centre, near = kernels.sinc(21, 1.0)[10, 10:12]
    assert near / centre == pytest.approx(2 * j1(1.0))


def test_an_even_size_is_refused():
    with pytest.raises(ValueError, match="odd and at least 1, got 8"):
        kernels.sinc(8, 1.0)
