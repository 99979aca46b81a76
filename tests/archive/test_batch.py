"""`python -m srzoo batch` on this machine: results, what is left out, what is refused, what is told."""

import errno
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

import srzoo
from srzoo import shipped, zoo
from srzoo.atomic import MACHINE
from srzoo.cli import resolve
from srzoo.cli.batch import main
from srzoo.images import write_image
from srzoo.pictures.reading import read_image

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

PHOTO = data.coffee()[150:200, 200:266]
UNIT = 1000
"""Pixels of a work unit; larger pictures are cut."""

SMALL = ["a/cup.png", "b/table.jpg", "cup[1]*.png"]
LARGE = ["alpha.png", "deep.png", "grey.png", "wide.png"]


DOOMED = 7
"""Grey level of a picture whose parts cannot be upscaled."""


def fill(folder):
    """Small and large pictures, bad ones, some whose results cannot be made or written."""
    write_image(folder / "a/cup.png", PHOTO[:20, :31])
    write_image(folder / "b/table.jpg", PHOTO[:21, 40:62])
    write_image(folder / "c/blocked.png", PHOTO[:9, :9])
    write_image(folder / "cup[1]*.png", PHOTO[:21, 20:60])
    write_image(folder / "wide.png", PHOTO)
    alpha = np.full(PHOTO.shape[:2], 255, np.uint8)
    alpha[10:30, 5:40], alpha[30:, 40:] = 0, PHOTO[30:, 40:, 0]
    Image.fromarray(np.dstack([PHOTO, alpha])).save(folder / "alpha.png", dpi=(300, 300))
    Image.fromarray(PHOTO[..., 0]).save(folder / "grey.png")
    Image.fromarray(PHOTO[..., 1].astype(np.uint16) * 257).save(folder / "deep.png")
    frames = [Image.fromarray(np.roll(PHOTO, 5 * i, axis=1)) for i in range(3)]
    frames[0].save(folder / "spin.gif", save_all=True, append_images=frames[1:], duration=100, loop=0)
    (folder / "torn.png").write_bytes((folder / "wide.png").read_bytes()[:700])
    (folder / "a/notes.jpg").write_text("no picture")
    (folder / "a/.hidden.png").write_text("hidden")
    write_image(folder / "doomed.png", np.full_like(PHOTO, DOOMED))
    # Both become twin.png, as PCX is not written.
    write_image(folder / "d/twin.png", PHOTO[:12, :12])
    Image.fromarray(PHOTO[:8, :8]).save(folder / "d/twin.pcx")


@pytest.fixture(scope="module")
def ran(tmp_path_factory, weights, run):
    """A folder with `in`, its results in `out`, and what `resolve_image.py` makes of it in `expected`."""
    from srzoo.archive import steps, worker

    folder = tmp_path_factory.mktemp("ran")
    fill(folder / "in")
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left = folder / f"out/.writing-{MACHINE}-{ended.pid:x}-abcdefgh"
    left.mkdir(parents=True)
    (left / "part").write_text("half of a result")
    (folder / "out/c").write_text("a file where a folder is needed")
    loads, load = [], worker.load
    upscale = steps.upscale_bled

    def upscaled(upscaler, pixels):
        if np.all(pixels.colour == DOOMED):
            raise MemoryError("no memory for a tile")
        return upscale(upscaler, pixels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "load", lambda *given: loads.append(1) or load(*given))
        patch.setattr(steps, "upscale_bled", upscaled)
        # All but the grey one then go to their files in rows.
        patch.setattr(steps, "LARGE", 100_000)
        answer = run(f"{folder}/in/**", folder / "out", "--unit-pixels", UNIT)
    resolve.main([f"{folder}/in", "--output", f"{folder}/expected", "--weights", weights])
    return folder, loads, *answer


def failures(folder):
    text = Path(folder, "failed.jsonl").read_text("utf-8")
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    assert found == sorted(found, key=lambda each: each["path"])
    return found


@pytest.mark.parametrize("name", [*SMALL, "spin.gif"])
def test_a_picture_of_one_unit_is_the_file_that_resolve_writes(ran, name):
    assert (ran[0] / "out" / name).read_bytes() == (ran[0] / "expected" / name).read_bytes()


@pytest.mark.parametrize("name", LARGE)
def test_a_picture_cut_into_units_is_that_of_the_whole(ran, name):
    whole, cut = (Image.open(ran[0] / folder / name) for folder in ("expected", "out"))
    assert cut.mode == whole.mode and cut.info == whole.info
    away = np.abs(np.asarray(cut).astype(int) - np.asarray(whole))
    assert away.max() <= (257 if cut.mode == "I;16" else 1) and away.mean() < 0.01


def test_an_animation_is_one_unit_with_all_its_frames(ran):
    assert Image.open(ran[0] / "out/spin.gif").n_frames == 3


def test_bad_pictures_are_listed_with_their_reason_and_the_others_done(ran):
    folder, _, status, out, _ = ran
    assert status == 1
    listed = f"{(folder / 'out').as_posix()}/failed.jsonl"
    assert out.startswith(f"8 of 14 images upscaled to {folder / 'out'}, 6 failed ({listed})\n")
    reasons = {Path(each["path"]).name: each["reason"] for each in failures(folder / "out")}
    assert sorted(reasons) == ["blocked.png", "doomed.png", "notes.jpg", "torn.png", "twin.pcx", "twin.png"]
    assert "a/notes.jpg: not an image that can be read" in reasons["notes.jpg"]
    assert "torn.png: not an image that can be read" in reasons["torn.png"]
    assert "out/c/blocked.png: cannot be written (" in reasons["blocked.png"]
    assert "doomed.png: no memory for a tile" in reasons["doomed.png"]
    for name in ("twin.pcx", "twin.png"):
        assert "would both be written to" in reasons[name] and "allow it by --overwrite" in reasons[name]


def test_nothing_half_written_is_left_not_even_of_other_calls(ran, files):
    assert files(ran[0] / "out") == sorted([*SMALL, *LARGE, "c", "failed.jsonl", "report.json", "spin.gif"])


def test_the_report_tells_what_came_of_the_call(ran):
    report = json.loads((ran[0] / "out/report.json").read_text("utf-8"))
    pixels = 16 * (20 * 31 + 21 * 22 + 21 * 40 + 7 * 50 * 66)
    assert report["megapixels_out"] == pytest.approx(pixels / 1e6)
    kinds = [report[name] for name in ("images", "upscaled", "already_there", "failed", "attempts")]
    assert kinds == [14, 8, 0, 6, 1]
    assert 0 < report["inference_seconds"] < report["seconds"]


def test_the_network_is_loaded_once_a_process(ran):
    assert len(ran[1]) == 1


def test_another_run_does_only_what_is_missing_or_of_another_source(ran, run, states):
    folder = ran[0]
    for name in ("in/torn.png", "in/a/notes.jpg", "out/c", "out/a/cup.png"):
        (folder / name).unlink()
    write_image(folder / "in/b/table.jpg", PHOTO[21:0:-1, 40:62])
    os.utime(folder / "in/b/table.jpg", (0, 0))
    before = states(folder / "out")
    arguments = folder / "out", "--unit-pixels", UNIT, "--overwrite"
    status, out, err = run(f"{folder}/in/**", *arguments)
    # The missing, the outdated, those that failed; of the twins the later one stays.
    assert status == 0 and out.startswith(f"5 of 12 images upscaled to {folder / 'out'}, 7 already there\n")
    assert "of 1: the result of another input stays in its place" in err
    assert read_image(folder / "out/d/twin.png").shape == (48, 48, 3)
    after = states(folder / "out")
    fresh = sorted(name for name in after if after[name] != before.get(name))
    assert fresh == ["a/cup.png", "b/table.jpg", "c/blocked.png", "d/twin.png", "doomed.png", "report.json"]
    assert "failed.jsonl" not in after
    os.utime(folder / "in/b/table.jpg")
    status, out, _ = run(f"{folder}/in/", *arguments)
    assert status == 0 and out.startswith(f"0 of 12 images upscaled to {folder / 'out'}, 12 already there\n")
    again = states(folder / "out")
    assert [name for name in again if again[name] != after[name]] == ["report.json"]


def test_names_with_wildcards_are_names_and_what_cannot_be_passed_on_is_listed(here, batch, files):
    for name in ("a.png", "b*[1].png"):
        write_image(here / "photos [1]" / name, PHOTO[:9, :9])
    write_image(here / "photos (1)/a.png", PHOTO[:9, :9])  # which the pattern for the other matches, too
    (here / "photos [1]" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    (here / "photos [1]/c.NEF").write_bytes(b"")
    os.mkfifo(here / "photos [1]/pipe.png")
    status, out, err = batch("photos [1]", "out [2]")
    assert status == 1 and out.startswith(f"2 of 3 images upscaled to out [2], 1 failed ({here}/out [2]/failed.jsonl)")
    assert "note: of 1: passed over in a folder: RAW\n" in err and "in a folder: pipe\n" in err
    (failed,) = failures("out [2]")
    assert failed["path"].endswith(r"caf\udce9.png") and "takes no names that are not UTF-8" in failed["reason"]
    assert files("out [2]") == ["a.png", "b*[1].png", "failed.jsonl", "report.json"]
    # A pattern below it, and a file in it, whose results another scale made.
    assert batch("photos [1]/a*", "out [2]")[1].startswith("0 of 1 images upscaled to out [2], 1 already there")
    assert batch("photos [1]/b*[1].png", "out [2]", "--scale", "2")[0] == 1
    assert "b*[1].png is there, made by " in failures("out [2]")[0]["reason"]


def test_weights_of_one_relative_path_in_two_folders_are_two_models(here, weights, monkeypatch):
    write_image("in/a.png", PHOTO[:9, :9])
    for folder in (here / "a", here / "b"):
        folder.mkdir()
        monkeypatch.chdir(folder)
        Path("mine.weights.h5").write_bytes(Path(weights).read_bytes())
        ended = main([str(here / "in"), str(here / "out"), "--weights", "mine.weights.h5"])
        assert ended == (folder.name == "b")
    assert f"made by {here / 'a' / 'mine.weights.h5'}, x4" in failures(here / "out")[0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["in/*.tiff", "out"], "in/*.tiff: no picture matches"),
        (["missing.png", "out"], "missing.png: no picture matches"),
        (["in", "in"], "holds the inputs; give another folder for the results"),
        (["in/a", "."], "holds the inputs; give another folder for the results"),
        (["in", "in/a/.."], "holds the inputs; give another folder for the results"),
        (["in", "in/wide.png"], "expected a folder, but in/wide.png is a file"),
        (["in", "out", "--quick"], "neither srzoo nor Beam knows '--quick'"),
        (["in", "out", "extra"], "neither srzoo nor Beam knows 'extra'"),
        (["in", "out", "--direct_num_workers=many"], "Beam's options: .*--direct_num_workers: invalid int value"),
        (["in", "out", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["in", "out", "--workers", "2", "--runner", "FlinkRunner"], "--workers 2 is for this machine"),
        (["in", "out", "--unit-pixels", "10"], "--unit-pixels must be at least"),
        (["in", "out", "--stall-seconds", "0"], "--stall-seconds must be above 0"),
        (["in", "out", "--stall-seconds", "9"], "--stall-seconds is of --workers on this machine; give --workers 2"),
        (["in", "out", "--pixel-weights", "a.weights.h5"], "has no use without --fidelity"),
    ],
)
def test_a_mistake_in_the_command_is_refused_before_anything_is_written(photos, batch, arguments, sentence):
    with pytest.raises((ValueError, OSError), match=sentence.replace("*.tiff", r"\*\.tiff")):
        batch(*arguments)
    assert not Path("out").exists()


@pytest.mark.parametrize("arguments", [("s3://a/*", "out"), ("in", "s3://a")])
def test_a_file_system_without_its_package_is_told_with_what_installs_it(photos, batch, monkeypatch, arguments):
    monkeypatch.setattr("srzoo.archive.storage.EXTRAS", {"s3": ("no-such-package", "aws")})
    with pytest.raises(ValueError, match=r"^s3://a.*: s3:// needs a package; run `pip install 'apache-beam\[aws\]'`"):
        batch(*arguments)


def test_a_link_that_leads_back_among_the_inputs_is_not_followed(photos, batch):
    Path("out").mkdir()
    Path("out/a").symlink_to(photos / "a")
    given = (photos / "a/cup.png").read_bytes()
    assert batch("in", "out")[0] == 1
    assert (photos / "a/cup.png").read_bytes() == given and Path("out/wide.png").is_file()
    assert "out/a/cup.png, which a link leads among the inputs" in Path("out/failed.jsonl").read_text()


def test_a_full_disk_costs_the_large_picture_alone(photos, batch, monkeypatch):
    def full(_, start, length):
        assert (start, length) == (0, 200 * 264 * 3)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    assert batch("in", "out", "--unit-pixels", UNIT)[1].startswith("2 of 3 images upscaled to out, 1 failed")
    assert failures("out") == [
        {"path": f"{photos}/wide.png", "reason": f"{photos}/wide.png: [Errno 28] No space left on device"}
    ]


@pytest.mark.parametrize(
    ("text", "number"), [("KeyboardInterrupt: 15 [while running 'cut']", (15,)), ("KeyboardInterrupt", ())]
)
def test_an_interrupt_of_which_beam_makes_a_failure_is_one(photos, batch, monkeypatch, text, number):
    from srzoo.archive import running

    def build(*_):
        raise RuntimeError(f"Traceback\n  File\n{text}\n")

    monkeypatch.setattr(running, "build", build)
    with pytest.raises(KeyboardInterrupt) as stopped:
        batch("in", "out")
    assert stopped.value.args == number and not list(Path("out").rglob("*"))


def test_without_beam_the_command_says_how_to_install_it(photos, batch, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "apache_beam" else find(name))
    with pytest.raises(ValueError, match=r"needs Apache Beam; run `pip install '.\[beam\]'`"):
        batch("in", "out")


@pytest.mark.parametrize(("scale", "sizes"), [("1.5", [(46, 30), (99, 75)]), ("5", [(155, 100), (330, 250)])])
def test_sizes_are_those_of_resolve_for_whole_pictures_and_for_cut_ones(photos, batch, weights, scale, sizes):
    status, _, err = batch(photos, "out", "--scale", scale, "--unit-pixels", "2000")
    assert status == 0, err
    assert resolve.main([str(photos), "--output", "expected", "--weights", weights, "--scale", scale]) == 0
    for name, size in zip(("a/cup.png", "wide.png"), sizes):
        result, expected = (np.asarray(Image.open(Path(folder, name)), int) for folder in ("out", "expected"))
        assert result.shape == (size[1], size[0], 3) and np.abs(result - expected).max() <= 1


@pytest.fixture
def ships(tmp_path, monkeypatch):
    """Tiny networks under the names of those that ship."""
    made = []
    for name in ("edsr-baseline-x4", "edsr-real-x4"):
        keras.utils.set_random_seed(len(made))
        zoo.save_weights(zoo.create(f"{name}.blocks1.filters4"), tmp_path / f"ships/{name}.weights.h5")
        made.append(f"{shipped.checksum(tmp_path / f'ships/{name}.weights.h5')}  {name}.weights.h5")
    (tmp_path / "ships/SHA256SUMS").write_text("\n".join(made))
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "ships")


def test_auto_and_restore_are_those_of_single_pictures(photos, ships, capsys):
    Image.fromarray(PHOTO).save("in/old.jpg", quality=20)
    assert main(["in", "out", "--model", "auto", "--format", "png", "--unit-pixels", "2000"]) == 0
    told = capsys.readouterr().err
    for name, model, count in (("in/old.jpg", "edsr-real-x4", 1), ("in/wide.png", "edsr-baseline-x4", 3)):
        assert f"note: of {count}: upscaled by {model}, as auto chose\n" in told
        result, expected = Image.open(Path("out", name[3:]).with_suffix(".png")), srzoo.upscale(name, model)
        assert np.abs(np.subtract(result, expected, dtype=int)).max() <= 1
    assert main(["in/old.jpg", "restored", "--restore", "0.5", "--format", "png"]) == 0
    expected = srzoo.upscale("in/old.jpg", restore=0.5)
    assert np.abs(np.subtract(Image.open("restored/old.png"), expected, dtype=int)).max() <= 1
    record = Path("out/.srzoo-results").read_bytes()
    again = ["--model", "auto", "--format", "png"]
    assert resolve.main(["in", "-o", "out", *again, "--resume"]) == 0 == main(["in", "out", *again])
    assert Path("out/.srzoo-results").read_bytes() == record  # each knows the other's results
    # Of these two networks are taken: x4, and the nearest.
    assert resolve.main(["in/wide.png", "-o", "narrow", *again, "--width", "100"]) == 0
    assert main(["in/wide.png", "narrow", *again, "--width", "100"]) == 1
    with pytest.raises(ValueError, match="--fidelity is for one model of GAN training; name it by --model"):
        main(["in", "other", "--restore", "0.5", "--fidelity", "1"])
