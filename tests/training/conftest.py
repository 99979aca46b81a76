"""What the tests of whole runs share."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A folder with three small photographs."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        write_image(folder / f"{name}.png", read_image(sample_path(f"{name}.png"))[:128, :128])
    return folder


@pytest.fixture
def kill_at_step():
    """Waits until a training has logged a step, and kills it then."""

    def kill(process: subprocess.Popen, folder: Path, step: int) -> None:
        log = folder / "log.csv"
        deadline = time.monotonic() + 300
        while not (log.exists() and f"\n{step}," in log.read_text()):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL

    return kill
