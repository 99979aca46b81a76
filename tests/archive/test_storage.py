"""Files on file systems that are not this machine's, here a folder behind the scheme `shelf://`."""

import io
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from skimage import data

from srzoo.images import write_image
from srzoo.pictures.reading import read_image

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems

from srzoo.archive import running, storage, worker
from srzoo.runtimes.choice import Choice
from srzoo.runtimes.network import Network

SHELF: list[Path] = []


class ShelfFileSystem(FileSystem):
    """As an object store: no folders, a file appears when it is closed; as HDFS, renaming replaces nothing."""

    def __init__(self, pipeline_options):
        self.options = pipeline_options

    @classmethod
    def scheme(cls):
        return "shelf"

    def _place(self, path):
        return SHELF[0] / path.removeprefix("shelf://").replace("/", "|")

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        raise ValueError("there are no folders")

    def has_dirs(self):
        return False

    def _list(self, prefix):
        for file in sorted(SHELF[0].iterdir()):
            path = "shelf://" + file.name.replace("|", "/")
            if path.startswith(prefix):
                yield FileMetadata(path, file.stat().st_size, file.stat().st_mtime)

    def create(self, path, mime_type="", compression_type=None):
        place = self._place(path)

        class Upload(io.BytesIO):
            def close(self):
                if not self.closed:
                    place.write_bytes(self.getvalue())
                super().close()

        return Upload()

    def open(self, path, mime_type="", compression_type=None):
        if not self.exists(path):
            raise BeamIOError(f"{path}: no such object")
        return io.BytesIO(self._place(path).read_bytes())

    def copy(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names):
            shutil.copy(self._place(source), self._place(target))

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names):
            if self.exists(target):
                raise BeamIOError(f"{target}: is there")
            os.rename(self._place(source), self._place(target))

    def exists(self, path):
        return self._place(path).exists()

    def size(self, path):
        return self._place(path).stat().st_size

    def last_updated(self, path):
        return self._place(path).stat().st_mtime

    def checksum(self, path):
        return str(self.size(path))

    def metadata(self, path):
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths):
        for path in paths:
            self._place(path).unlink()


@pytest.fixture
def shelf(tmp_path):
    SHELF[:] = [tmp_path / "shelf"]
    SHELF[0].mkdir()
    return SHELF[0]


def test_pictures_come_from_any_file_system_and_go_to_any(shelf, here, batch, monkeypatch):
    photo = data.coffee()[150:200, 200:266]
    for name, part in {"a|cup.png": photo[:20, :31], "wide.png": photo}.items():
        write_image(here / "in.png", part)
        shutil.move(here / "in.png", shelf / f"in|{name}")
    (shelf / "in|torn.png").write_bytes(b"no picture")
    for number in range(150):
        (shelf / f"in|a|{number:03}.txt").write_text("no picture by its name")
    (shelf / "out|.writing-elsewhere|part").write_text("of a call that was killed")
    arguments = "shelf://in/", "shelf://out", "--unit-pixels", 1000
    status, out, _ = batch(*arguments)
    assert status == 1 and out.startswith("2 of 3 images upscaled to shelf://out, 1 failed (shelf://out/failed.jsonl)")
    assert sorted(path.name for path in shelf.iterdir() if path.name.startswith("out")) == [
        "out|a|cup.png",
        "out|failed.jsonl",
        "out|report.json",
        "out|wide.png",
    ]
    assert read_image(shelf / "out|wide.png").shape == (200, 264, 3)
    os.utime(shelf / "out|wide.png", (1, 1))
    written = (shelf / "in|a|cup.png").stat()
    os.utime(shelf / "out|a|cup.png", (written.st_atime, written.st_mtime))  # not older is new enough
    (shelf / "in|torn.png").unlink()
    fetched = []
    fetch = storage.fetched
    monkeypatch.setattr(storage, "fetched", lambda path: fetched.append(path) or fetch(path))
    status, out, _ = batch(*arguments)
    assert status == 0 and out.startswith("1 of 2 images upscaled to shelf://out, 1 already there")
    assert not (shelf / "out|failed.jsonl").exists()
    # What is done is not even fetched, and a result that is out of date is replaced.
    assert set(fetched) == {"shelf://in/wide.png"}
    assert (shelf / "out|wide.png").stat().st_mtime > 1
    # On this machine it is noted what a result was made of.
    for cup, told in (("", "2 of 2"), ("", "0 of 2, 2 already there"), ("other", "0 of 2, 1 already there, 1 failed")):
        if cup:
            (shelf / "in|a|cup.png").write_text(cup)
        assert batch("shelf://in/", "out")[1].replace(" images upscaled to out", "").startswith(told)


def test_networks_come_from_any_file_system(shelf, monkeypatch):
    read = []

    def choose(choice):
        for path in map(Path, (choice.source, choice.pixel_weights)):
            read.append((path.name, path.read_text()))
        return Network("a", 2, 1, 1, lambda pixels: pixels)

    monkeypatch.setattr(worker, "choose", choose)
    for name in ("a.weights.h5", "b.weights.h5"):
        (shelf / name).write_text(f"of {name}")
    worker.load(Choice("shelf://a.weights.h5", pixel_weights="shelf://b.weights.h5"), 10**6)
    assert read == [("a.weights.h5", "of a.weights.h5"), ("b.weights.h5", "of b.weights.h5")]
    assert not storage.must_fetch("hf://srzoo/edsr")


def test_file_systems_get_beams_options():
    running.local_workers(["--hdfs_host=far"], 1)
    assert FileSystems.get_filesystem("shelf://a").options.get_all_options()["hdfs_host"] == "far"


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("/photos/**.jpg", "/photos"),
        ("/photos/20[12]?/a.jpg", "/photos"),
        ("/photos/2020-*/**", "/photos"),
        ("/photos/a.jpg", "/photos"),
        ("gs://bucket/*.png", "gs://bucket"),
        ("gs://bucket/scans/**", "gs://bucket/scans"),
    ],
)
def test_places_are_told_from_the_folders_before_the_first_wildcard(pattern, prefix):
    assert storage.fixed_prefix(pattern) == prefix


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/in/a/b.png", "a/b.png"),
        ("/in/a/B.PNG", "a/B.PNG"),
        ("/in/notes.txt", None),
        ("/in/.hidden/b.png", None),
        ("/in/out/b.png", None),
        ("/in/outside/b.png", "outside/b.png"),
    ],
)
def test_hidden_files_results_and_other_endings_are_passed_over(path, place):
    assert storage.place_of(path, "/in", "/in/out", by_ending=True) == place


def test_results_are_passed_over_by_whatever_name_their_folder_is_given(tmp_path):
    (tmp_path / "in/out").mkdir(parents=True)
    (tmp_path / "link").symlink_to("in/out")
    for output in ("link", "in/../in/out"):
        place = partial(storage.place_of, prefix=f"{tmp_path}/in", output=f"{tmp_path}/{output}", by_ending=True)
        assert (place(f"{tmp_path}/in/a.png"), place(f"{tmp_path}/in/out/a.png")) == ("a.png", None)


def test_a_folder_of_another_file_system_holds_what_begins_with_it_and_a_slash():
    assert storage.within("gs://a/out/b", "gs://a/out") and not storage.within("gs://a/outside", "gs://a/out")


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path):
    def write():
        with storage.published(str(tmp_path / "scratch"), str(tmp_path / "a.png")) as path:
            assert path.is_relative_to(tmp_path / "scratch")  # or it could not be renamed
            path.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
