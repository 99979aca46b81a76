"""Good files of every kind that srzoo reads, small and always the same."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

MODEL = "edsr-baseline-x2.blocks1.filters4"
"""The network of the weights and the one that upscales."""


def picture(height: int = 20, width: int = 24) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows * 9, columns * 8, (rows + columns) * 5], axis=2).astype(np.uint8))


def images() -> dict[str, list[bytes]]:
    """Name ending -> files."""
    rgb = picture()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    more = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    deep = Image.fromarray((np.arange(480, dtype=np.uint16) * 136).reshape(20, 24))
    plans = [
        *(("png", rgb.convert(mode), {}) for mode in ("RGB", "RGBA", "L", "LA", "P", "1")),
        ("png", deep, {}),
        ("png", rgb.quantize(16), {"transparency": 3}),
        ("png", rgb, more),
        ("jpg", rgb, {"exif": exif, "quality": 90}),
        ("jpg", rgb, {"progressive": True}),
        ("jpg", rgb.convert("L"), {}),
        ("jpg", rgb.convert("CMYK"), {}),
        ("jpg", rgb, {"icc_profile": bytes(200), "comment": "x" * 50}),
        ("webp", rgb, {"quality": 80}),
        ("webp", rgb.convert("RGBA"), {"lossless": True, "exif": exif}),
        ("webp", rgb, more),
        *(("tiff", rgb, {"compression": name}) for name in (None, "tiff_deflate", "tiff_lzw", "packbits", "jpeg")),
        ("tiff", rgb.convert("1"), {"compression": "group4"}),
        ("tiff", deep, {}),
        ("tiff", rgb, more),
        ("gif", rgb, {}),
        ("gif", rgb, more),
        ("bmp", rgb, {}),
        ("bmp", rgb.convert("P"), {}),
        ("avif", rgb, {"exif": exif}),
        ("avif", rgb, more),
        ("jp2", rgb, {}),
        ("jp2", rgb.convert("RGBA"), {}),
    ]
    files: dict[str, list[bytes]] = {}
    for ending, image, options in plans:
        buffer = io.BytesIO()
        name = {"jpg": "jpeg", "jp2": "jpeg2000"}.get(ending, ending)
        image.save(buffer, name, **{k: v for k, v in options.items() if v is not None})
        files.setdefault(ending, []).append(buffer.getvalue())
    for ending in ("png", "tiff"):
        files[ending] += _of_16_bits(ending)
    return files


def _of_16_bits(ending: str) -> list[bytes]:
    """Colours of 16 bits, without and with alpha, and with metadata of every kind; Pillow writes none."""
    from srzoo.pictures.animations import Playing
    from srzoo.pictures.formats import FORMATS
    from srzoo.pictures.metadata import Metadata
    from srzoo.pictures.pixels import Pixels
    from srzoo.pictures.reading import Frame
    from srzoo.pictures.writing import write_frames

    colour = np.asarray(picture()).astype(np.uint16) * 257
    metadata = Metadata(exif={0x0112: 6, 0x010E: "a description"}, icc=bytes(200), xmp=b"<x:xmpmeta/>", dpi=(72, 72))
    made = []
    for alpha in (None, colour[..., 0]):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"deep.{ending}"
            write_frames(path, [Frame(Pixels(colour, alpha), metadata)], FORMATS[ending], Playing(1, 0))
            made.append(path.read_bytes())
    return made


def models(folder: Path) -> dict[str, list[bytes]]:
    """Name ending -> files of weights and of whole networks; written to the folder on the way."""
    import keras

    from srzoo import zoo

    keras.utils.set_random_seed(0)
    made = [zoo.create(MODEL), zoo.create("srresnet-x2.blocks1.filters4")]
    for number, model in enumerate(made):
        zoo.save_weights(model, folder / f"{number}.weights.h5")
        model.save(folder / f"{number}.keras")
    return {
        ending: [(folder / f"{number}.{ending}").read_bytes() for number in range(len(made))]
        for ending in ("weights.h5", "keras")
    }


def torch_files() -> list[bytes]:
    folder = ROOT / "tests" / "importing" / "files"
    return [path.read_bytes() for path in sorted(folder.glob("*.pt*"))]
