"""The help of every command."""

import importlib

import pytest

from srzoo.__main__ import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_options(name, capsys):
    with pytest.raises(SystemExit) as end:
        importlib.import_module(COMMANDS[name][0]).main(["--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and len(text.split("\n\n")[1]) > 20 and "  -h, --help" in text
