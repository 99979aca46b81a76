"""Reads `.safetensors` files: the length of a header, a header in JSON, and the bytes of the tensors."""

import json
import math
import os
from typing import Any

import numpy as np

from srzoo.importing.tensors import BFLOAT16, MAX_DIMENSIONS, Refused, Storage, Tensor, opened, short

MAX_HEADER = 1 << 20

TYPES: dict[str, Any] = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": BFLOAT16,
    "I64": "<i8",
    "I32": "<i4",
    "U8": "u1",
    "BOOL": "?",
}
"""The format's names of types -> NumPy's."""


def read_safetensors(path: str | os.PathLike) -> dict[str, Tensor]:
    """Reads the tensors by their names.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no such file, or its tensors are not exactly the bytes behind the header.
    """
    with opened(path, "safetensors file") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER or len(text := file.read(length)) < length:
            raise Refused(
                f"its header declares {length} bytes, expected {MAX_HEADER} at most and all in the file; get it again"
            )
        header = json.loads(text)
        header.pop("__metadata__", None)
        data = memoryview(file.read())
        tensors, end = {}, 0
        for name, entry in sorted(header.items(), key=lambda each: each[1]["data_offsets"]):
            shape, (start, stop) = tuple(entry["shape"]), entry["data_offsets"]
            if entry["dtype"] not in TYPES:
                raise Refused(f"{short(name)} is of the type {short(entry['dtype'])}, expected {', '.join(TYPES)}")
            if (
                len(shape) > MAX_DIMENSIONS
                or start != end
                or not all(type(size) is int and 0 <= size <= len(data) for size in (start, stop, *shape))
            ):
                raise Refused(f"{short(name)} does not lie behind the tensor before it; get the file again")
            storage = Storage(np.dtype(TYPES[entry["dtype"]]), math.prod(shape))
            storage.take(name, data[start:stop])
            strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
            tensors[name], end = Tensor(storage, 0, shape, strides), stop
        if end != len(data):
            raise Refused(f"its tensors have {end} bytes, but the file has {len(data)} for them; get it again")
        return tensors
