"""Which files are taken from the arguments."""

from pathlib import Path

import pytest

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
