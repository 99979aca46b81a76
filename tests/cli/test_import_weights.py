"""The command, as a user runs it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.cli import run
from srzoo.cli.import_weights import main

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "tests" / "importing" / "files"
CHECKPOINT = FILES / "edsr_pytorch_x2.pt"
NAME = "edsr-baseline-x2.blocks1.filters4"


def test_a_checkpoint_becomes_a_weights_file_that_loads(here, capsys):
    assert main([str(CHECKPOINT)]) == 0
    assert capsys.readouterr().out == (
        f"{CHECKPOINT}: {NAME}, scale 2, blocks 1, filters 4, residual scaling 1.0 (assumed, because no file holds "
        f"it), "
        f"1,259 parameters -> {NAME}.weights.h5\n"
    )
    model = zoo.load(f"{NAME}.weights.h5")
    output = model(np.load(FILES / "input.npy"))
    np.testing.assert_allclose(output, np.load(FILES / "edsr_pytorch_x2.npy"), rtol=0, atol=1e-3)


def test_the_output_and_the_residual_scaling_can_be_chosen(tmp_path):
    output = tmp_path / "new" / "a.weights.h5"
    arguments = [str(FILES / "basicsr_x4.pth"), "--output", str(output), "--residual-scaling", "1"]
    for _ in range(2):
        assert main([*arguments, "--as", "edsr"]) == 0
    model = zoo.load(output)
    assert model.name == "edsr-x4.blocks1.filters4.residual_scaling1.0"
    np.testing.assert_allclose(
        model(np.load(FILES / "input.npy")), np.load(FILES / "basicsr_x4.npy"), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["none.pt", "--as", "edsr"], FileNotFoundError, "none.pt: no such file"),
        (["a.weights.h5"], ValueError, "a.weights.h5 is a folder; give the .pt, .pth or .safetensors file in it"),
        (["a.pt", "--as", "edsr", "--output", "a.h5"], ValueError, "--output must end in .weights.h5, got a.h5"),
        (
            ["a.pt", "--as", "edsr", "--output", "a.weights.h5"],
            ValueError,
            "--output must be a file, but a.weights.h5 is",
        ),
        (["a.pt", "--as", "srgan"], ValueError, "it holds .*, but 'srgan' was asked for"),
        (["a.pt", "--as", "edsr-baseline", "--scale", "3"], ValueError, "a.pt: it upscales by 2, but the scale 3 was"),
        (["a.pt"], ValueError, f"{NAME}.weights.h5 is there already"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_written(arguments, error, message, here):
    shutil.copy(CHECKPOINT, "a.pt")
    Path("a.weights.h5").mkdir()
    Path(f"{NAME}.weights.h5").write_text("mine")
    with pytest.raises(error, match=message):
        main(arguments)
    assert sorted(path.name for path in here.iterdir()) == ["a.pt", "a.weights.h5", f"{NAME}.weights.h5"]
    assert Path(f"{NAME}.weights.h5").read_text() == "mine"


def test_an_error_is_one_sentence_and_status_2(capfd):
    with pytest.raises(SystemExit) as stop:
        run(lambda: main([str(FILES / "module.pt")]))
    out, err = capfd.readouterr()
    assert stop.value.code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith(f"error: {FILES / 'module.pt'}: it holds 'torch.nn.modules.container.Sequential'")
