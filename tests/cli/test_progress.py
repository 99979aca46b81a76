"""What is told before and during a long call, and what an interrupt leaves."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from skimage import data

from srzoo import zoo
from srzoo.cli import progress, resolve
from srzoo.images import write_image
from srzoo.runtimes.tiles import cut


@pytest.fixture
def here(here):
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters4"), "tiny.weights.h5")
    write_image("cup.png", data.coffee()[150:180, 200:241])
    return here


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(here, capsys):
    Path("bad.png").write_text("no picture")
    write_image("small.png", data.coffee()[:4, :4])
    command = ["cup.png", "bad.png", "small.png", "--weights", "tiny.weights.h5", "--dry-run"]
    assert resolve.main([*command, "--width", "82"]) == 1
    out, err = capsys.readouterr()
    way = "x2 by edsr-baseline-x4.blocks1.filters4, then reduced"
    assert out.splitlines()[0] == f"cup.png: 41x30 -> 82x60, {Path('results/cup.png')}; {way}"
    assert "error: bad.png" in out and "error: small.png: 82x82 is 20.5 times the picture's 4x4" in out
    assert err.splitlines()[-1].startswith("takes about ") and err.endswith(" GB\n")
    assert not Path("results").exists()


def test_a_dry_run_says_which_results_are_there_already(here, capsys):
    assert resolve.main(["cup.png", "--weights", "tiny.weights.h5"]) == 0
    capsys.readouterr()
    assert resolve.main(["cup.png", "--weights", "tiny.weights.h5", "--resume", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"cup.png: 41x30 -> 164x120, {Path('results/cup.png')}; already there\n"


def test_time_and_memory_are_told_before_a_long_run_and_what_the_ensemble_costs(here, capsys, monkeypatch):
    monkeypatch.setattr(resolve, "LONG", 1000)
    assert resolve.main(["cup.png", "--weights", "tiny.weights.h5", "--self-ensemble"]) == 0
    assert "(eight times that of a single pass) and " in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_moves_within_a_tile_and_after_the_last_and_knows_their_sizes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.01)
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    tiles = cut(100, 130, 2, 3, 5000)
    bar = progress.Bar(shown=True)
    bar.rate = 100.0
    seen = []
    for tile in bar(tiles):
        before = bar._bar.n
        clock[0] += 2
        bar.tick()
        seen.append(bar._bar.n - before)
        assert bar._bar.n <= before + progress.area(tile)
    assert seen[0] == 200 and all(seen) and bar._bar.n == bar._bar.total == sum(map(progress.area, tiles))
    drawn = len(sys.stderr.getvalue())
    while len(sys.stderr.getvalue()) == drawn:  # by itself, until it is closed
        pass
    bar.close()
    assert sys.stderr.getvalue().endswith("\r")


SLOW = """
import signal, sys, time
from srzoo.cli import resolve, run
from srzoo.runtimes import choice
from srzoo.runtimes.network import Network

def never(pixels):
    print("computes", flush=True)
    time.sleep(600)

# In a background job of a shell SIGINT is ignored from the start, under nohup SIGHUP is.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
choice.choose = lambda *_: Network("slow-x2", 2, 1, 1, never)
run(resolve.main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_a_long_tile_at_once_and_leaves_nothing(here, number):
    command = [sys.executable, "-c", SLOW, "cup.png"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "computes\n"
        assert len(list(Path("results").glob(".writing-*"))) == 1
        process.send_signal(number)
        try:
            assert process.wait() == 128 + number
        finally:
            process.kill()
        assert process.stderr.read().endswith("interrupted\n")
    assert not list(Path("results").rglob("*"))
