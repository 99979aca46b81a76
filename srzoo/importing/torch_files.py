"""Reads the tensors of files that `torch.save` wrote, without PyTorch and without running what the file holds.

Such a file is a pickle, a program for a small machine that may call any function there is, and the tensors' bytes.
Here its instructions are only listed, by `pickletools`, and those that make containers and tensors are carried out;
whatever else a file asks for is refused by its name. No size that a file declares is believed before it is compared
with the bytes that are there.
"""

import io
import math
import os
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAX_PICKLE = 1 << 20
"""Bytes of a pickle that are read at most; that of a network with a thousand tensors has some 200,000."""

MAX_DIMENSIONS = 8

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""PyTorch's classes of typed memory -> NumPy's type of their bytes, which bfloat16 has none for."""

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little")


class Refused(ValueError):
    """What is wrong with a file, in words for the user; the file's name is put before them."""


@dataclass(eq=False)
class Storage:
    """A piece of memory that tensors look into."""

    kind: str
    """A key of `STORAGES`."""
    size: int
    """In elements."""
    data: bytes = b""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage; offset and strides are in elements and stay within it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The tensor's values; float32 for bfloat16, else of the storage's type. Maybe a read-only view."""
        dtype = np.dtype(STORAGES[self.storage.kind])
        strides = tuple(stride * dtype.itemsize for stride in self.strides)
        view = np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)
        if self.storage.kind == "BFloat16Storage":
            # bfloat16 is the upper half of a float32.
            return (view.astype("<u4") << 16).view("<f4")
        return view


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
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        try:
            start = file.read(len(LEGACY_START))
            file.seek(0)
            if start.startswith(b"PK\x03\x04"):
                return _read_zip(file)
            if start == LEGACY_START:
                return _read_legacy(file)
            raise Refused("not a file that torch.save wrote; give a .pt or .pth file of PyTorch")
        except Refused as error:
            raise ValueError(f"{path}: {error}") from error
        except Exception as error:
            # Damage can come out of the parsers as nearly any exception.
            raise ValueError(
                f"{path}: a damaged file of torch.save ({type(error).__name__}: {str(error)[:100]}); get it again"
            ) from error


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        _check_entries(archive, _bytes_left(file, 0))
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise Refused(f"a zip file with {len(pickles)} <name>/data.pkl, not 1; give a .pt or .pth file of PyTorch")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder").strip() != b"little":
            raise Refused("written by a big-endian machine, which is not read; save it again on a little-endian one")
        if archive.getinfo(pickles[0]).file_size > MAX_PICKLE:
            raise Refused(_too_long(archive.getinfo(pickles[0]).file_size))
        storages: dict[str, Storage] = {}

        def storage(kind: str, key: str, size: int) -> Storage:
            if key not in storages:
                stored = archive.getinfo(f"{folder}data/{key}").file_size
                _check_size(key, kind, size, stored)
                storages[key] = Storage(kind, size, archive.read(f"{folder}data/{key}"))
            return _same(storages[key], kind, key, size)

        return _unpickle(io.BytesIO(archive.read(pickles[0])), storage)


def _check_entries(archive: zipfile.ZipFile, file_size: int) -> None:
    """PyTorch compresses nothing, so that what unpacks to more than the file has is none of its files."""
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise Refused(f"the entry {_short(entry.filename)} is compressed, as torch.save never does; save it again")
    total = sum(entry.file_size for entry in archive.infolist())
    if total > file_size:
        raise Refused(f"its entries declare {total} bytes, but the file has {file_size}; get it again")


def _read_legacy(file: BinaryIO) -> Any:
    head = file.read(MAX_PICKLE)
    stream = io.BytesIO(head)
    storages: dict[str, Storage] = {}

    def storage(kind: str, key: str, size: int) -> Storage:
        return _same(storages.setdefault(key, Storage(kind, size)), kind, key, size)

    try:
        _magic, _version, machine = (_unpickle(stream, storage) for _ in range(3))
        if machine.get("little_endian") is not True:
            raise Refused("written by a big-endian machine, which is not read; save it again on a little-endian one")
        saved, keys = _unpickle(stream, storage), _unpickle(stream, storage)
    except Refused:
        raise
    except Exception:
        if len(head) == MAX_PICKLE:
            raise Refused(_too_long(MAX_PICKLE)) from None
        raise
    file.seek(stream.tell())
    # Text only: of nested tuples, comparing and hashing may take for ever.
    if not all(isinstance(key, str) for key in keys):
        raise TypeError("a storage's key that is no text")
    for key in keys:
        stored = int.from_bytes(_exactly(file, 8), "little") * _itemsize(storages[key])
        _check_size(key, storages[key].kind, storages[key].size, stored)
        storages[key].data = _exactly(file, stored)
    for key in storages.keys() - set(keys):
        raise Refused(f"the bytes of storage {_short(key)} are missing; get the file again")
    return saved


def _exactly(file: BinaryIO, size: int) -> bytes:
    left = _bytes_left(file, file.tell())
    if size > left:
        raise Refused(f"it ends {size - left} bytes too early; get it again")
    return file.read(size)


def _bytes_left(file: BinaryIO, position: int) -> int:
    return os.fstat(file.fileno()).st_size - position


def _itemsize(storage: Storage) -> int:
    return np.dtype(STORAGES[storage.kind]).itemsize


def _check_size(key: str, kind: str, size: int, stored: int) -> None:
    if size * np.dtype(STORAGES[kind]).itemsize != stored:
        raise Refused(
            f"storage {_short(key)} is declared as a {kind} of {_short(size)} elements, but has {stored} bytes; "
            "get the file again"
        )


def _same(storage: Storage, kind: str, key: str, size: int) -> Storage:
    if (storage.kind, storage.size) != (kind, size):
        raise Refused(f"storage {_short(key)} is declared twice, with other types or sizes; get the file again")
    return storage


def _too_long(size: int) -> str:
    return f"its pickle has {size} bytes or more, expected under {MAX_PICKLE}: a network's weights alone; save those"


def _short(value: str | int | tuple[int, ...]) -> str:
    """A file's own words for a message: quoted, no control characters, no longer than a line."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class Global:
    """A name that a pickle may speak of; what it does here is in `_call`."""

    name: str


STORAGE_GLOBALS = {f"{module}.{kind}" for module in ("torch", "torch.cuda") for kind in STORAGES}
CALLABLE = {
    "collections.OrderedDict",
    "torch.Size",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
}

LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
EMPTY: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _unpickle(stream: io.BytesIO, storage: Callable[[str, str, int], Storage]) -> Any:
    """Carries out one pickle's instructions up to its STOP, as far as they make containers and tensors.

    Args:
        stream: in memory, so that no instruction can make more be read than there is.
        storage: from kind, key and number of elements to the storage.
    """
    stack: list[Any] = []
    below: list[list[Any]] = []  # what lay on the stack before each MARK
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in LITERALS:
            stack.append(argument)
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [_exact_tuple(stack, TUPLES[name])]
        elif name == "MARK":
            below.append(stack)
            stack = []
        elif name in ("TUPLE", "LIST", "DICT", "APPENDS", "SETITEMS", "ADDITEMS"):
            items, stack = stack, below.pop()
            _gather(name, stack, items)
        elif name in ("APPEND", "SETITEM"):
            count = 1 if name == "APPEND" else 2
            items = list(_exact_tuple(stack, count))
            del stack[-count:]
            _gather(f"{name}S", stack, items)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_global(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_global(module, attribute))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_call(function, arguments))
        elif name == "BUILD":
            stack.pop()
            if not isinstance(stack[-1], dict):
                raise Refused(f"it sets attributes of {type(stack[-1]).__name__}, expected tensors and containers only")
        elif name == "BINPERSID":
            stack.append(_persistent(stack.pop(), storage))
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"its pickle has the instruction {name}, expected those of tensors and containers only")
    raise Refused("its pickle has no end; get it again")


def _exact_tuple(stack: list[Any], count: int) -> tuple[Any, ...]:
    if len(stack) < count:
        raise IndexError("an instruction finds too little on the stack")
    return tuple(stack[-count:])


def _gather(name: str, stack: list[Any], items: list[Any]) -> None:
    """Makes a container of the items, or adds them to the one on top of the stack."""
    if name in ("TUPLE", "LIST"):
        stack.append(tuple(items) if name == "TUPLE" else items)
    elif name == "APPENDS" and isinstance(stack[-1], list):
        stack[-1].extend(items)
    elif name == "ADDITEMS" and isinstance(stack[-1], set):
        stack[-1].update(_key(item) for item in items)
    elif name == "DICT":
        stack.append(_pairs({}, zip(items[::2], items[1::2], strict=True)))
    elif name == "SETITEMS" and isinstance(stack[-1], dict):
        _pairs(stack[-1], zip(items[::2], items[1::2], strict=True))
    else:
        raise TypeError(f"{name} for a {type(stack[-1]).__name__}")


def _pairs(target: dict, pairs) -> dict:
    for key, value in pairs:
        target[_key(key)] = value
    return target


def _key(key: Any) -> Any:
    if not isinstance(key, (str, int)):
        raise TypeError(f"a {type(key).__name__} as key")
    return key


def _global(module: str, attribute: str) -> Global:
    if not (isinstance(module, str) and isinstance(attribute, str)):
        raise TypeError("a name that is no text")
    name = f"{module}.{attribute}"
    if name not in STORAGE_GLOBALS and name not in CALLABLE:
        raise Refused(
            f"it holds {_short(name)}, which is not read, as only tensors and containers are; "
            "save the network's state_dict() alone and give that file"
        )
    return Global(name)


def _call(function: Any, arguments: tuple) -> Any:
    if not (isinstance(function, Global) and function.name in CALLABLE and isinstance(arguments, tuple)):
        raise TypeError("a call of what is no function")
    if function.name == "collections.OrderedDict":
        return _pairs({}, *arguments) if arguments else {}
    if function.name == "torch.Size":
        (sizes,) = arguments
        return tuple(sizes)
    if function.name == "torch._utils._rebuild_parameter":
        if not isinstance(arguments[0], Tensor):
            raise TypeError("a parameter that is no tensor")
        return arguments[0]
    return _tensor(*arguments[:4])


def _tensor(storage: Storage, offset: int, shape: tuple, strides: tuple) -> Tensor:
    if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise TypeError("a tensor without storage, shape and strides")
    if not all(isinstance(number, int) and number >= 0 for number in (offset, *shape, *strides)):
        raise TypeError("a tensor with numbers that are no sizes")
    # Each first, as the product of huge numbers takes long.
    fits = max(shape, default=0) <= storage.size and math.prod(shape) <= storage.size
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    if not fits or (0 not in shape and last >= storage.size):
        raise Refused(
            f"a tensor of shape {_short(shape)}, strides {_short(strides)} and offset {_short(offset)} does not lie "
            f"within its storage of {storage.size} elements; get the file again"
        )
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _persistent(identity: Any, storage: Callable[[str, str, int], Storage]) -> Storage:
    """What stands in the pickle for a storage: ("storage", class, key, device, elements[, None])."""
    tag, kind, key, _device, size, *view = identity
    if not isinstance(tag, str):
        raise TypeError("a persistent identity without a name")
    if tag != "storage":
        raise Refused(f"it holds a {_short(tag)}, which is not read, as only tensors are; save the state_dict() alone")
    if any(part is not None for part in view):
        raise Refused("it holds views of storages, as PyTorch before 0.4 made; save it again with a newer one")
    if not (isinstance(kind, Global) and kind.name in STORAGE_GLOBALS and isinstance(key, str)):
        raise TypeError("a storage without type and key")
    if not (isinstance(size, int) and size >= 0):
        raise TypeError("a storage without size")
    return storage(kind.name.rpartition(".")[2], key, size)
