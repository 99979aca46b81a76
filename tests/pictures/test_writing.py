"""Frames to files."""

import subprocess
import sys
import threading
from _thread import interrupt_main

import numpy as np
import pytest

from srzoo.pictures import writing
from srzoo.pictures.animations import Playing
from srzoo.pictures.formats import FORMATS
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.reading import Frame


def test_an_interrupt_does_not_wait_for_an_encoder_and_leaves_nothing(tmp_path, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(writing, "encode", lambda *_: interrupt_main() or ended.wait() or b"")
    frame = Frame(Pixels(np.zeros((4, 4, 3), np.uint8)), Metadata())
    try:
        with pytest.raises(KeyboardInterrupt):
            writing.write_frames(tmp_path / "a.webp", [frame], FORMATS["webp"], Playing(1, 1))
    finally:
        ended.set()
    assert not list(tmp_path.iterdir())


HEIF = """
import numpy as np
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Pixels
from srzoo.pictures.stills import encode
print(encode(Pixels(np.zeros((64, 64, 3), np.uint8)), Metadata(), "HEIF")[4:8])
"""


def test_a_process_that_has_opened_no_picture_writes_one_of_a_plugins_format():
    pytest.importorskip("pillow_heif")
    done = subprocess.run([sys.executable, "-c", HEIF], capture_output=True, text=True, check=True)
    assert done.stdout == "b'ftyp'\n"
