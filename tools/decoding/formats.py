"""Files written byte by byte, of kinds that no library at hand writes: PNG, GIF, BMP, PSD and PNM."""

import struct
import zlib

import numpy as np

from srzoo.pictures.png import png_chunk

ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Of each pass the first row and column, and the steps down and across (PNG specification, section 8.1)."""


def png(samples: np.ndarray, depth: int, kind: int, chunks: bytes = b"", interlaced: bool = False) -> bytes:
    """A PNG file of samples of shape (H, W, C)."""
    height, width = samples.shape[:2]
    passes = [samples[top::down, left::across] for top, left, down, across in ADAM7] if interlaced else [samples]
    rows = b"".join(b"\0" + _packed(row, depth) for part in passes if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    data = chunks + png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + data + png_chunk(b"IEND", b"")


def _packed(row: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = (row.reshape(-1, 1) >> np.arange(depth)[::-1]) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def gif(size: tuple[int, int], palette: bytes, parts: list[tuple], background: int) -> bytes:
    """A GIF file; of each part its left, top, indices below 4, way of disposal, and transparent index or None."""
    content = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, background, 0) + palette
    for left, top, indices, disposal, key in parts:
        content += b"!\xf9\x04" + struct.pack("<BHBB", disposal << 2 | (key is not None), 5, key or 0, 0)
        content += b"," + struct.pack("<4HB", left, top, *indices.shape[::-1], 0) + b"\x02"
        codes = [code for index in indices.flat for code in (4, int(index))] + [5]
        data = sum(code << 3 * place for place, code in enumerate(codes)).to_bytes(-(-3 * len(codes) // 8), "little")
        content += b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
        content += b"\0"
    return content + b";"


def bmp(size, bits: int, data: bytes, compression: int = 0, header: int = 40, masks=(0, 0, 0, 0), palette=b"") -> bytes:
    """A BMP file; of a negative height its first row is the topmost."""
    colours = len(palette) // 4
    fields = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, len(data), 0, 0, colours, 0)
    fields = (fields + struct.pack("<4I", *masks)).ljust(header, b"\0")[:header]
    start = 14 + header + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + fields + palette + data


def bmp_rows(values: np.ndarray, bits: int) -> bytes:
    """Rows of values, each filled up to four bytes."""
    if bits < 8:
        rows = [_packed(row, bits) for row in values]
    else:
        rows = [row.astype({8: "u1", 16: "<u2", 32: "<u4"}[bits]).tobytes() for row in values]
    return b"".join(row + b"\0" * (-len(row) % 4) for row in rows)


def bmp_runs(values: np.ndarray, bits: int, rng: np.random.Generator) -> bytes:
    """Rows of values of 4 or 8 bits as runs and as they are, at random."""
    data = b""
    for row in values:
        place = 0
        while place < len(row):
            left = len(row) - place
            if left >= 3 and rng.random() < 0.5:
                count = int(rng.integers(3, min(left, 255) + 1))
                part = row[place : place + count]
                part = _packed(part if bits == 8 else np.pad(part, (0, count % 2)), bits)
                data += bytes([0, count]) + part + b"\0" * (len(part) % 2)
            else:
                count = 1
                while count < min(left, 255) and row[place + count] == row[place]:
                    count += 1
                data += bytes([count, int(row[place]) * (17 if bits == 4 else 1)])
            place += count
        data += b"\0\0"
    return data + b"\0\1"


def psd(pixels: np.ndarray) -> bytes:
    """A Photoshop file of grey or RGB, without layers."""
    height, width, channels = pixels.shape
    header = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", channels, height, width, 8, 1 if channels == 1 else 3)
    return header + bytes(12) + b"\0\0" + np.moveaxis(pixels, 2, 0).tobytes()


def pnm(samples: np.ndarray, most: int) -> bytes:
    """A PGM or PPM file."""
    height, width, channels = samples.shape
    kind = b"P5" if channels == 1 else b"P6"
    return kind + f" {width} {height} {most}\n".encode() + samples.astype(">u2" if most > 255 else "u1").tobytes()
