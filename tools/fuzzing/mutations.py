"""Ways to damage a file, each a function of the bytes and of a random generator alone."""

import numpy as np

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)

HEADER = 256
"""Bytes at a file's start in which most formats say what sizes follow."""


def mutate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """One to three damages in a row.

    Args:
        data: a good file.
        others: files of the same kind, to splice in.
        rng: decides everything.
    """
    for _ in range(int(rng.integers(1, 4))):
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        data = damage(data, others, rng)
    return data


def _place(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Start and end of a random block of at most an eighth of the file."""
    start = int(rng.integers(0, max(1, len(data))))
    return start, start + int(rng.integers(1, max(2, len(data) // 8)))


def _flip_bits(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.choice([1, 2, 8, 32]))):
        if changed:
            changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _truncate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def _remove(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start, end = _place(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start, end = _place(data, rng)
    return data[:end] + data[start:end] * int(rng.choice([1, 2, 16])) + data[end:]


def _clear(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start, end = _place(data, rng)
    return data[:start] + bytes([int(rng.choice([0, 255]))]) * len(data[start:end]) + data[end:]


def _extreme(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """A number of 1 to 8 bytes becomes an extreme one, mostly in the header."""
    size = int(rng.choice([1, 2, 4, 8]))
    end = len(data) if rng.random() < 0.3 else min(len(data), HEADER)
    start = int(rng.integers(0, max(1, end)))
    number = EXTREMES[int(rng.integers(len(EXTREMES)))] & ((1 << 8 * size) - 1)
    field = number.to_bytes(size, "little" if rng.random() < 0.5 else "big")
    return data[:start] + field + data[start + size :]


def _splice(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    other = others[int(rng.integers(len(others)))]
    start, end = _place(other, rng)
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + other[start:end] + data[place + (end - start) * int(rng.integers(2)) :]


def _append(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 2000)))


DAMAGES = (_flip_bits, _truncate, _remove, _repeat, _clear, _extreme, _extreme, _splice, _append)
