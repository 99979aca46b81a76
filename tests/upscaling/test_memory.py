"""Memory of the whole process, as the operating system counts it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_full_hd_picture_is_upscaled_to_8k_in_less_than_3_gigabytes(tmp_path):
    photo = read_image(sample_path("rocket.jpg"))
    write_image(tmp_path / "hd.png", np.tile(photo, (3, 3, 1))[:1080, :1920])
    command = [sys.executable, "resolve_image.py", str(tmp_path / "hd.png"), "--output", str(tmp_path / "sr")]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert read_image(tmp_path / "sr" / "hd.png").shape == (4320, 7680, 3)
    assert usage.ru_maxrss * 1024 < 3e9
