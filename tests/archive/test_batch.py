"""`python -m srzoo batch` on this machine: results, what is left out, what is refused, what is told."""

import importlib.util
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo.cli import resolve
from srzoo.images import read_image, write_image

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

RESULTS = ["a/cup.png", "b/table.jpg", "report.json", "wide.png"]


def failures(folder):
    return [json.loads(line) for line in Path(folder, "failed.jsonl").read_text("utf-8").splitlines()]


def test_the_results_are_the_files_that_resolve_writes_in_the_inputs_folders(photos, batch, weights, files):
    Image.fromarray(data.coffee()[:20, :24]).convert("LA").save(photos / "grey.png")
    status, out, _ = batch("in/**", "out")
    assert status == 0 and out.startswith("4 of 4 images upscaled to out\n")
    assert files("out") == sorted([*RESULTS, "grey.png"])
    assert resolve.main(["in", "--output", "expected", "--weights", weights]) == 0
    for name in files("expected"):
        assert Path("out", name).read_bytes() == Path("expected", name).read_bytes()


def test_a_second_run_does_only_what_is_missing_or_older_than_its_source(photos, batch, states):
    assert batch("in", "out")[0] == 0
    before = states("out")
    status, out, _ = batch("in", "out")
    assert status == 0 and out.startswith("0 of 3 images upscaled to out, 3 already there\n")
    again = states("out")
    assert [name for name in before if before[name] != again[name]] == ["report.json"]
    Path("out/a/cup.png").unlink()
    later = time.time() + 10
    os.utime("in/b/table.jpg", (later, later))
    status, out, _ = batch("in", "out")
    assert status == 0 and out.startswith("2 of 3 images upscaled to out, 1 already there\n")
    assert states("out")["wide.png"] == before["wide.png"]
    assert states("out")["b/table.jpg"] != before["b/table.jpg"]


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "I;16"])
def test_a_picture_cut_into_units_is_that_of_the_whole(here, batch, kind, files):
    photo = data.coffee()[150:200, 200:266]
    if kind == "I;16":
        image = Image.fromarray(photo[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(photo).convert(kind)
    if kind == "RGBA":
        alpha = np.full(photo.shape[:2], 255, np.uint8)
        alpha[10:30, 5:40], alpha[30:, 40:] = 0, photo[30:, 40:, 0]
        image.putalpha(Image.fromarray(alpha))
    Path("in").mkdir()
    image.save("in/photo.png", dpi=(300, 300))
    assert batch("in", "whole")[0] == 0
    assert batch("in", "cut", "--unit-pixels", 1000)[0] == 0
    whole, cut = Image.open("whole/photo.png"), Image.open("cut/photo.png")
    assert cut.mode == whole.mode and cut.info == whole.info
    away = np.abs(np.asarray(cut).astype(int) - np.asarray(whole))
    assert away.max() <= 1 and away.mean() < 0.01
    assert files("cut") == ["photo.png", "report.json"]


def test_a_large_result_goes_from_its_parts_to_the_file_in_rows(photos, batch, monkeypatch):
    assert batch("in/wide.png", "whole")[0] == 0
    monkeypatch.setattr("srzoo.archive.steps.LARGE", 1000)
    assert batch("in/wide.png", "rows", "--unit-pixels", 1000)[0] == 0
    away = np.abs(read_image("rows/wide.png").astype(int) - read_image("whole/wide.png"))
    assert away.max() <= 1


def test_bad_pictures_are_listed_with_their_reason_and_the_others_done(photos, batch, files):
    (photos / "torn.png").write_bytes((photos / "wide.png").read_bytes()[:700])
    (photos / "a/notes.jpg").write_text("no picture")
    (photos / "a/.hidden.png").write_text("hidden")
    status, out, _ = batch("in/**", "out")
    assert status == 1
    assert out.startswith(f"3 of 5 images upscaled to out, 2 failed ({Path('out').absolute().as_posix()}/failed.jsonl)")
    assert files("out") == sorted([*RESULTS, "failed.jsonl"])
    notes, torn = failures("out")
    assert notes["path"].endswith("in/a/notes.jpg") and torn["path"].endswith("in/torn.png")
    assert "not an image that can be read" in notes["reason"] and "torn.png" in torn["reason"]
    for path in (photos / "torn.png", photos / "a/notes.jpg"):
        path.unlink()
    assert batch("in/**", "out")[0] == 0
    assert files("out") == RESULTS


def test_a_part_that_fails_fails_its_picture_alone(photos, batch, monkeypatch, files):
    def no_memory(*_):
        raise MemoryError("no memory for a tile")

    monkeypatch.setattr("srzoo.archive.steps.upscale_bled", no_memory)
    assert batch("in", "out", "--unit-pixels", 1000)[0] == 1
    (failed,) = failures("out")
    assert failed["path"].endswith("in/wide.png") and "no memory for a tile" in failed["reason"]
    assert files("out") == ["a/cup.png", "b/table.jpg", "failed.jsonl", "report.json"]


def test_a_result_that_cannot_be_written_is_listed_and_nothing_half_written_left(photos, batch, files):
    Path("out").mkdir()
    Path("out/a").write_text("a file where a folder is needed")
    status, _, _ = batch("in", "out")
    assert status == 1
    (failed,) = failures("out")
    assert failed["path"].endswith("in/a/cup.png") and "out/a/cup.png: cannot be written (" in failed["reason"]
    assert files("out") == ["a", "b/table.jpg", "failed.jsonl", "report.json", "wide.png"]


def test_two_inputs_with_one_result_are_refused_unless_one_may_replace_the_other(photos, batch):
    shutil.copy("in/wide.png", "in/b/table.png")
    status, _, _ = batch("in", "out", "--format", "png")
    assert status == 1
    assert [Path(each["path"]).name for each in failures("out")] == ["table.jpg", "table.png"]
    assert "would both be written to" in failures("out")[0]["reason"] and "--overwrite" in failures("out")[0]["reason"]
    status, _, err = batch("in", "out", "--format", "png", "--overwrite")
    assert status == 0 and "the result of another input stays in its place" in err
    assert read_image("out/b/table.png").shape == (200, 264, 3)


def test_the_report_tells_what_came_of_the_call(photos, batch):
    batch("in", "out")
    report = json.loads(Path("out/report.json").read_text("utf-8"))
    pixels = 16 * (20 * 31 + 21 * 22 + 50 * 66)
    assert report["megapixels_out"] == pytest.approx(pixels / 1e6)
    assert {name: report[name] for name in ("images", "upscaled", "already_there", "failed")} == {
        "images": 3,
        "upscaled": 3,
        "already_there": 0,
        "failed": 0,
    }
    assert 0 < report["inference_seconds"] < report["seconds"]


def test_what_other_calls_left_half_written_is_removed(photos, batch, files):
    Path("out/.writing-123").mkdir(parents=True)
    Path("out/.writing-123/part").write_text("half")
    assert batch("in", "out")[0] == 0
    assert files("out") == RESULTS


def test_an_animation_is_one_unit_with_all_its_frames(here, batch):
    Path("in").mkdir()
    frames = [Image.fromarray(np.roll(data.coffee()[150:180, 200:240], 5 * i, axis=1)) for i in range(3)]
    frames[0].save("in/spin.gif", save_all=True, append_images=frames[1:], duration=100, loop=0)
    assert batch("in", "out", "--unit-pixels", 1000)[0] == 0
    result = Image.open("out/spin.gif")
    assert result.n_frames == 3 and result.size == (160, 120)
    report = json.loads(Path("out/report.json").read_text("utf-8"))
    assert report["megapixels_out"] == pytest.approx(3 * 160 * 120 / 1e6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["in/*.tiff", "out"], "in/*.tiff: no picture matches"),
        (["missing.png", "out"], "missing.png: no picture matches"),
        (["in", "in"], "holds the inputs; give another folder for the results"),
        (["in/a", "."], "holds the inputs; give another folder for the results"),
        (["in", "in/wide.png"], "OUTPUT_DIR must be a folder, but in/wide.png is a file"),
        (["in", "out", "--quick"], "neither srzoo nor Beam knows '--quick'"),
        (["in", "out", "extra"], "neither srzoo nor Beam knows 'extra'"),
        (["in", "out", "--direct_num_workers=many"], "Beam's options: .*--direct_num_workers: invalid int value"),
        (["in", "out", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["in", "out", "--workers", "2", "--runner", "FlinkRunner"], "--workers 2 is for this machine"),
        (["in", "out", "--unit-pixels", "10"], "--unit-pixels must be at least"),
        (["in", "out", "--stall-seconds", "0"], "--stall-seconds must be above 0"),
        (["in", "out", "--pixel-weights", "a.weights.h5"], "has no use without --fidelity"),
    ],
)
def test_a_mistake_in_the_command_is_refused_before_anything_is_written(photos, batch, arguments, sentence):
    with pytest.raises((ValueError, OSError), match=sentence.replace("*.tiff", r"\*\.tiff")):
        batch(*arguments)
    assert not Path("out").exists()


def test_without_beam_the_command_says_how_to_install_it(photos, batch, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "apache_beam" else find(name))
    with pytest.raises(ValueError, match=r"needs Apache Beam; run `pip install 'srzoo\[beam\]'`"):
        batch("in", "out")


def test_results_below_the_inputs_are_not_taken_for_inputs(photos, batch):
    assert batch("in", "in/large")[0] == 0
    status, out, _ = batch("in", "in/large")
    assert status == 0 and out.startswith("0 of 3 images upscaled to in/large, 3 already there")


def test_a_name_with_the_signs_of_patterns_is_a_name(here, batch, files):
    write_image("in/cup[1]*.png", data.coffee()[150:170, 200:231])
    assert batch("in", "out")[0] == 0
    assert batch("in", "out")[1].startswith("0 of 1 images upscaled to out, 1 already there")
    assert files("out") == ["cup[1]*.png", "report.json"]


def test_the_network_is_loaded_once(photos, batch, monkeypatch):
    from srzoo.archive import worker

    loads = []
    load = worker.load
    monkeypatch.setattr(worker, "load", lambda *given: loads.append(1) or load(*given))
    assert batch("in", "out", "--unit-pixels", 1000)[0] == 0
    assert len(loads) == 1
