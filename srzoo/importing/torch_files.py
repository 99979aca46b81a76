"""Reads the tensors of files that `torch.save` wrote, without PyTorch and without running what the file holds.

Such a file is a pickle, a program for a small machine that may call any function there is, and the tensors' bytes. Here
the machine is Python's own, but it finds no functions except the five below; whatever else a file asks for is refused
by its name. The program is looked through first, so that it cannot make the machine take memory or time without end.
No size that a file declares is believed before it is compared with the bytes that are there.
"""

import io
import math
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from srzoo.importing.tensors import BFLOAT16, MAX_DIMENSIONS, Refused, Sealed, Storage, Tensor, opened, short

MAX_PICKLE = 1 << 20
"""Bytes of a pickle that are read at most; that of a network with a thousand tensors has some 200,000."""

STORAGES: dict[str, Any] = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""PyTorch's classes of typed memory -> NumPy's type of their bytes."""

DTYPES = {"float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool"}

INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "DICT"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "BINPERSID"),
}
"""Instructions of a pickle of tensors and containers, and NEWOBJ: its class is refused by name before."""

MOST_KEY = (1 << 61) - 2
"""Largest whole number as a key: Python's hash of a whole number is the rest by the next one, so that of larger ones
any number may have one hash, and to collect them takes time without end."""

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little")


def read_torch(path: str | os.PathLike) -> Any:
    """Reads a file of `torch.save`: of the zip format, PyTorch's since 1.6, or of the one before it.

    Returns:
        What was saved, made of dict (for OrderedDict too), list, tuple, set, str, bytes, int, float, bool, None, and
        `Tensor` for tensors and parameters. Attributes of an OrderedDict (a state dict's versions) are left out.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no such file, is damaged, declares sizes that it does not have, or holds anything but
            tensors and containers; that is named.
    """
    with opened(path, "file of torch.save") as file:
        start = file.read(len(LEGACY_START))
        file.seek(0)
        if start.startswith(b"PK\x03\x04"):
            return _read_zip(file)
        if start == LEGACY_START:
            return _read_legacy(file)
        raise Refused("not a file that torch.save wrote; give a .pt or .pth file of PyTorch, or a .safetensors file")


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise Refused("it is TorchScript, a program; save the network's state_dict() by torch.save, give that file")
        _check_entries(archive, os.fstat(file.fileno()).st_size)
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise Refused(f"a zip file with {len(pickles)} <name>/data.pkl, not 1; give a .pt or .pth file of PyTorch")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder").strip() != b"little":
            raise Refused("written by a big-endian machine, which is not read; save it again on a little-endian one")
        if archive.getinfo(pickles[0]).file_size > MAX_PICKLE:
            raise Refused(_too_long(archive.getinfo(pickles[0]).file_size))
        saved, storages = _unpickle(io.BytesIO(archive.read(pickles[0])))
        for key, storage in storages.items():
            storage.take(f"storage {key}", archive.read(f"{folder}data/{key}"))
        return saved


def _check_entries(archive: zipfile.ZipFile, file_size: int) -> None:
    """PyTorch compresses nothing, so that what unpacks to more than the file has is none of its files."""
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise Refused(f"the entry {short(entry.filename)} is compressed, as torch.save never does; save it again")
    total = sum(entry.file_size for entry in archive.infolist())
    if total > file_size:
        raise Refused(f"its entries declare {total} bytes, but the file has {file_size}; get it again")


def _read_legacy(file: BinaryIO) -> Any:
    """Five pickles (magic number, version, machine, what was saved, keys of its storages), then the storages."""
    data = memoryview(file.read())
    stream = io.BytesIO(data[:MAX_PICKLE])
    try:
        _magic, _version, (machine, _), (saved, storages), (keys, _) = [_unpickle(stream) for _ in range(5)]
    except Refused:
        raise
    except Exception:
        if len(data) >= MAX_PICKLE:
            raise Refused(_too_long(MAX_PICKLE)) from None
        raise
    if machine.get("little_endian") is not True:
        raise Refused("written by a big-endian machine, which is not read; save it again on a little-endian one")
    # Text only: of nested tuples, comparing and hashing may take for ever.
    if not all(isinstance(key, str) for key in keys):
        raise TypeError("a storage's key that is no text")
    data = data[stream.tell() :]
    for key in keys:
        end = 8 + int.from_bytes(data[:8], "little") * storages[key].dtype.itemsize
        storages[key].take(f"storage {key}", data[8:end])
        data = data[end:]
    for key in storages.keys() - set(keys):
        raise Refused(f"the bytes of storage {short(key)} are missing; get the file again")
    return saved


def _too_long(size: int) -> str:
    return f"its pickle has {size} bytes or more, expected under {MAX_PICKLE}: a network's weights alone; save those"


def _unpickle(stream: io.BytesIO) -> tuple[Any, dict[str, Storage]]:
    """Reads one pickle; also gives the storages that it speaks of, by their keys and without their bytes."""
    start = stream.tell()
    _look_through(stream)
    size = stream.tell() - start
    stream.seek(start)
    unpickler = _Unpickler(io.BytesIO(stream.read(size)), encoding="latin1")
    return unpickler.load(), unpickler.storages


def _look_through(stream: io.BytesIO) -> None:
    """Goes to the end of a pickle, if its instructions are those of tensors and containers.

    What each takes off the machine's stack and puts there is known to `pickletools`, kinds of values only. Two things
    would harm: a memo at a huge place, for which the machine takes memory up to there; and as a key a huge number, or a
    tuple, as to hash tuples that hold each other twice takes for ever.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    size = stream.getbuffer().nbytes
    for opcode, argument, _ in pickletools.genops(stream):
        name, taken, given = opcode.name, opcode.stack_before, opcode.stack_after
        if name not in INSTRUCTIONS:
            raise Refused(f"its pickle has the instruction {name}, expected those of tensors and containers only")
        if name == "MARK":
            marks.append(len(stack))
        elif "PUT" in name or name == "MEMOIZE":
            place: Any = len(memo) if name == "MEMOIZE" else argument
            if place > size:
                raise Refused(f"its pickle has a memo at {place}, but only {size} bytes; get it again")
            memo[place] = stack[-1]
        elif "GET" in name:
            place = argument
            stack.append(memo[place])
        else:
            marked = pickletools.markobject in taken
            first = marks.pop() if marked else len(stack) - len(taken)
            items = stack[first:]
            keys = {"SETITEM": items[1:2], "SETITEMS": items[::2], "DICT": items[::2], "ADDITEMS": items}.get(name, [])
            if pickletools.pytuple in keys:
                raise Refused("its pickle has a tuple or a huge number as a key, expected text and usual numbers only")
            if given and isinstance(argument, int) and abs(argument) > MOST_KEY:
                given = [pickletools.pytuple]
            del stack[first - (taken.index(pickletools.markobject) if marked else 0) :]
            stack.extend(given)


class _Unpickler(pickle.Unpickler):
    """Python's machine for pickles, without any function but those of `_FUNCTIONS`."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> "_Name":
        if (full := f"{module}.{name}") not in _NAMES:
            raise Refused(
                f"it holds {short(full)}, which is not read, because only tensors and containers are; "
                "save the network's state_dict() alone and give that file"
            )
        return _Name(full)

    def persistent_load(self, identity: Any) -> Storage:
        """A storage in the pickle: ("storage", class, key, device, elements[, None])."""
        tag, kind, key, _device, size, *view = identity
        if isinstance(tag, str) and tag != "storage":
            raise Refused(
                f"it holds a {short(tag)}, which is not read, as only tensors are; save the state_dict() alone"
            )
        if not (isinstance(kind, _Name) and isinstance(key, str) and isinstance(size, int)) or any(view):
            raise TypeError("a storage without type, key and size, or a view of one, as PyTorch before 0.4 made")
        if not 0 <= size < 1 << 63:
            raise TypeError("a storage without a size")
        wanted = Storage(np.dtype(STORAGES[kind.text.rpartition(".")[2]]), size)
        storage = self.storages.setdefault(key, wanted)
        if (storage.dtype, storage.size) != (wanted.dtype, size):
            raise Refused(f"storage {short(key)} is declared twice, with other types or sizes; get the file again")
        return storage


@dataclass(frozen=True, eq=False)
class _Name(Sealed):
    """The object that a pickle finds under a name. It can call a function's, and nothing else."""

    text: str

    def __call__(self, *arguments: Any) -> Any:
        return _FUNCTIONS[self.text](*arguments)


class _OrderedDict(dict):
    """A dict without the attributes that a pickle sets."""

    def __setstate__(self, state: Any) -> None:
        pass


def _ordered_dict(pairs: Any = ()) -> dict:
    if not all(isinstance(key, str) or (isinstance(key, int) and abs(key) <= MOST_KEY) for key, _ in pairs):
        raise TypeError("a key that is neither text nor a usual number")
    made = _OrderedDict(pairs)
    if pairs:
        pairs.clear()  # moved: a small file could ask for many copies of a long list
    return made


def _size(sizes: Any) -> list:
    """A list, as a tuple could be made a key."""
    if len(sizes) > MAX_DIMENSIONS:
        raise TypeError("a size of too many dimensions")
    return list(sizes)


def _parameter(data: Any, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise TypeError("a parameter that is no tensor")
    return data


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise TypeError("a tensor without storage, shape and strides")
    if not all(isinstance(number, int) and number >= 0 for number in (offset, *shape, *strides)):
        raise TypeError("a tensor with numbers that are no sizes")
    # Each first, because the product of huge numbers takes long.
    fits = max(offset, *shape, *strides, 0) <= max(storage.size, 1) and math.prod(shape) <= storage.size
    if not fits or (0 not in shape and offset + sum((n - 1) * step for n, step in zip(shape, strides)) >= storage.size):
        raise Refused(
            f"a tensor of shape {short(shape)}, strides {short(strides)} and offset {short(offset)} does not lie "
            f"within its storage of {storage.size} elements; get the file again"
        )
    return Tensor(storage, offset, tuple(shape), tuple(strides))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}
_NAMES = {
    *_FUNCTIONS,
    *(f"{module}.{kind}" for module in ("torch", "torch.cuda") for kind in STORAGES),
    *(f"torch.{dtype}" for dtype in DTYPES),
}
"""All names that a pickle may use."""
