"""`python -m srzoo batch --workers`: several processes, and what becomes of the work when some of them are killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from skimage import data

from srzoo.images import write_image

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

ROOT = Path(__file__).resolve().parents[2]
COUNT = 40

BAD_PICTURES = """
import os, signal, time
from srzoo.upscaling import batch

carry_out = batch.carry_out

def carried_out(job, *given, **options):
    if job.source.name == "deadly.png":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.source.name == "endless.png":
        time.sleep(1000)
    return carry_out(job, *given, **options)

batch.carry_out = carried_out
"""


@pytest.fixture
def many(here):
    """`COUNT` photographs in three folders, and one that is cut."""
    photo = data.coffee()
    for i in range(COUNT):
        top, left = 5 * i, 7 * i
        write_image(f"in/{i % 3}/photo-{i:02}.png", photo[top : top + 110, left : left + 120])
    write_image("in/wide.png", photo[:200, :300])
    return [f"{i % 3}/photo-{i:02}.png" for i in range(COUNT)] + ["wide.png"]


@pytest.fixture
def start(here, weights):
    """Starts the command in a process of its own; whatever is left of it is killed at the end."""
    started = []

    def run(*arguments, **environment):
        command = [sys.executable, "-m", "srzoo", "batch", "in", "out", "--weights", weights, "--workers", "2"]
        paths = os.pathsep.join([*environment.pop("paths", []), str(ROOT)])
        process = subprocess.Popen(
            [*command, "--unit-pixels", "30000", *arguments],
            env={**os.environ, "PYTHONPATH": paths, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def family(process):
    return psutil.Process(process.pid).children(recursive=True)


def workers(process):
    """Beam's worker processes, not the shells that start them."""
    return [each for each in family(process) if "apache_beam.runners.worker.sdk_worker_main" in each.cmdline()]


def until(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def results(folder="out"):
    """Finished results -> inode and when each was written."""
    found = [path for path in Path(folder).rglob("*.png") if not path.relative_to(folder).parts[0].startswith(".")]
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.mark.slow
def test_several_workers_give_what_one_gives(many, start, batch):
    process = start()
    until(lambda: len(workers(process)) == 2)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.startswith(f"{COUNT + 1} of {COUNT + 1} images upscaled to out\n")
    assert batch("in", "one", "--unit-pixels", "30000")[0] == 0
    for name in many:
        assert Path("out", name).read_bytes() == Path("one", name).read_bytes()


@pytest.mark.slow
def test_after_a_worker_is_killed_all_is_done_and_nothing_twice(many, start, files):
    process = start()
    until(lambda: len(results()) >= 3)
    workers(process)[0].kill()
    before = results()
    assert len(before) <= COUNT, "killed too late"
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "a worker process was killed, maybe for want of memory; starts again, what is done stays" in err
    assert out.startswith(f"{COUNT + 1} of {COUNT + 1} images upscaled to out\n")
    assert files("out") == sorted([*many, "report.json"])
    after = results()
    assert {name: after[name] for name in before} == before
    report = json.loads(Path("out/report.json").read_text("utf-8"))
    assert report["attempts"] == 2
    assert report["megapixels_out"] == pytest.approx(16 * (COUNT * 110 * 120 + 200 * 300) / 1e6)


@pytest.mark.slow
def test_after_everything_is_killed_the_same_call_does_what_is_missing(many, start, files):
    process = start()
    until(lambda: len(results()) >= 3)
    orphans = family(process)
    process.kill()
    process.wait()
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in orphans), 20)
    before = results()
    out, _err = start().communicate(timeout=180)
    assert out.startswith(
        f"{COUNT + 1 - len(before)} of {COUNT + 1} images upscaled to out, {len(before)} already there"
    )
    assert files("out") == sorted([*many, "report.json"])
    after = results()
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sentence"), [("deadly.png", "was killed"), ("endless.png", "no worker gave a sign")])
def test_a_picture_that_workers_die_of_or_stand_still_at_is_listed_and_the_others_done(here, start, name, sentence):
    for good in ("in/a.png", "in/b.png", f"in/{name}"):
        write_image(good, data.coffee()[:30, :40])
    write_image("patch/nothing.png", data.coffee()[:9, :9])
    Path("patch/sitecustomize.py").write_text(BAD_PICTURES)
    process = start("--stall-seconds", "30", paths=[str(here / "patch")])
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert err.count(sentence) == 2 and out.startswith("2 of 3 images upscaled to out, 1 failed (")
    (failed,) = [json.loads(line) for line in Path("out/failed.jsonl").read_text("utf-8").splitlines()]
    assert failed["path"].endswith(name) and "died of it or stood still twice" in failed["reason"]
    assert sorted(results()) == ["a.png", "b.png"]


@pytest.mark.slow
def test_a_pipeline_that_fails_for_good_ends_in_a_sentence(many, start):
    Path("patch").mkdir()
    broken = "from srzoo.archive import matching\nmatching._found = lambda *given: 1 / 0\n"
    Path("patch/sitecustomize.py").write_text(broken)
    process = start(paths=[str(Path("patch").absolute())])
    _out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in err
    assert "error: the pipeline failed: ZeroDivisionError" in err and err.strip().endswith(
        "the same call again does what is missing"
    )
