"""The learning curves of a run."""

import pytest

from srzoo.pictures.reading import read_image
from srzoo.training.curve import draw_curve


@pytest.mark.parametrize("name", ["a$b^$", "\udcff"], ids=["mathematics", "no text"])
def test_any_name_of_a_data_set_stands_above_the_curve(name, tmp_path):
    rows = [{"step": str(step), "loss": "0.1", "psnr_y": "30"} for step in (1, 2)]
    draw_curve(rows, tmp_path / "curve.png", f"edsr on {name}")
    assert read_image(tmp_path / "curve.png").min() < 255
