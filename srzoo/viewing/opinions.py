"""The statistics of opinion scores: screening of raters, confidence intervals, significance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEAST_RATERS = 6
"""With fewer, nobody can be two deviations from the mean of all, and BT.500's screening finds no one."""

MAX_REPEAT_DIFFERENCE = 1.0
"""Grades between the two ratings of a repeated picture, on average; answers at random give 1.6."""


@dataclass(frozen=True)
class Mean:
    """A mean with its confidence interval of 95 %, `value` minus and plus `margin`; None with one rater alone."""

    value: float
    margin: float | None


def screen(scores: np.ndarray) -> np.ndarray:
    """Finds raters whose scores are far from the others' in both directions: ITU-R BT.500-13, Annex 2, section 2.3.1.

    Of each presentation, scores are far if they are two deviations from the mean or more, or the square root of 20
    deviations where the kurtosis is outside [2, 4] and the scores are thus not normal. A rater is left out with more
    than 5 % of scores far off, about as many above as below. It is meant to be applied once.

    Args:
        scores: array of shape (raters, presentations).

    Returns:
        bool array of shape (raters,), True for those to leave out.
    """
    scores = np.asarray(scores, np.float64)
    raters, presentations = scores.shape
    if raters < 2:
        return np.zeros(raters, bool)
    offset = scores - scores.mean(axis=0)
    variance = np.mean(offset**2, axis=0)
    # Where all agree nobody is far off, and there is no kurtosis.
    agreed = variance == 0
    kurtosis = np.mean(offset**4, axis=0) / np.where(agreed, 1, variance) ** 2
    normal = (kurtosis >= 2) & (kurtosis <= 4)
    limit = np.where(normal, 2, math.sqrt(20)) * scores.std(axis=0, ddof=1)
    above = ((offset >= limit) & ~agreed).sum(axis=1)
    below = ((offset <= -limit) & ~agreed).sum(axis=1)
    far = above + below
    return (far / presentations > 0.05) & (np.abs(above - below) < 0.3 * far)


def repeat_difference(first: Sequence[int], second: Sequence[int]) -> float:
    """Mean of the grades between two ratings of the same pictures; 0 without any."""
    return float(np.mean(np.abs(np.subtract(first, second)))) if len(first) else 0.0


def agreement(scores: np.ndarray, rater: int) -> float | None:
    """Pearson's correlation of one rater's scores with the mean of the others'.

    Args:
        scores: array of shape (raters, presentations).
        rater: the index of the one.

    Returns:
        In [-1, 1]; None for one rater alone, or where either side is always the same.
    """
    if len(scores) < 2:
        return None
    own, others = scores[rater], np.delete(scores, rater, axis=0).mean(axis=0)
    if np.ptp(own) == 0 or np.ptp(others) == 0:
        return None
    return float(np.corrcoef(own, others)[0, 1])


def mean_of_raters(scores: np.ndarray) -> Mean:
    """Mean opinion score: the interval is that of other raters before the same pictures.

    BT.500-13, Annex 2, section 2.1.2, with Student's factor in place of 1.96, which is too small for few raters.
    A rater's mean counts as one value, because the scores of one rater are not independent.

    Args:
        scores: array of shape (raters, pictures).
    """
    means = np.asarray(scores, np.float64).mean(axis=1)
    count = len(means)
    margin = float(stats.t.ppf(0.975, count - 1) * stats.sem(means)) if count > 1 else None
    return Mean(float(means.mean()), margin)


def permutation_p(differences: np.ndarray) -> float:
    """Two-sided p of paired differences: how often would they sum up to as much if each sign were tossed?

    It is Fisher's paired permutation test, and exact: scores are whole, so the distribution of the sum under all
    2^n tosses is found by adding one pair after the other. SciPy's goes through the tosses themselves.

    Args:
        differences: whole numbers, of any shape.

    Returns:
        In (0, 1]; 1 if all differences are 0.
    """
    values = np.abs(np.asarray(differences)).astype(np.int64).ravel()
    reach = int(values.sum())
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1
    for value in values[values > 0]:
        chances = (np.roll(chances, value) + np.roll(chances, -value)) / 2
    observed = abs(int(np.sum(differences)))
    sums = np.abs(np.arange(-reach, reach + 1))
    return float(min(1.0, chances[sums >= observed].sum()))


def holm(values: Sequence[float]) -> list[float]:
    """Adjusts p values of many comparisons together (Holm, 1979), so that all hold at once.

    Returns:
        As many, in the same order, each at most 1.
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[i]))
        adjusted[i] = highest
    return adjusted
