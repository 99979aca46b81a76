"""The tools that draw the pages' pictures."""

import damaged
import draw_strip
import pytest
from PIL import Image


def test_a_parts_corner_and_side_are_rounded_down_to_a_multiple_of_the_scale(tmp_path):
    sizes = []
    for corner, side in (("70,90", 32), ("71,91", 33)):
        options = ["--models", "edsr-baseline-x2", "--parts", f"chelsea.png:{corner}", "--side", str(side)]
        draw_strip.main([str(tmp_path / "a.png"), *options])
        sizes.append(Image.open(tmp_path / "a.png").size)
    assert sizes[0] == sizes[1]


def test_the_damaged_sheets_say_what_they_need(capsys):
    with pytest.raises(SystemExit) as exit:
        damaged.main([])
    assert (
        exit.value.code == 2 and "give --lpips FILE for the sheets' notes, or --pairs FOLDER" in capsys.readouterr().err
    )
