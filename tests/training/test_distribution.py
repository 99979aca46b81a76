"""Several replicas, in one process and in two: the numbers of one, and ends that leave a run to go on from.

Of the processes a script is started, `distributed_worker.py`, as logical devices and clusters must be there before
TensorFlow is.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.cli import train as cli
from srzoo.training.distribution import LOST, Distribution, open_distribution, read_cluster
from srzoo.training.settings import Settings
from srzoo.training.stages import settings_of

WORKER = Path(__file__).with_name("distributed_worker.py")
MODEL = "edsr-baseline-x4.blocks1.filters4"
RATE = 1e-3
PIXEL = "edsr-baseline:::float32:"
EXACT = (
    "srresnet:::float32:sync",
    "edsr-gan:relativistic:batch:float32:sync",
    "edsr-gan:wasserstein:none:float32:",
)
OWN_STATISTICS = "srresnet:::float32:"
FLOAT16 = "edsr-baseline:::float16:"


# What is asked for


def cluster(**changes) -> str:
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    return json.dumps({**config, **changes})


@pytest.mark.parametrize(
    "text, sentence",
    [
        (None, "TF_CONFIG, which is not set; expected JSON such as"),
        ("", "TF_CONFIG, which is not set"),
        ("{worker", "TF_CONFIG cannot be read .* got {worker"),
        ("[]", "cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "cannot be read .*'task'"),
        (cluster(cluster={"worker": 3}), "cannot be read"),
        (cluster(cluster={"ps": ["c:1"], "worker": ["a:1"]}), "must name workers"),
        (cluster(cluster={"chief": ["a:1", "b:1"]}), "must name workers and at most one chief"),
        (cluster(task={"type": "evaluator", "index": 0}), "must name workers"),
        (cluster(task={"type": "worker", "index": 2}), "index must be from 0 to 1, .* got 2"),
        (cluster(task={"type": "worker", "index": "0"}), "index must be from 0 to 1, .* got '0'"),
        (cluster(task={"type": "worker", "index": True}), "got True"),
        (cluster(cluster={"worker": ["a", "b:1"]}), "host:port; got 'a'"),
        (cluster(cluster={"worker": ["a:1", "a:1"]}), "each address once"),
        (cluster(cluster={"worker": ["a:99999", "b:1"]}), "got 'a:99999'"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_cluster(text)


def test_the_chief_is_the_first_of_a_cluster():
    assert read_cluster(cluster(task={"type": "worker", "index": 1})) == (2, 1)
    with_chief = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}
    assert read_cluster(cluster(cluster=with_chief, task={"type": "chief", "index": 0})) == (3, 0)
    assert read_cluster(cluster(cluster=with_chief, task={"type": "worker", "index": 1})) == (3, 2)


def test_the_command_refuses_what_it_cannot_distribute(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="TF_CONFIG, which is not set"):
        cli.main(["sample", "--distribute", "multi-worker"])
    with pytest.raises(ValueError, match="--sync-batch-norm is for several replicas; give --distribute"):
        cli.main(["sample", "--sync-batch-norm"])
    with pytest.raises(ValueError, match="must be one of mirrored, multi-worker, got 'both'"):
        open_distribution("both")


@pytest.mark.parametrize(("batch", "advice"), [(18, "16 or 20"), (3, "4")])
def test_a_global_batch_that_cannot_be_shared_is_refused(batch, advice):
    four = Distribution()
    four.replicas = 4
    four.check(16)
    with pytest.raises(ValueError, match=f"expected a multiple of 4, got {batch}; give --batch {advice}$"):
        four.check(batch)


def test_processes_share_a_batch_without_gap_or_repeat():
    parts = []
    for index in range(4):
        parts += range(*Distribution(processes=4, index=index).part(16).indices(16))
    assert parts == list(range(16))


def test_synchronised_statistics_are_part_of_the_settings_only_where_they_are_asked_for():
    # A configuration of before, which lacks them, must not differ.
    assert settings_of("sample", MODEL, minutes=1).sync_batch_norm is None
    assert settings_of("sample", MODEL, minutes=1, sync_batch_norm=True).sync_batch_norm is True


# The numbers of one replica


def start(
    command: list[str],
    index: int | None = None,
    ports: list[int] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> subprocess.Popen:
    environment = {**environment, "TF_CPP_MIN_LOG_LEVEL": "2", "TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if ports:
        workers = [f"127.0.0.1:{port}" for port in ports]
        environment["TF_CONFIG"] = cluster(cluster={"worker": workers}, task={"type": "worker", "index": index})
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_pair(*commands: list[str], **options) -> list[subprocess.Popen]:
    """Two workers, the chief first, of one command or of one each; options as of `start`."""
    ports = free_ports()
    return [start(commands[index % len(commands)], index, ports, **options) for index in (0, 1)]


def ends(processes: list[subprocess.Popen]) -> list[tuple[int, str]]:
    """Exit status and stderr of each."""
    texts = [process.communicate()[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, texts, strict=True)]


def run_worker(kind: str, folder: Path, cases: tuple[str, ...]) -> None:
    command = [str(WORKER), kind, str(folder), *cases]
    processes = [start(command)] if kind == "mirrored" else start_pair(command)
    for status, text in ends(processes):
        assert status == 0, text[-3000:]


def assert_same_training(one: Path, other: Path, case: str) -> None:
    """Of five steps the figures, both networks, and the gradients (as Adam's moments)."""
    expected, found = np.load(one), np.load(other)
    names = [name for name in expected if name.startswith(f"{case}|")]
    assert names and names == [name for name in found if name.startswith(f"{case}|")]
    for name in names:
        a, b = expected[name].astype(np.float64), found[name].astype(np.float64)
        if "|logs|" in name:
            np.testing.assert_allclose(b, a, rtol=1e-3, err_msg=name)
        elif "optimizer|" in name:
            np.testing.assert_allclose(b, a, atol=max(1e-3 * np.abs(a).max(), 1e-7), err_msg=name)
        else:
            np.testing.assert_allclose(b, a, atol=0.01 * RATE, rtol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def pixel_figures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pixel")
    run_worker("mirrored", folder, (PIXEL,))
    return folder


def test_two_replicas_train_as_one(pixel_figures):
    assert_same_training(pixel_figures / "one.npz", pixel_figures / "mirrored0.npz", PIXEL)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    run_worker("mirrored", folder, (PIXEL, *EXACT, OWN_STATISTICS, FLOAT16))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", EXACT)
def test_two_replicas_play_gan_training_as_one(figures, case):
    assert_same_training(figures / "one.npz", figures / "mirrored0.npz", case)


@pytest.mark.slow
def test_without_synchronisation_each_replica_normalises_by_its_own_crops_and_the_statistics_are_their_means(figures):
    # That they are the same on both replicas the worker itself asserts.
    one, two = np.load(figures / "one.npz"), np.load(figures / "mirrored0.npz")
    means = [name for name in one if name.startswith(f"{OWN_STATISTICS}|1|model") and "head" not in name]
    means = [name for name in means if name.endswith("moving_mean")]
    assert means
    # The mean of two halves' means is the mean of the whole; only the first layer's input is the same, though.
    np.testing.assert_allclose(two[means[0]], one[means[0]], atol=1e-5)
    loss = f"{OWN_STATISTICS}|logs||loss"
    assert not np.allclose(two[loss], one[loss], rtol=1e-6)


@pytest.mark.slow
def test_in_float16_the_loss_is_scaled_as_on_one_replica(figures):
    one, two = np.load(figures / "one.npz"), np.load(figures / "mirrored0.npz")
    scales = [name for name in one if name.startswith(f"{FLOAT16}|5|") and "dynamic_scale" in name]
    assert len(scales) == 1
    for name in scales:
        np.testing.assert_array_equal(two[name], one[name])


@pytest.mark.slow
def test_two_processes_train_and_play_as_one(figures):
    cases = (PIXEL, *EXACT[1:])
    run_worker("multi-worker", figures, cases)
    for case in cases:
        for index in (0, 1):
            assert_same_training(figures / "one.npz", figures / f"multi-worker{index}.npz", case)


# Whole runs of two processes


def command(photos: Path, output: Path, *more: str, steps: int = 40) -> list[str]:
    given = {"output": output, "model": MODEL, "steps": steps, "patch": 32, "batch": 4, "validate-every": 5}
    given |= {"learning-rate": RATE, "precision": "float32"}
    options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    return ["-m", "srzoo", "train", str(photos), *options, *more]


def train_pair(photos: Path, output: Path, *more: str, **changes) -> list[subprocess.Popen]:
    return start_pair(command(photos, output, "--distribute", "multi-worker", *more, **changes))


def steps_and_losses(folder: Path) -> tuple[list[int], list[float]]:
    rows = [row.split(",") for row in (folder / "log.csv").read_text().splitlines()[1:]]
    return [int(row[0]) for row in rows if row[3]], [float(row[3]) for row in rows if row[3]]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_worker_is_killed_the_other_ends_and_both_go_on_from_the_last_checkpoint(photos, tmp_path, held, victim):
    whole = start(command(photos, tmp_path / "whole"))
    assert ends([whole])[0][0] == 0

    folder = tmp_path / "killed"
    given = command(photos, folder, "--distribute", "multi-worker")
    processes = start_pair(given, environment=held.environment)
    held.wait(folder, *processes)
    held.kill(processes[victim])
    status, text = ends(processes)[1 - victim]
    assert status == LOST, text[-3000:]
    assert f"worker {1 - victim} of 2 ended, because another one ended" in text and "Traceback" not in text

    assert [status for status, _ in ends(train_pair(photos, folder))] == [0, 0]
    steps, losses = steps_and_losses(folder)
    assert steps == list(range(1, 41))
    np.testing.assert_allclose(losses, steps_and_losses(tmp_path / "whole")[1], rtol=1e-4)
    trained, expected = (zoo.load(each / "best.weights.h5").get_weights() for each in (folder, tmp_path / "whole"))
    for a, b in zip(trained, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=0.1 * RATE)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all_after_the_same_step(photos, tmp_path, held):
    processes = train_pair(photos, tmp_path / "run", steps=4000)
    held.wait(tmp_path / "run", *processes)
    processes[1].send_signal(signal.SIGTERM)
    (status, chief), (other_status, other) = ends(processes)
    assert status == other_status == 143
    step = steps_and_losses(tmp_path / "run")[0][-1]
    assert f"stopped by SIGTERM at step {step}, of which a checkpoint is saved in {tmp_path / 'run'};" in chief
    assert f"stopped by SIGTERM at step {step}, of which a checkpoint is saved in the chief's folder;" in other


@pytest.mark.slow
def test_after_an_explosion_all_go_back_and_give_up_together(photos, tmp_path):
    pair = ends(train_pair(photos, tmp_path / "run", "--learning-rate", "1e30"))
    for status, text in pair:
        assert status == 2 and "although the learning rate was halved 3 times" in text and "Traceback" not in text
        assert "its last good checkpoint is of step 0." in text
    assert "the run goes back to its checkpoint of step 0 and on at 1/8" in pair[0][1]


@pytest.mark.slow
def test_workers_with_different_commands_are_refused_by_all(photos, tmp_path):
    given = [command(photos, tmp_path / "run", "--distribute", "multi-worker", "--seed", str(seed)) for seed in (0, 1)]
    for status, text in ends(start_pair(*given)):
        assert status == 2 and "error: worker 1 has other settings than the chief, worker 0" in text


@pytest.mark.slow
def test_both_stages_are_trained_for_the_chiefs_time_and_by_it_alone(photos, vgg16_weights, tmp_path):
    given = ["-m", "srzoo", "train", str(photos), "--output", str(tmp_path / "run")]
    given += ["--model", "srgan-x4.blocks1.filters4", "--precision", "float32", "--validate-every", "5"]
    given += ["--minutes", "0.3", "--patch", "32", "--batch", "4"]
    given += ["--objective", "srgan-vgg22", "--vgg", str(vgg16_weights), "--vgg-preprocessing", "keras"]
    given += ["--distribute", "multi-worker", "--sync-batch-norm"]
    for status, text in ends(start_pair(given)):
        assert status == 0, text[-3000:]
    for stage in ("pixel", "adversarial"):
        folder = tmp_path / "run" / stage
        steps, _ = steps_and_losses(folder)
        assert steps == list(range(1, len(steps) + 1))
        config = json.loads((folder / "config.json").read_text())
        assert config["sync_batch_norm"] is True and config["batch"] == 4
        assert len(list((folder / "tensorboard").iterdir())) == 1
        assert Settings(**config).minutes == 0.15
