"""The mean of a run's snapshots."""

import mean_weights
import numpy as np
import pytest

from srzoo import zoo


@pytest.fixture
def snapshots(tmp_path):
    paths = [tmp_path / f"step-{i}.weights.h5" for i in (1, 2)]
    models = [zoo.create("srgan-x4.blocks1.filters4") for _ in paths]
    for model, path in zip(models, paths, strict=True):
        zoo.save_weights(model, path)
    return models, paths


def test_the_mean_has_each_snapshots_share(snapshots, tmp_path):
    models, (first, second) = snapshots
    mean_weights.main([str(tmp_path / "mean.weights.h5"), f"{first}:0.25", f"{second}:0.75"])
    mean = zoo.load(tmp_path / "mean.weights.h5")
    assert mean.name == models[0].name
    for ours, a, b in zip(mean.get_weights(), *(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(ours, 0.25 * a + 0.75 * b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("shares", "says"),
    [(("0.5", "0.6"), "the shares add up to 1.1; expected 1"), (("0.5", "x"), "expected FILE:SHARE such as")],
)
def test_shares_that_are_none_are_refused(snapshots, tmp_path, capsys, shares, says):
    parts = [f"{path}:{share}" for path, share in zip(snapshots[1], shares, strict=True)]
    with pytest.raises(SystemExit) as exit:
        mean_weights.main([str(tmp_path / "mean.weights.h5"), *parts])
    assert exit.value.code == 2 and says in capsys.readouterr().err
    assert not (tmp_path / "mean.weights.h5").exists()


def test_snapshots_of_two_networks_are_refused(snapshots, tmp_path, capsys):
    other = tmp_path / "other.weights.h5"
    zoo.save_weights(zoo.create("srgan-x4.blocks2.filters4"), other)
    with pytest.raises(SystemExit):
        mean_weights.main([str(tmp_path / "mean.weights.h5"), f"{snapshots[1][0]}:0.5", f"{other}:0.5"])
    assert "the files are of different networks" in capsys.readouterr().err
