"""Files that PyTorch wrote, read without it; `make_torch_files.py` made those in `files/`."""

import fractions
import io
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from srzoo import zoo
from srzoo.importing.torch_checkpoints import convert, load_torch
from srzoo.importing.torch_files import LEGACY_MAGIC, MAX_PICKLE, Tensor, read_torch

FILES = Path(__file__).parent / "files"
ZIP, LEGACY, BASICSR = FILES / "edsr_pytorch_x2.pt", FILES / "edsr_pytorch_x3_legacy.pt", FILES / "basicsr_x4.pth"

NETWORKS = {
    "edsr_pytorch_x2.pt": "edsr-baseline-x2.blocks1.filters4",
    "edsr_pytorch_x3_legacy.pt": "edsr-baseline-x3.blocks2.filters4",
    "edsr_pytorch_x4_scaled.pt": "edsr-x4.blocks1.filters4",
    "basicsr_x4.pth": "edsr-baseline-x4.blocks1.filters4",
    "basicsr_x8.pth": "edsr-baseline-x8.blocks1.filters2",
    "edsr_pytorch_x2_float16.pt": "edsr-baseline-x2.blocks1.filters3",
    "edsr_pytorch_x2_bfloat16.pt": "edsr-baseline-x2.blocks1.filters3",
    "edsr_pytorch_x2_float64.pt": "edsr-baseline-x2.blocks1.filters3",
}


def grey_levels_apart(model, name: str) -> float:
    output = np.asarray(model(np.load(FILES / "input.npy")))
    expected = np.load(FILES / f"{name}.npy")
    assert output.shape == expected.shape
    return float(np.abs(output - expected).max())


class Name(str):
    """A name in a pickle, `module.attribute`."""


class Call(tuple):
    """A function's name and its arguments."""


class Persistent(tuple):
    """What a pickle says of a storage."""


def encode(value) -> bytes:
    """The instructions of a pickle that make the value."""
    if isinstance(value, Name):
        return b"c%s\n%s\n" % tuple(part.encode() for part in value.rsplit(".", 1))
    if isinstance(value, Call):
        return encode(value[0]) + encode(tuple(value[1:])) + b"R"
    if isinstance(value, Persistent):
        return encode(tuple(value)) + b"Q"
    if isinstance(value, (tuple, list)):
        return b"(" + b"".join(map(encode, value)) + (b"t" if isinstance(value, tuple) else b"l")
    if isinstance(value, dict):
        return b"}(" + b"".join(encode(key) + encode(item) for key, item in value.items()) + b"u"
    return pickle.dumps(value, 2)[2:-1]


def tensor(key="0", size=6, shape=(2, 3), strides=(3, 1), offset=0, kind="FloatStorage") -> Call:
    storage = Persistent(("storage", Name(f"torch.{kind}"), key, "cpu", size))
    return Call((Name("torch._utils._rebuild_tensor_v2"), storage, offset, shape, strides, False, {}))


def write_zip(path: Path, saved, storages: dict[str, bytes], compression=zipfile.ZIP_STORED, byteorder="little"):
    """A file as `torch.save` writes it; `saved` may be a pickle's bytes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a/data.pkl", saved if isinstance(saved, bytes) else b"\x80\x02" + encode(saved) + b".")
        archive.writestr("a/byteorder", byteorder)
        for key, data in storages.items():
            archive.writestr(f"a/data/{key}", data)
    return path


def write_legacy(path: Path, saved: bytes, little_endian: bool = True) -> Path:
    head = (LEGACY_MAGIC, 1001, {"little_endian": little_endian})
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in head) + saved + pickle.dumps([], 2))
    return path


def write_state(path: Path, state: dict[str, np.ndarray]) -> Path:
    """A checkpoint of float32 arrays."""
    kinds = {"f": "FloatStorage", "i": "LongStorage"}
    tensors = {}
    for name, array in state.items():
        strides = tuple(stride // array.itemsize for stride in array.strides)
        tensors[name] = tensor(name, array.size, array.shape, strides, kind=kinds[array.dtype.kind])
    return write_zip(path, tensors, {name: array.tobytes() for name, array in state.items()})


@pytest.fixture
def state() -> dict[str, np.ndarray]:
    """A state dict of EDSR-PyTorch's at x2, of 1 block and 4 filters."""
    return {name: found.array().copy() for name, found in read_torch(ZIP).items()}


@pytest.mark.parametrize(("file", "name"), NETWORKS.items())
def test_the_outputs_are_those_in_pytorch(file, name):
    model = load_torch(FILES / file, name.partition("-x")[0])
    assert model.name == name
    assert grey_levels_apart(model, file.partition(".")[0]) < 1e-3


def test_what_pytorch_writes_now_is_read_too(tmp_path):
    pytest.importorskip("torch")
    import make_torch_files

    make_torch_files.main(tmp_path)
    for file, name in NETWORKS.items():
        output = load_torch(tmp_path / file, name)(np.load(tmp_path / "input.npy"))
        np.testing.assert_allclose(output, np.load(tmp_path / f"{file.partition('.')[0]}.npy"), rtol=0, atol=1e-3)


def test_what_is_loaded_can_be_saved_and_loaded_again(tmp_path):
    zoo.save_weights(load_torch(ZIP, "edsr-gan"), tmp_path / "a.weights.h5")
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
    assert grey_levels_apart(load_torch(tmp_path / "old.pt", "edsr-baseline"), "edsr_pytorch_x3_legacy") < 1e-3


def test_a_residual_scaling_can_be_told():
    model = load_torch(FILES / "edsr_pytorch_x4_scaled.pt", "edsr-baseline", residual_scaling=0.1)
    assert grey_levels_apart(model, "edsr_pytorch_x4_scaled") < 1e-3
    with pytest.raises(ValueError, match="must be a number other than 0, got nan"):
        load_torch(ZIP, "edsr-baseline", residual_scaling=float("nan"))


def test_the_sizes_of_another_published_network_need_its_name_or_the_residual_scaling(tmp_path, state):
    network = zoo.create("edsr-baseline-x2")
    shapes = {"head.0": (64, 3, 3, 3), "body.16": (64, 64, 3, 3), "tail.0.0": (256, 64, 3, 3), "tail.1": (3, 64, 3, 3)}
    shapes |= {f"body.{i}.body.{k}": (64, 64, 3, 3) for i in range(16) for k in (0, 2)}
    state = {name: array for name, array in state.items() if "_mean." in name}
    for name, shape in shapes.items():
        state |= {f"{name}.weight": np.zeros(shape, np.float32), f"{name}.bias": np.zeros(shape[0], np.float32)}
    path = write_state(tmp_path / "a.pt", state)
    with pytest.raises(ValueError, match="its 16 blocks of 64 filters are those of 'edsr-baseline', whose residuals"):
        convert(path, "edsr")
    assert convert(path, "edsr", residual_scaling=0.1)[0] == "edsr-x2.blocks16.filters64"
    name, layers = convert(path, "edsr-baseline")
    assert name == "edsr-baseline-x2"
    assert sum(array.size for arrays in layers.values() for array in arrays) == network.count_params()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "srresnet"},
            "cannot become 'srresnet', only what is built as EDSR is: edsr-baseline, edsr, edsr-gan",
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
        load_torch(ZIP, **arguments)


def test_a_full_name_and_a_scale_that_the_file_fits_are_taken():
    assert convert(ZIP, "edsr-baseline-x2.blocks1.filters4", scale=2)[0] == "edsr-baseline-x2.blocks1.filters4"


def drop(*names):
    return lambda state: [state.pop(name) for name in names]


def put(name, value):
    return lambda state: state.update({name: np.asarray(value)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("tail.1.bias", "body.1.bias"), "as EDSR-PyTorch's EDSR it lacks 'body.1.bias', 'tail.1.bias'; give"),
        (put("body.7.attention", np.zeros(3, "f4")), "it has 'body.7.attention' besides"),
        (
            put("head.0.weight", np.zeros((4, 1, 3, 3), "f4")),
            r"head.0.weight has the shape \(4, 1, 3, 3\), expected \(4, 3,",
        ),
        (put("body.1.bias", np.zeros(4, "i8")), "body.1.bias is of type int64, expected floating-point"),
        (put("body.1.bias", np.full(4, np.nan, "f4")), "body.1.bias holds numbers that are not finite"),
        (put("sub_mean.bias", np.float32([-100, -90, -80])), "sub_mean is not a shift by DIV2K's mean"),
        (put("add_mean.bias", np.zeros(3, "f4")), "add_mean is not a shift by DIV2K's mean"),
        (
            put("tail.0.0.weight", np.zeros((64, 4, 3, 3), "f4")),
            r"its upsampling stages are \[4\] .* expected \[2\], \[3\]",
        ),
        (drop("tail.0.0.weight"), "its upsampling stages are none"),
        (drop("body.0.body.0.weight"), "it holds 0 blocks and 4 filters"),
        (put("head.0.weight", np.zeros((), "f4")), "it holds 1 blocks and 0 filters"),
        (put("body.0.body.1.running_mean", np.zeros(4, "f4")), "it holds EDSR with batch normalisation"),
        (put("conv_up1.weight", np.zeros(4, "f4")), "it holds RRDBNet"),
        (drop("head.0.weight"), "it holds 'sub_mean.weight', 'sub_mean.bias', .* and .. more, expected EDSR as"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_what_is_wrong(change, message, state, tmp_path):
    change(state)
    path = write_state(tmp_path / "a.pt", state)
    with pytest.raises(ValueError, match=f"^{path}: .*{message}"):
        convert(path, "edsr-baseline")


def test_msrresnet_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="it holds BasicSR's MSRResNet, which has leaky ReLUs, a bilinear skip and no"):
        load_torch(FILES / "msrresnet.pth", "edsr-baseline")


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({}, "an empty state or a dict"),
        ([1], "an empty state or a list"),
        ({"epoch": 3}, "it holds a int as 'epoch', expected tensors by their names"),
        ({"a": tensor(), "b": tensor()}, "its tensors share their memory"),
    ],
)
def test_what_is_no_state_dict_is_refused(saved, message, tmp_path):
    path = write_zip(tmp_path / "a.pt", saved, {"0": bytes(24)})
    with pytest.raises(ValueError, match=message):
        convert(path, "edsr-baseline")


def test_tensors_are_views_of_their_storages(tmp_path):
    values = np.arange(12, dtype="<f4")
    saved = {"a": tensor(size=12, offset=1, strides=(1, 2)), "b": tensor(size=12, shape=(), strides=(), offset=5)}
    read = read_torch(write_zip(tmp_path / "a.pt", saved, {"0": values.tobytes()}))
    np.testing.assert_array_equal(read["a"].array(), [[1, 3, 5], [2, 4, 6]])
    assert read["b"].array() == 5


def test_containers_and_parameters_are_let_through(tmp_path):
    parameter = Call((Name("torch._utils._rebuild_parameter"), tensor(), True, {}))
    ordered = Call((Name("collections.OrderedDict"), [["a", 1], ["b", (True, None, 2.5)]]))
    saved = {"p": parameter, "o": ordered, "s": Call((Name("torch.Size"), (2, 3))), 7: [b"x", {"e"}]}
    read = read_torch(write_zip(tmp_path / "a.pt", pickled(saved), {"0": bytes(24)}))
    assert isinstance(read.pop("p"), Tensor)
    assert read == {"o": {"a": 1, "b": (True, None, 2.5)}, "s": (2, 3), 7: [b"x", {"e"}]}


def pickled(saved) -> bytes:
    # Protocol 2 says bytes and sets by calls, protocol 4 by instructions of their own.
    return b"\x80\x04" + encode({**saved, 7: []})[:-1] + encode(7) + b"](C\x01x\x8f(\x8c\x01e\x90eu."


class Attack:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture(params=["zip", "legacy"])
def write(request, tmp_path):
    """Writes a pickle's bytes as a file of either format."""
    path = tmp_path / "a.pt"
    if request.param == "legacy":
        return lambda saved: write_legacy(path, saved)
    return lambda saved: write_zip(path, saved, {})


@pytest.mark.parametrize("protocol", range(6))
def test_functions_are_refused_by_name_and_never_run(protocol, write, tmp_path):
    target = tmp_path / "ran"
    text = f"open({str(target)!r}, 'w')"
    for attack, name in [
        (Attack(os.system, f"touch {target}"), rf"{os.name}\.system"),
        (Attack(eval, text), r"__builtin__\.eval|builtins\.eval"),
        (Attack(exec, text), r"__builtin__\.exec|builtins\.exec"),
        (Attack(getattr, text, "upper"), r"__builtin__\.getattr|builtins\.getattr"),
        (Attack(os.makedirs, str(target)), r"os\.makedirs"),
        (fractions.Fraction(1, 2), r"fractions\.Fraction|copy.*"),
    ]:
        saved = pickle.dumps({"head.0.weight": attack}, protocol)
        with pytest.raises(ValueError, match=f"it holds '({name})', which is not read"):
            read_torch(write(saved))
    assert not target.exists()


@pytest.mark.parametrize("file", ["module.pt", "module_legacy.pt"])
def test_a_whole_network_is_refused_by_its_class(file):
    with pytest.raises(
        ValueError, match="it holds 'torch.nn.modules.container.Sequential'.*save the network's state_dict"
    ):
        read_torch(FILES / file)


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (b"(S'touch ran'\nios\nsystem\n.", "the instruction INST"),
        (b"\x82\x01.", "the instruction EXT1"),
        (b"]}b.", "it sets attributes of list"),
        (b"ccollections\nOrderedDict\n)\x81.", "the instruction NEWOBJ"),
        (b"Ptouch\n.", "the instruction PERSID"),
        (b"}", "damaged"),
        (b".", "damaged"),
        (b"e.", "damaged"),
        (b"}(K\x01u.", "damaged"),
        (b"j\xff\xff\xff\x7f.", "damaged"),
        (b"I1\nI2\n\x93.", "damaged"),
        (b"(I1\nI2\nI3\nI4\nI5\ntQ.", "damaged"),
        (b"(X\x06\x00\x00\x00moduleI2\nI3\nI4\nI5\ntQ.", "it holds a 'module', which is not read"),
        (b"ctorch\nFloatStorage\n)R.", "damaged"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "damaged"),
        (b"X\xff\xff\xff\x7f.", "damaged"),
    ],
)
def test_other_instructions_and_damaged_ones_are_refused(instructions, message, write):
    with pytest.raises(ValueError, match=message):
        read_torch(write(b"\x80\x02" + instructions))


def test_attributes_of_a_dict_are_left_out(write):
    assert read_torch(write(b"\x80\x02}}X\x05\x00\x00\x00itemsK\x01sb.")) == {}


def test_a_memo_at_a_huge_place_takes_no_memory(write):
    assert read_torch(write(b"\x80\x02}r\xff\xff\xff\x7fj\xff\xff\xff\x7f.")) == {}


def test_deeply_nested_and_shared_values_are_refused_at_once(write):
    # Each tuple holds the one before it twice: to print or to hash the last would take for ever.
    doubling = b"I1\nq\x00" + b"".join(b"h\x00\x86q\x00" for _ in range(60))
    nested = b"(" * 100_000 + b"t" * 100_000
    start = time.perf_counter()
    for bad in (doubling + b"Q.", b"}" + doubling + b"K\x01s.", doubling + doubling + b"\x93.", nested + b"Q."):
        with pytest.raises(ValueError):
            read_torch(write(b"\x80\x02" + bad))
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (tensor(size=2**40), "'0' is declared as a FloatStorage of 1099511627776 elements, but has 24 bytes"),
        (tensor(size=5), "of 5 elements, but has 24 bytes"),
        (tensor(kind="DoubleStorage"), "a DoubleStorage of 6 elements, but has 24 bytes"),
        (
            tensor(strides=(4, 1)),
            r"of shape \(2, 3\), strides \(4, 1\) and offset 0 does not lie within its storage of 6",
        ),
        (tensor(offset=1), "does not lie within"),
        (tensor(strides=(2**62, 1)), "does not lie within"),
        (tensor(shape=(2**62, 2**62), strides=(0, 0)), "does not lie within"),
        (tensor(shape=(4, 3), strides=(0, 1)), "does not lie within"),
        (tensor(strides=(-3, 1)), "damaged"),
        (tensor(offset=-1), "damaged"),
        (tensor(shape=(2, 3, 1)), "damaged"),
        (tensor(shape=(1,) * 9, strides=(1,) * 9), "damaged"),
        (tensor(shape=(2.0, 3)), "damaged"),
        (tensor(key="1"), "damaged"),
        (tensor(key="../../a"), "damaged"),
        ([tensor(), tensor(kind="IntStorage")], "'0' is declared twice"),
        (tensor(kind="QInt8Storage"), "it holds 'torch.QInt8Storage', which is not read"),
    ],
)
def test_sizes_that_are_not_the_files_are_refused(bad, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_torch(write_zip(tmp_path / "a.pt", bad, {"0": bytes(24)}))


def test_a_legacy_storage_that_the_file_does_not_have_is_refused(tmp_path):
    data = LEGACY.read_bytes()
    for start in (len(data) - 1000, len(data) - 1, 3000, 500, 20):
        (tmp_path / "a.pt").write_bytes(data[:start])
        with pytest.raises(ValueError, match="get it again|get the file again"):
            read_torch(tmp_path / "a.pt")


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_zip_is_refused(share, tmp_path):
    data = ZIP.read_bytes()
    (tmp_path / "a.pt").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="a damaged file of torch.save|not a file that torch.save wrote"):
        read_torch(tmp_path / "a.pt")


def test_what_is_no_file_of_torch_save_is_refused(tmp_path):
    (tmp_path / "a.pt").write_text("<html>404</html>")
    with pytest.raises(ValueError, match="not a file that torch.save wrote; give a .pt or .pth file"):
        read_torch(tmp_path / "a.pt")
    with pytest.raises(FileNotFoundError, match=r"none.pt: no such file"):
        read_torch(tmp_path / "none.pt")
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("readme.txt", "no network")
    with pytest.raises(ValueError, match="a zip file with 0 <name>/data.pkl"):
        read_torch(tmp_path / "a.pt")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = write_zip(tmp_path / "a.pt", tensor(size=10**7), {"0": bytes(4 * 10**7)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed, as torch.save never does"):
        read_torch(path)
    # The same bytes under many names: the entries of the list at the end all lie at the same place.
    path = write_zip(tmp_path / "b.pt", tensor(), {key: bytes(4000) for key in "0123456789"})
    data = path.read_bytes()
    place = data.index(b"a/data/0") - 30
    listing = data.index(b"PK\x01\x02")
    bomb = bytearray(data[: place + 30 + 8 + 4000] + data[listing:])
    listing = at = bomb.index(b"PK\x01\x02")
    while bomb[at : at + 4] == b"PK\x01\x02":
        if b"a/data/" in bomb[at + 46 : at + 54]:
            bomb[at + 42 : at + 46] = struct.pack("<I", place)
        at += 46 + struct.unpack("<H", bomb[at + 28 : at + 30])[0]
    bomb[at + 16 : at + 20] = struct.pack("<I", listing)
    path.write_bytes(bomb)
    with pytest.raises(ValueError, match="its entries declare 4.... bytes, but the file has"):
        read_torch(path)


def test_a_pickle_that_is_too_long_is_refused(write):
    with pytest.raises(ValueError, match=f"its pickle has .* bytes or more, expected under {MAX_PICKLE}"):
        read_torch(write(b"\x80\x02(" + b"N" * MAX_PICKLE + b"t."))


def test_big_endian_files_are_refused(tmp_path):
    path = write_zip(tmp_path / "a.pt", {}, {}, byteorder="big")
    with pytest.raises(ValueError, match="written by a big-endian machine"):
        read_torch(path)
    path = write_legacy(tmp_path / "b.pt", encode({}), little_endian=False)
    with pytest.raises(ValueError, match="written by a big-endian machine"):
        read_torch(path)


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
            convert(path, "edsr-baseline")
        except (ValueError, OSError) as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 50
