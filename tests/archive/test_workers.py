"""`python -m srzoo batch --workers`: several processes, and what becomes of the work when some of them are killed."""

import contextlib
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

COUNT = 40

BAD_PICTURES = """
import os, signal, time
from pathlib import Path
from srzoo.archive import worker
from srzoo.upscaling import batch

carry_out, standing = batch.carry_out, Path({folder!r}, "standing")

def carried_out(job, *given, **options):
    if job.source.name == "deadly.png":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.source.name == "endless.png":
        standing.touch()
        while True:
            time.sleep(1)
    return carry_out(job, *given, **options)

def last_sign(watch):
    if standing.exists() and len(worker.in_hand(watch, of_all=True)) == 1:
        standing.unlink()
        return 0
    return time.time()

batch.carry_out, worker.last_sign = carried_out, last_sign
"""
"""One that kills its worker, and one at which it stands still: then it is long ago that there was a sign of life."""

HELD = """
import time
from pathlib import Path
from srzoo.upscaling import batch

carry_out, folder = batch.carry_out, Path({folder!r})

def carried_out(*given, **options):
    while len(list(folder.glob("out/?/*.png"))) >= 3 and not (folder / "go-on").exists():
        time.sleep(0.02)
    return carry_out(*given, **options)

batch.carry_out = carried_out
"""
"""Workers that stand still after some pictures, so that no machine is too fast to see them and to kill them in time."""


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

    def run(*arguments, patch=""):
        command = [sys.executable, "-m", "srzoo", "batch", "in", "out", "--weights", weights, "--workers", "2"]
        Path("patch").mkdir(exist_ok=True)
        Path("patch/sitecustomize.py").write_text(patch.format(folder=str(here)))
        process = subprocess.Popen(
            [*command, "--unit-pixels", "30000", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here / "patch"), os.environ["PYTHONPATH"]])},
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
    found = []
    for each in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended since
            if "apache_beam.runners.worker.sdk_worker_main" in each.cmdline():
                found.append(each)
    return found


def ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def results(folder="out"):
    """Finished results -> inode and when each was written."""
    found = [path for path in Path(folder).rglob("*.png") if not path.relative_to(folder).parts[0].startswith(".")]
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


@pytest.mark.slow
def test_several_workers_give_what_one_gives(many, start, batch):
    process = start(patch=HELD)
    until(lambda: len(workers(process)) == 2, process)
    Path("go-on").touch()
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.startswith(f"{COUNT + 1} of {COUNT + 1} images upscaled to out\n")
    assert batch("in", "one", "--unit-pixels", "30000")[0] == 0
    for name in many:
        assert Path("out", name).read_bytes() == Path("one", name).read_bytes()


@pytest.mark.slow
def test_after_a_worker_is_killed_all_is_done_and_nothing_twice(many, start, files):
    process = start(patch=HELD)
    until(lambda: len(results()) >= 3, process)
    workers(process)[0].kill()
    before = results()
    Path("go-on").touch()
    out, err = process.communicate()
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
    process = start(patch=HELD)
    until(lambda: len(results()) >= 3, process)
    orphans = family(process)
    process.kill()
    process.wait()
    while not all(map(ended, orphans)):
        time.sleep(0.05)
    before = results()
    out, _err = start().communicate()
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
    process = start("--stall-seconds", "0.001", patch=BAD_PICTURES)
    out, err = process.communicate()
    assert process.returncode == 1
    assert err.count(sentence) == 2 and out.startswith("2 of 3 images upscaled to out, 1 failed (")
    (failed,) = [json.loads(line) for line in Path("out/failed.jsonl").read_text("utf-8").splitlines()]
    assert failed["path"].endswith(name) and "died of it or stood still twice" in failed["reason"]
    assert sorted(results()) == ["a.png", "b.png"]


@pytest.mark.slow
def test_a_pipeline_that_fails_for_good_ends_in_a_sentence(many, start):
    process = start(patch="from srzoo.archive import matching\nmatching._found = lambda *given: 1 / 0\n")
    _out, err = process.communicate()
    assert process.returncode == 1 and "Traceback" not in err
    assert "error: the pipeline failed: ZeroDivisionError" in err and err.strip().endswith(
        "the same call again does what is missing"
    )
