"""Writes files as `torch.save` does, with whatever in them, without PyTorch."""

import pickle
import zipfile
from pathlib import Path

import numpy as np

from srzoo.importing.torch_files import LEGACY_MAGIC


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
