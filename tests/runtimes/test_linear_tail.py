"""A merged tail is the same map from features to SR, with fewer multiplications."""

import keras
import numpy as np
import pytest

from srzoo import zoo
from srzoo.models.graph import Graph
from srzoo.models.keras_graph import arrays_of, from_keras, to_keras
from srzoo.runtimes.keras import split_in_stages
from srzoo.runtimes.linear_tail import merged_tail


def _merged(model: keras.Model) -> Graph | None:
    merged = merged_tail(from_keras(model), arrays_of(model))
    return merged and merged[0]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_away_from_the_borders_it_gives_the_pixels_of_the_tail(scale, edsr_with_biases):
    model = edsr_with_biases(scale)
    _, tail = split_in_stages(model)
    graph, arrays = merged_tail(from_keras(model), arrays_of(model))
    merged = to_keras(graph)
    merged.set_weights(arrays["merged_tail"])
    features = np.random.default_rng(scale).normal(size=(1, 9, 7, 8)).astype(np.float32)
    sr, expected = merged(features), tail(features)
    inside = slice(2 * scale, -2 * scale)
    assert sr.shape == expected.shape and np.std(expected) > 20
    np.testing.assert_allclose(sr[:, inside, inside], expected[:, inside, inside], atol=2e-3)
    assert np.abs(sr - expected).max() > 1, "at the borders the tail pads more than once"


def test_it_multiplies_a_tenth_as_often_at_x4():
    model = zoo.create("edsr-baseline-x4.blocks1")
    (_, merged, _) = _merged(model).layers
    tail = [64 * 9 * outputs for outputs in (256, 4 * 256, 16 * 3)]
    assert merged.options["kernel_size"] == (5, 5) and 64 * 25 * merged.channels < sum(tail) / 9


@pytest.mark.parametrize("name", ["srresnet-x4", "rrdb-x4", "compact-x4"])
def test_a_tail_with_an_activation_or_a_way_around_it_is_not_merged(name):
    assert _merged(zoo.create(f"{name}.blocks1.filters8")) is None
