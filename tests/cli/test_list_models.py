"""`srzoo list`, `srzoo help`, `srzoo --version`, and what is said of a slip of the keys."""

import json
import os
import re
import sys

import pytest

import srzoo
from srzoo import __main__, shipped
from srzoo.cli.list_models import main


def test_every_model_that_ships_is_listed_with_its_figures(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split("|")[1].strip() for line in lines] == shipped.shipped_models()
    (row,) = [line for line in lines if " edsr-gan-x4 " in line]
    figures = json.loads(shipped.RESULTS.read_text("utf-8"))["clean"]["edsr-gan-x4"]["Set5"]
    assert re.search(rf"x4 \| +\d\.\d \| +{figures['psnr_y']:.2f} \| +{figures['lpips']:.3f} \| .*invents texture", row)
    assert [each.name for each in srzoo.list_models()] == shipped.shipped_models()


@pytest.fixture
def typed(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", list(arguments))
        monkeypatch.setattr(os, "_exit", sys.exit)  # which would end the tests too
        try:
            __main__.main()
            status = 0
        except SystemExit as stop:
            status = stop.code
        return status, "".join(capsys.readouterr())

    return run


def test_version_and_help(typed):
    assert typed("srzoo", "--version") == (0, f"srzoo {srzoo.__version__}\n")
    assert typed("srzoo", "help")[1].startswith("usage: srzoo <command>")
    status, text = typed("srzoo", "help", "resolve")
    assert status == 0 and text.startswith("usage: srzoo resolve ") and "  srzoo resolve photo.jpg" in text
    assert typed("/x/srzoo/__main__.py", "help", "resolve")[1].startswith("usage: python -m srzoo resolve ")


def test_a_slip_of_the_keys_is_told_what_is_written_alike(typed):
    assert "unknown command 'resole'; did you mean 'resolve'?" in typed("srzoo", "resole")[1]
    status, text = typed("srzoo", "evaluate", "--modle", "bicubic", "--model", "bicubic", "Set5")
    assert status == 2 and "did you mean --model?" in text
    assert "--speed: not allowed with argument --json" in typed("srzoo", "list", "--json", "--speed")[1]
    assert "did you mean 'edsr-gan-x4'?" in typed("srzoo", "resolve", __file__, "-m", "edsr-gam-x4")[1]
