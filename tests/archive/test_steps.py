"""Single steps of `srzoo batch`, called as Beam calls them."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from srzoo.images import write_image
from srzoo.pictures.record import Made, remember

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.utils.shared import Shared

from srzoo.archive import running, steps, worker
from srzoo.archive.matching import Match
from srzoo.archive.records import ArchiveSettings, Chosen, Found, Outcome, Planned
from srzoo.archive.steps import Cut, Join, Look, SortOut, Step, UpscaleUnit
from srzoo.runtimes.choice import Choice
from srzoo.runtimes.network import Network
from srzoo.upscaling.sizes import Size

SCREEN = np.full((40, 50, 3), 255, np.uint8)
SCREEN[5:9, 5:30] = np.random.default_rng(0).integers(0, 256, (4, 25, 3))


def repeated(pixels):
    return pixels.repeat(2, axis=1).repeat(2, axis=2)


PRECISE = Network("precise", 2, 2, 1, repeated, alignment=4)
COARSE = replace(PRECISE, name="coarse", run=lambda pixels: repeated(pixels) - 20, precise=lambda: PRECISE)


@pytest.fixture
def settings(here) -> ArchiveSettings:
    """Settings for `COARSE` in a folder of the test's own."""
    chosen = Chosen(Choice("coarse"), COARSE.scale, COARSE.halo, COARSE.alignment)
    places = f"{here}/in", f"{here}/in", True, f"{here}/out", f"{here}/out/.scratch"
    return ArchiveSettings(*places, (chosen,), "coarse, x2", "", Size(2), None, 10**6, 10**6, 400)


def cut(settings: ArchiveSettings, name: str = "a.png", pixels: np.ndarray = SCREEN, wanted: str = "BMP"):
    """Writes a picture with a profile and a private field, and cuts it: its sheet and its units."""
    profile = bytes(16) + (b"GRAY" if pixels.ndim == 2 else b"RGB ") + bytes(108)
    if name.endswith(".tif"):
        tifffile.imwrite(name, pixels, iccprofile=profile, extratags=[(65000, "s", 1, "private", True)], metadata=None)
    else:
        Image.fromarray(pixels).save(name, icc_profile=profile, lossless=True)
    planned = Planned(name, f"{settings.output}/a", wanted, ("of the plan",), large=True)
    sheet, *units = Cut(settings).process(planned)
    return sheet.value[1], units


def joined(settings: ArchiveSettings, sheet, units):
    (outcome,) = Join(settings).process(("a.png", {"sheets": [sheet], "units": units}))
    return outcome


def upscaled(settings: ArchiveSettings, units):
    step = UpscaleUnit(settings, Shared())
    step.networks = worker.Loads([worker.Loaded(COARSE, 10**6)])
    return [made for unit in units for _, made in step.process(unit)]


@pytest.mark.parametrize(
    ("name", "pixels", "wanted", "notes"),
    [
        (
            "a.tif",
            SCREEN,
            "BMP",
            ("its private fields 65000 are left out", "BMP holds no EXIF and no ICC", "of the plan"),
        ),
        ("a.webp", SCREEN, "WEBP", ("of the plan",)),
        ("a.png", SCREEN[..., 0], "PNG", ("of the plan",)),
    ],
)
def test_the_parts_of_a_drawing_are_computed_in_float32_as_the_whole_is(
    settings, monkeypatch, name, pixels, wanted, notes
):
    monkeypatch.setattr(steps, "LARGE", 1)  # so PNG is written in rows, and the others are not
    sheet, units = cut(settings, name, pixels, wanted)
    assert len(units) > 3 and all(part.start % 4 == 0 for unit in units for part in unit.tile.source)
    made = upscaled(settings, units)
    monkeypatch.setattr(steps, "upscale_bled", None)  # a second attempt finds what the first one made
    assert not any(unit.failure for unit in upscaled(settings, units))
    outcome = joined(settings, sheet, made)
    assert (outcome.kind, outcome.reason, outcome.notes) == ("upscaled", "", notes) and outcome.seconds > 0
    with Image.open("out/a") as result:
        np.testing.assert_array_equal(np.asarray(result), pixels.repeat(2, 0).repeat(2, 1))
        assert result.format == wanted and ("icc_profile" in result.info) == (wanted != "BMP")


def test_a_picture_of_which_parts_are_missing_is_not_written(settings):
    sheet, units = cut(settings)
    outcome = joined(settings, sheet, upscaled(settings, units[1:]))
    assert outcome.kind == "failed" and f"{len(units) - 1} of its {len(units)} parts came back" in outcome.reason
    assert not Path("out/a").exists()


def test_what_lies_in_the_folder_of_results_is_no_input(settings):
    for name in ("in/a.png", "in/out/b.png"):
        write_image(name, SCREEN)
    given = replace(settings, output=f"{settings.prefix}/out")
    found, passed_over = Match(given).process(settings.prefix)
    assert found.place == "a.png" and passed_over.value == ("note: passed over in a folder: earlier result", 1)


def test_a_folder_that_cannot_be_listed_has_failed(settings):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "closed").mkdir(mode=0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            running.check_inputs(folder, settings.output)
            (failed,) = Match(settings).process(folder)
        finally:
            os.seteuid(user)
        Path(folder, "closed").chmod(0o700)
    assert failed.value.kind == "failed"
    assert failed.value.reason == f"{folder}/closed: the folder cannot be listed (Permission denied)"


def looked(settings: ArchiveSettings, found: Found) -> Planned | Outcome:
    step = Look(settings)
    step.setup()
    (result,) = step.process(found)
    return result[1] if isinstance(result, tuple) else result.value


def test_a_result_that_is_known_by_size_time_and_options_is_found_without_its_input(settings):
    """No file system is called `far://`, so an input that was fetched would fail."""
    settings, found = replace(settings, wanted="png"), Found("far://in/a.jpg", "a.jpg", 1.0, 9)
    write_image("out/a.png", SCREEN)
    remember(Path("out/a.png"), Look(settings)._made(found))
    planned = looked(settings, found)
    assert isinstance(planned, Planned) and planned.done and planned.target == f"{settings.output}/a.png"
    for other in (replace(found, written=2.0), replace(found, size=8)):
        assert isinstance(looked(settings, other), Outcome)
    assert isinstance(looked(replace(settings, options="other"), found), Outcome)


def test_a_record_that_cannot_be_written_fails_no_picture():
    steps._remember(Planned("in/a.png", "missing/a.png", "PNG", made=Made("coarse, x2", "")))


def test_what_another_model_made_is_replaced_where_that_is_allowed(settings):
    for name in ("in/a.png", "out/a.png"):
        write_image(name, SCREEN)
    remember(Path("out/a.png"), Made("another, x2", ""))
    found = Found("in/a.png", "a.png", 0, 0)
    failed = looked(settings, found)
    assert isinstance(failed, Outcome) and "is there, made by another, x2, and would be replaced" in failed.reason
    planned = looked(replace(settings, overwrite=True), found)
    assert isinstance(planned, Planned) and not planned.done


def test_what_is_no_result_is_not_replaced_and_one_without_its_line_after_a_kill_is(settings):
    for name in ("in/a.png", "out/a.png"):
        write_image(name, SCREEN)
    found = Found("in/a.png", "a.png", 0, 0)
    failed = looked(settings, found)
    assert isinstance(failed, Outcome) and "which is not known as a result of srzoo's, and would be" in failed.reason
    steps._announce(Planned("in/a.png", "out/a.png", "PNG", made=Look(settings)._made(found)), Path("out/a.png"))
    planned = looked(settings, found)
    assert isinstance(planned, Planned) and not planned.done


def test_a_result_that_its_format_cannot_hold_is_planned_as_png(settings):
    Image.new("RGB", (8192, 1)).save("a.webp")
    planned = looked(settings, Found("a.webp", "a.webp", 0, 0))
    assert isinstance(planned, Planned) and planned.target.endswith("/a.png") and "WEBP" in planned.notes[0]


def test_what_an_earlier_attempt_of_the_call_wrote_counts_with_all_its_frames(settings):
    Image.new("L", (5, 4)).save("a.gif", save_all=True, append_images=[Image.new("L", (5, 4), 255)])
    planned = Planned("in/a.gif", "a.gif", "GIF", done=True)
    for since, outcome in ((0.0, ("upscaled", 2 * 5 * 4)), (float("inf"), ("there", 0))):
        (told,) = SortOut(replace(settings, since=since)).process(("a.gif", [planned]))
        assert (told.value.kind, told.value.pixels) == outcome


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "in/a.png: MemoryError"),
        (RuntimeError("two\n  lines"), "in/a.png: two lines"),
        (OSError("far/a.png: is gone"), "far/a.png: is gone"),
    ],
)
def test_whatever_is_raised_becomes_a_line_that_names_the_picture(settings, error, reason):
    def fails():
        raise error

    assert Step(settings).tried("in/a.png", fails) == Outcome("in/a.png", "failed", reason)


def test_beams_options_may_say_how_many_processes():
    several = ["--direct_running_mode=multi_processing", "--direct_num_workers=3"]
    assert [running.local_workers(several, count) for count in (1, 4)] == [3, 4]
    assert running.local_workers(several[1:], 1) == running.local_workers(["--runner=FlinkRunner"], 1) == 1


def test_beams_metrics_count_outcomes_pixels_and_time():
    outcomes = [Outcome("a.png", "upscaled", pixels=5999, seconds=1.5), Outcome("b.png", "failed", "is torn")]
    pipeline = beam.Pipeline(FnApiRunner())
    pipeline | beam.Create(outcomes) | beam.ParDo(steps.Count())
    found = pipeline.run().metrics().query()
    assert {each.key.metric.name: each.committed for each in found["counters"]} == {
        "images_upscaled": 1,
        "images_failed": 1,
    }
    assert {each.key.metric.name: each.committed.sum for each in found["distributions"]} == {
        "kilopixels_out": 5,
        "inference_milliseconds": 1500,
    }


@pytest.mark.parametrize("options", [[], ["--runner=DirectRunner"]])
def test_a_pipeline_that_was_cancelled_is_an_error(settings, monkeypatch, options):
    class Cancelled(PipelineRunner):
        def run_pipeline(self, pipeline, options):
            result = PipelineResult(PipelineState.CANCELLED)
            result.wait_until_finish = lambda: result.state
            return result

    monkeypatch.setattr(running, "_local_runner", lambda _: Cancelled())
    Path("out").mkdir()
    Path("out/report.json").write_text("of an earlier call")
    with pytest.raises(running.PipelineError, match="ended as CANCELLED; the same call again does what is missing"):
        running.run(settings, options, Shared())
    assert not list(Path("out").iterdir())
