"""What a run does when something goes wrong on its way: signals, full disks, cut files, explosions, two at once."""

import contextlib
import csv
import json
import math
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from srzoo import recipes, zoo
from srzoo.training import loop, session
from srzoo.training.checkpoints import Checkpoints
from srzoo.training.lock import FolderLock
from srzoo.training.loop import NotFiniteError
from srzoo.training.run import Run
from srzoo.training.session import train_stages
from srzoo.training.settings import Settings
from srzoo.training.stages import settings_of, stages_of
from srzoo.training.stopping import Stopped

ROOT = Path(__file__).resolve().parents[2]
MODEL = "edsr-baseline-x4.blocks1.filters4"


@pytest.fixture(scope="module")
def given(photos):
    return settings_of(str(photos), MODEL, patch=32, batch=2, steps=20, precision="float32", learning_rate=1e-3)


@pytest.fixture
def train(given, train_in, tmp_path):
    """Trains in `run` below the test's folder; gives what was said."""

    def train(settings=given) -> list[str]:
        return train_in(tmp_path / "run", settings)[1]

    return train


def do_before_step(patch: pytest.MonkeyPatch, step: int, action) -> None:
    """Has something done before a step is taken, the first time that it is; what it gives is the learning rate."""
    real, done = recipes.learning_rate, []

    def rate(schedule, highest, halve_every, now, share):
        if now + 1 == step and not done:
            done.append(now)
            changed = action()
            if changed is not None:
                return changed
        return real(schedule, highest, halve_every, now, share)

    patch.setattr("srzoo.training.progress.recipes.learning_rate", rate)


@pytest.fixture
def before_step(monkeypatch):
    return partial(do_before_step, monkeypatch)


@pytest.fixture(scope="module")
def whole(given, train_in, tmp_path_factory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_in(folder, given)
    return folder


@pytest.fixture(scope="module")
def stopped_once(given, train_in, tmp_path_factory) -> Path:
    """A run that was stopped after 15 of its 20 steps, with checkpoints of steps 10 and 15."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        do_before_step(patch, 15, lambda: signal.raise_signal(signal.SIGTERM))
        train_in(folder, given)
    return folder


@pytest.fixture
def stopped(stopped_once, tmp_path) -> Path:
    """The folder of checkpoints of a copy of it, in `run` below the test's folder."""
    shutil.copytree(stopped_once, tmp_path / "run")
    return tmp_path / "run" / "checkpoints"


def rows_of(folder) -> list[dict[str, str]]:
    return [row for row in Run(folder, settings_in(folder)).read_log() if row["loss"]]


def settings_in(folder):
    return Settings(**json.loads((folder / "config.json").read_text()))


def assert_same_losses(folder, whole) -> None:
    """The same batches, weights and optimizer: the losses agree to the rounding of a parallel sum."""
    again, expected = rows_of(folder), rows_of(whole)
    assert [row["step"] for row in again] == [row["step"] for row in expected] == [str(i) for i in range(1, 21)]
    np.testing.assert_allclose(
        [float(row["loss"]) for row in again], [float(row["loss"]) for row in expected], rtol=1e-3
    )


def test_a_run_that_is_asked_to_stop_saves_a_checkpoint_and_goes_on_with_the_same_losses(
    train, before_step, tmp_path, whole
):
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    for number, status, step in ((signal.SIGTERM, 143, 13), (signal.SIGINT, 130, 17)):
        before_step(step, partial(signal.raise_signal, number))
        with pytest.raises(Stopped, match=f"stopped by {number.name} at step {step}, .*; repeat the comm") as stopped:
            train()
        assert stopped.value.status == status
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
        assert (tmp_path / "run" / "checkpoints" / f"ckpt-{step}.index").is_file()
        assert [row["step"] for row in rows_of(tmp_path / "run")][-1] == str(step)
    train()
    assert_same_losses(tmp_path / "run", whole)


def test_a_second_signal_stops_at_once_and_the_run_goes_on_from_a_checkpoint_that_the_clock_made(
    train, before_step, tmp_path, monkeypatch, whole
):
    monkeypatch.setattr(loop, "LOG_EVERY", 4)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before_step(14, twice)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert {path.name for path in (tmp_path / "run" / "checkpoints").glob("*.index")} == {
        "ckpt-10.index",
        "ckpt-12.index",
    }
    train()
    assert_same_losses(tmp_path / "run", whole)


@pytest.mark.slow
def test_the_command_refuses_a_folder_in_use_and_ends_with_143_after_a_sigterm(photos, tmp_path, train):
    folder = tmp_path / "run"
    command = [sys.executable, "train.py", str(photos), "--model", MODEL, "--output", str(folder), "--steps", "100000"]
    command += ["--patch", "32", "--batch", "2", "--learning-rate", "1e-3", "--precision", "float32"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while not ((folder / "log.csv").exists() and "\n20," in (folder / "log.csv").read_text()):
            assert process.poll() is None, process.stderr.read()
        with pytest.raises(ValueError, match="another process is training in this folder"):
            train(settings_in(folder))
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 143
    assert "stopped by SIGTERM at step" in stderr.splitlines()[-1] and "Traceback" not in stderr


def test_a_lock_is_given_back_and_may_be_taken_again(tmp_path):
    with FolderLock(tmp_path) as first, FolderLock(tmp_path) as second:
        first.take()
        first.take()
        with pytest.raises(ValueError, match=f"{tmp_path}: another process is training in this folder; wait"):
            second.take()
    with FolderLock(tmp_path) as third:
        third.take()


@contextlib.contextmanager
def full_disk(free: int):
    """No file can grow beyond `free` bytes: to a program that is a full disk, in C++ libraries too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "log.csv": (Run, "append_log"),
    "step-0000020.png": (loop, "write_image"),
    "best.weights.h5": (zoo, "save_weights"),
    "ckpt-20": (tf.train.CheckpointManager, "save"),
    "curve.png": (session, "draw_curve"),
}


def on_a_full_disk(write, log: Path | None):
    """`write` with little room; with room for less than a line where it is the log that grows."""

    def written(*args, **options):
        with full_disk(log.stat().st_size + 30 if log else 500):
            return write(*args, **options)

    return written


@pytest.mark.parametrize(
    "files",
    [
        ("log.csv", "ckpt-20", "curve.png"),
        pytest.param(("step-0000020.png", "best.weights.h5"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def test_a_full_disk_ends_the_run_with_a_sentence_and_it_goes_on_later(
    files, train, stopped, tmp_path, whole, monkeypatch
):
    # So that the weights are written at step 20 whatever they are worth.
    monkeypatch.setattr("srzoo.training.validation.Validation.is_better", lambda *_: True)
    for file in files:
        owner, name = WRITERS[file]
        log = tmp_path / "run" / "log.csv" if file == "log.csv" else None
        advice = f"{file} cannot be written .*: make room, and repeat"
        with monkeypatch.context() as patch, pytest.raises(OSError, match=advice) as error:
            patch.setattr(owner, name, on_a_full_disk(getattr(owner, name), log))
            train()
        assert "\n" not in str(error.value)
        left = [path.name for path in (tmp_path / "run").rglob("*")]
        assert not [name for name in left if "temp" in name or "writing" in name]
        assert {"ckpt-10.index", "ckpt-15.index"} <= set(left) or file == "curve.png"
        assert not log or not log.read_text().endswith("\n")  # a line is cut short indeed
    train()
    assert_same_losses(tmp_path / "run", whole)


def cut(name: str):
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def flip(folder: Path) -> None:
    path = folder / "ckpt-15.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "data cut short": cut("ckpt-15.data-00000-of-00001"),
    "index cut short": cut("ckpt-15.index"),
    "index missing": lambda folder: (folder / "ckpt-15.index").unlink(),
    "data missing": lambda folder: (folder / "ckpt-15.data-00000-of-00001").unlink(),
    "one bit": flip,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_checkpoint_that_cannot_be_read_the_one_before_is_used_and_that_is_said(damage, tmp_path, caplog):
    weight = tf.Variable(0)
    for step in (10, 15):
        weight.assign(step)
        Checkpoints(tmp_path, {"weight": weight}).save(step)
    DAMAGES[damage](tmp_path)
    again = Checkpoints(tmp_path, {"weight": weight})
    assert again.restore() == 10 == int(weight)
    # TensorFlow tells of a deprecation once a process, whichever test comes first.
    (sentence,) = [each.getMessage() for each in caplog.records if each.name.startswith("srzoo")]
    assert "ckpt-15 cannot be read (" in sentence and "goes on from the checkpoint before, of step 10" in sentence
    for before, step in ((10, 12), (12, 15)):  # what was put aside is not among the two that are kept
        again.save(step)
        assert {path.name for path in tmp_path.glob("ckpt-*.index")} == {f"ckpt-{before}.index", f"ckpt-{step}.index"}
    assert list(tmp_path.glob("unreadable-ckpt-15*"))


def test_from_the_checkpoint_before_a_run_goes_on_to_the_same_losses(stopped, train, tmp_path, whole):
    flip(stopped)
    (sentence,) = [line for line in train() if "cannot be read" in line]
    assert "the run goes on from the checkpoint before, of step 10" in sentence
    assert_same_losses(tmp_path / "run", whole)


@pytest.mark.slow
def test_an_empty_list_of_checkpoints_does_not_matter(stopped, train, tmp_path):
    (stopped / "checkpoint").write_bytes(b"")
    assert not [line for line in train() if "cannot be read" in line]
    assert [row["step"] for row in rows_of(tmp_path / "run")] == [str(i) for i in range(1, 21)]
    assert {path.name for path in stopped.glob("*.index")} == {"ckpt-15.index", "ckpt-20.index"}


def test_without_any_checkpoint_that_can_be_read_a_run_is_refused(stopped, train, tmp_path):
    before = (tmp_path / "run" / "log.csv").read_bytes()
    for path in stopped.glob("*.data*"):
        path.write_bytes(b"")
    with pytest.raises(
        ValueError, match="ckpt-15 cannot be read .*ckpt-10 cannot be read .*: nothing is left to go on"
    ):
        train()
    for path in stopped.glob("ckpt-*"):
        path.unlink()
    with pytest.raises(ValueError, match="holds no checkpoint any more: nothing is left"):
        train()
    assert (tmp_path / "run" / "log.csv").read_bytes() == before


def test_a_first_checkpoint_that_was_never_finished_is_done_again(tmp_path):
    (tmp_path / "ckpt-0_temp").mkdir(parents=True)
    (tmp_path / "ckpt-0.data-00000-of-00001").write_bytes(b"")
    checkpoints = Checkpoints(tmp_path, {"step": tf.Variable(1)})
    assert checkpoints.restore() is None and not (tmp_path / "ckpt-0_temp").exists()
    (tmp_path / "ckpt-0.index").write_bytes(b"")  # the list alone is lost
    with pytest.raises(ValueError, match="ckpt-0 cannot be read"):
        checkpoints.restore()


def test_what_a_kill_before_the_first_checkpoint_left_in_the_log_is_not_there_twice(train, given, tmp_path):
    once = replace(given, steps=1)
    run = Run(tmp_path / "run", once)
    with run.lock:
        run.begin()
        run.append_log([{"step": 0, "psnr_y": 20}])  # a validation, as GAN training begins with
    train(once)
    assert [row["step"] for row in run.read_log()] == ["1", "1"]


def test_one_that_is_forgotten_is_not_among_the_two_that_are_kept_and_the_only_one_stays(tmp_path):
    checkpoints = Checkpoints(tmp_path, {"weight": tf.Variable(0)})
    for step in (10, 15):
        checkpoints.save(step)
    checkpoints.forget(15)
    checkpoints.save(12)
    assert checkpoints.steps == [10, 12]
    for step in (12, 10):
        checkpoints.forget(step)
    assert checkpoints.steps == [10]


def test_checkpoints_of_earlier_versions_go_on(tmp_path):
    step, halvings = tf.Variable(7), tf.Variable(0)
    tf.train.CheckpointManager(tf.train.Checkpoint(step=step), str(tmp_path), max_to_keep=2).save(7)
    step.assign(0)
    assert Checkpoints(tmp_path, {"step": step, "halvings": halvings}).restore() == 7
    assert (int(step), int(halvings)) == (7, 0)
    with pytest.raises(ValueError, match="ckpt-7 cannot be read"):  # nothing else may be missing
        Checkpoints(tmp_path, {"step": step, "average": tf.Variable(0)}).restore()


def rates(folder) -> list[float]:
    return [float(row["learning_rate"]) for row in rows_of(folder)]


def test_after_an_explosion_the_run_goes_back_and_on_at_half_the_learning_rate_after_a_stop_too(
    train, before_step, tmp_path
):
    # One infinite learning rate, at step 8: its loss is still good, that of step 9 is not.
    before_step(8, lambda: math.inf)
    before_step(12, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        train()
    train()
    assert [row["step"] for row in rows_of(tmp_path / "run")] == [str(i) for i in range(1, 21)]
    assert rates(tmp_path / "run") == [1e-3] * 5 + [5e-4] * 15
    log = Run(tmp_path / "run", settings_in(tmp_path / "run")).read_log()
    (warning,) = [row["warning"] for row in log if row["warning"]]
    assert "not finite at step 9 (loss nan): the run goes back to its checkpoint of step 5 and on at 1/2" in warning
    for value in zoo.load(tmp_path / "run" / "best.weights.h5").get_weights():
        assert np.isfinite(value).all()


@pytest.mark.parametrize(
    ("looks", "reason"), [(10, "SR is not finite after step 10"), (8, "the loss is not finite at step 9 (loss nan)")]
)
def test_a_last_update_that_explodes_leaves_no_checkpoint_to_go_back_to(
    train, before_step, tmp_path, monkeypatch, looks, reason
):
    monkeypatch.setattr(loop, "LOG_EVERY", looks)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)
    before_step(looks, lambda: math.inf)
    train()
    log = Run(tmp_path / "run", settings_in(tmp_path / "run")).read_log()
    (warning,) = [row["warning"] for row in log if row["warning"]]
    assert f"{reason}: the run goes back to its checkpoint of step 5 and on at 1/2" in warning
    assert rates(tmp_path / "run") == [1e-3] * 5 + [5e-4] * 15


def test_a_loss_that_explodes_again_and_again_stops_the_run(train, given, tmp_path):
    with pytest.raises(NotFiniteError, match="not finite at step .*halved 3 times; .* checkpoint is of step 0.*lower"):
        train(settings=replace(given, learning_rate=1e30))
    log = Run(tmp_path / "run", settings_in(tmp_path / "run")).read_log()
    assert [row["warning"].split(": ")[1].split(" (")[0][-24:] for row in log] == [
        f" at 1/{2**i} of the learning rate"[-24:] for i in (1, 2, 3)
    ]
    assert not (tmp_path / "run" / "best.weights.h5").exists()


def test_a_time_that_ends_with_an_explosion_before_any_validation_leaves_weights_too(
    train, given, before_step, monkeypatch, tmp_path
):
    before_step(2, lambda: math.inf)
    before_step(3, lambda: monkeypatch.setattr(loop.Progress, "elapsed", lambda _: 61.0))
    train(replace(given, steps=None, minutes=1))
    assert rows_of(tmp_path / "run") == []
    assert all(np.isfinite(value).all() for value in zoo.load(tmp_path / "run" / "best.weights.h5").get_weights())


def test_a_signal_during_the_last_validation_stops_the_run(train, given, monkeypatch):
    def score(self, pairs):
        signal.raise_signal(signal.SIGTERM)
        return {"psnr_y": 30.0}

    monkeypatch.setattr("srzoo.training.validation.Validation.score", score)
    with pytest.raises(Stopped, match="at step 5"):
        train(replace(given, steps=5))


@pytest.mark.slow
def test_in_gan_training_too(photos, before_step, tmp_path, vgg16_weights):
    zoo.save_weights(zoo.create(MODEL), tmp_path / "start.weights.h5")
    game = {"objective": "srgan-vgg22", "vgg": str(vgg16_weights), "vgg_preprocessing": "keras"}
    game |= {"patch": 32, "batch": 2, "steps": 6, "precision": "float32", "learning_rate": 1e-3}
    stages = stages_of(
        str(photos), "edsr-gan-x4.blocks1.filters4", init_weights=str(tmp_path / "start.weights.h5"), **game
    )
    before_step(2, lambda: math.inf)
    train_stages(tmp_path / "run", stages, validate_every=5)
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["learning_rate"]) for row in rows if row["loss"]] == [5e-4] * 3 + [5e-5] * 3
    assert [row["step"] for row in rows if "goes back to its checkpoint of step 0" in row["warning"]] == ["0"]


def test_a_data_set_that_has_changed_is_said_once_and_the_run_goes_on(given, train_in, photos, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    changed = replace(given, dataset=str(folder), steps=2)
    assert not [line for line in train_in(tmp_path / "new", changed)[1] if "not as it was" in line]
    (folder / "coffee.png").rename(folder / "tea.png")
    (folder / "cut.png").write_bytes((folder / "tea.png").read_bytes()[:2000])
    _, said = train_in(tmp_path / "new", changed)
    (warning,) = [line for line in said if "not as it was" in line]
    assert f"1 to train on added (such as {folder}/tea.png), 1 to train on removed (such as {folder}/coffee" in warning
    assert [line for line in said if "2 pictures to train on and 1 to validate on, 1 left out" in line]
    assert not [line for line in train_in(tmp_path / "new", changed)[1] if "not as it was" in line]


def test_a_run_of_an_earlier_version_has_no_record_of_its_pictures_and_goes_on(stopped, train, tmp_path):
    (tmp_path / "run" / "pictures.json").unlink()
    assert not [line for line in train() if "not as it was" in line]
    assert (tmp_path / "run" / "pictures.json").is_file()
