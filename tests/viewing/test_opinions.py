"""The statistics against closed forms and SciPy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from srzoo.viewing.opinions import (
    LEAST_RATERS,
    agreement,
    holm,
    mean_of_raters,
    permutation_p,
    repeat_difference,
    screen,
)


def opinions(raters, presentations=60, spread=0.5):
    """Of raters who agree but for noise."""
    draw = np.random.default_rng(0)
    quality = draw.uniform(1, 5, presentations)
    return np.clip(np.rint(quality + draw.normal(0, spread, (raters, presentations))), 1, 5)


def test_raters_who_agree_are_all_kept():
    assert not screen(opinions(15)).any()


def test_a_rater_who_tosses_dice_is_left_out():
    scores = opinions(15)
    scores[7] = np.random.default_rng(1).integers(1, 6, scores.shape[1])
    np.testing.assert_array_equal(np.flatnonzero(screen(scores)), [7])


def test_a_rater_who_is_always_strict_is_kept():
    scores = opinions(15)
    scores[3] = np.maximum(1, scores[3] - 1)
    assert not screen(scores).any()


def test_with_five_raters_nobody_can_be_found():
    scores = np.tile([1, 5], 30) * np.ones((LEAST_RATERS - 1, 1))
    scores[0] = 6 - scores[0]
    assert not screen(scores).any()
    assert not screen(scores[:1]).any()


def test_raters_who_agree_wholly_are_kept():
    assert not screen(np.full((8, 10), 3)).any()


def test_the_interval_is_students_over_the_raters_means():
    scores = opinions(9)
    mean = mean_of_raters(scores)
    low, high = stats.t.interval(0.95, 8, scores.mean(), stats.sem(scores.mean(axis=1)))
    assert (mean.value - mean.margin, mean.value + mean.margin) == pytest.approx((low, high))


def test_one_rater_alone_has_no_interval():
    assert mean_of_raters(np.array([[1, 2, 4]])).margin is None


def test_the_permutation_test_counts_all_tosses():
    differences = np.array([[3, -1, 2], [0, 4, -2]])
    sums = [abs(np.dot(signs, differences.ravel())) for signs in product((-1, 1), repeat=differences.size)]
    assert permutation_p(differences) == pytest.approx(np.mean(np.array(sums) >= abs(differences.sum())))


def test_the_permutation_test_agrees_with_scipys():
    differences = np.array([1, 2, -1, 0, 3, 1, 1, -2, 4, 1])
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert permutation_p(differences) == pytest.approx(expected.pvalue)


def test_equal_models_have_p_1():
    assert permutation_p(np.zeros((4, 5), int)) == permutation_p(np.array([2, -2])) == 1


def test_of_hundreds_of_scores_p_is_exact_and_small():
    assert permutation_p(np.ones(400, int)) == pytest.approx(2.0**-399)


def test_holm_multiplies_from_the_smallest_and_never_falls():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_agreement_is_the_correlation_with_the_others():
    scores = opinions(9)
    assert agreement(scores, 4) > 0.9
    scores[4] = 6 - scores[4]
    assert agreement(scores, 4) < -0.9
    scores[4] = 3
    assert agreement(scores, 4) is None and agreement(scores[:1], 0) is None


def test_repeats_apart():
    assert repeat_difference([1, 5], [3, 4]) == 1.5
    assert repeat_difference([], []) == 0
