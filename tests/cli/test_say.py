"""Lines of the commands, and streams that do not take them."""

import io
import sys

import pytest

from srzoo.cli import say


def test_names_of_files_do_nothing_to_a_terminal():
    stream = io.StringIO()
    say("a\nb\x1b[2J\udce9.png", stream)
    assert stream.getvalue() == r"a\nb\x1b[2J\udce9.png" + "\n"


def test_what_the_encoding_lacks_is_spelled():
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1")
    say("Küche 你.png", stream)
    assert stream.buffer.getvalue() == b"K\xfcche \\u4f60.png\n"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_line_that_cannot_be_printed_is_lost_and_nothing_else():
    closed = io.StringIO()
    closed.close()
    say("a", closed)
    say("a", None)
    with open("/dev/full", "w", buffering=1) as full:
        say("a", full)
