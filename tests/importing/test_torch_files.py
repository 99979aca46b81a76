"""Files that PyTorch wrote, read without it; `make_torch_files.py` made those in `files/`."""

import codecs
import contextlib
import fractions
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pickles import Call, Name, encode, tensor, write_legacy, write_zip

from srzoo.importing.tensors import Tensor
from srzoo.importing.torch_files import MAX_PICKLE, read_torch

FILES = Path(__file__).parent / "files"
ZIP, LEGACY = FILES / "edsr_pytorch_x2.pt", FILES / "edsr_pytorch_x3_legacy.pt"


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
    assert read == {"o": {"a": 1, "b": (True, None, 2.5)}, "s": [2, 3], 7: [b"x", {"e"}]}


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
        (Attack(codecs.encode, text, "rot13"), r"_codecs\.encode"),
        (fractions.Fraction(1, 2), r"fractions\.Fraction|copy.*"),
    ]:
        saved = pickle.dumps({"head.0.weight": attack}, protocol)
        with pytest.raises(ValueError, match=f"it holds '({name})', which is not read"):
            read_torch(write(saved))
    assert not target.exists()


@pytest.mark.parametrize("name", ["torch.load", "torch.hub.load", "torch.storage._load_from_bytes", "builtins.getattr"])
def test_functions_of_pytorch_that_read_files_are_refused_too(name, write):
    with pytest.raises(ValueError, match=f"it holds '{name}', which is not read"):
        read_torch(write(b"\x80\x02" + encode(Call((Name(name), "a.pt"))) + b"."))


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
        (b"]}b.", "damaged"),
        (b"ccollections\nOrderedDict\n}b.", "it sets attributes of a _Name"),
        (b"ctorch\nFloatStorage\n}b.", "it sets attributes of a _Name"),
        (b"ccollections\nOrderedDict\n)\x81.", "damaged"),
        (b"cos\nsystem\n)\x81.", "it holds 'os.system', which is not read"),
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
    assert read_torch(write(b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb.")) == {}


def test_a_memo_at_a_huge_place_is_refused_before_it_takes_memory(write):
    with pytest.raises(ValueError, match="a memo at 2147483647, but only"):
        read_torch(write(b"\x80\x02}r\xff\xff\xff\x7fj\xff\xff\xff\x7f."))


def test_numbers_that_all_have_one_hash_are_no_keys(write):
    huge = [encode((1 << 61) - 1), encode(-(1 << 70))]
    instructions = [b"}" + each + b"Ns." for each in huge] + [b"}(" + each + b"Nu." for each in huge]
    instructions += [b"(" + each + b"Nd." for each in huge] + [b"\x8f(" + each + b"\x90." for each in huge]
    instructions += [b"ccollections\nOrderedDict\n(((" + each + b"NlltR." for each in huge]
    for each in instructions:
        with pytest.raises(ValueError, match="a huge number as a key|nor a usual number"):
            read_torch(write(b"\x80\x04" + each))


@pytest.mark.parametrize("function", [b"ctorch\nSize\n", b"ccollections\nOrderedDict\n"])
def test_a_long_list_is_not_copied_again_and_again(function, write):
    pairs = b"".join(b"(K\x01J" + struct.pack("<i", number) + b"l" for number in range(20_000))
    bomb = b"\x80\x02" + function + b"q\x00(" + pairs + b"lq\x01(" + 20_000 * b"h\x00h\x01\x85R" + b"l."
    tracemalloc.start()
    path = write(bomb)
    with contextlib.suppress(ValueError):
        read_torch(path)
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()


def test_tensors_and_storages_cannot_be_changed(tmp_path):
    change = {"size": 2**40, "shape": (2**40,)}
    for bad in (tensor(), tensor()[1]):
        saved = b"\x80\x02" + encode(bad) + encode(change) + b"b."
        with pytest.raises(ValueError, match="it sets attributes of a (Tensor|Storage)"):
            read_torch(write_zip(tmp_path / "a.pt", saved, {"0": bytes(24)}))


def test_deeply_nested_and_shared_values_are_refused_at_once(write):
    # Each tuple holds the one before it twice: to print or to hash the last would take for ever.
    doubling = b"I1\nq\x00" + b"".join(b"h\x00\x86q\x00" for _ in range(60))
    nested = b"(" * 100_000 + b"t" * 100_000
    for bad in (doubling + b"Q.", b"}" + doubling + b"K\x01s.", doubling + doubling + b"\x93.", nested + b"Q."):
        with pytest.raises(ValueError):
            read_torch(write(b"\x80\x02" + bad))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (tensor(size=2**40), "'storage 0' is declared as 1099511627776 elements of float32, but has 24 bytes"),
        (tensor(size=5), "does not lie within its storage of 5 elements"),
        (tensor(size=7), "as 7 elements of float32, but has 24 bytes"),
        (tensor(kind="DoubleStorage"), "as 6 elements of float64, but has 24 bytes"),
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
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:  # as torch.jit.save writes
        for name in ("data.pkl", "code/__torch__.py", "constants.pkl"):
            archive.writestr(f"a/{name}", "")
    with pytest.raises(ValueError, match=r"it is TorchScript, a program; save the network's state_dict\(\)"):
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
    path = write_legacy(tmp_path / "b.pt", encode({}) + b".", little_endian=False)
    with pytest.raises(ValueError, match="written by a big-endian machine"):
        read_torch(path)
