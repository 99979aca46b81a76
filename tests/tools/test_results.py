"""Figures of the models that ship, measured anew."""

import pytest
import results
from PIL import Image

from srzoo import zoo


@pytest.mark.parametrize("name", ["edsr-gan-x4", "edsr-baseline-x4"])
def test_a_dial_is_measured_anew_with_either_of_its_networks(name, tmp_path, monkeypatch):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(results, "measure", lambda upscale, scale, folders, lpips: {"Set5": {"scale": scale}})
    monkeypatch.setattr(zoo, "load", lambda name: name)
    monkeypatch.setattr(zoo, "interpolate", lambda pixel, gan, alpha: gan)
    monkeypatch.setattr(results, "Upscaler", lambda model: model)
    found: dict = {"clean": {}, "damaged": {}, "fidelity of srgan-x4": "as it was"}
    results.measure_all([tmp_path], None, [name], found)
    dials = {key for key in found if key.startswith("fidelity of")}
    assert dials == {"fidelity of srgan-x4", "fidelity of edsr-gan-x4"} and found["fidelity of srgan-x4"] == "as it was"
    assert found["fidelity of edsr-gan-x4"]["0.5"] == {"Set5": {"scale": 4}} and name in found["clean"]
