"""Whole runs on two small pictures: what they leave, and how they go on after a kill."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from srzoo import zoo
from srzoo.pictures.reading import read_image
from srzoo.training.run import Run
from srzoo.training.session import _advice, train_run
from srzoo.training.stages import settings_of

MODEL = "edsr-baseline-x4.blocks1.filters4"


def settings(photos, **changes):
    given = {"patch": 32, "batch": 2, "steps": 12, "precision": "float32", "learning_rate": 1e-3, **changes}
    return settings_of(str(photos), MODEL, **given)


def train_quietly(folder, settings):
    return train_run(folder, settings, validate_every=5)


@pytest.fixture(scope="module")
def whole(photos, train_in, tmp_path_factory):
    """A run of 12 steps, not to be changed: its folder, its best figure, and what was logged."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, *train_in(folder, settings(photos))


def test_a_run_leaves_all_that_it_promises(photos, whole):
    folder, best, _ = whole
    run = Run(folder, settings(photos))
    rows = run.read_log()
    assert [int(row["step"]) for row in rows if row["loss"]] == list(range(1, 13))
    assert [int(row["step"]) for row in rows if row["psnr_y"]] == [5, 10, 12]
    assert max(float(row["psnr_y"]) for row in rows if row["psnr_y"]) == pytest.approx(best, abs=1e-3)
    assert json.loads((run.folder / "config.json").read_text())["model"] == MODEL
    assert zoo.load(run.best_weights).name == MODEL
    assert [path.name for path in sorted(run.samples.iterdir())] == [f"step-{step:07d}.png" for step in (5, 10, 12)]
    assert read_image(run.folder / "curve.png").ndim == 3
    assert list((run.folder / "tensorboard").iterdir())


def test_a_finished_run_does_nothing_more_and_says_so(photos, whole, train_in):
    folder, best, first_time = whole
    log = (folder / "log.csv").read_text()
    again, said = train_in(folder, settings(photos))
    assert again == best and (folder / "log.csv").read_text() == log
    assert "finished already at step 12; a larger --steps or --minutes goes on" in said[-2]
    assert said[-1] == first_time[-1]


def test_a_run_is_bounded_by_time(photos, tmp_path, monkeypatch):
    # A clock of its own, as a busy machine may take longer for the first step than the run is to last.
    ticks = itertools.count(step=0.05)
    monkeypatch.setattr("srzoo.training.progress.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    train_quietly(tmp_path / "run", settings(photos, steps=None, minutes=0.05))
    rows = [row for row in Run(tmp_path / "run", settings(photos, steps=None, minutes=0.05)).read_log() if row["loss"]]
    assert 2.9 <= float(rows[-1]["seconds"]) < 3.5
    assert float(rows[-1]["learning_rate"]) < 0.1 * max(float(row["learning_rate"]) for row in rows)


def test_training_starts_from_given_weights(photos, tmp_path):
    model = zoo.create(MODEL)
    zoo.save_weights(model, tmp_path / "start.weights.h5")
    changed = settings(photos, steps=1, learning_rate=1e-12, init_weights=str(tmp_path / "start.weights.h5"))
    train_quietly(tmp_path / "run", changed)
    for trained, start in zip(
        zoo.load(tmp_path / "run" / "best.weights.h5").get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(trained, start, atol=1e-6)


def test_weights_of_another_scale_start_a_training_as_far_as_they_fit(photos, tmp_path, caplog):
    caplog.set_level("INFO")
    start = zoo.create("edsr-baseline-x2.blocks1.filters4")
    folder = tmp_path / "other"
    zoo.save_weights(start, folder / "best.weights.h5")
    train_quietly(tmp_path / "run", settings(photos, steps=1, learning_rate=1e-12, init_weights=str(folder)))
    trained = zoo.load(tmp_path / "run")
    for name in ("head", "block1_conv1", "body", "upsample1_conv", "tail"):
        for new, old in zip(trained.get_layer(name).get_weights(), start.get_layer(name).get_weights(), strict=True):
            np.testing.assert_allclose(new, old, atol=1e-6)
    assert "is of another scale: 6 of 7 layers start from it, and these afresh: upsample2_conv" in caplog.text


def test_a_finished_run_is_extended_with_its_optimizer(photos, whole, tmp_path, caplog):
    caplog.set_level("INFO")
    train_quietly(tmp_path / "extended", settings(photos, steps=6))
    train_quietly(tmp_path / "extended", settings(photos, steps=12))
    assert "the run is extended: steps was 6 and is now 12" in caplog.text
    assert json.loads((tmp_path / "extended" / "config.json").read_text())["steps"] == 12
    expected, extended = (dict(losses(folder)) for folder in (whole[0], tmp_path / "extended"))
    assert expected.keys() == extended.keys() == set(range(1, 13))
    np.testing.assert_allclose([extended[step] for step in expected], list(expected.values()), rtol=1e-3)
    with pytest.raises(ValueError, match="steps was 12 and is now 6"):
        train_quietly(tmp_path / "extended", settings(photos, steps=6))


def test_the_first_validation_shows_bicubics_figure(whole):
    (line,) = [line for line in whole[2] if "bicubic has" in line]
    assert re.fullmatch(r"step 5: PSNR-Y \d+\.\d\d dB on the validation pictures; bicubic has \d\d\.\d\d dB", line)


def test_an_end_below_bicubic_is_told_with_what_to_do(whole):
    assert re.search(r"best.weights.h5; still below bicubic \(\d\d\.\d\d dB\): train longer$", whole[2][-1])
    validation, given = SimpleNamespace(bicubic=26.84), settings_of("photos", "edsr-baseline-x4")
    assert _advice(given, 23.37, validation).endswith("start from trained weights with --init-weights edsr-baseline-x4")
    assert _advice(replace(given, init_weights="a.weights.h5"), 23.37, validation).endswith("train longer")
    assert not _advice(given, 26.85, validation)


def test_a_teacher_sees_each_picture_of_training_once_and_gives_what_is_learned(photos, tmp_path):
    seen = []

    def black(lr):
        seen.append(lr.shape)
        return np.zeros((4 * lr.shape[0], 4 * lr.shape[1], 3), "float32")

    given = settings(photos, steps=2, teacher="black.onnx")
    with pytest.raises(ValueError, match="name the teacher 'black.onnx', but no function that upscales as it"):
        train_run(tmp_path / "run", given)
    train_run(tmp_path / "run", given, validate_every=5, teacher=black)
    assert seen == [(32, 32, 3)] * 2  # the third picture is validated on
    losses = [float(row["loss"]) for row in Run(tmp_path / "run", given).read_log() if row["loss"]]
    assert losses[0] == pytest.approx(114.444 / 255, abs=0.1)  # an untrained EDSR gives the mean of DIV2K


def test_a_data_set_that_turns_out_unusable_leaves_no_folder(photos, tmp_path):
    with pytest.raises(ValueError, match="no usable pictures"):
        train_quietly(tmp_path / "run", settings(photos, patch=256))
    assert not (tmp_path / "run").exists()


def start(photos, output, env=None):
    command = [sys.executable, "-m", "srzoo", "train", str(photos), "--model", MODEL, "--output", str(output)]
    command += ["--patch", "32", "--batch", "2", "--steps", "40", "--validate-every", "5", "--learning-rate", "1e-3"]
    command += ["--precision", "float32"]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def losses(folder):
    rows = (folder / "log.csv").read_text().splitlines()[1:]
    cells = [row.split(",") for row in rows]
    return [(int(cell[0]), float(cell[3])) for cell in cells if cell[3]]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_step_without_a_jump_in_its_losses(photos, tmp_path, held):
    whole = start(photos, tmp_path / "whole")
    killed = start(photos, tmp_path / "killed", held.environment)
    held.wait(tmp_path / "killed", killed)
    held.kill(killed)
    assert losses(tmp_path / "killed")[-1][0] == 15

    resumed = start(photos, tmp_path / "killed")
    assert resumed.wait() == 0, resumed.stderr.read()
    assert whole.wait() == 0, whole.stderr.read()

    steps, expected = zip(*losses(tmp_path / "whole"), strict=True)
    steps_again, again = zip(*losses(tmp_path / "killed"), strict=True)
    assert steps_again == steps == tuple(range(1, 41))
    # The same batches, weights and optimizer: the curves agree to the rounding of a parallel sum.
    np.testing.assert_allclose(again, expected, rtol=1e-3)


def test_a_run_on_degraded_lr_is_validated_on_degraded_lr_and_is_no_other_run(photos, whole, tmp_path):
    given = settings(photos, degrade="real", degrade_clean=0.1)
    train_quietly(tmp_path / "run", given)
    first = Run(tmp_path / "run", given)
    assert json.loads(first.config.read_text())["degrade"] == "real"
    figures = [float(row["psnr_y"]) for row in first.read_log() if row["psnr_y"]]
    assert max(figures) < whole[1]
    with pytest.raises(ValueError, match="degrade was 'real' and is now 'jpeg'"):
        train_quietly(tmp_path / "run", settings(photos, degrade="jpeg", degrade_clean=0.1))


def test_a_folder_to_validate_on_is_taken_as_it_is_and_said_to_be_trained_on(photos, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("srzoo.training.session.degraded_validation", pytest.fail)
    train_quietly(tmp_path / "run", settings(photos, steps=2, degrade="jpeg", validation=str(photos)))
    assert "3 of the pictures to validate on are trained on too, such as" in caplog.text


def test_of_a_folder_in_parts_the_pictures_for_validation_are_validated_on(photos, tmp_path):
    for part in ("train", "valid"):
        shutil.copytree(photos, tmp_path / "parts" / part / "HR")
    given = settings(photos, steps=1, validation=str(tmp_path / "parts"))
    train_quietly(tmp_path / "run", given)
    names = json.loads(Run(tmp_path / "run", given).pictures.read_text())["validation"]
    assert len(names) == 3 and all("valid" in Path(name).parts for name in names)
