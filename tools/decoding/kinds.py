"""Generated pictures of every kind that is read, and of kinds that are to be refused."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL import Image

from decoding import formats
from srzoo.pictures.png import png_chunk

Rng = np.random.Generator


@dataclass(frozen=True)
class Made:
    """A generated file.

    Attributes:
        kind: in words.
        ending: of its name.
        content: its bytes.
        refusal: pattern of the reason for which it is to be refused; None if it is to be read.
        tolerance: levels of 255 by which decoders of a lossy format may differ.
        in_8_bits: whether its 16 bits may become 8.
        white: the number that is white, where the other decoder does not scale it.
        pages: whether the decoder sees its frames or pages, not the first alone.
    """

    kind: str
    ending: str
    content: bytes
    refusal: str | None = None
    tolerance: float = 0
    in_8_bits: bool = False
    white: int | None = None
    pages: bool = False


def _sides(rng: Rng, least: int = 1, most: int = 40) -> tuple[int, int]:
    return int(rng.integers(least, most)), int(rng.integers(least, most))


def _samples(rng: Rng, channels: int, most: int = 255, least: int = 1) -> np.ndarray:
    """Smooth or random samples up to `most`, of shape (H, W, channels)."""
    height, width = _sides(rng, least)
    if rng.random() < 0.5:
        return rng.integers(0, most + 1, (height, width, channels))
    y, x = np.mgrid[:height, :width] / 6 + rng.random() * 6
    waves = np.stack([np.sin(x + channel) * np.cos(y - channel) for channel in range(channels)], axis=2)
    return np.rint((waves / 2 + 0.5) * most).astype(np.int64)


def _eight(rng: Rng, channels: int, least: int = 1) -> np.ndarray:
    return _samples(rng, channels, least=least).astype(np.uint8)


def _by_pillow(pixels: np.ndarray, name: str, **options) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(written, name, **options)
    return written.getvalue()


def _exif(rng: Rng) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(1, 9))
    return exif


def png(rng: Rng) -> Made:
    kind, depth = [(kind, depth) for kind in (0, 2, 3, 4, 6) for depth in (1, 2, 4, 8, 16) if _is_png(kind, depth)][
        rng.integers(15)
    ]
    samples = _samples(rng, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind], 2**depth - 1)
    chunks = b""
    if kind == 3:
        chunks += png_chunk(b"PLTE", rng.bytes(3 * 2**depth))
        if rng.random() < 0.5:
            chunks += png_chunk(b"tRNS", rng.bytes(int(rng.integers(1, 2**depth + 1))))
    elif kind in (0, 2) and rng.random() < 0.5:
        key = samples[rng.integers(samples.shape[0]), rng.integers(samples.shape[1])]
        chunks += png_chunk(b"tRNS", key.astype(">u2").tobytes())
    if rng.random() < 0.2:
        chunks += png_chunk(b"eXIf", _exif(rng).tobytes()[6:])
    interlaced = bool(rng.random() < 0.3)
    words = f"PNG of kind {kind}, {depth} bits{', interlaced' * interlaced}{', chunks' * bool(chunks)}"
    return Made(words, ".png", formats.png(samples, depth, kind, chunks, interlaced))


def _is_png(kind: int, depth: int) -> bool:
    return kind == 0 or depth == 8 or (depth == 16 and kind != 3) or (kind == 3 and depth < 8)


def jpeg(rng: Rng) -> Made:
    options = {"quality": int(rng.integers(30, 100)), "progressive": bool(rng.random() < 0.3)}
    if rng.random() < 0.5:
        options["exif"] = _exif(rng)
    grey = rng.random() < 0.3
    subsampling = int(rng.integers(0, 3))
    content = _by_pillow(_eight(rng, 1 if grey else 3), "JPEG", subsampling=subsampling, **options)
    return Made(f"JPEG, {'grey' if grey else f'subsampling {subsampling}'}", ".jpg", content, tolerance=3)


def webp(rng: Rng) -> Made:
    channels, lossless = int(rng.choice([3, 4])), bool(rng.random() < 0.6)
    options = {"exif": _exif(rng)} if rng.random() < 0.4 else {}
    content = _by_pillow(_eight(rng, channels), "WEBP", lossless=lossless, exact=True, quality=90, **options)
    return Made(f"WebP, lossless {lossless}, {channels} channels", ".webp", content, tolerance=0 if lossless else 2)


def animated_webp(rng: Rng) -> Made:
    height, width = _sides(rng, 4)
    frames = [Image.fromarray(rng.integers(0, 256, (height, width, 4), np.uint8)) for _ in range(3)]
    written = io.BytesIO()
    frames[0].save(written, "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True, duration=50)
    return Made("animated WebP", ".webp", written.getvalue(), pages=True)


def animated_png(rng: Rng) -> Made:
    height, width = _sides(rng, 4, 16)
    # Of levels that stay what they are when they are multiplied by alpha and divided again.
    frames = rng.integers(0, 2, (3, height, width, 4), np.uint8) * 255
    frames[:, height // 2 :] = frames[0, height // 2 :]
    images = [Image.fromarray(frame) for frame in frames]
    written = io.BytesIO()
    ways = {"disposal": int(rng.integers(0, 3)), "blend": int(rng.integers(0, 2))}
    images[0].save(written, "PNG", save_all=True, append_images=images[1:], duration=50, **ways)
    return Made("animated PNG", ".apng", written.getvalue(), pages=True)


def gif(rng: Rng) -> Made:
    width, height = _sides(rng, 2, 16)
    parts = []
    for _ in range(int(rng.integers(1, 5))):
        left, top = int(rng.integers(width)), int(rng.integers(height))
        if rng.random() < 0.4:
            left = top = 0
        size = int(rng.integers(1, height - top + 1)), int(rng.integers(1, width - left + 1))
        if left == top == 0 and rng.random() < 0.5:
            size = height, width
        key = int(rng.integers(4)) if rng.random() < 0.5 else None
        parts.append((left, top, rng.integers(0, 4, size), int(rng.integers(0, 4)), key))
    words = f"GIF of {'one part' if len(parts) == 1 else 'parts'}"
    return Made(words, ".gif", formats.gif((width, height), rng.bytes(12), parts, int(rng.integers(4))), pages=True)


def bmp(rng: Rng) -> Made:
    bits = int(rng.choice([1, 4, 8, 16, 32]))
    height, width = _sides(rng)
    up = bool(rng.random() < 0.7)
    values = rng.integers(0, 2**bits, (height, width), np.int64)
    sides = width, height if up else -height
    if bits <= 8:
        palette = b"".join(rng.bytes(3) + b"\0" for _ in range(2**bits))
        runs = bits > 1 and rng.random() < 0.5
        if runs:
            values = np.repeat(values, 4, axis=1)[:, :width]
            content = formats.bmp(
                (width, height), bits, formats.bmp_runs(values, bits, rng), 1 + (bits == 4), palette=palette
            )
        else:
            content = formats.bmp(sides, bits, formats.bmp_rows(values, bits), palette=palette)
        return Made(f"BMP of {bits} bits{', by runs' * runs}", ".bmp", content)
    masks = {
        16: [(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0x8000)],
        32: [(0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0), (0xFF, 0xFF00, 0xFF0000, 0xFF000000)],
    }[bits][rng.integers(3)]
    content = formats.bmp(sides, bits, formats.bmp_rows(values, bits), 3, 108, masks)
    return Made(f"BMP of {bits} bits, masks {masks[0]:x} {masks[3]:x}", ".bmp", content, tolerance=1)


def pnm(rng: Rng) -> Made:
    most = int(rng.choice([1, 100, 255, 1023, 65535]))
    samples = _samples(rng, int(rng.choice([1, 3])), most)
    words = f"PNM of {samples.shape[2]} channels up to {most}"
    ending = ".pgm" if samples.shape[2] == 1 else ".ppm"
    return Made(words, ending, formats.pnm(samples, most), tolerance=1, in_8_bits=samples.shape[2] == 3, white=most)


def simple(rng: Rng) -> Made:
    name, ending, kinds = [
        ("TGA", ".tga", (1, 3, 4)),
        ("PCX", ".pcx", (1, 3)),
        ("SGI", ".sgi", (1, 3, 4)),
        ("ICO", ".ico", (4,)),
        ("DIB", ".dib", (1, 3)),
        ("MPO", ".jpg", (3,)),
        ("JPEG2000", ".jp2", (1, 3, 4)),
        ("PSD", ".psd", (1, 3)),
    ][rng.integers(8)]
    pixels = _eight(rng, int(rng.choice(kinds)), least=8)
    if name == "PSD":
        return Made(f"PSD of {pixels.shape[2]} channels", ending, formats.psd(pixels))
    options: dict = {"rle": True} if name == "TGA" and rng.random() < 0.5 else {}
    if name == "ICO":
        options = {"sizes": [pixels.shape[1::-1]], "bitmap_format": "png"}
    if name == "JPEG2000":
        options = {"irreversible": False}
    if name == "MPO":
        options = {"save_all": True, "append_images": [Image.fromarray(pixels[::2])], "quality": 90}
    tolerance = 3 if name == "MPO" else 0
    return Made(f"{name} of {pixels.shape[2]} channels", ending, _by_pillow(pixels, name, **options), None, tolerance)


def deep_jpeg2000(rng: Rng) -> Made:
    content = _by_pillow(_samples(rng, 1, 65535, least=8).astype(np.uint16), "JPEG2000", irreversible=False)
    return Made("JPEG 2000 of 16 bits, grey", ".jp2", content)


def modern(rng: Rng) -> Made:
    """AVIF, HEIF and JPEG XL, whose plugins are needed."""
    import pillow_heif
    import pillow_jxl  # noqa: F401

    pillow_heif.register_heif_opener()
    name, ending, options, tolerance = [
        ("AVIF", ".avif", {"quality": 95, "subsampling": "4:4:4"}, 3),
        ("HEIF", ".heic", {"quality": 95, "chroma": 444}, 3),
        ("JXL", ".jxl", {"lossless": True}, 0),
    ][rng.integers(3)]
    exif = _exif(rng)
    turned = exif if rng.random() < 0.5 else None
    if turned:
        options["exif"] = exif.tobytes() if name == "JXL" else exif
    pixels = _eight(rng, int(rng.choice([3, 4])), least=16)
    words = f"{name} of {pixels.shape[2]} channels{', turned' * bool(turned)}"
    return Made(words, ending, _by_pillow(pixels, name, **options), tolerance=tolerance)


def tiff(rng: Rng) -> Made:
    written = io.BytesIO()
    deep = bool(rng.random() < 0.5)
    kind = str(rng.choice(["grey", "white is zero", "rgb", "rgba", "grey with alpha", "palette", "bilevel"]))
    channels = {"rgb": 3, "rgba": 4, "grey with alpha": 2}.get(kind, 1)
    samples = _samples(rng, channels, 65535 if deep else 255).astype(np.uint16 if deep else np.uint8)
    options: dict = {"photometric": {"white is zero": "miniswhite"}.get(kind, "rgb" if channels > 2 else "minisblack")}
    refusal = None
    if kind in ("rgba", "grey with alpha"):
        options["extrasamples"] = ["unassalpha"]
        refusal = "2 band.s. of uint16" if deep and channels == 2 else None
    if kind == "palette":
        samples, deep = samples.astype(np.uint8), False
        options.update(photometric="palette", colormap=rng.integers(0, 65536, (3, 256)).astype(np.uint16))
    if kind == "bilevel":
        samples, deep = samples > samples.mean(), False
    array = samples[..., 0] if channels == 1 else samples
    if channels > 2 and rng.random() < 0.3:
        array, options["planarconfig"] = np.moveaxis(array, 2, 0), "separate"
    elif channels > 1:
        options["planarconfig"] = "contig"
    if kind != "bilevel":
        options["compression"] = [None, "lzw", "zlib", "packbits"][rng.integers(4)]
        options["predictor"] = bool(
            options["compression"] in ("lzw", "zlib") and kind != "palette" and rng.random() < 0.5
        )
        if rng.random() < 0.3 and options.get("planarconfig") != "separate":
            options["tile"] = 16, 16
    if rng.random() < 0.4:
        options["extratags"] = [(274, 3, 1, int(rng.integers(1, 9)), True)]
    order, big = str(rng.choice(["<", ">"])), bool(rng.random() < 0.2)
    if big and order == ">":
        refusal = "big-endian BigTIFF of a kind"
    elif order == ">" and deep and kind == "white is zero":
        refusal = "big-endian TIFF of a kind .* MINISWHITE"
    tifffile.imwrite(written, array, bigtiff=big, byteorder=order, **options)
    planes = ", planes" if options.get("planarconfig") == "separate" else ""
    words = f"TIFF, {kind}, {16 if deep else 8} bits, {options.get('compression')}{planes}"
    # The decoder brings colours of a palette to 8 bits by another rounding.
    return Made(words, ".tif", written.getvalue(), refusal, tolerance=1 if kind == "palette" else 0)


def pages(rng: Rng) -> Made:
    written = io.BytesIO()
    height, width = _sides(rng, 4)
    with tifffile.TiffWriter(written) as file:
        for _ in range(int(rng.integers(2, 5))):
            file.write(rng.integers(0, 256, (height, width, 3), np.uint8), photometric="rgb")
        if rng.random() < 0.5:
            file.write(rng.integers(0, 256, (height // 2, width // 2, 3), np.uint8), photometric="rgb", subfiletype=1)
    return Made("TIFF of pages", ".tif", written.getvalue(), pages=True)


def refused_tiff(rng: Rng) -> Made:
    samples = _samples(rng, 6, 120)
    of, extra, reason = [
        (samples[..., :4].astype(np.uint8), [0], "of its 4 bands 3 are known"),
        (samples[..., :4].astype(np.uint16), [0], "of its 4 bands 3 are known"),
        (samples[..., :5].astype(np.uint8), [0, 0], "of its 5 bands 3 are known"),
        (samples[..., :5].astype(np.uint16), [0, 0], "5 band.s. of uint16, RGB"),
        (samples.astype(np.uint8), [0, 0, 0], "of its 6 bands 3 are known"),
        (samples[..., 0].astype(np.int8), None, "signed integers|of int8"),
        (samples[..., 0].astype(np.int16), None, "signed integers"),
        (samples[..., 0].astype(np.int32), None, "signed integers"),
        (samples[..., 0].astype(np.uint32), None, "32-bit integer"),
        (samples[..., 0].astype(np.float32), None, "floating-point"),
        (samples[..., 0].astype(np.float16), None, "of float16"),
        (samples[..., :3].astype(np.float32), None, "of float32"),
    ][rng.integers(12)]
    written = io.BytesIO()
    photometric = "rgb" if of.ndim == 3 else "minisblack"
    tifffile.imwrite(
        written, of, photometric=photometric, extrasamples=extra, planarconfig="contig" if of.ndim == 3 else None
    )
    bands = 1 if of.ndim == 2 else of.shape[2]
    return Made(f"TIFF of {bands} bands of {of.dtype}", ".tif", written.getvalue(), refusal=reason)


def refused(rng: Rng) -> Made:
    content, ending, reason = [
        (b"", ".png", "the file is empty"),
        (rng.bytes(200), ".jpg", "unknown or damaged"),
        (b"%PDF-1.7\n", ".png", "a PDF document"),
        (_by_pillow(_eight(rng, 3), "PNG"), ".jpg", "its content is PNG"),
        (_by_pillow(_eight(rng, 3, least=20), "PNG")[:-40], ".png", "not an image that can be read"),
        (_by_pillow(_eight(rng, 3, least=20), "BMP")[:-40], ".bmp", "not an image that can be read"),
        (struct.pack("<HBBB", 0x4D42, 0, 0, 0), ".bmp", "not an image that can be read"),
    ][rng.integers(7)]
    return Made(f"no picture: {reason}", ending, content, refusal=reason)


KINDS: dict[Callable[[Rng], Made], int] = {
    png: 20,
    jpeg: 10,
    webp: 8,
    animated_webp: 3,
    animated_png: 3,
    gif: 12,
    bmp: 12,
    pnm: 6,
    simple: 10,
    deep_jpeg2000: 1,
    modern: 6,
    tiff: 20,
    pages: 3,
    refused_tiff: 7,
    refused: 4,
}
"""What makes a file from a generator of random numbers -> how often."""


def make(seed: int, number: int) -> Made:
    """The file that a seed and its number say."""
    rng = np.random.default_rng((seed, number))
    makers, shares = list(KINDS), np.array(list(KINDS.values()))
    return makers[rng.choice(len(makers), p=shares / shares.sum())](rng)
