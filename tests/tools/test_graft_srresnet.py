"""SRResNet started from EDSR gives EDSR's pictures."""

import graft_srresnet
import numpy as np
import pytest

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.pictures.reading import read_image


@pytest.mark.slow
def test_a_grafted_srresnet_gives_nearly_the_pictures_of_edsr():
    edsr, srresnet = zoo.load("edsr-baseline-x4"), zoo.create("srresnet", scale=4)
    picture = bicubic.downscale(read_image(sample_path("chelsea.png"))[:288, :448], 4).astype(np.float32)
    lr = np.stack([picture[top : top + 24, left : left + 24] for top in (0, 24, 48) for left in range(0, 96, 24)])
    before = np.abs(edsr(lr).numpy().clip(0, 255) - srresnet(lr).numpy()).mean()
    graft_srresnet.graft(edsr, srresnet, lr)
    after = np.abs(edsr(lr).numpy().clip(0, 255) - srresnet(lr).numpy()).mean()
    assert after < 2 < 20 < before


def test_what_comes_before_tanh_undoes_it_and_leaves_white_white():
    colour = np.linspace(-1, 1, 20001)[:, None]
    hinges = (np.abs(colour) - graft_srresnet.HINGES).clip(0) @ graft_srresnet.BENDS
    error = np.abs(np.tanh(graft_srresnet.SLOPE * colour[:, 0] + np.sign(colour[:, 0]) * hinges) - colour[:, 0]) * 127.5
    assert error.max() < 0.53
    assert error[[0, -1]].max() < 0.19


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(ValueError, match="has no picture of at least 96x96 pixels; give a folder of photographs"):
        graft_srresnet._crops(tmp_path, 4)
