"""That a training which waits for its data says so."""

from types import SimpleNamespace

import pytest

from srzoo.data import pipeline
from srzoo.training import waiting
from srzoo.training.run import Run
from srzoo.training.session import train_run
from srzoo.training.stages import settings_of
from srzoo.training.waiting import Watched


class Clock:
    """Stands still but for what `pass_` adds."""

    def __init__(self):
        self.now = 100.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(waiting, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def batches(clock, seconds):
    for number in iter(int, 1):
        clock.pass_(seconds[0])
        yield number


def look(clock, watched, training, steps=10):
    for _ in range(steps):
        next(watched)
        clock.pass_(training)
    return watched.share()


def test_the_share_is_of_the_time_since_the_last_look(clock):
    reading = [1.0]
    watched = Watched(batches(clock, reading))
    assert look(clock, watched, 3.0) == 0  # the first look: the pipeline starts
    clock.pass_(1000)  # validation
    assert look(clock, watched, 3.0) == pytest.approx(0.25)
    reading[0] = 0.0
    assert look(clock, watched, 3.0) == 0


def test_it_warns_once_when_it_lasts_and_again_only_after_it_was_well(clock):
    reading = [0.0]
    watched = Watched(batches(clock, reading))
    look(clock, watched, 1.0)
    said = []
    for reading[0], looks in ((1.0, 20), (0.0, 3), (1.0, 10), (0.0, 10), (1.0, 10)):
        for _ in range(looks):
            said.append(watched.warning(look(clock, watched, 1.0)))
    places = [place for place, warning in enumerate(said) if warning]
    assert places == [4, 47]
    assert "waits for data, 50% of the time" in said[4] and "--memory" in said[4]


def test_a_run_with_slow_data_says_so(photos, tmp_path, clock, monkeypatch, capsys):
    monkeypatch.setattr(waiting, "PATIENCE", 1)
    real = pipeline.batches

    def slow(*given, **options):
        for batch in real(*given, **options):
            clock.pass_(0.1)
            yield batch

    settings = settings_of(
        str(photos), "edsr-baseline-x4.blocks1.filters4", patch=32, batch=2, steps=20, precision="float32"
    )
    monkeypatch.setattr(pipeline, "batches", slow)
    train_run(tmp_path / "slow", settings, validate_every=20)
    rows = Run(tmp_path / "slow", settings).read_log()
    assert [row["step"] for row in rows if "waits for data" in row["warning"]] == ["20"]
    shown = capsys.readouterr().err
    assert "step 20: The training waits for data" in shown and "waits for data 100%" in shown
