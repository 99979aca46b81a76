"""The names of models, and their configurations as JSON."""

import pytest

from srzoo.names import Configuration, from_json, parse

EXAMPLES = {
    "edsr-baseline-x4": Configuration("edsr-baseline", 4),
    "edsr-x2.blocks4.filters32": Configuration("edsr", 2, {"blocks": 4, "filters": 32}),
    "edsr-baseline-x3.blocks4.residual_scaling0.2": Configuration(
        "edsr-baseline", 3, {"blocks": 4, "residual_scaling": 0.2}
    ),
    "edsr-x4.residual_scaling1e-05": Configuration("edsr", 4, {"residual_scaling": 1e-5}),
    "mine-x2.activation=prelu": Configuration("mine", 2, {"activation": "prelu"}),
}


@pytest.mark.parametrize(("name", "configuration"), EXAMPLES.items())
def test_a_name_says_what_is_built_and_back(name, configuration):
    assert parse(name) == configuration and configuration.name == name
    assert from_json(configuration.to_json()) == configuration


def test_the_scale_may_be_left_out_or_given_beside_the_name():
    assert parse("edsr").scale == 4 and parse("edsr", 3).scale == 3 and parse("edsr-x3", 3).scale == 3


def test_a_file_of_version_0_1_0_holds_the_name_alone():
    assert from_json('{"model": "edsr-x2.blocks4.filters32"}') == EXAMPLES["edsr-x2.blocks4.filters32"]


@pytest.mark.parametrize(
    "name",
    ["", "edsr.", "edsr-x4.blocks", "photos/img.png", "EDSR", "edsr-x4.4", "edsr-x4..a1", f"edsr{50 * '.1'}."],
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="is no model's name; expected one such as 'edsr-baseline-x4'"):
        parse(name)


@pytest.mark.parametrize("options", ['{"a b": 1}', '{"a": [1]}', '{"a": "x y"}', "[]", '{"a": null}'])
def test_what_is_no_configuration_is_refused(options):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        from_json(f'{{"model": "edsr", "scale": 4, "options": {options}}}')
