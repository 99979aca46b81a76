"""Weights by PyTorch's names: what is written is what PyTorch's programs write, as far as srzoo reads it."""

from pathlib import Path

import numpy as np
import pytest

from srzoo import shipped, zoo
from srzoo.exporting.formats import export
from srzoo.exporting.safetensors import layout_of, write_safetensors
from srzoo.importing.checkpoints import load_checkpoint, read_state
from srzoo.models.registry import parse_known

FILES = Path(__file__).parents[1] / "importing" / "files"
WRITTEN_BY_PYTORCH = {
    "edsr_pytorch_x2.pt": "EDSR-PyTorch",
    "basicsr_x4.pth": "BasicSR",
    "rrdb_x2.pth": "Real-ESRGAN",
    "rrdb_esrgan.pth": "ESRGAN",
    "rrdb_first.pth": "ESRGAN's first version",
    "compact_x4.pth": "Real-ESRGAN",
}


@pytest.mark.parametrize(("file", "project"), WRITTEN_BY_PYTORCH.items())
def test_what_pytorch_wrote_comes_out_again(file, project, tmp_path):
    model = load_checkpoint(FILES / file)
    write_safetensors(model, tmp_path / "a.safetensors", layout_of(model, project))
    theirs, ours = read_state(FILES / file), read_state(tmp_path / "a.safetensors")
    assert theirs.keys() == ours.keys()
    for name, tensor in theirs.items():
        assert tensor.shape == ours[name].shape
        np.testing.assert_allclose(ours[name].array(), tensor.array(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("edsr-gan-x2.blocks1.filters4", "mmagic"),
        ("compact-x3.blocks1", None),
    ],
)
def test_what_is_exported_is_imported_bit_for_bit(name, project, tmp_path):
    model = zoo.create(name)
    path, report = export(model, tmp_path, "safetensors", layout=project)
    assert path == tmp_path / f"{name}.safetensors" and report.worst == 0
    loaded = load_checkpoint(path, parse_known(name).base)
    assert loaded.name == name and all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def test_a_network_or_a_layout_that_pytorch_has_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'srresnet' is no network of a known program in PyTorch"):
        export(zoo.create("srresnet-x2.blocks1.filters4"), tmp_path, "safetensors")
    with pytest.raises(ValueError, match="'compact' has no layout 'BasicSR'; choose one of Real-ESRGAN"):
        layout_of(zoo.create("compact-x2.blocks1.filters4"), "BasicSR")
    with pytest.raises(ValueError, match="only safetensors have one"):
        export(zoo.create("compact-x2.blocks1.filters4"), tmp_path, "keras", layout="BasicSR")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("edsr-baseline-x4", "EDSR-PyTorch"),
        ("edsr-baseline-x3", "BasicSR"),
        ("rrdb-x4.blocks2", "Real-ESRGAN"),
        ("compact-x4", "Real-ESRGAN"),
    ],
)
def test_in_pytorch_the_pixels_are_the_same(name, project, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import make_torch_files as theirs

    model = zoo.load(name) if name in shipped.shipped_models() else zoo.create(name)
    path, _ = export(model, tmp_path, "safetensors", layout=project)
    configuration = parse_known(name)
    kinds = {"EDSR-PyTorch": theirs.EdsrPytorch, "BasicSR": theirs.BasicsrEdsr}
    kind = kinds.get(project) or (theirs.Rrdb if configuration.base == "rrdb" else theirs.Compact)
    sizes = {"blocks": 16, "filters": 64} if "edsr" in name else {"blocks": 2, "filters": 64, "growth": 32}
    sizes = {"blocks": 32, "filters": 64} if configuration.base == "compact" else sizes
    network = kind(configuration.scale, **sizes).eval()
    network.load_state_dict({key: torch.from_numpy(each.array().copy()) for key, each in read_state(path).items()})
    pixels = np.random.default_rng(0).integers(0, 256, (1, 24, 30, 3)).astype(np.float32)
    white = 255 / network.value_range
    with torch.no_grad():
        sr = network(torch.from_numpy(pixels.transpose(0, 3, 1, 2) / white)).numpy().transpose(0, 2, 3, 1) * white
    np.testing.assert_allclose(sr, np.asarray(model(pixels)), atol=0.01)
