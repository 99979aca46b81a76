"""Networks that PyTorch wrote, become models without it; `make_torch_files.py` made those in `files/`."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pickles import tensor, write_state, write_zip

from srzoo import zoo
from srzoo.importing.checkpoints import load_checkpoint
from srzoo.importing.torch_files import read_torch
from srzoo.models.registry import MODELS

FILES = Path(__file__).parent / "files"
ZIP, LEGACY, BASICSR = FILES / "edsr_pytorch_x2.pt", FILES / "edsr_pytorch_x3_legacy.pt", FILES / "basicsr_x4.pth"

NETWORKS = {
    "edsr_pytorch_x2.pt": "edsr-baseline-x2.blocks1.filters4",
    "edsr_pytorch_x3_legacy.pt": "edsr-baseline-x3.blocks2.filters4",
    "basicsr_x4.pth": "edsr-baseline-x4.blocks1.filters4",
    "basicsr_x8.pth": "edsr-baseline-x8.blocks1.filters2",
    "edsr_pytorch_x2_float16.pt": "edsr-baseline-x2.blocks1.filters3",
    "edsr_pytorch_x2_bfloat16.pt": "edsr-baseline-x2.blocks1.filters3",
    "edsr_pytorch_x2_float64.pt": "edsr-baseline-x2.blocks1.filters3",
    "edsr.safetensors": "edsr-baseline-x2.blocks1.filters4",
    "training.ckpt": "edsr-baseline-x2.blocks1.filters4",
    "rrdb_x4.pth": "rrdb-x4.blocks1.filters4.growth2",
    "rrdb_x2.pth": "rrdb-x2.blocks1.filters4.growth2",
    "rrdb_x1.pth": "rrdb-x1.blocks1.filters4.growth2",
    "rrdb_esrgan.pth": "rrdb-x4.blocks2.filters4.growth2",
    "rrdb_first.pth": "rrdb-x4.blocks2.filters4.growth2",
    "compact_x4.pth": "compact-x4.blocks2.filters4",
    "compact_x2.pth": "compact-x2.blocks2.filters4",
    "compact_x1.pth": "compact-x1.blocks2.filters4",
}
"""File -> what is found in it when nothing is said."""


def grey_levels_apart(model, name: str) -> float:
    output = np.asarray(model(np.load(FILES / "input.npy")))
    expected = np.load(FILES / f"{name}.npy")
    assert output.shape == expected.shape
    return float(np.abs(output - expected).max())


@pytest.fixture
def state() -> dict[str, np.ndarray]:
    """A state dict of EDSR-PyTorch's at x2, of 1 block and 4 filters."""
    return {name: found.array().copy() for name, found in read_torch(ZIP).items()}


@pytest.mark.parametrize(("file", "name"), NETWORKS.items())
def test_the_outputs_are_those_in_pytorch(file, name):
    model = load_checkpoint(FILES / file)
    assert model.name == name
    assert grey_levels_apart(model, file.partition(".")[0]) < 1e-3


def test_what_pytorch_writes_now_is_read_too(tmp_path):
    pytest.importorskip("torch")
    import make_torch_files

    make_torch_files.main(tmp_path)
    for file, name in NETWORKS.items():
        output = load_checkpoint(tmp_path / file, name)(np.load(tmp_path / "input.npy"))
        np.testing.assert_allclose(output, np.load(tmp_path / f"{file.partition('.')[0]}.npy"), rtol=0, atol=1e-3)


def test_what_is_loaded_can_be_saved_and_loaded_again(tmp_path):
    zoo.save_weights(load_checkpoint(ZIP, "edsr-gan"), tmp_path / "a.weights.h5")
    model = zoo.load(tmp_path / "a.weights.h5")
    assert model.name == "edsr-gan-x2.blocks1.filters4"
    assert grey_levels_apart(model, "edsr_pytorch_x2") < 1e-3


def test_files_of_the_time_of_the_published_checkpoints_are_read(tmp_path):
    data = LEGACY.read_bytes()
    for new, old in (
        (b"_rebuild_tensor_v2", b"_rebuild_tensor"),
        (b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage"),
    ):
        assert new in data
        data = data.replace(new, old)
    (tmp_path / "old.pt").write_bytes(data)
    assert grey_levels_apart(load_checkpoint(tmp_path / "old.pt"), "edsr_pytorch_x3_legacy") < 1e-3


def test_a_residual_scaling_can_be_told():
    path = FILES / "edsr_pytorch_x4_scaled.pt"
    assert load_checkpoint(path, "edsr").name == "edsr-x4.blocks1.filters4"
    for name in ("edsr", None):
        model = load_checkpoint(path, name, residual_scaling=0.1)
        assert grey_levels_apart(model, "edsr_pytorch_x4_scaled") < 1e-3
    assert model.name == "edsr-baseline-x4.blocks1.filters4.residual_scaling0.1"
    with pytest.raises(ValueError, match="residual_scaling must be a finite number, got nan"):
        load_checkpoint(ZIP, residual_scaling=float("nan"))
    with pytest.raises(ValueError, match="'compact' has no option 'residual_scaling'"):
        load_checkpoint(FILES / "compact_x4.pth", residual_scaling=0.1)


def test_the_sizes_of_another_published_network_need_its_name_or_the_residual_scaling(tmp_path):
    shapes = {"head.0": (64, 3, 3, 3), "body.16": (64, 64, 3, 3), "tail.0.0": (256, 64, 3, 3), "tail.1": (3, 64, 3, 3)}
    shapes |= {f"body.{i}.body.{k}": (64, 64, 3, 3) for i in range(16) for k in (0, 2)}
    state = {f"{name}.weight": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    state |= {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}
    path = write_state(tmp_path / "a.pt", state)
    with pytest.raises(ValueError, match="its sizes are those of 'edsr-baseline', whose residuals are not scaled as"):
        load_checkpoint(path, "edsr")
    assert load_checkpoint(path, "edsr", residual_scaling=0.1).name == "edsr-x2.blocks16.filters64"
    assert load_checkpoint(path).name == "edsr-baseline-x2"


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [
        ("rrdb_x4.pth", "esrgan", "esrgan-x4.blocks1.filters4.growth2"),
        ("rrdb_x4.pth", "rrdb-x4.blocks1.filters4.growth2", "rrdb-x4.blocks1.filters4.growth2"),
        ("basicsr_x4.pth", "edsr-gan", "edsr-gan-x4.blocks1.filters4"),
    ],
)
def test_what_a_file_becomes_can_be_said(file, name, expected):
    assert load_checkpoint(FILES / file, name).name == expected


# Networks of one kind share their layouts: one of them stands for all.
LAYOUTS = list({id(layout): (entry, layout) for entry in MODELS.values() for layout in entry.layouts}.values())


@pytest.mark.parametrize(("entry", "layout"), LAYOUTS, ids=lambda each: getattr(each, "name", None))
def test_a_layout_names_each_layer_with_weights_once(entry, layout):
    for scale in entry.scales:
        sizes = {**entry.published(), **{key: 2 for key in ("blocks", "filters", "growth") if key in entry.published()}}
        model = entry.build(**sizes, scale=scale)
        names = layout.names({**sizes, "scale": scale})
        assert set(names) == {layer.name for layer in model.layers if layer.shapes}
        assert len(set(names.values())) == len(names)


def wrapped(state: dict, keys: str, prefix: str = "") -> dict:
    saved = {f"{prefix}{name}": each for name, each in state.items()}
    for key in keys.split("/") if keys else ():
        saved = {"epoch": 3, "optimizer": {"state": {}}, key: saved}
    return saved


AROUND = [
    *((key, "") for key in ("params_ema", "params-ema", "params", "state_dict", "model", "net", "netG")),
    *((key, "") for key in ("generator", "weights", "model_state_dict", "state_dict/model")),
    *(("", prefix) for prefix in ("module.", "model.", "net_g.", "generator.", "generator_ema.", "_orig_mod.")),
    *(("state_dict", prefix) for prefix in ("module.model.", "model.module.", "_orig_mod.module.net_g.")),
]


# The names of ESRGAN's first version begin with "model." themselves.
@pytest.mark.parametrize(
    ("keys", "prefix", "first"),
    [*((*each, False) for each in AROUND), *((*each, True) for each in AROUND if "model" in "".join(each))],
)
def test_whatever_lies_around_the_weights_is_taken_off(keys, prefix, first, tmp_path):
    found = read_torch(FILES / "rrdb_first.pth" if first else ZIP)
    state = {key: each.array() for key, each in found.items()}
    state |= {
        "total_ops": np.zeros(1),
        "n_averaged": np.zeros((), "i8"),
        "model.1.num_batches_tracked": np.zeros((), "i8"),
    }
    entries = {
        key: tensor(key, each.size, each.shape, row_major(each), kind=KINDS[each.dtype.str])
        for key, each in state.items()
    }
    path = write_zip(tmp_path / "a.pt", wrapped(entries, keys, prefix), {key: a.tobytes() for key, a in state.items()})
    assert grey_levels_apart(load_checkpoint(path), "rrdb_first" if first else "edsr_pytorch_x2") < 1e-3


KINDS = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<i8": "LongStorage"}


def row_major(array: np.ndarray) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in np.ascontiguousarray(array).strides[: array.ndim])


def test_a_dict_that_holds_itself_and_endless_prefixes_are_refused_at_once(tmp_path):
    itself = b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s."
    with pytest.raises(ValueError, match="it holds 'model', but no weights"):
        load_checkpoint(write_zip(tmp_path / "a.pt", itself, {}))
    path = write_zip(tmp_path / "b.pt", {100_000 * "model.": tensor()}, {"0": bytes(24)})
    with pytest.raises(ValueError, match="it holds 'model.model"):
        load_checkpoint(path)


def test_averaged_weights_are_taken_before_others(state, tmp_path):
    both = {f"generator.{name}": np.zeros_like(each) for name, each in state.items()}
    both |= {f"generator_ema.{name}": each for name, each in state.items()}
    assert grey_levels_apart(load_checkpoint(write_state(tmp_path / "a.pt", both)), "edsr_pytorch_x2") < 1e-3


def test_an_ending_may_be_in_capitals(tmp_path):
    path = shutil.copy(FILES / "edsr.safetensors", tmp_path / "EDSR.SAFETENSORS")
    assert load_checkpoint(path).name == "edsr-baseline-x2.blocks1.filters4"


def test_without_layers_for_the_mean_white_is_255_inside_edsr(tmp_path, state):
    less = {key: each for key, each in state.items() if "_mean" not in key}
    assert grey_levels_apart(load_checkpoint(write_state(tmp_path / "a.pt", less)), "edsr_pytorch_x2") < 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "srresnet"},
            "it holds 'edsr-baseline-x2.blocks1.filters4', but 'srresnet' was asked for",
        ),
        (
            {"name": "edsr-baseline-x4"},
            "it holds 'edsr-baseline-x2.blocks1.filters4', but 'edsr-baseline-x4' was asked",
        ),
        ({"name": "edsr-baseline", "scale": 4}, "it upscales by 2, but the scale 4 was given"),
        ({"name": "vdsr"}, "unknown model 'vdsr'"),
    ],
)
def test_a_name_or_scale_that_the_file_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_checkpoint(ZIP, **arguments)


def test_a_full_name_and_a_scale_that_the_file_fits_are_taken():
    name = "edsr-baseline-x2.blocks1.filters4"
    assert load_checkpoint(ZIP, name, scale=2).name == name


def drop(*names):
    return lambda state: [state.pop(name) for name in names]


def put(name, value):
    return lambda state: state.update({name: np.asarray(value)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("tail.1.bias", "body.1.bias"), "4' of EDSR-PyTorch it lacks 'body.1.bias', 'tail.1.bias'; give"),
        (put("body.7.attention", np.zeros(3, "f4")), "it has 'body.7.attention' besides"),
        (drop("sub_mean.bias"), "it lacks 'sub_mean.bias'"),
        (put("body.1.bias", np.zeros(3, "f4")), r"body.1.bias has the shape \(3,\), expected \(4,\) by the shapes"),
        (put("body.1.bias", np.zeros(4, "i8")), "body.1.bias is of type int64, expected floating-point"),
        (put("body.1.bias", np.full(4, np.nan, "f4")), "body.1.bias holds numbers that are not finite"),
        (put("sub_mean.bias", np.float32([-100, -90, -80])), "sub_mean is not a shift by DIV2K's mean"),
        (put("add_mean.bias", np.zeros(3, "f4")), "add_mean is not a shift by DIV2K's mean"),
        (
            put("head.0.weight", np.zeros((4, 1, 3, 3), "f4")),
            r"named as EDSR-PyTorch names those of 'edsr-baseline', but their shapes .*head.0.weight .4, 1, 3, 3",
        ),
        (put("tail.0.0.weight", np.zeros((64, 4, 3, 3), "f4")), "their shapes make no such network"),
        (drop("tail.0.0.weight"), "their shapes make no such network"),
        (drop("body.0.body.0.weight"), "their shapes make no such network"),
        (put("head.0.weight", np.zeros((), "f4")), "their shapes make no such network"),
        (put("body.0.body.1.running_mean", np.zeros(4, "f4")), "it holds EDSR with batch normalisation"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_what_is_wrong(change, message, state, tmp_path):
    change(state)
    path = write_state(tmp_path / "a.pt", state)
    with pytest.raises(ValueError, match=f"^{path}: .*{message}"):
        load_checkpoint(path)


def test_msrresnet_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="it holds BasicSR's MSRResNet, which has leaky ReLUs, a bilinear skip and no"):
        load_checkpoint(FILES / "msrresnet.pth")


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({}, "it holds an empty dict, but no weights"),
        ([1], "it holds list, but no weights"),
        ({"epoch": 3, "optimizers": []}, "it holds 'epoch', 'optimizers', but no weights by their names"),
        ({"a": tensor(), "b": tensor()}, "its tensors share their memory"),
        (
            {"a": tensor()},
            "it holds 'a', expected .*edsr-baseline, .* with the names of Real-ESRGAN, EDSR-PyTorch, BasicSR",
        ),
        # Of SwinIR, whose ends have the names of EDSR's.
        (
            dict.fromkeys(["conv_first.weight", "layers.0.mlp.weight"], tensor(shape=(3,), strides=(1,))),
            "it holds 'conv_first.weight', 'layers.0.mlp.weight', expected",
        ),
    ],
)
def test_what_is_no_state_dict_is_refused(saved, message, tmp_path):
    path = write_zip(tmp_path / "a.pt", saved, {"0": bytes(24)})
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path)


def test_mutated_files_raise_nothing_but_value_and_os_errors(tmp_path):
    random = np.random.default_rng(0)
    with zipfile.ZipFile(BASICSR) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    refused = 0
    for turn in range(200):
        kind, path = turn % 3, tmp_path / "a.pt"
        source = [LEGACY.read_bytes()[:6000], BASICSR.read_bytes(), entries["basicsr_x4/data.pkl"]][kind]
        data = bytearray(source)
        for _ in range(random.integers(1, 6)):
            data[random.integers(len(data))] = random.integers(256)
        if kind == 0:
            data += LEGACY.read_bytes()[6000:]
        if kind == 2:
            # The list's checksums would tell of any change, so the changed pickle gets a true one.
            memory = io.BytesIO()
            with zipfile.ZipFile(memory, "w") as archive:
                for name, content in {**entries, "basicsr_x4/data.pkl": bytes(data)}.items():
                    archive.writestr(name, content)
            data = memory.getbuffer()
        path.write_bytes(data)
        try:
            load_checkpoint(path)
        except (ValueError, OSError) as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 50
