"""Reads damaged files as the commands do, in a process of its own: jobs come in and outcomes go out as lines of JSON.

An outcome is `accepted`, `refused` (with a sentence), or one of the faults: `traceback` (an exception that the commands
do not turn into a sentence), `no sentence`, `good file lost`, `wrong state`. Crashes and hangs are seen from outside.
"""

import contextlib
import io
import json
import os
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["SRZOO_CACHE"] = "off"  # nothing of it belongs in the user's cache

import numpy as np
import tensorflow as tf

from fuzzing import seeds
from srzoo import zoo
from srzoo.cli import import_weights, resolve
from srzoo.training.checkpoints import Checkpoints
from srzoo.training.run import Run
from srzoo.training.settings import Settings

SAID = (ValueError, OSError, ArithmeticError)
"""What `srzoo.cli.run` turns into one sentence."""

Outcome = tuple[str, str]


class Worker:
    """Args: folder: for what is written; it holds `model.weights.h5` and `good.png`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.model = zoo.load(folder / "model.weights.h5")
        self.variables = {"model": self.model, "step": tf.Variable(0)}
        self.kinds: dict[str, Callable[[list[Path]], list[Outcome]]] = {
            "image": self.images,
            "weights.h5": self.each(self.weights),
            "keras": self.each(lambda path: zoo.load(path) and None),
            "torch": self.each(self.torch),
            "checkpoint": self.each(self.checkpoint),
            "run": self.each(self.run),
        }

    def each(self, read: Callable[[Path], str | None]) -> Callable[[list[Path]], list[Outcome]]:
        """For readers of one file, which raise what is to be said; what they return is a fault."""

        def outcome(path: Path) -> Outcome:
            try:
                fault = read(path)
            except SAID as error:
                text = str(error)
                return ("refused", text) if text.strip() else ("no sentence", repr(error))
            except BaseException:
                return "traceback", traceback.format_exc()
            return (fault, str(path)) if fault else ("accepted", "")

        return lambda paths: [outcome(path) for path in paths]

    def images(self, paths: list[Path]) -> list[Outcome]:
        """All in one call of the command, with a good one last."""
        output, said = self.folder / "output", io.StringIO()
        shutil.rmtree(output, ignore_errors=True)
        arguments = [
            *map(str, paths),
            str(self.folder / "good.png"),
            "--weights",
            str(self.folder / "model.weights.h5"),
        ]
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                resolve.main([*arguments, "--output", str(output)])
        except BaseException:
            return [("traceback", traceback.format_exc())] * len(paths)
        errors = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
        good = output / "good.png"
        if not good.is_file() or good.read_bytes() != (self.folder / "expected.png").read_bytes():
            return [("good file lost", said.getvalue())] * len(paths)
        return [self._image(path, output, errors) for path in paths]

    def _image(self, path: Path, output: Path, errors: list[str]) -> Outcome:
        about = [line for line in errors if path.name in line]
        written = (output / path.name).with_suffix(".png").is_file() or any(output.glob(f"{path.stem}*"))
        if about:
            return "refused", about[0]
        return ("accepted", "") if written else ("no sentence", "neither a result nor an error")

    def weights(self, path: Path) -> None:
        with contextlib.suppress(*SAID):
            zoo.load_weights(self.model, path)
        zoo.load(path)

    def torch(self, path: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            import_weights.main([str(path), "--as", "edsr-baseline", "--output", str(self.folder / "o.weights.h5")])

    def checkpoint(self, path: Path) -> str | None:
        """`path` is a folder with one damaged file; what is restored must be a state that was saved."""
        found = Checkpoints(path, self.variables).restore()
        if found is None:
            return "no sentence"
        weights = self.model.get_weights()
        right = int(self.variables["step"]) == found and all(np.all(each == found) for each in weights)
        return None if right else "wrong state"

    def run(self, path: Path) -> str | None:
        """`path` is a run's folder with a damaged file."""
        stored = json.loads((self.folder / "config.json").read_text())
        run = Run(path, Settings(**stored))
        rows = run.read_log()
        run.compare_pictures({"train": {"a": "1"}, "validation": {}})
        run.forget_after(3)
        return None if all(row["step"].isdigit() for row in rows) else "wrong state"


def prepare(folder: Path) -> None:
    """Writes what a worker needs into a folder."""
    model = zoo.create(seeds.MODEL)
    zoo.save_weights(model, folder / "model.weights.h5")
    good = folder / "good.png"
    seeds.picture().save(good)
    with contextlib.redirect_stdout(io.StringIO()):
        resolve.main([str(good), "--weights", str(folder / "model.weights.h5"), "--output", str(folder / "output")])
    shutil.copy(folder / "output" / "good.png", folder / "expected.png")


def main() -> None:
    folder, memory = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    outcomes = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not come between the outcomes
    worker = Worker(folder)
    print(json.dumps({"ready": True}), file=outcomes, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        start = time.monotonic()
        results = worker.kinds[job["kind"]]([Path(path) for path in job["paths"]])
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer = {"results": results, "seconds": time.monotonic() - start, "rss": rss}
        print(json.dumps(answer), file=outcomes, flush=True)


if __name__ == "__main__":
    main()
