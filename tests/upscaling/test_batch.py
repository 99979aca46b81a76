"""Where results go, which are refused, and which are done: by a network that repeats pixels."""

import json
import os
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo.images import write_image
from srzoo.pictures.formats import FORMATS
from srzoo.pictures.reading import read_image
from srzoo.pictures.record import NAME, Made, Record, remember
from srzoo.pictures.sources import find_sources
from srzoo.runtimes.network import Network
from srzoo.upscaling import batch, estimate
from srzoo.upscaling.sizes import Size
from srzoo.upscaling.upscaler import Upscaler

PHOTO = data.coffee()[150:160, 200:213]


def repeated(pixels):
    return pixels.repeat(2, 1).repeat(2, 2)


NETWORK = Network("repeat-x2", 2, 1, 100, repeated)
UPSCALER = Upscaler(NETWORK)


def upscale(*inputs, output="results", **options):
    """As the command does, in a process of its own; the jobs that were done, and the refusals."""
    results = batch.Results(output and Path(output), made_by="repeat", record=Record(), **options)
    sources = find_sources([Path(each) for each in inputs], results.folder, results.record)
    jobs = batch.plan(sources, results, Size(2), resume=True)
    ahead = [job for job in jobs if not job.done and not job.refusal]
    for job in ahead:
        batch.carry_out(job, UPSCALER, "", results=results)
    return [str(job.target) for job in ahead], [job.refusal for job in jobs if job.refusal]


def test_resume_goes_by_content_and_options_not_by_times(here):
    write_image("photos/a.png", PHOTO)
    write_image("photos/b.png", PHOTO[::-1])
    assert upscale("photos")[0] == ["results/a.png", "results/b.png"] and upscale("photos")[0] == []
    os.utime("photos/a.png")
    os.utime("results/a.png", (1, 1))
    assert upscale("photos")[0] == []
    # Of the same size in bytes or not, and older than the result.
    Path("photos/b.png").replace("photos/a.png")
    os.utime("photos/a.png", (1, 1))
    assert upscale("photos")[0] == ["results/a.png"]
    np.testing.assert_array_equal(read_image("results/a.png")[::2, ::2], PHOTO[::-1])
    assert upscale("photos", options="quality 50")[0] == ["results/a.png"]
    write_image("results/a.png", PHOTO)  # by somebody else
    assert upscale("photos", options="quality 50", overwrite=True)[0] == ["results/a.png"]
    Path("results", NAME).write_text('["a.png", "rep')  # cut short, which harms no line after it
    assert upscale("photos", options="quality 50", overwrite=True)[0] == ["results/a.png"]
    assert upscale("photos", options="quality 50")[0] == []


def test_resume_leaves_what_has_replaced_its_input(here):
    write_image("a.png", PHOTO)
    assert [upscale("a.png", output=".", overwrite=True)[0] for _ in range(2)] == [["a.png"], []]
    assert read_image("a.png").shape == (20, 26, 3)
    remember(Path("a.png"), Made("another", ""))
    assert upscale("a.png", output=".", overwrite=True)[0] == ["a.png"]


def test_of_two_inputs_with_one_result_the_later_one_stays_with_resume_too(here):
    write_image("a/cup.png", PHOTO)
    write_image("b/cup.png", PHOTO[::-1])
    for _ in range(2):
        assert upscale("a", "b", overwrite=True)[0] == ["results/cup.png"] * 2
        np.testing.assert_array_equal(read_image("results/cup.png")[::2, ::2], PHOTO[::-1])


@pytest.mark.parametrize("moment", ["before it takes its place", "after"])
def test_a_result_is_known_and_made_again_when_a_kill_comes_before_its_record(here, moment, monkeypatch):
    write_image("a.png", PHOTO)
    upscale("a.png", output=None, suffix="_sr")
    replaced = os.replace
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", lambda *paths: (moment == "after" and replaced(*paths), 1 / 0))
        with pytest.raises(ZeroDivisionError):
            upscale("a.png", output=None, suffix="_sr", options="others")
    assert Record().find(Path("a_sr.png")).by == "repeat"
    assert upscale("a.png", output=None, suffix="_sr", options="others") == (["a_sr.png"], [])
    assert upscale("a.png", output=None, suffix="_sr", options="others") == ([], [])


def test_a_result_that_cannot_be_noted_is_there_all_the_same(here):
    write_image("a.png", PHOTO)
    Path("results", NAME).mkdir(parents=True)
    (job,) = batch.plan(find_sources([Path("a.png")], Path("results")), batch.Results(Path("results")), Size(2))
    report = batch.carry_out(job, UPSCALER, "", results=batch.Results(Path("results"), made_by="repeat"))
    assert report.notes == ("what made it is not noted, so a later call takes it for a file of yours (Is a directory)",)


def test_every_name_of_a_file_has_a_result_and_one_result_stands_for_two_ways_to_a_name(here):
    write_image("photos/real.png", PHOTO)
    os.link("photos/real.png", "photos/hard.png")
    Path("photos/alias.png").symlink_to("real.png")
    Path("also").symlink_to("photos")
    made, refused = upscale("photos", "also", "photos/real.png", "./photos/../photos/real.png")
    assert made == ["results/alias.png", "results/hard.png", "results/real.png"] and not refused
    os.remove("also")
    Path("also").mkdir()
    Path("also/real.png").symlink_to("../photos/real.png")
    made, refused = upscale("photos", "also", output=None, suffix="_sr")
    assert "also/real_sr.png" in made and len(made) == 4 and not refused


def test_comparisons_of_one_name_are_told_apart_and_refuse_nothing(here):
    write_image("photos/a.png", PHOTO)
    write_image("photos/a.jpg", PHOTO)
    write_image("photos/b.png", PHOTO)
    write_image("photos/b_compare.png", PHOTO)
    jobs = batch.plan(find_sources([Path("photos")], None), batch.Results(Path("results")), Size(2), compare=True)
    assert not any(job.refusal for job in jobs) and [job.comparison.name for job in jobs] == [
        *("a.jpg_compare.png", "a.png_compare.png", "b.png_compare.png", "b_compare_compare.png")
    ]
    for name in ("beside/c.png", "beside/c_sr_compare.png"):
        write_image(name, PHOTO)
    job, _ = batch.plan(find_sources([Path("beside")], None), batch.Results(suffix="_sr"), Size(2), compare=True)
    assert job.comparison.name == "c_sr.png_compare.png"


def test_two_names_that_the_file_system_takes_for_one_do_not_replace_each_other(here):
    write_image("photos/A.png", PHOTO)
    write_image("photos/a.png", PHOTO[::-1])
    results = batch.Results(Path("results"), made_by="repeat")
    upper, lower = batch.plan(find_sources([Path("photos")], Path("results")), results, Size(2))
    batch.carry_out(upper, UPSCALER, "", results=results)
    os.link("results/A.png", "results/a.png")  # as on a file system that does not tell them apart
    with pytest.raises(ValueError, match="results/a.png and results/A.png, .* are one file on this file system"):
        batch.carry_out(lower, UPSCALER, "", results=results)
    batch.carry_out(upper, UPSCALER, "", results=results)


@pytest.mark.parametrize("suffix", ["", "_x2"])
def test_what_is_no_ending_stays_in_the_name(here, suffix):
    write_image("cup.png", PHOTO)
    Path("cup.png").rename("at 12.30.15")
    assert upscale("at 12.30.15", suffix=suffix)[0] == [f"results/at 12.30.15{suffix}.png"]


@pytest.mark.parametrize("output", ["results", "."])
def test_a_result_whose_name_is_too_long_is_refused_before_it_is_computed(here, output):
    write_image("a.png", PHOTO)
    Path("a.png").rename("a" * 253)
    Path("a" * 251 + ".png").write_bytes(Path("a" * 253).read_bytes())
    made, (refused,) = upscale("a" * 253, "a" * 251 + ".png", output=output, overwrite=True)
    assert len(made) == 1 and "the name is too long for a file; give another by --output or --suffix" in refused
    write_image("b.png", PHOTO)
    Path("b.png").rename("b" * 245 + ".png")
    for compare in (False, True):
        sources = find_sources([Path("b" * 245 + ".png")], Path("results"))
        (job,) = batch.plan(sources, batch.Results(Path("results")), Size(2), compare)
        assert bool(job.refusal) == compare


def test_names_that_are_not_utf_8_are_noted(here):
    name = os.fsdecode(b"caf\xe9\n.png")
    write_image("photos/a.png", PHOTO)
    Path("photos/a.png").rename(f"photos/{name}")
    assert [upscale("photos")[0] for _ in range(2)] == [[f"results/{name}"], []]
    assert json.loads(Path("results", NAME).read_text().splitlines()[-1])[0] == name


def jobs_of(*names, output="results"):
    for name in names:
        write_image(name, PHOTO)
    sources = find_sources([Path(name) for name in names], Path(output), Record())
    return batch.plan(sources, batch.Results(Path(output)), Size(2))


def test_animations_and_comparisons_are_not_small_and_what_shares_a_file_is_not_beside_it(here):
    a, b = jobs_of("a.png", "b.png")
    assert replace(a, planes=batch.SMALL // 130).is_small and not replace(a, planes=batch.SMALL // 130 + 1).is_small
    assert not replace(a, comparison=Path("c.png")).is_small
    assert not a.touches(b) and a.touches(replace(b, comparison=a.source)) and a.touches(replace(b, target=a.target))


def test_of_small_pictures_two_are_in_hand_and_come_in_turn(here, monkeypatch):
    jobs = jobs_of("a.png", "b.png", "large.png", "c.png")
    monkeypatch.setattr(batch, "SMALL", 200)
    jobs[2] = replace(jobs[2], given=(100, 100))
    both = threading.Barrier(2)

    def carry_out(job):
        if job.source.name in ("a.png", "b.png"):
            both.wait(600)  # until the other is in hand too
        if job.source.name == "b.png":
            raise ValueError("no")
        return job.source.name, threading.current_thread() is threading.main_thread()

    said = []
    for job, answer in batch.in_hand(jobs, carry_out, lambda: None):
        try:
            said.append(answer())
        except ValueError as error:
            said.append((job.source.name, str(error)))
    assert said == [("a.png", False), ("b.png", "no"), ("large.png", True), ("c.png", False)]


@pytest.mark.parametrize("when", ["between two jobs", "while a thread starts"])
def test_an_interrupt_stops_what_is_in_hand_and_waits_for_its_end(here, monkeypatch, when):
    (job,) = jobs_of("a.png")
    begun, stopped, ended = threading.Event(), threading.Event(), []

    def carry_out(job):
        begun.set()
        assert stopped.wait(600)
        ended.append(job)
        return ""

    def interrupted():
        yield job
        begun.wait()
        raise KeyboardInterrupt

    def start(thread, real=threading.Thread.start):
        real(thread)
        begun.wait()
        raise KeyboardInterrupt

    if when == "while a thread starts":
        monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(KeyboardInterrupt):
        list(batch.in_hand(interrupted(), carry_out, stopped.set))
    assert ended == [job]


def test_the_time_of_a_run_is_that_of_the_network_with_halos_and_of_reading_and_writing(here, monkeypatch):
    jobs, quarters = jobs_of("a.png", "b.png"), count(step=0.25)
    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: next(quarters)))
    monkeypatch.setattr(Upscaler, "pixels_per_second", lambda upscaler: 2.0)
    # Writing is what upscaling a part takes longer than the network would.
    assert estimate.seconds_of(jobs, lambda job: UPSCALER, 10**6) == (2 * (130 / 2 + 0.25), 2.0)
    monkeypatch.setattr(Upscaler, "pixels_per_second", lambda upscaler: 1e9)
    assert estimate.seconds_of(jobs, lambda job: UPSCALER, 10**6)[0] == pytest.approx(2 * (0.25 + 0.25))
    twice = [replace(jobs[0], given=(13, 5)), jobs[1]]  # the larger one is measured
    assert estimate.seconds_of(twice, lambda job: UPSCALER, 10**6)[0] == pytest.approx(1.5 * (0.25 + 0.25))


def test_alpha_takes_the_network_once_more_and_a_drawing_takes_float32(here, monkeypatch):
    write_image("a.png", PHOTO)
    Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]])).save("alpha.png")
    write_image("flat.png", np.full_like(PHOTO, 9))
    sources = find_sources([Path(name) for name in ("a.png", "alpha.png", "flat.png")], Path("results"))
    plain, alpha, flat = batch.plan(sources, batch.Results(Path("results")), Size(2))
    assert (plain.planes, alpha.planes) == (1, 2)
    quarters, coarse = count(step=0.25), Network("coarse", 2, 1, 100, repeated, precise=lambda: NETWORK)
    monkeypatch.setattr(estimate, "time", SimpleNamespace(perf_counter=lambda: next(quarters)))
    monkeypatch.setattr(Upscaler, "pixels_per_second", lambda upscaler: 800.0 if upscaler.name == "coarse" else 1e9)
    upscaler = Upscaler(coarse)
    # A quarter of a second is less than the network takes twice, so nothing is left for writing.
    seconds = 2 * 130 / 800 + 2 * 0.25
    assert estimate.seconds_of([alpha], lambda job: upscaler, 10**6) == (pytest.approx(seconds), 800.0)
    assert estimate.seconds_of([flat], lambda job: upscaler, 10**6)[1] == 1e9


def test_the_memory_of_a_run_is_that_of_the_largest_tile_of_both_passes_and_of_the_result(here):
    (job,) = jobs_of("a.png")
    assert batch.memory_of(job, UPSCALER) == 100 * 13 * 10 + 3 * 26 * 20
    in_pillow = replace(job, written_as=FORMATS["jpeg"])
    assert batch.memory_of(in_pillow, UPSCALER) == 100 * 13 * 10 + 7 * 26 * 20
    assert batch.memory_of(replace(job, size=Size(4)), UPSCALER) == 100 * 26 * 20 + 3 * 52 * 40
    assert batch.memory_of(replace(job, size=Size(16)), UPSCALER) == 3 * 208 * 160, "out of reach, which is told later"
