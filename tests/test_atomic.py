"""Files that appear whole or not at all, and the rest of those that never did."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srzoo.atomic import MACHINE, atomic_file, unfinished_folder, unfinished_prefix


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes and devices here")
def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/srzoo")):  # no real device, for the day this test fails
        with pytest.raises(FileExistsError, match="device or pipe, which no file replaces"), atomic_file(path):
            pass
    assert (tmp_path / "pipe").is_fifo()


def test_what_stands_where_a_folder_is_to_be_is_named(tmp_path):
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "file").touch()
    for place, what in (("link/a", "link is a broken link"), ("file/b/c", "file is a file")):
        with pytest.raises(FileExistsError, match=f"^expected a folder, but .*{what}$"), atomic_file(tmp_path / place):
            pass


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="No space left on device: '.*a.txt'"), atomic_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a full disk is told, without a name
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}'"), unfinished_folder(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    seen = []
    with atomic_file(path, lambda written: seen.append(written.read_text() + path.read_text())) as temporary:
        temporary.write_text("new")
    assert seen == ["newold"] and path.read_text() == "new"


def test_what_belongs_to_no_living_process_is_removed_and_what_others_write_is_not(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    ours = f".writing-{MACHINE}-{ended.pid:x}-"
    (tmp_path / f"{ours}abcdefgh/HR").mkdir(parents=True)
    old = [tmp_path / f".writing-ffff-{ended.pid:x}-abcdefgh.png", tmp_path / f"{unfinished_prefix()}aaaaaaaa"]
    others = [
        tmp_path / f".writing-{MACHINE}-{os.getpid():x}-abcdefgh.png",
        tmp_path / f".writing-ffff-{ended.pid:x}-abcdefg0.png",
        tmp_path / ".writing-letters.txt",
    ]
    for file in (tmp_path / f"{ours}abcdefgh.png", *old, *others):
        file.touch()
    for file in (*old, others[-1]):
        os.utime(file, (0, 0))
    with atomic_file(tmp_path / "a.png"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a.png"])


@pytest.mark.parametrize("name", ["a.png", f"{'a' * 251}.png", f"{'a' * 244}.weights.h5", f"a.{'ü' * 126}", "😀" * 63])
def test_a_name_that_the_file_system_takes_is_not_too_long_for_what_is_not_finished(name, tmp_path):
    with atomic_file(tmp_path / name) as temporary:
        assert len(os.fsencode(temporary.name)) < 60
        assert temporary.suffixes[-2:] == (
            [".weights", ".h5"] if "weights" in name else [".png"] if "png" in name else []
        )
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(not hasattr(os, "pathconf"), reason="POSIX tells how long a path may be")
def test_where_no_longer_name_fits_what_is_not_finished_has_one_of_the_same_length(tmp_path):
    length = os.pathconf(tmp_path, "PC_PATH_MAX") - 1 - len("/a.png")
    folder = tmp_path
    while (room := length - len(os.fsencode(folder))) > 0:
        folder /= "d" * (room - 1 if room < 200 else 100)
    folder.mkdir(parents=True)
    (folder / "b.png").touch()
    for text in ("old", "new"):
        with atomic_file(folder / "a.png") as temporary:
            temporary.write_text(text)
        assert (folder / "a.png").read_text() == text
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
