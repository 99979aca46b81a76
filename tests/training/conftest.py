"""What the tests of whole runs share."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.training.session import train_run
from srzoo.training.settings import Settings


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder with three small photographs."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        write_image(folder / f"{name}.png", read_image(sample_path(f"{name}.png"))[:128, :128])
    return folder


@pytest.fixture(scope="session")
def train_in() -> Callable[[Path, Settings], tuple[float, list[str]]]:
    """Trains in a folder; gives the best figure, and what was logged."""

    def train(folder: Path, settings: Settings) -> tuple[float, list[str]]:
        said: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: said.append(record.getMessage())
        logger = logging.getLogger("srzoo")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            return train_run(folder, settings, validate_every=5), said
        finally:
            logger.removeHandler(handler)

    return train


HELD = """
import time
from pathlib import Path
from srzoo.training.run import Run

append_log = Run.append_log

def append_and_wait(self, rows):
    append_log(self, rows)
    while int(rows[-1]["step"]) >= {step} and not Path({go_on!r}).exists():
        time.sleep(0.02)

Run.append_log = append_and_wait
"""


class Held:
    """Trainings that stand still after step 15 is logged, so that no machine is too fast to kill them in time."""

    def __init__(self, folder: Path):
        self._go_on = folder / "go-on"
        (folder / "sitecustomize.py").write_text(HELD.format(step=15, go_on=str(self._go_on)))
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])}

    def wait(self, folder: Path, *processes: subprocess.Popen) -> None:
        """Waits until they do."""
        log = folder / "log.csv"
        while not (log.exists() and "\n15," in log.read_text()):
            ended = [process.stderr.read() for process in processes if process.poll() is not None]
            assert not ended, ended
            time.sleep(0.02)

    def kill(self, victim: subprocess.Popen) -> None:
        """Kills one and lets the others go on."""
        victim.kill()
        assert victim.wait() == -signal.SIGKILL
        self._go_on.touch()


@pytest.fixture
def held(tmp_path_factory) -> Held:
    return Held(tmp_path_factory.mktemp("held"))
