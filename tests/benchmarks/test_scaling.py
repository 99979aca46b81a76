"""The simulations of docs/scaling.md where their answer is known."""

import numpy as np
import pytest

from benchmarks.scaling import EDSR, Archive, run_archive

NEVER = 1e9


def test_one_worker_takes_as_long_as_all_units_together():
    archive = Archive(workers=1, lost_after=NEVER)
    done = run_archive(archive, 100)
    assert done.seconds == pytest.approx(archive.start + archive.units(archive.sizes(100)).sum())
    assert done.repeated == 0 and 0 < done.busy < 1


def test_units_alike_on_many_workers_take_whole_rounds():
    archive = Archive(workers=10, lost_after=NEVER, spread=0.0)
    (seconds,) = set(archive.units(archive.sizes(25)))
    assert run_archive(archive, 25).seconds == pytest.approx(archive.start + 3 * seconds)


def test_what_a_lost_worker_had_in_hand_is_done_again():
    calm, rough = (run_archive(Archive(workers=20, lost_after=hours), 2000) for hours in (NEVER, 0.05))
    assert rough.repeated > 0.05 and rough.seconds > 1.2 * calm.seconds


def test_cutting_costs_the_overlap_and_saves_the_tail():
    whole, cut = (Archive(workers=1000, unit=unit) for unit in (np.inf, 1.0))
    sizes = whole.sizes(20_000)
    assert cut.units(sizes).sum() > whole.units(sizes).sum()
    assert run_archive(cut, 20_000).seconds < 0.6 * run_archive(whole, 20_000).seconds


def test_one_gpu_reduces_nothing_and_more_lose_little_on_larger_batches():
    one, many = EDSR.step(1, weak=True), EDSR.step(64, weak=True)
    assert one["reduce"] == 0 and one["batch"] == 16 and many["batch"] == 1024
    assert 50 < many["crops"] / one["crops"] < 64
    assert EDSR.step(64, weak=False)["batch"] == 64
