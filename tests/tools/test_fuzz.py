"""The fuzz run itself: that it sees what goes wrong, and that its files follow from the seed."""

import re
import selectors
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import fuzz  # noqa: E402
from fuzzing import seeds, worker  # noqa: E402
from fuzzing.mutations import DAMAGES, mutate  # noqa: E402

STUB = """
import json, os, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    paths = [os.path.basename(path) for path in json.loads(line)["paths"]]
    if "crash" in paths:
        os.abort()
    while "hang" in paths:
        open("hangs", "w").close()
        time.sleep(1)
    print(json.dumps({"results": [["refused", "no"]] * len(paths), "rss": 7}), flush=True)
"""


@pytest.fixture
def process(tmp_path, monkeypatch):
    (tmp_path / "stub.py").write_text(STUB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fuzz.worker, "__file__", str(tmp_path / "stub.py"))

    class Patient(selectors.DefaultSelector):
        """No answer is late, however slow the machine is, but that of a process which says that it hangs."""

        def select(self, seconds):
            while not (ready := super().select(0.02)) and not Path("hangs").exists():
                pass
            return ready

    monkeypatch.setattr(fuzz.selectors, "DefaultSelector", Patient)
    process = fuzz.Process(tmp_path, seconds=600, memory=1)
    yield process
    if process.process:
        process.process.kill()
        process.end()


def test_a_crash_and_a_hang_are_seen_and_their_files_kept(process, tmp_path):
    cases = []
    for name in ("a", "crash", "b", "hang"):
        (tmp_path / name).write_text(name)
        cases.append(fuzz.Case("image", "png", tmp_path / name))
    tallies = {}
    assert fuzz._try(process, cases, tallies, tmp_path / "kept") == 7
    assert tallies["png"].outcomes == {"refused": 2, "crash (SIGABRT)": 1, "hang": 1} and tallies["png"].files == 4
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"crash", "crash.txt", "hang", "hang.txt"}
    assert "| png | 4 | 2 | 0 | 1 crash (SIGABRT), 1 hang |" in re.sub(" +", " ", fuzz.report(tallies, 7))


@pytest.fixture
def reader(tmp_path):
    worker.prepare(tmp_path)
    return worker.Worker(tmp_path)


def image(folder, data):
    (folder / "f1.png").write_bytes(data)
    return [folder / "f1.png"]


def test_the_worker_tells_good_files_from_bad_ones(reader, tmp_path):
    good = seeds.images()["png"][0]
    assert reader.images(image(tmp_path, good)) == [("accepted", "")]
    ((outcome, text),) = reader.images(image(tmp_path, good[:40]))
    assert outcome == "refused" and text.startswith("error: ") and "f1.png" in text


def test_the_worker_sees_tracebacks_lost_files_and_silence(reader, tmp_path, monkeypatch):
    paths = image(tmp_path, seeds.images()["png"][0])

    def broken(arguments):
        raise KeyError("oh")

    monkeypatch.setattr(worker.resolve, "main", broken)
    assert reader.images(paths)[0][0] == "traceback"
    monkeypatch.setattr(worker.resolve, "main", lambda arguments: 0)
    assert reader.images(paths)[0][0] == "good file lost"

    def only_the_good_one(arguments):
        output = Path(arguments[-1])
        output.mkdir()
        (output / "good.png").write_bytes((tmp_path / "expected.png").read_bytes())

    monkeypatch.setattr(worker.resolve, "main", only_the_good_one)
    assert reader.images(paths)[0][0] == "no sentence"

    def raises(error):
        def read(path):
            raise error

        return reader.each(read)([tmp_path])[0][0]

    assert [raises(error) for error in (ValueError("x"), ValueError(), KeyError("x"), SystemExit(0))] == [
        *("refused", "no sentence", "traceback", "traceback"),
    ]


def test_damage_follows_from_the_generator_alone():
    files = seeds.images()["jpg"]
    first, again = ([mutate(files[0], files, np.random.default_rng((3, i))) for i in range(50)] for _ in range(2))
    assert first == again and len(set(first)) > 45
    for damage in DAMAGES:
        for data in (b"", b"x", files[0]):
            assert isinstance(damage(data, [files[0], b""], np.random.default_rng(0)), bytes)


@pytest.mark.slow
def test_a_short_run_has_all_kinds_and_no_faults(tmp_path):
    tallies, memory = fuzz.fuzz(100, 0, tmp_path / "kept", seconds=60, memory=12 * 10**9)
    assert sum(tally.files for tally in tallies.values()) == 100 and memory < 3e9
    assert tallies.keys() >= {"weights.h5", "keras", "torch", "checkpoint", "run", "png", "gif", "tiff"}
    assert not list(tmp_path.glob("kept/*"))
