"""Small photographs in sub-folders, a tiny network, and the command that upscales them."""

import contextlib
import io
from pathlib import Path

import pytest
from skimage import data

from srzoo import zoo
from srzoo.images import write_image
from srzoo.pictures.record import NAME


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x4.blocks1.filters4"), path)
    return str(path)


@pytest.fixture
def photos(here) -> Path:
    """Three photographs: two small ones, in a sub-folder each, and one of 66x50 pixels beside them."""
    photo = data.coffee()
    write_image("in/a/cup.png", photo[150:170, 200:231])
    write_image("in/b/table.jpg", photo[100:121, 40:62])
    write_image("in/wide.png", photo[150:200, 200:266])
    return here / "in"


@pytest.fixture(scope="session")
def run(weights):
    """Runs the command with the tiny network; gives status, output and errors."""

    def run(*arguments):
        from srzoo.cli.batch import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*map(str, arguments), "--weights", weights])
        return status, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def batch(here, run):
    """As `run`, in a folder of the test's own."""
    return run


@pytest.fixture
def files():
    """Names of all files below a folder, but for the record of results."""
    return lambda folder: sorted(
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file() and path.name != NAME
    )


@pytest.fixture
def states(files):
    """Name of each file below a folder -> its inode and when it was written."""

    def of(folder):
        found = {name: (Path(folder) / name).stat() for name in files(folder)}
        return {name: (each.st_ino, each.st_mtime_ns) for name, each in found.items()}

    return of
