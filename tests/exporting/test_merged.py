"""A network with a merged tail is the same network, at its borders too."""

import numpy as np
import pytest

from srzoo import zoo
from srzoo.exporting.merged import with_merged_tail


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_gives_the_same_pixels_whatever_the_size(scale, edsr_with_biases):
    model = edsr_with_biases(scale)
    merged = with_merged_tail(model)
    for height, width in ((1, 1), (2, 3), (3, 5), (4, 4), (5, 9), (20, 1)):
        lr = np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.float32)
        np.testing.assert_allclose(merged(lr), model(lr), atol=2e-3)


def test_a_network_whose_tail_has_activations_stays_as_it_is():
    model = zoo.create("srresnet-x4.blocks1.filters8")
    assert with_merged_tail(model) is model
