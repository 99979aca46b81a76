"""What the benchmarks replace in srzoo is there: a name that is not would be set in vain."""

import re

import pytest

from benchmarks import growth, shell
from srzoo.cli import resolve
from srzoo.upscaling import upscaler


@pytest.mark.parametrize("script", [growth.RESOLVE, shell.CHILD], ids=["growth", "shell"])
def test_names_that_a_script_replaces_are_there(script):
    replaced = re.findall(r"(?m)^(resolve|upscaler)\.(\w+) = ", script)
    assert replaced and all(hasattr({"resolve": resolve, "upscaler": upscaler}[of], name) for of, name in replaced)
