"""DIV2K, and every other data set of tensorflow-datasets that holds images, as sources.

DIV2K: Agustsson and Timofte, "NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study", CVPRW 2017.
tensorflow-datasets downloads each archive once, checks it, and prepares the pictures below its data folder, by default
~/tensorflow_datasets. Archives that were fetched by hand are found, under their own names such as DIV2K_train_HR.zip,
in `downloads/manual` of that folder, and then no network is needed.
"""

import atexit
import contextlib
import io
import json
import logging
import re
import shutil
import urllib.error
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from srzoo.data.items import HELD_OUT, Item, Source, pair_from_hr
from srzoo.data.known import unknown
from srzoo.images import ImageError, to_uint8
from srzoo.tables import first_line

_ANSWER_SECONDS = 10
"""A server that stays silent for this long counts as unreachable."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps away prints and warnings that are meant for the authors of data sets; progress bars go to stderr."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


@_quiet()
def div2k(name: str, scale: int, data_dir: str | None = None, limit: int | None = None) -> Source:
    """DIV2K's pairs in one of its configurations: 800 pictures to train on, the first few of 100 to validate on.

    Args:
        name: `div2k`, which is bicubic at the given scale, or `div2k/<configuration>`, such as
            `div2k/unknown_x4` or `div2k/realistic_mild_x4`.
        scale: what HR is of LR; must be that of the configuration.
        data_dir: where tensorflow-datasets keeps its data; default: its own default.
        limit: largest number of training pictures.

    Raises:
        ValueError: if there is no such configuration, or its scale is another one.
        OSError: if the archives cannot be had or are damaged; one sentence says what to do.
    """
    configs = list(tfds.builder_cls("div2k").builder_configs)
    config = name.partition("/")[2] or f"bicubic_x{scale}"
    if config not in configs:
        raise ValueError(f"{name}: DIV2K has no configuration {config!r}; it has {', '.join(configs)}")
    config_scale = int(config.rpartition("_x")[2])
    if config_scale != scale:
        raise ValueError(
            f"{name} is made for scale {config_scale}, but scale {scale} is asked for; "
            f"give --scale {config_scale}, or div2k/bicubic_x{scale}"
        )
    builder = _open(f"div2k/{config}", data_dir, limit)
    _prepare(builder, _missing(builder, builder.builder_config.download_urls.values()))
    return _source(name, builder, ("lr", "hr"), partial(_read_pair, scale), limit)


@_quiet()
def named(name: str, scale: int, data_dir: str | None = None, limit: int | None = None) -> Source:
    """The images of any data set of tensorflow-datasets as HR, with LR made by MATLAB's bicubic.

    Its `train` split is trained on; `validation`, else `test`, else a few pictures kept from training are validated on.

    Args:
        name: name in tensorflow-datasets, with a configuration and version if necessary: `coco/2017`.
        scale, data_dir, limit: the same as for `div2k`. With a limit too the data set is downloaded whole.

    Raises:
        FileNotFoundError: if there is no such data set.
        ValueError: if it has no `image` feature or no `train` split.
        OSError: if it cannot be downloaded or is damaged; one sentence says what to do.
    """
    builder = _open(name, data_dir, limit)
    _check_image_feature(name, builder)
    if not builder.is_prepared():
        # The known addresses are those of all configurations, so only a data set of which nothing is there
        # needs the network for certain.
        urls = list(builder.url_infos or ())
        missing = _missing(builder, urls)
        _prepare(builder, missing if len(missing) == len(urls) else [])
    return _source(name, builder, ("image",), partial(_read_image, scale), limit)


def _open(name: str, data_dir: str | None, limit: int | None) -> tfds.core.DatasetBuilder:
    if limit is not None and limit < 1:
        raise ValueError(f"the limit must be at least 1 picture, got {limit}")
    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        raise FileNotFoundError(unknown(name, tfds.list_builders(with_community_datasets=False))) from error
    except ImportError as error:
        raise _lacks_package(name, error) from error
    except (ValueError, AssertionError) as error:
        base, _, config = name.split(":")[0].partition("/")
        configs = []
        with contextlib.suppress(tfds.core.DatasetNotFoundError):
            configs = list(tfds.builder_cls(base).builder_configs)
        if config and configs and config not in configs:
            raise ValueError(f"{name}: {base} has no configuration {config!r}; it has {', '.join(configs)}") from error
        raise ValueError(f"{name} cannot be opened: {first_line(error)}") from error
    except tf.errors.OpError as error:
        # Data sets with a namespace (`kubric:...`) live on a remote file system.
        raise _unavailable(name, None, first_line(error)) from error


def _check_image_feature(name: str, builder: tfds.core.DatasetBuilder) -> None:
    features = builder.info.features
    features = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    images = {key: feature for key, feature in features.items() if isinstance(feature, tfds.features.Image)}
    if "image" not in images:
        raise ValueError(
            f"{name} has no feature `image` that holds an image, so it cannot be trained on; "
            f"its features are {', '.join(sorted(features)) or 'of other kinds'}"
        )
    if images["image"].np_dtype not in (np.uint8, np.uint16):
        dtype = np.dtype(images["image"].np_dtype)
        raise ValueError(f"{name}: its images are {dtype}; only 8 or 16 bits a channel can be read")


def _downloads(builder: tfds.core.DatasetBuilder) -> Path:
    return Path(builder.data_dir_root) / "downloads"


def _archive_name(builder: tfds.core.DatasetBuilder, url: str) -> str:
    info = (builder.url_infos or {}).get(url)
    return info.filename if info and info.filename else Path(urlsplit(url).path).name


def _missing(builder: tfds.core.DatasetBuilder, urls) -> list[str]:
    """Those of the addresses whose files were neither put into downloads/manual nor downloaded before."""
    downloads = _downloads(builder)
    there = set()
    # Beside each download tensorflow-datasets writes where it came from.
    for note in downloads.rglob("*.INFO"):
        if note.with_suffix("").exists():
            there.update(json.loads(note.read_text()).get("urls", ()))
    return [
        url for url in urls if url not in there and not (downloads / "manual" / _archive_name(builder, url)).exists()
    ]


def _prepare(builder: tfds.core.DatasetBuilder, missing: list[str]) -> None:
    """Downloads and unpacks what is not there yet; `missing` are addresses that are needed for certain."""
    name = builder.info.full_name
    if builder.is_prepared():
        return
    if builder.data_path.exists():
        raise OSError(f"{name}: {builder.data_path} is not a complete data set; delete that folder and run again")
    _check_servers(name, builder, missing)

    downloads = _downloads(builder)
    before = set(downloads.glob("*/*.tmp.*"))
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    except BaseException as error:
        # Other downloads may still run, or have yet to start, and are waited for before this is called.
        atexit.register(_remove_partial_downloads, downloads, before)
        explained = _explain(name, builder, error)
        if explained is None:
            raise
        raise explained from error


def _remove_partial_downloads(downloads: Path, keep: set[Path]) -> None:
    for folder in set(downloads.glob("*/*.tmp.*")) - keep:
        shutil.rmtree(folder, ignore_errors=True)


def _check_servers(name: str, builder: tfds.core.DatasetBuilder, urls: list[str]) -> None:
    """Refuses at once where no server answers, which takes tensorflow-datasets minutes of retries to find out."""
    one_of_host = {str(urlsplit(url).hostname): url for url in urls if url.startswith("http")}
    for url in one_of_host.values():
        with contextlib.suppress(requests.RequestException):
            requests.head(url, timeout=_ANSWER_SECONDS)
            return
    if one_of_host:
        archives = tuple(sorted(_archive_name(builder, url) for url in urls))
        raise _unavailable(name, builder, f"no answer from {', '.join(one_of_host)}", archives)


def _found(pattern: str, error: BaseException) -> tuple[str, ...]:
    """The groups of a pattern in an error's text; question marks if tfds should come to word it otherwise."""
    match = re.search(pattern, str(error))
    return match.groups() if match else ("?",) * re.compile(pattern).groups


def _explain(name: str, builder: tfds.core.DatasetBuilder, error: BaseException) -> Exception | None:
    """Describes an error in one sentence, or returns None if users cannot meet it."""
    match error:
        case tfds.download.download_manager.NonMatchingChecksumError():
            url, path = _found(r"Artifact (.+), downloaded to (.+), has wrong checksum", error)
            if ".tmp." in Path(path).parent.name:
                return OSError(
                    f"{name}: {url} arrived damaged (its checksum is not the known one) and was thrown away; "
                    f"run the same command again, or put a good copy of it into {_downloads(builder) / 'manual'}"
                )
            return OSError(
                f"{name}: {path} is damaged or incomplete (its checksum is not the known one); "
                f"delete it, and download {url} again"
            )
        case tfds.download.extractor.ExtractError():
            (path,) = _found(r"Error while extracting (.+) to ", error)
            cause = first_line(error.__cause__ or error)
            return OSError(
                f"{name}: {path} cannot be unpacked ({cause}); if the disk is not full, delete it and run again"
            )
        case tfds.download.DownloadError() | requests.RequestException() | urllib.error.URLError():
            return _unavailable(name, builder, first_line(error))
        case ImportError():
            return _lacks_package(name, error)
        case AssertionError() if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
            return OSError(
                f"{name} must be downloaded by hand into {_downloads(builder) / 'manual'}: "
                + " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
            )
    return None


def _unavailable(
    name: str, builder: tfds.core.DatasetBuilder | None, cause: str, archives: tuple[str, ...] = ()
) -> OSError:
    # A long list is that of all configurations, most of which nobody needs.
    files = ", ".join(archives) if 1 <= len(archives) <= 4 else "its archives"
    by_hand = f"put {files} into {_downloads(builder) / 'manual'}, " if builder else ""
    return OSError(
        f"{name} cannot be downloaded ({cause}): check the network, {by_hand}give --data-dir a folder where it is "
        "already prepared, or train on a folder of images or on `sample` instead"
    )


def _lacks_package(name: str, error: ImportError) -> ValueError:
    package = error.name or first_line(error)
    return ValueError(f"{name} needs the Python package {package}, which is not installed; run `pip install {package}`")


def _source(
    name: str, builder: tfds.core.DatasetBuilder, keys: tuple[str, ...], read: Callable, limit: int | None
) -> Source:
    """The prepared splits as streams; `read` takes (item name, features, encoded example) to (lr, hr)."""
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    if not sizes.get("train"):
        raise ValueError(f"{name} has no split `train` to train on; its splits: {', '.join(sizes) or 'none'}")
    start, validation = 0, next((split for split in ("validation", "test") if sizes.get(split)), None)
    if validation is None:
        if sizes["train"] < 2:
            raise ValueError(f"{name} holds a single picture; at least 2 are needed, one of them to validate on")
        start, validation = max(1, min(HELD_OUT, sizes["train"] // 10)), "train"
    end = min(sizes["train"], start + limit) if limit else sizes["train"]
    return Source(
        name,
        _stream(name, builder, f"train[{start}:{end}]", keys, read),
        _stream(name, builder, f"{validation}[:{min(start or HELD_OUT, sizes[validation])}]", keys, read),
    )


def _stream(
    name: str, builder: tfds.core.DatasetBuilder, split: str, keys: tuple[str, ...], read: Callable
) -> Iterator[Item]:
    """Items that hold their files' bytes, so that the readers decode them, in several threads."""
    decoders = tfds.decode.PartialDecoding(
        dict.fromkeys(keys, True), decoders={key: tfds.decode.SkipDecoding() for key in keys}
    )
    # One file at a time and nothing kept: pictures are large, and whoever decodes them reads ahead already.
    read_config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1, skip_prefetch=True)
    try:
        with _quiet():
            dataset = builder.as_dataset(split=split, decoders=decoders, read_config=read_config)
        for number, example in enumerate(tfds.as_numpy(dataset)):
            item = f"{name} {split} number {number}"
            yield Item(item, partial(read, item, builder.info.features, example))
    except tf.errors.OpError as error:
        raise OSError(
            f"{name}: the data in {builder.data_path} are damaged ({first_line(error)}); "
            "delete that folder and run again"
        ) from error


def _read_pair(scale: int, item: str, features, example: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    lr, hr = (_decode(item, features[key], example[key]) for key in ("lr", "hr"))
    if any(not size // scale <= lr_size <= -(-size // scale) for lr_size, size in zip(lr.shape[:2], hr.shape[:2])):
        raise ImageError(f"{item}: HR of {hr.shape[:2]} is not {scale} times LR of {lr.shape[:2]}")
    # DIV2K's sides are multiples of 12. At x8 MATLAB's imresize rounds LR's size up, and its last line then has no
    # whole HR block.
    height, width = (size // scale for size in hr.shape[:2])
    return lr[:height, :width], hr[: height * scale, : width * scale]


def _read_image(scale: int, item: str, features, example: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    return pair_from_hr(_decode(item, features["image"], example["image"]), scale, item)


def _decode(item: str, feature: tfds.features.Image, encoded: bytes) -> np.ndarray:
    try:
        pixels = feature.decode_example(encoded).numpy()
    except (tf.errors.OpError, ValueError) as error:
        raise ImageError(f"{item}: not an image that can be read ({first_line(error)})") from error
    if pixels.dtype == np.uint16:
        pixels = to_uint8(pixels / 257)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return pixels[..., :3]
