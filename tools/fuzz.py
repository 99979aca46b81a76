"""Thousands of damaged files through the commands: `python tools/fuzz.py --files 5000 --seed 0`.

Each file is a good one, damaged as the seed and its number say. It is read by the commands themselves in a process of
its own, which has a limit of memory and is ended after a limit of time. Files that cause a fault are kept.

Exit status: 0 if no file caused a fault, else 1.
"""

import argparse
import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from fuzzing import seeds, worker
from fuzzing.mutations import mutate

from srzoo.tables import markdown_table

GOOD = ("accepted", "refused")
"""Outcomes that are no faults."""

BATCH = 10
"""Pictures in one call of the command, with a good one beside them."""

SHARES = {"image": 60, "weights.h5": 12, "keras": 8, "torch": 10, "checkpoint": 6, "run": 4}
"""Of a hundred files, so many of each kind."""


@dataclass(frozen=True)
class Case:
    """A damaged file, or a folder with one; `kind` says which of the worker's readers reads it."""

    kind: str
    format: str
    path: Path


@dataclass
class Tally:
    """What came of the files of one format."""

    files: int = 0
    outcomes: Counter = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def faults(self) -> dict[str, int]:
        return {outcome: count for outcome, count in sorted(self.outcomes.items()) if outcome not in GOOD}


class Process:
    """A worker, started anew after a crash or a hang."""

    def __init__(self, folder: Path, seconds: float, memory: int):
        self.folder, self.seconds, self.memory = folder, seconds, memory
        self.process: subprocess.Popen | None = None

    def run(self, kind: str, paths: list[Path]) -> dict:
        """The worker's answer; {"fault": crash or hang} if there is none."""
        if self.process is None:
            command = [sys.executable, worker.__file__, str(self.folder), str(self.memory)]
            paths_of_modules = os.pathsep.join([str(Path(__file__).parent), str(seeds.ROOT)])
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self.folder / "stderr").open("wb"),
                env={**os.environ, "PYTHONPATH": paths_of_modules},
            )
            if "ready" not in self._answer(300):
                raise SystemExit(f"the worker does not start:\n{(self.folder / 'stderr').read_text()[-2000:]}")
        job = {"kind": kind, "paths": [str(path) for path in paths]}
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer(self.seconds)

    def _answer(self, seconds: float) -> dict:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(seconds) else None
        if line:
            return json.loads(line)
        if line is None:
            self.process.kill()
        number = self.end()
        crash = signal.Signals(-number).name if number < 0 else f"exit status {number}"
        return {"fault": "hang" if line is None else f"crash ({crash})"}

    def end(self) -> int:
        """Waits a moment, so that the signal is known of a process that ends by itself; then ends it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self.seconds)
        self.process.kill()
        number = self.process.wait()
        self.process = None
        return number


class Cases:
    """Makes the damaged files of one seed."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.seed = folder, seed
        self.files = {"image": seeds.images(), "torch": {"torch": seeds.torch_files()}}
        for ending, files in seeds.models(folder).items():
            self.files[ending] = {ending: files}
        self.files["checkpoint"] = {"checkpoint": _checkpoints(folder)}
        self.files["run"] = {"run": [b""]}
        kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
        self.order = np.random.default_rng(seed).permutation(kinds)

    def make(self, number: int) -> Case:
        rng = np.random.default_rng((self.seed, number))
        kind = str(self.order[number % len(self.order)])
        formats = self.files[kind]
        name = str(rng.choice(sorted(formats)))
        path = self.folder / f"f{number:06d}.{name}"
        if kind in ("checkpoint", "run"):
            _damage_one(self.folder / f"good-{kind}", path, rng)
        else:
            path.write_bytes(mutate(formats[name][int(rng.integers(len(formats[name])))], formats[name], rng))
        return Case(kind, name, path)


def _damage_one(good: Path, target: Path, rng: np.random.Generator) -> None:
    shutil.copytree(good, target)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    victim = files[int(rng.integers(len(files)))]
    victim.write_bytes(mutate(victim.read_bytes(), [path.read_bytes() for path in files], rng))


def _checkpoints(folder: Path) -> list[bytes]:
    """Two checkpoints of a network whose weights all are their step, as the worker expects; and a run's folder."""
    from srzoo import zoo
    from srzoo.training.checkpoints import Checkpoints
    from srzoo.training.run import Run
    from srzoo.training.stages import settings_of

    model, step = zoo.create(seeds.MODEL), tf.Variable(0)
    saved = Checkpoints(folder / "good-checkpoint", {"model": model, "step": step})
    for number in (5, 10):
        step.assign(number)
        model.set_weights([np.full_like(weights, number) for weights in model.get_weights()])
        saved.save(number)
    settings = settings_of("sample", seeds.MODEL, steps=10, precision="float32")
    (folder / "config.json").write_text(json.dumps(asdict(settings)))
    run = Run(folder / "good-run", settings)
    with run.lock:
        run.begin()
    run.compare_pictures({"train": {"a": "1"}, "validation": {"b": "2"}})
    run.append_log([{"step": number, "loss": 1 / number, "seconds": 0.1} for number in range(1, 9)])
    return [b""]


def fuzz(files: int, seed: int, keep: Path, seconds: float, memory: int) -> tuple[dict[str, Tally], int]:
    """Runs it all.

    Returns:
        What came of each format, and the most memory, in bytes, that a worker had in use.
    """
    tallies: dict[str, Tally] = {}
    most = 0
    with tempfile.TemporaryDirectory(prefix="srzoo-fuzz-") as name:
        folder = Path(name)
        worker.prepare(folder)
        cases = Cases(folder, seed)
        process = Process(folder, seconds, memory)
        waiting: list[Case] = []
        for number in range(files):
            waiting.append(cases.make(number))
            images = [case for case in waiting if case.kind == "image"]
            due = [[case] for case in waiting if case.kind != "image"]
            waiting = images
            if len(images) == BATCH or number == files - 1:
                due, waiting = [*due, images] if images else due, []
            for batch in due:
                most = max(most, _try(process, batch, tallies, keep))
            _show(number + 1, files, tallies)
        if process.process:
            process.end()
    print(file=sys.stderr)
    return tallies, most


def _try(process: Process, batch: list[Case], tallies: dict[str, Tally], keep: Path) -> int:
    """Reads a batch; one that causes a fault is read again file by file. Gives the worker's memory."""
    start = time.monotonic()
    answer = process.run(batch[0].kind, [case.path for case in batch])
    results = answer.get("results", [])
    if len(batch) > 1 and (not results or any(outcome not in GOOD for outcome, _ in results)):
        return max(_try(process, [case], tallies, keep) for case in batch)
    for case, (outcome, text) in zip(batch, results or [(answer["fault"], "")] * len(batch)):
        tally = tallies.setdefault(case.format, Tally())
        tally.files += 1
        tally.outcomes[outcome] += 1
        seconds = answer.get("seconds", time.monotonic() - start)  # of the worker's own clock, without its start
        tally.slowest = max(tally.slowest, seconds / len(batch))
        if outcome not in GOOD:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.move(case.path, keep / case.path.name)
            (keep / f"{case.path.name}.txt").write_text(f"{outcome}\n{text}\n")
        elif case.path.is_dir():
            shutil.rmtree(case.path)
        else:
            case.path.unlink(missing_ok=True)
    return answer.get("rss", 0)


def _show(done: int, files: int, tallies: dict[str, Tally]) -> None:
    if done % 50 == 0 or done == files:
        faults = sum(sum(tally.faults.values()) for tally in tallies.values())
        print(f"\r{done} of {files} files, {faults} faults", end="", file=sys.stderr, flush=True)


def report(tallies: dict[str, Tally], most: int) -> str:
    """A table in Markdown."""
    head = ["format", "files", "refused in a sentence", "read all the same", "faults", "slowest"]
    rows = []
    for name, tally in sorted(tallies.items()):
        faults = ", ".join(f"{count} {outcome}" for outcome, count in tally.faults.items()) or "0"
        counts = map(str, (tally.files, tally.outcomes["refused"], tally.outcomes["accepted"]))
        rows.append([name, *counts, faults, f"{tally.slowest:.1f} s"])
    return f"{markdown_table(head, rows)}\n\nAt most {most / 1e6:.0f} MB in use."


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--files", type=int, default=5000)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--keep", type=Path, default=Path("results/fuzz"), help="folder for files that cause a fault")
    ap.add_argument("--seconds", type=float, default=60.0, help="after which a file, or ten pictures, count as a hang")
    ap.add_argument("--memory", type=float, default=12.0, help="GB of address space that a worker may have")
    args = ap.parse_args()
    start = time.monotonic()
    tallies, most = fuzz(args.files, args.seed, args.keep, args.seconds, int(args.memory * 1e9))
    print(report(tallies, most))
    total = sum(tally.files for tally in tallies.values())
    faults = sum(sum(tally.faults.values()) for tally in tallies.values())
    print(f"{total} files in {(time.monotonic() - start) / 60:.1f} minutes, seed {args.seed}: {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
