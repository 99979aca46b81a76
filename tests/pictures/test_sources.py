"""Which files are taken from the arguments."""

import logging
import os
from pathlib import Path

import pytest

from srzoo.pictures.record import Made, Record
from srzoo.pictures.sources import find_sources


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_searched_for_every_kind_of_picture_and_keep_their_places(tmp_path):
    touch(tmp_path, "photos/a.gif", "photos/trip/b.HEIC", "photos/notes.txt", "photos/.c.png", "d.weird")
    sources = find_sources([tmp_path / "photos", tmp_path / "d.weird"], tmp_path / "results")
    assert [source.place for source in sources] == [Path("a.gif"), Path("trip/b.HEIC"), Path("d.weird")]
    assert not any(source.refusal for source in sources)


def test_results_are_left_out_and_files_given_twice_taken_once(tmp_path):
    touch(tmp_path, "a.png", "results/a.png")
    sources = find_sources([tmp_path, tmp_path / "a.png"], tmp_path / "results")
    assert [source.path for source in sources] == [tmp_path / "a.png"]
    assert len(find_sources([tmp_path / "results"], tmp_path / "results")) == 1


def test_a_missing_file_and_an_empty_folder_are_mistakes_of_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        find_sources([tmp_path / "a.png"], tmp_path)
    with pytest.raises(ValueError, match="no images in this folder; srzoo reads .png, .jpg"):
        find_sources([tmp_path], tmp_path / "results")


def test_what_is_passed_over_in_a_folder_is_counted(tmp_path, caplog):
    touch(
        tmp_path, "a.jpg", "b.CR2", "c.nef", "d.svg", "e.pdf", "f.mov", "g.MKV", "notes.txt", ".hidden.txt", "x/h.dng"
    )
    touch(tmp_path, "large/a.jpg", "large/b.jpg", "x/i_sr.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to("nothing.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    Record().add(tmp_path / "x/i_sr.png", Made("edsr", ""))
    with caplog.at_level(logging.INFO, "srzoo"):
        (source,) = find_sources([tmp_path], tmp_path / "large")
    assert source.path.name == "a.jpg"
    counts = "3 RAW, 3 earlier results, 2 videos, 1 folder link, 1 broken link, 1 pipe, 1 PDF, 1 SVG, 1 other file"
    (message,) = caplog.messages
    begin, _, said = message.rpartition(": ")
    assert begin == f"{tmp_path}: passed over" and sorted(said.split(", ")) == sorted(counts.split(", "))
    touch(tmp_path, "raw/a.nef")
    with pytest.raises(ValueError, match="no images in this folder, but 1 RAW; srzoo reads"):
        find_sources([tmp_path / "raw"], None)
