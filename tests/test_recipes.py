"""The papers' trainings and their schedules."""

import pytest

from srzoo.recipes import learning_rate


def test_edsr_halves_its_learning_rate_each_two_hundred_thousand_steps():
    rates = [learning_rate("halving", 1e-4, 200_000, step, 0.0) for step in (0, 199_999, 200_000, 400_000)]
    assert rates == [1e-4, 1e-4, 0.5e-4, 0.25e-4]


def test_srresnet_keeps_its_learning_rate():
    assert learning_rate("halving", 1e-4, None, 999_999, 1.0) == 1e-4


def test_the_cosine_warms_up_stays_level_and_ends_at_a_thousandth():
    def rate(step, progress):
        return learning_rate("cosine", 1.0, None, step, progress)

    assert rate(0, 0.0) == pytest.approx(0.01)
    assert rate(5000, 0.4) == 1.0
    assert rate(5000, 0.7) == pytest.approx(0.5)
    assert rate(5000, 1.0) == rate(5000, 1.3) == 1e-3


def test_annealing_falls_from_the_first_step_on():
    rates = [learning_rate("anneal", 1.0, None, 5000, progress) for progress in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([1.0, 0.5, 1e-3])


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule must be one of halving, cosine, anneal, tenth, got 'linear'"):
        learning_rate("linear", 1.0, None, 0, 0.0)


def test_srgans_rate_is_a_tenth_from_half_of_the_run_on():
    rates = [learning_rate("tenth", 1e-4, None, step=0, progress=progress) for progress in (0, 0.49, 0.5, 1)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
