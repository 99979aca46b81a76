"""Each adversarial loss against its paper's formula, on logits made by hand."""

import numpy as np
import pytest

from srzoo.losses import ADVERSARIAL_LOSSES

REAL = np.array([[2.0], [-1.0], [0.5]], "float32")
FAKE = np.array([[-3.0], [1.5], [0.0]], "float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def log(x):
    return np.mean(np.log(x))


def d(logits, against=None):
    """The probability of being real; relativistic if there is something to be compared with."""
    return sigmoid(logits if against is None else logits - against.mean())


FORMULAS = {
    "vanilla": (-log(d(REAL)) - log(1 - d(FAKE)), -log(d(FAKE))),
    "minimax": (-log(d(REAL)) - log(1 - d(FAKE)), log(1 - d(FAKE))),
    "least-squares": (
        0.5 * np.mean((REAL - 1) ** 2) + 0.5 * np.mean(FAKE**2),
        0.5 * np.mean((FAKE - 1) ** 2),
    ),
    "hinge": (np.mean(np.maximum(0, 1 - REAL)) + np.mean(np.maximum(0, 1 + FAKE)), -np.mean(FAKE)),
    "wasserstein": (np.mean(FAKE) - np.mean(REAL), -np.mean(FAKE)),
    "relativistic": (
        -log(d(REAL, FAKE)) - log(1 - d(FAKE, REAL)),
        -log(1 - d(REAL, FAKE)) - log(d(FAKE, REAL)),
    ),
}


def test_every_loss_has_its_formula_here():
    assert FORMULAS.keys() == ADVERSARIAL_LOSSES.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_both_losses_are_the_papers(name):
    loss, (discriminator, generator) = ADVERSARIAL_LOSSES[name], FORMULAS[name]
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(discriminator, rel=1e-5)
    assert float(loss.generator(REAL, FAKE)) == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_generator_gains_by_higher_logits_of_its_pictures_and_the_discriminator_loses(name):
    loss = ADVERSARIAL_LOSSES[name]
    # Between the two targets of least squares, where all losses agree on which way is up.
    lower, higher = np.full((3, 1), 0.2, "float32"), np.full((3, 1), 0.6, "float32")
    real = np.full((3, 1), 0.8, "float32")
    assert float(loss.generator(real, higher)) < float(loss.generator(real, lower))
    assert float(loss.discriminator(real, higher)) > float(loss.discriminator(real, lower))


@pytest.mark.parametrize("name", FORMULAS)
def test_logits_far_out_give_no_infinity(name):
    loss, far = ADVERSARIAL_LOSSES[name], np.full((2, 1), 500.0, "float32")
    for real, fake in ((far, -far), (-far, far)):
        assert np.isfinite(float(loss.discriminator(real, fake)))
        assert np.isfinite(float(loss.generator(real, fake)))


def test_where_the_discriminator_is_sure_vanilla_still_pulls_and_minimax_does_not():
    sure, less = np.array([[-12.0]], "float32"), np.array([[-11.0]], "float32")
    pull = {
        name: float(ADVERSARIAL_LOSSES[name].generator(REAL, sure) - ADVERSARIAL_LOSSES[name].generator(REAL, less))
        for name in ("vanilla", "minimax")
    }
    assert pull["vanilla"] == pytest.approx(1, abs=1e-3)
    assert pull["minimax"] < 1e-4


def test_the_gradient_penalty_goes_with_a_discriminator_without_batch_normalisation():
    for name, loss in ADVERSARIAL_LOSSES.items():
        assert loss.gradient_penalty == (10 if name == "wasserstein" else 0)
        assert loss.norm == ("none" if loss.gradient_penalty else "batch")


def test_probabilities_are_sigmoids_and_relativistic_ones_compare():
    for name, loss in ADVERSARIAL_LOSSES.items():
        real, fake = (float(value) for value in loss.probabilities(REAL, FAKE))
        others = (FAKE, REAL) if name == "relativistic" else (None, None)
        assert real == pytest.approx(d(REAL, others[0]).mean(), rel=1e-5)
        assert fake == pytest.approx(d(FAKE, others[1]).mean(), rel=1e-5)
