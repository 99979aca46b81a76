"""Single steps of `srzoo batch`, called as Beam calls them."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from srzoo.images import write_image

pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")

from apache_beam.utils.shared import Shared

from srzoo.archive import running, worker
from srzoo.archive.matching import Match
from srzoo.archive.records import Chosen, Planned, Settings
from srzoo.archive.steps import Cut, Join, UpscaleUnit
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
def settings(here) -> Settings:
    """Settings for `COARSE` in a folder of the test's own."""
    chosen = Chosen(Choice("coarse"), COARSE.scale, COARSE.halo, COARSE.alignment)
    places = f"{here}/in", f"{here}/in", True, f"{here}/out", f"{here}/out/.scratch"
    return Settings(*places, (chosen,), "coarse, x2", "", Size(2), None, 10**6, 10**6, 400)


def cut(settings: Settings, pixels: np.ndarray):
    """Its sheet and its units, and the way that they are joined."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save("a.png", icc_profile=profile)
    planned = Planned("a.png", f"{settings.output}/a.bmp", "BMP", ("of the plan",), large=True)
    sheet, *units = Cut(settings).process(planned)
    return sheet.value[1], units


def joined(settings: Settings, sheet, units):
    (outcome,) = Join(settings).process(("a.png", {"sheets": [sheet], "units": units}))
    return outcome


def upscaled(settings: Settings, units):
    step = UpscaleUnit(settings, Shared())
    step.networks = worker.Loads([worker.Loaded(COARSE, 10**6)])
    return [made for unit in units for _, made in step.process(unit)]


def test_the_parts_of_a_drawing_are_computed_in_float32_as_the_whole_is(settings):
    sheet, units = cut(settings, SCREEN)
    assert len(units) > 3 and all(part.start % 4 == 0 for unit in units for part in unit.tile.source)
    outcome = joined(settings, sheet, upscaled(settings, units))
    assert (outcome.kind, outcome.reason) == ("upscaled", "")
    np.testing.assert_array_equal(np.asarray(Image.open("out/a.bmp")), SCREEN.repeat(2, 0).repeat(2, 1))
    assert outcome.notes == ("BMP holds no ICC", "of the plan") and outcome.seconds > 0


def test_a_picture_of_which_parts_are_missing_is_not_written(settings):
    sheet, units = cut(settings, SCREEN)
    outcome = joined(settings, sheet, upscaled(settings, units[1:]))
    assert outcome.kind == "failed" and f"{len(units) - 1} of its {len(units)} parts came back" in outcome.reason
    assert not Path("out/a.bmp").exists()


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
