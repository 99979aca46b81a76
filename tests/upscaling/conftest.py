"""A network that repeats pixels: of its results it is known what every pixel must be."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srzoo.pictures.sources import Source
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, batch
from srzoo.upscaling.sizes import Size


@pytest.fixture(scope="session")
def repeating() -> Upscaler:
    """Repeats every pixel twice a side; works in tiles of some pixels."""
    network = Network("repeating-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))
    return Upscaler(network, memory=1000)


@dataclass
class Done:
    """A result, as the file tells it when it is read back."""

    path: Path
    notes: tuple[str, ...]

    def image(self, frame: int = 0) -> Image.Image:
        image = Image.open(self.path)
        image.seek(frame)
        image.load()
        return image

    def array(self, frame: int = 0) -> np.ndarray:
        return np.asarray(self.image(frame))


@pytest.fixture
def resolve(repeating, tmp_path):
    """Upscales the file, as the command does, and gives the result."""

    def run(name: str, wanted: str | None = None, size: Size | None = None) -> Done:
        (job,) = batch.plan(
            [Source(tmp_path / name, Path(name))], batch.Results(tmp_path / "results", wanted=wanted), size or Size(2)
        )
        if job.refusal:
            raise ValueError(job.refusal)
        result = batch.carry_out(job, repeating, "")
        return Done(job.target, result.notes)

    return run
