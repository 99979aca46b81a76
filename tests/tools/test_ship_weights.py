"""Weights that are put into the package."""

import numpy as np
import pytest
import ship_weights

from srzoo import shipped, zoo
from srzoo.runtimes import prepared

NAME = "edsr-baseline-x2.blocks1.filters4"


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_weights_come_with_their_ranges_and_checksums_or_not_at_all(tmp_path, monkeypatch):
    package, source = tmp_path / "weights", tmp_path / "best.weights.h5"
    package.mkdir()
    monkeypatch.setattr(shipped, "SHIPPED", package)
    monkeypatch.setattr(shipped, "RANGES", package / "int8.npz")
    monkeypatch.setattr("sys.argv", ["ship_weights.py", str(source)])
    model = zoo.create(NAME)
    zoo.save_weights(model, source)
    ship_weights.main()
    weights = shipped.verified(package / f"{NAME}.weights.h5")
    assert weights.stat().st_size < source.stat().st_size
    for ours, theirs in zip(zoo.load(weights).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-7)
    assert prepared.shipped_ranges(shipped.checksum(weights))

    before = files(package)
    zoo.save_weights(zoo.create(NAME), source)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepared.Prepared, "make", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ship_weights.main()
    assert files(package) == before and len(before) == 3
