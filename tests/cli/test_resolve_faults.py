"""Every row of the table of faults in docs/faults.md: a sentence, the exit status, and the other files done."""

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from skimage import data

from srzoo import zoo
from srzoo.cli.resolve import main
from srzoo.images import write_image
from srzoo.pictures.reading import read_image
from srzoo.upscaling import batch
from srzoo.upscaling.upscaler import Upscaler

ROOT = Path(__file__).resolve().parents[2]
PHOTO = np.ascontiguousarray(data.coffee()[150:180, 200:241])


@pytest.fixture(scope="module")
def weights():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiny.weights.h5")
        zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), path)
        Path(folder).chmod(0o755)  # for the tests of rights, which run as another user
        yield str(path)


@pytest.fixture
def here(here):
    write_image("good.png", PHOTO)
    return here


@pytest.fixture
def resolve(here, weights, capsys):
    """Runs the command on the arguments and good.png; gives status, output and errors."""

    def run(*arguments):
        status = main(["good.png", *map(str, arguments), "--weights", weights])
        return status, *capsys.readouterr()

    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("[!.]*") if path.is_file())


def only_good_was_done(ran, sentence):
    """One line of error that says `sentence`, and good.png's result alone, with nothing half-written."""
    status, out, err = ran
    assert status == 1 and sentence in err, err
    first, *said = err.splitlines()
    assert first.endswith("float32 by TensorFlow") and len(said) == 1 and said[0].startswith("error: ")
    assert "1 of 2 images upscaled to results, 1 failed" in out
    assert files("results") == ["good.png"]


def bomb():
    """A PNG of a few bytes that says it were 50000x50000."""

    def chunk(name, payload):
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def png():
    return Path("good.png").read_bytes()


def damaged():
    content = bytearray(png())
    content[len(content) // 2] ^= 255
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: png()[:500], "bad.png: not an image that can be read (image file is truncated"),
        (damaged, "bad.png: not an image that can be read ("),
        (lambda: b"", "bad.png: not an image that can be read (the file is empty)"),
        (lambda: b"dear diary, " * 99, "bad.png: not an image that can be read (unknown or damaged format)"),
        (lambda: png()[:20], "bad.png: not an image that can be read ("),
        (bomb, "bad.png: its pixels are more than the limit of 400000000; it may be a decompression bomb"),
    ],
    ids=["truncated", "corrupt", "empty", "no image", "a header's beginning", "bomb"],
)
def test_a_file_that_holds_no_sound_picture_is_refused_and_the_others_done(resolve, content, sentence):
    Path("bad.png").write_bytes(content())
    only_good_was_done(resolve("bad.png"), sentence)


@pytest.mark.parametrize("ending", ["jpg", "webp", "tif", "gif", "avif", "bmp", "jp2"])
def test_a_truncated_file_of_any_format_is_refused(resolve, ending):
    Image.fromarray(PHOTO).save(f"bad.{ending}")
    content = Path(f"bad.{ending}").read_bytes()
    Path(f"bad.{ending}").write_bytes(content[: len(content) // 2])
    only_good_was_done(resolve(f"bad.{ending}"), f"bad.{ending}: not an image that can be read")


def test_an_animation_that_is_damaged_in_the_middle_leaves_no_half_result(resolve):
    frames = [Image.fromarray(np.roll(PHOTO, 5 * index, 1)) for index in range(6)]
    frames[0].save("bad.gif", save_all=True, append_images=frames[1:])
    content = Path("bad.gif").read_bytes()
    Path("bad.gif").write_bytes(content[: len(content) * 2 // 3])
    only_good_was_done(resolve("bad.gif"), "error: bad.gif: not an image that can be read")


def test_an_animation_whose_frame_asks_for_a_larger_picture_is_refused(resolve):
    frames = [Image.fromarray(PHOTO).quantize(16), Image.fromarray(PHOTO[::-1]).quantize(16)]
    frames[0].save("bad.gif", save_all=True, append_images=frames[1:])
    content = bytearray(Path("bad.gif").read_bytes())
    second = content.rindex(b"\x2c\0\0\0\0" + struct.pack("<HH", 41, 30))
    content[second + 5 : second + 9] = struct.pack("<HH", 18_000, 18_000)
    Path("bad.gif").write_bytes(content)
    only_good_was_done(resolve("bad.gif"), "bad.gif: frame 2 makes the picture grow from 41x30 to 18000x18000")


@pytest.mark.parametrize(("name", "advice"), [("bad.jpg", "bad.png"), ("notes.txt", "notes.png")])
def test_a_wrong_ending_is_refused(resolve, name, advice):
    Path(name).write_bytes(png())
    only_good_was_done(
        resolve(name), f"its content is PNG, which the ending '{Path(name).suffix}' does not say; rename"
    )


def test_a_picture_without_an_ending_is_taken_for_what_it_is(resolve):
    Path("scan").write_bytes(png())
    assert resolve("scan")[0] == 0
    assert files("results") == ["good.png", "scan.png"]


def test_the_limit_of_pixels_can_be_set(resolve):
    write_image("bad.png", PHOTO.repeat(2, axis=1))
    only_good_was_done(resolve("bad.png", "--max-pixels", "2K"), "bad.png: its pixels are more than the limit of 2000")
    assert resolve("bad.png", "--max-pixels", "2460")[0] == 0


@pytest.fixture
def unprivileged(monkeypatch):
    """A folder whose files have rights that count, also where the tests run as root."""
    folder = tempfile.TemporaryDirectory()
    Path(folder.name).chmod(0o777)
    monkeypatch.chdir(folder.name)
    write_image("good.png", PHOTO)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield Path(folder.name)
    os.seteuid(user)
    for path in Path(folder.name).rglob("*"):
        path.chmod(0o700)
    folder.cleanup()


def test_a_file_without_permission_is_refused(resolve, unprivileged):
    write_image("bad.png", PHOTO)
    Path("bad.png").chmod(0)
    only_good_was_done(resolve("bad.png"), "error: bad.png: no permission to read it")


def test_a_folder_without_permission_is_refused(resolve, unprivileged):
    write_image("photos/closed/a.png", PHOTO)
    Path("photos/closed").chmod(0)
    only_good_was_done(resolve("photos"), "error: photos/closed: the folder cannot be listed (Permission denied)")


def test_results_that_may_not_be_written_are_refused(resolve, unprivileged):
    Path("results").mkdir(mode=0o500)
    status, out, err = resolve()
    assert status == 1 and "results/good.png: cannot be written (Permission denied)" in err
    assert "0 of 1 images upscaled to results, 1 failed" in out


def test_a_loop_of_folders_ends(resolve):
    write_image("photos/a.png", PHOTO)
    Path("photos/loop").symlink_to(Path("photos").resolve())
    Path("photos/self.png").symlink_to("self.png")
    assert resolve("photos")[0] == 0
    assert files("results") == ["a.png", "good.png"]


def test_a_pipe_is_refused_and_not_waited_for(resolve):
    os.mkfifo("bad.png")
    only_good_was_done(resolve("bad.png"), "bad.png: not a file with an image but a folder, a pipe or a device")


def test_a_file_that_vanishes_meanwhile_is_named(resolve, monkeypatch):
    write_image("bad.png", PHOTO)
    plan = batch.plan
    monkeypatch.setattr(batch, "plan", lambda *args: (plan(*args), Path("bad.png").unlink())[0])
    only_good_was_done(resolve("bad.png"), "bad.png: no such file")


def test_two_inputs_with_one_result_and_a_result_over_an_input_are_refused_and_the_others_done(resolve):
    for name in ("a/cup.png", "b/cup.png", "c/free.png"):
        write_image(name, PHOTO)
    before = Path("good.png").read_bytes()
    status, out, err = resolve("a/cup.png", "b/cup.png", "c/free.png", "--output", ".")
    assert status == 1 and "error: a/cup.png and b/cup.png would both be written to cup.png; rename one" in err
    assert err.count("would both be written to cup.png") == 2
    assert "good.png would be written to good.png, an input; choose another --output" in err
    assert "1 of 4 images upscaled to ., 3 failed" in out and Path("free.png").is_file()
    assert Path("good.png").read_bytes() == before and not Path("cup.png").exists()


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(resolve):
    write_image("bad.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    Path("results").mkdir()
    Path("results/bad.png").write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        status, _, err = resolve("bad.png", "--overwrite")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1 and "results/bad.png: cannot be written (File too large)" in err
    assert Path("results/bad.png").read_bytes() == b"old" and files("results") == ["bad.png", "good.png"]


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "gif", "bmp", "avif", "jp2"])
def test_a_full_disk_is_told_by_every_format(resolve, monkeypatch, ending):
    Image.fromarray(PHOTO).save(f"bad.{ending}")
    real = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(path, mode="r", *args, **options):
        file = real(path, mode, *args, **options)
        return Full(file) if path.suffix == f".{ending}" and "w" in mode and path.name != "good.png" else file

    monkeypatch.setattr(Path, "open", full)
    status, _, err = resolve(f"bad.{ending}")
    assert status == 1 and f"results/bad.{ending}: cannot be written (No space left on device)" in err
    assert f"bad.{ending}" not in files("results") and not [name for name in files("results") if "writing" in name]


def test_what_nobody_foresaw_in_one_picture_does_not_stop_the_others(resolve, monkeypatch):
    write_image("bad.png", PHOTO)
    carry_out = batch.carry_out

    def surprising(job, *rest):
        return {}["surprise"] if job.source.name == "bad.png" else carry_out(job, *rest)

    monkeypatch.setattr(batch, "carry_out", surprising)
    only_good_was_done(resolve("bad.png"), "error: bad.png: 'surprise'")


def test_no_memory_for_a_result_is_told_and_the_others_done(resolve, monkeypatch):
    write_image("bad.png", PHOTO.repeat(2, axis=0))
    monkeypatch.setattr("srzoo.upscaling.memory.available_memory", lambda: 82 * 100 * 3)
    monkeypatch.setattr(Upscaler, "_fit", lambda *args: None)
    only_good_was_done(resolve("bad.png"), "bad.png: no memory for the result of 82x120 pixels")


def test_smaller_tiles_for_want_of_memory_are_said(resolve, monkeypatch):
    def fail_once(self, pixels, tile, run=Upscaler._run):
        if self.max_pixels > PHOTO.shape[0] * PHOTO.shape[1]:
            self._shrink(600)
        return run(self, pixels, tile)

    monkeypatch.setattr(Upscaler, "_run", fail_once)
    status, _, err = resolve()
    assert status == 0 and err.splitlines()[1:] == [
        "note: out of memory: goes on with tiles of 600 pixels; a smaller --memory avoids this"
    ]


def test_resume_does_only_what_is_missing(resolve):
    write_image("a.png", PHOTO)
    resolve("a.png")
    done = Path("results/a.png").stat().st_mtime_ns
    Path("results/good.png").unlink()
    status, out, _ = resolve("a.png", "--resume")
    assert status == 0 and "1 of 2 images upscaled to results, 1 already there" in out
    assert Path("results/a.png").stat().st_mtime_ns == done and files("results") == ["a.png", "good.png"]
    resolve("-o", "out.png")
    assert "0 of 1 images upscaled to out.png, 1 already there" in resolve("-o", "out.png", "--resume")[1]
    Image.fromarray(PHOTO).save("out.png")
    assert "already there" not in resolve("-o", "out.png", "--resume")[1]


def test_resume_does_again_what_another_input_or_other_options_made_or_what_lacks_its_comparison(resolve, weights):
    resolve()
    write_image("good.png", PHOTO[::-1])
    os.utime("good.png", (1, 1))
    assert "already there" not in resolve("--resume")[1]
    os.utime("results/good.png", (1, 1))
    assert "already there" in resolve("--resume")[1]
    assert "already there" not in resolve("--resume", "--quality", "90")[1]
    assert "already there" not in resolve("--resume", "--quality", "90", "--compare")[1]
    assert "already there" in resolve("--resume", "--quality", "90", "--compare")[1]
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), weights)
    assert "already there" not in resolve("--resume", "--quality", "90")[1]


def test_resume_looks_for_the_result_in_the_format_that_it_has(resolve):
    Image.fromarray(np.dstack([PHOTO, PHOTO[..., :1]])).save("alpha.png")
    resolve("alpha.png", "--format", "jpeg")
    assert files("results") == ["alpha.png", "good.jpg"]
    assert (
        "0 of 2 images upscaled to results, 2 already there" in resolve("alpha.png", "--format", "jpeg", "--resume")[1]
    )


def test_a_kill_while_a_result_is_written_leaves_the_old_one(here, weights):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    Path("results").mkdir()
    Path("results/good.png").write_bytes(b"old")
    script = """
import os, signal
from srzoo.cli.resolve import main
from srzoo.pictures import writing
from srzoo.runtimes import choice
from srzoo.runtimes.network import Network
choice.choose = lambda *_: Network("twice-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))
writing.write_png = lambda *args: (open(1, "wb", closefd=False).write(b"x"), os.kill(os.getpid(), signal.SIGKILL))
main(["good.png", "--overwrite"])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ran.returncode == -signal.SIGKILL and ran.stdout == b"x"
    assert Path("results/good.png").read_bytes() == b"old"
    assert main(["good.png", "--weights", weights, "--overwrite"]) == 0
    assert read_image("results/good.png").shape == (60, 82, 3)


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_a_batch_ends_whole(here, weights):
    for index in range(12):
        write_image(f"photos/{index}.png", np.roll(PHOTO, index, 0).repeat(4, axis=0))
    command = [sys.executable, str(ROOT / "resolve_image.py"), "photos", "--weights", weights, "--resume"]
    expected = None
    for wait in (None, 2.5, 3.0, 3.5, 4.0, 4.5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if wait is None:
            assert process.wait() == 0
            expected = {path.name: path.read_bytes() for path in Path("results").glob("*.png")}
            for path in Path("results").iterdir():
                path.unlink()
            continue
        time.sleep(wait)
        process.kill()
        process.wait()
        for path in Path("results").glob("[0-9]*.png"):  # not what was half done
            assert path.read_bytes() == expected[path.name]
    assert subprocess.run(command, check=True).returncode == 0
    assert {path.name: path.read_bytes() for path in Path("results").glob("*.png")} == expected


@pytest.mark.slow
def test_five_hundred_images_in_one_call_take_no_more_memory_than_a_hundred(here, weights, monkeypatch, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.setenv("SRZOO_CACHE", str(tmp_path / "cache"))  # TensorFlow keeps some of each size of a layer
    random = np.random.default_rng(0)
    for index in range(500):
        height, width = random.integers(20, 120, 2)
        ending = ("png", "jpg", "webp", "tif")[index % 4]
        Path("photos").mkdir(exist_ok=True)
        Image.fromarray(data.coffee()[:height, :width]).save(f"photos/{index:03}.{ending}")
    resident, carry_out = [], batch.carry_out

    def watched(*args):
        report = carry_out(*args)
        resident.append(psutil.Process().memory_info().rss)
        return report

    monkeypatch.setattr(batch, "carry_out", watched)
    assert main(["photos", "--weights", weights]) == 0
    assert len(resident) == len(files("results")) == 500
    print([round(value / 1e6) for value in resident[::50]])
    assert max(resident[400:]) - max(resident[50:150]) < 50e6
