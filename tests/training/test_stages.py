"""SRGAN's two stages on small pictures: what they leave, and how the game goes on after a kill."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from srzoo import stored, zoo
from srzoo.training import session
from srzoo.training.distribution import Distribution
from srzoo.training.session import train_stages
from srzoo.training.stages import stages_of

SIZES = "blocks1.filters4"


@pytest.fixture
def options(vgg16_weights):
    return {
        "patch": 32,
        "batch": 2,
        "precision": "float32",
        "objective": "srgan-vgg22",
        "vgg": str(vgg16_weights),
        "vgg_preprocessing": "keras",
    }


def train_quietly(folder, stages):
    return train_stages(folder, stages, validate_every=5)


def rows_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "model, pixel", [("edsr-gan", "edsr-baseline"), pytest.param("srgan", "srresnet", marks=pytest.mark.slow)]
)
def test_the_second_stage_starts_from_the_best_of_the_first(photos, options, tmp_path, model, pixel, caplog):
    caplog.set_level("INFO", "srzoo")
    stages = stages_of(str(photos), f"{model}-x4.{SIZES}", steps=10, discriminator_head="patches", **options)
    train_quietly(tmp_path, stages)
    assert stored.inspect(tmp_path / "pixel" / "best.weights.h5")[0].name == f"{pixel}-x4.{SIZES}"
    assert stored.inspect(tmp_path / "adversarial" / "best.weights.h5")[0].name == f"{model}-x4.{SIZES}"
    first, second = rows_of(tmp_path / "pixel"), rows_of(tmp_path / "adversarial")
    best = max(float(row["psnr_y"]) for row in first if row["psnr_y"])
    assert second[0]["step"] == "0" and float(second[0]["psnr_y"]) == pytest.approx(best, abs=1e-3)
    # What the doctor looks at, and what it found.
    assert all(row["d_real"] and row["content_share"] for row in second if row["loss"])
    assert all(row["colour_shift"] and row["checkerboard"] for row in second if row["psnr_y"])
    assert (tmp_path / "adversarial" / "curve.png").is_file()
    config = json.loads((tmp_path / "adversarial" / "config.json").read_text())
    assert config["content"] == {"vgg22": 1.0}
    last = second[-1]
    ended = (
        f"step 5: done, PSNR-Y {float(last['psnr_y']):.2f} dB, checkerboard {float(last['checkerboard']):.1f} at last"
    )
    assert caplog.messages[-1].startswith(ended)


@pytest.mark.slow
def test_the_flow_for_damaged_pictures_trains_a_u_net_against_sharpened_hr(photos, options, tmp_path):
    del options["objective"]
    stages = stages_of(
        str(photos), f"edsr-real-x4.{SIZES}", steps=8, content={"vgg22": 1.0}, sharpen_target=True, **options
    )
    train_quietly(tmp_path, stages)
    last = [row for row in rows_of(tmp_path / "adversarial") if row["loss"]][-1]
    assert all(float(last[term]) > 0 for term in ("content", "adversarial", "pixel", "d_loss"))
    assert stored.inspect(tmp_path / "adversarial" / "best.weights.h5")[0].name == f"edsr-real-x4.{SIZES}"


@pytest.mark.slow
def test_a_finished_flow_does_nothing_more(photos, options, tmp_path):
    stages = stages_of(str(photos), f"edsr-gan-x4.{SIZES}", steps=4, **options)
    train_quietly(tmp_path, stages)
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.h5")}
    train_quietly(tmp_path, stages)
    assert {path: path.read_bytes() for path in before} == before
    assert [row["step"] for row in rows_of(tmp_path / "adversarial") if row["loss"]] == ["1", "2"]


@pytest.mark.slow
def test_with_lpips_the_best_weights_are_those_of_the_best_lpips(photos, options, tmp_path, shared_data):
    weights = zoo.create(f"edsr-baseline-x4.{SIZES}")
    zoo.save_weights(weights, tmp_path / "start.weights.h5")
    (gan,) = stages_of(
        str(photos),
        f"edsr-gan-x4.{SIZES}",
        init_weights=str(tmp_path / "start.weights.h5"),
        lpips=str(shared_data / "weights" / "lpips_alexnet.npz"),
        steps=20,
        learning_rate=1e-3,
        **options,
    )
    best = train_quietly(tmp_path / "run", (gan,))
    scores = [float(row["lpips"]) for row in rows_of(tmp_path / "run") if row["lpips"]]
    assert len(scores) == 5  # the start's, and every fifth step's
    assert best == pytest.approx(min(scores), abs=1e-4)


def test_what_the_second_stage_lacks_is_told_before_the_first_begins(photos, options, tmp_path):
    options["vgg"] = str(tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError, match="none.h5: no such file"):
        train_quietly(tmp_path / "run", stages_of(str(photos), f"edsr-gan-x4.{SIZES}", steps=4, **options))
    assert not (tmp_path / "run").exists()


def test_a_process_without_the_folder_goes_on_at_the_chiefs_stage(photos, options, tmp_path, monkeypatch):
    class Worker(Distribution):
        def table(self, values):
            return np.array([[1.0], values])  # the chief has begun the second stage

    trained = []
    monkeypatch.setattr(session, "train_run", lambda folder, *_, **__: trained.append(folder.name))
    stages = stages_of(str(photos), f"edsr-gan-x4.{SIZES}", steps=4, **options)
    train_stages(tmp_path / "run", stages, Worker(processes=2, index=1))
    assert trained == ["adversarial"]


def start(photos, output, weights, vgg, env=None):
    command = [sys.executable, "-m", "srzoo", "train", str(photos), "--model", f"srgan-x4.{SIZES}"]
    command += ["--output", str(output), "--init-weights", str(weights), "--objective", "per-pix", "--content", "vgg22"]
    command += ["--vgg", str(vgg), "--vgg-preprocessing", "torchvision", "--adversarial-weight", "0.1"]
    command += ["--patch", "32", "--batch", "2", "--steps", "30", "--validate-every", "5", "--precision", "float16"]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_game_goes_on_as_if_nothing_had_happened(photos, tmp_path, vgg16_weights, held):
    # In float16, so that the loss scales are part of it, with BN in both networks.
    weights = tmp_path / "start.weights.h5"
    zoo.save_weights(zoo.create(f"srresnet-x4.{SIZES}"), weights)
    whole = start(photos, tmp_path / "whole", weights, vgg16_weights)
    killed = start(photos, tmp_path / "killed", weights, vgg16_weights, held.environment)
    held.wait(tmp_path / "killed", killed)
    held.kill(killed)

    resumed = start(photos, tmp_path / "killed", weights, vgg16_weights)
    assert resumed.wait() == 0, resumed.stderr.read()
    assert whole.wait() == 0, whole.stderr.read()

    expected, again = ([row for row in rows_of(tmp_path / run) if row["loss"]] for run in ("whole", "killed"))
    assert [row["step"] for row in again] == [row["step"] for row in expected] == [str(i) for i in range(1, 31)]
    for column in ("loss", "content", "adversarial", "pixel", "d_loss", "d_real", "d_fake"):
        np.testing.assert_allclose(
            [float(row[column]) for row in again], [float(row[column]) for row in expected], rtol=5e-3, err_msg=column
        )
