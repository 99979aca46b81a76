"""Lines of the commands, and streams that do not take them."""

import io
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from PIL import Image
from tqdm import tqdm

from srzoo import cli
from srzoo.cli import say
from srzoo.cli.resolve import main
from srzoo.runtimes.exported import quiet


def test_names_of_files_do_nothing_to_a_terminal():
    stream = io.StringIO()
    say("a\nb\x1b[2J\udce9.png", stream)
    assert stream.getvalue() == r"a\nb\x1b[2J\udce9.png" + "\n"


def test_commands_print_by_this_function_alone(capsys):
    assert not [path for path in Path(cli.__file__).parent.glob("*.py") if "print(" in path.read_text("utf-8")]
    for command in (lambda: main(["a\nb\x1b[2J.png"]), lambda: main(["a.png", "--non\x1bsense"])):
        with pytest.raises(SystemExit):
            cli.run(command)
    cli.show_log()
    logging.getLogger("srzoo").warning("left out: %s", "a\nb\x1b[2J.png")
    shown = capsys.readouterr().err
    assert shown.startswith("error: a\\nb\\x1b[2J.png: no such file or folder\n") and "--non\\x1bsense" in shown
    assert shown.endswith("note: left out: a\\nb\\x1b[2J.png\n")


@pytest.mark.parametrize(
    "error, said",
    [
        (ValueError("2 bad:\n  a\n  b"), "2 bad:\n  a\n  b"),
        (MemoryError(), "MemoryError"),
        (OSError(30, "Read-only file system", "runs/a"), "runs/a: Read-only file system"),
    ],
)
def test_an_error_is_told_in_a_sentence_and_a_list_in_it_keeps_its_lines(error, said, capsys):
    def fails():
        raise error

    with pytest.raises(SystemExit):
        cli.run(fails)
    assert capsys.readouterr().err == f"error: {said}\n"


def test_a_line_does_not_stand_in_the_line_of_a_bar():
    stream = io.StringIO()
    with tqdm(total=2, file=stream):
        say("a line", stream)
    assert "\ra line\n\r" in stream.getvalue()


def test_a_line_is_not_held_back_with_what_a_runtime_says_in_another_thread(monkeypatch, capfd):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    quieted, said = threading.Event(), threading.Event()

    def runtime():
        with quiet():
            quieted.set()
            said.wait()
            time.sleep(0.05)
            os.write(2, b"no driver\n")

    other = threading.Thread(target=runtime)
    other.start()
    quieted.wait()
    said.set()
    with open(2, "w", closefd=False) as stream:
        say("error: a line", stream)
    other.join()
    assert capfd.readouterr().err == "error: a line\n"


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
    with open("/dev/full", "w", buffering=1) as full, pytest.raises(OSError, match="standard output cannot be written"):
        say("a table", full, is_result=True)
    with open("/dev/full", "w", buffering=1) as full:
        say("a", full)


def test_what_a_decoder_warns_of_is_not_shown(recwarn, caplog):
    def main():
        warnings.warn_explicit("Corrupt EXIF data.", UserWarning, "a.py", 1, "PIL.TiffImagePlugin")
        for name in ("PIL.TiffImagePlugin", "tifffile", "matplotlib"):
            logging.getLogger(name).error("raised ValueError('0 is not a valid ORIENTATION')")

    with pytest.raises(SystemExit):
        cli.run(main)
    assert not recwarn.list and not caplog.messages


@pytest.mark.parametrize(("at_once", "session"), [(False, ""), (True, ""), (True, "sys.ps1 = '>>> '; ")])
def test_a_command_may_end_without_taking_the_process_apart_unless_people_type_in_it(at_once, session):
    said = f"atexit.register(print, 'apart'); cli.run(lambda: cli.say('done', sys.stdout) or 3, {at_once})"
    command = [sys.executable, "-c", f"import atexit, sys; {session}from srzoo import cli; {said}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "done\n" + "apart\n" * (not at_once or bool(session)))


@pytest.mark.skipif(os.name != "posix", reason="the shell's way to close streams")
def test_what_a_command_without_a_stream_starts_has_that_stream():
    child = "subprocess.run([sys.executable, '-c', 'import sys; print(sys.stderr is None)'])"
    program = f"import subprocess, sys; from srzoo import cli; cli.run(lambda: {child}.returncode)"
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", program]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout == b"False\n"


WITHOUT_STREAMS = """
import sys
from srzoo.cli import resolve, run
from srzoo.runtimes import choice
from srzoo.runtimes.exported import quiet
from srzoo.runtimes.network import Network

def choose(*_):
    with quiet():
        return Network("twice-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))

choice.choose = choose
run(resolve.main)
"""


def test_a_picture_that_its_reader_takes_in_part_is_an_error_without_pythons_buffer_too(tmp_path):
    Image.effect_noise((200, 200), 50).convert("RGB").save(tmp_path / "a.png")
    command, pipe = [sys.executable, "-u", "-c", WITHOUT_STREAMS, "a.png", "-o", "-"], subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 2 and "error: standard output: cannot be written (Broken pipe)" in said


@pytest.mark.skipif(os.name != "posix", reason="the shell's way to close streams")
def test_without_streams_all_pictures_are_upscaled(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "a.png")
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", WITHOUT_STREAMS, "a.png"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    assert Image.open(tmp_path / "results" / "a.png").size == (16, 12)
