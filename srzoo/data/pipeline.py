"""Turns a source into batches: decodes once, then cuts aligned random crops in a tf.data pipeline.

A teacher's SR may stand in HR's place, whole or in part: it is computed once for each whole picture.

Which crop stands where in which batch is a function of the seed and the step alone, so a run that is
resumed at step n sees the batches that it would have seen had it never stopped.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from srzoo.data.cache import PairCache, read_all
from srzoo.data.degraded import Degradation, degraded_crop
from srzoo.data.fingerprint import Fingerprint, checksum
from srzoo.data.items import HELD_OUT, Item, Source, hold_out, resized_pair
from srzoo.images import to_uint8
from srzoo.metrics.fidelity import WINDOW

LOGGER = logging.getLogger(__name__)

VALIDATION_SIDE = 512
"""Validation is on the centre of each picture, at most this many HR pixels a side, to keep it short."""


@dataclass(frozen=True)
class Crops:
    """Crops of the pictures.

    Attributes:
        scale: HR pixels per LR pixel.
        patch: HR pixels a side; a multiple of the scale.
        batch: crops in a batch.
        fit: `crop` cuts at random places; `resize` takes the whole picture, squeezed to patch x patch.
        seed: seed of shuffling, places, flips and degradations.
        degradation: what becomes of each crop's LR; None: it is as the data set has it.
    """

    scale: int
    patch: int
    batch: int
    fit: str = "crop"
    seed: int = 0
    degradation: Degradation | None = None

    def __post_init__(self):
        if self.patch < self.scale or self.patch % self.scale:
            raise ValueError(f"the HR patch must be a multiple of the scale {self.scale}, got {self.patch}")
        if self.batch < 1:
            raise ValueError(f"the batch must hold at least 1 crop, got {self.batch}")
        if self.fit not in ("crop", "resize"):
            raise ValueError(f"fit must be 'crop' or 'resize', got {self.fit!r}")


@dataclass(frozen=True)
class Teacher:
    """A trained network whose SR is learned from: distillation (Hinton et al., arXiv 1503.02531).

    What it gives is a function of LR, so that the target has none of the detail that no network can know.

    Attributes:
        upscale: function from LR, uint8 (h, w, 3), to SR, float32 (scale h, scale w, 3) about [0, 255], not rounded.
        weight: share of SR in the target, in (0, 1]; the rest is HR.
    """

    upscale: Callable[[np.ndarray], np.ndarray]
    weight: float = 1.0

    def target(self, lr: np.ndarray, hr: np.ndarray) -> np.ndarray:
        """The target in HR's place, uint8 of HR's shape."""
        return to_uint8(self.weight * self.upscale(lr) + np.float32(1 - self.weight) * hr)


@dataclass(frozen=True)
class Pictures:
    """A data set, decoded: pairs to cut crops from, (name, lr, hr) to validate on, and what was left out.

    Of what is validated on, `trained_on` has the names of those whose pixels are trained on too, by whatever name.
    """

    train: PairCache
    validation: list[tuple[str, np.ndarray, np.ndarray]]
    unreadable: list[str] = field(default_factory=list)
    too_small: list[str] = field(default_factory=list)
    fingerprint: Fingerprint = field(default_factory=dict)
    trained_on: list[str] = field(default_factory=list)


def decode(source: Source, crops: Crops, memory: float, teacher: Teacher | None = None, least: int = 1) -> Pictures:
    """Reads every picture of a source once.

    Pictures that are left out are logged, and how many there are.

    Args:
        source: where the pictures come from.
        crops: what will be cut from them; pictures smaller than a crop are left out.
        memory: bytes of training pixels to hold in memory; the rest is cached in a temporary file.
        teacher: gives the targets of training; pictures are validated against HR.
        least: HR pixels a side that a picture must have to be validated on.

    Raises:
        ValueError: if nothing usable is left to train or to validate on.
    """
    train_items, validation_items = _split(source, crops)
    unreadable: list[str] = []
    too_small: list[str] = []
    cache = PairCache(memory)
    fingerprint: Fingerprint = {"train": {}, "validation": {}}
    centres = set()
    pairs = read_all(train_items, crops.scale, unreadable.append)
    for name, lr, hr in tqdm(pairs, "decoding", unit=" pictures", leave=False, disable=None):
        if min(hr.shape[:2]) < crops.patch:
            too_small.append(f"{name}: {hr.shape[1]}x{hr.shape[0]}")
        else:
            fingerprint["train"][name] = checksum(lr, hr)
            centres.add(checksum(*_centre(lr, hr, crops.scale)))
            cache.append(lr, teacher.target(lr, hr) if teacher else hr)
    validation = _centres(validation_items, crops.scale, unreadable, least)
    fingerprint["validation"] = {name: checksum(lr, hr) for name, lr, hr in validation}

    for message in unreadable:
        LOGGER.warning("left out: %s", message)
    if too_small:
        count, example = len(too_small), too_small[0]
        LOGGER.warning(
            "left out: %d picture(s) smaller than the %d-pixel crop, such as %s", count, crops.patch, example
        )
    if not len(cache) or not validation:
        raise ValueError(
            f"{source.name}: no usable pictures to {'validate' if len(cache) else 'train'} on "
            f"({len(unreadable)} unreadable, {len(too_small)} smaller than the {crops.patch}-pixel crop)"
        )
    trained_on = [name for name, centre in fingerprint["validation"].items() if centre in centres]
    return Pictures(cache, validation, unreadable, too_small, fingerprint, trained_on)


def decode_validation(source: Source, crops: Crops) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Reads what `decode` gives as `Pictures.validation`, of sizes that SSIM can measure, and no pictures to train on.

    Raises:
        ValueError: if nothing usable is left.
    """
    unreadable: list[str] = []
    pictures = _centres(_split(source, crops)[1], crops.scale, unreadable, 2 * crops.scale + WINDOW)
    for message in unreadable:
        LOGGER.warning("left out: %s", message)
    if not pictures:
        raise ValueError(f"{source.name}: no usable pictures to validate on ({len(unreadable)} unreadable)")
    return pictures


def _split(source: Source, crops: Crops) -> tuple[Iterable[Item], list[Item]]:
    """Pictures for training and for validation. If none that is held out is usable, one that is joins them."""
    train, validation = source.train, list(islice(source.validation, HELD_OUT))
    if crops.fit == "resize":
        train, validation = _resized(train, crops), list(_resized(validation, crops))
    if validation:
        return train, validation
    train, validation = hold_out(list(train))

    def usable(item: Item) -> bool:
        return bool(_centres([item], crops.scale, [], 2 * crops.scale + WINDOW))

    if not any(map(usable, validation)):
        spare = next(filter(usable, train), None)
        train, validation = [item for item in train if item is not spare], [*validation, *([spare] if spare else [])]
    return train, validation


def _centres(
    items: list[Item], scale: int, unreadable: list[str], least: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    centres = []
    for name, lr, hr in read_all(items, scale, unreadable.append):
        if min(hr.shape[:2]) < least:
            size = f"{hr.shape[1]}x{hr.shape[0]}"
            unreadable.append(f"{name}: {size} pixels are too few to validate on, expected at least {least}x{least}")
        else:
            centres.append((name, *_centre(lr, hr, scale)))
    return centres


def _resized(items, crops: Crops):
    def item_of(item: Item) -> Item:
        return Item(item.name, lambda: resized_pair(item.read()[1], crops.patch, crops.scale))

    return (item_of(item) for item in items)


def _centre(lr: np.ndarray, hr: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    side = VALIDATION_SIDE // scale
    top, left = (max(0, (size - side) // 2) for size in lr.shape[:2])
    hr_window = (slice(start * scale, (start + side) * scale) for start in (top, left))
    return lr[top : top + side, left : left + side], hr[tuple(hr_window)]


def batches(pairs: PairCache, crops: Crops, start: int = 0, part: slice = slice(None)) -> tf.data.Dataset:
    """Endless batches of aligned crops, flipped and turned at random, from step `start` on.

    One epoch visits each picture in proportion to its area: as often as crops fit into it, at least
    once. Each epoch has an order of its own, so no two batches are made of the same pictures.

    Args:
        pairs: decoded pictures, none smaller than a crop.
        crops: size and seed of what is cut.
        start: the number of the first batch.
        part: which crops of each batch to cut; the others are drawn but not cut, so that those of several
            processes make up the batch of one.

    Returns:
        A dataset of (lr, hr), uint8 of shapes (batch, patch / scale, patch / scale, 3) and
        (batch, patch, patch, 3), with as many crops for batch as `part` has of it.
    """
    visits = np.repeat(
        np.arange(len(pairs)), [max(1, round(hr.shape[0] * hr.shape[1] / crops.patch**2)) for _, hr in pairs]
    )
    scale, hr_side, lr_side = crops.scale, crops.patch, crops.patch // crops.scale
    places = {k: i for i, k in enumerate(range(*part.indices(crops.batch)))}

    @lru_cache(maxsize=2)
    def order(epoch: int) -> np.ndarray:
        return np.random.default_rng((crops.seed, 0, epoch)).permutation(visits)

    def make(step) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((crops.seed, 1, int(step)))
        lr_batch = np.empty((len(places), lr_side, lr_side, 3), np.uint8)
        hr_batch = np.empty((len(places), hr_side, hr_side, 3), np.uint8)
        for k in range(crops.batch):
            epoch, position = divmod(int(step) * crops.batch + k, len(visits))
            lr, hr = pairs[order(epoch)[position]]
            y, x = rng.integers(0, np.subtract(lr.shape[:2], lr_side) + 1)
            turn = rng.integers(0, 2, size=3)
            if k not in places:
                continue
            if crops.degradation:
                # A generator of its own, so that what one crop draws moves no other.
                own = np.random.default_rng((crops.seed, 2, int(step), k))
                lr_crop = degraded_crop(lr, hr, (y, x), lr_side, crops.degradation, own)
            else:
                lr_crop = lr[y : y + lr_side, x : x + lr_side]
            lr_batch[places[k]] = _turned(lr_crop, *turn)
            y, x = y * scale, x * scale
            hr_batch[places[k]] = _turned(hr[y : y + hr_side, x : x + hr_side], *turn)
        return lr_batch, hr_batch

    def tensors(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lr, hr = tf.numpy_function(make, [step], (tf.uint8, tf.uint8))
        lr.set_shape((len(places), lr_side, lr_side, 3))
        hr.set_shape((len(places), hr_side, hr_side, 3))
        return lr, hr

    threads = tf.data.AUTOTUNE if crops.degradation else 2
    return tf.data.Dataset.counter(start).map(tensors, num_parallel_calls=threads, deterministic=True).prefetch(4)


def _turned(crop: np.ndarray, flip_x: int, flip_y: int, transpose: int) -> np.ndarray:
    """One of the eight flips and quarter turns."""
    crop = crop[:, ::-1] if flip_x else crop
    crop = crop[::-1] if flip_y else crop
    return crop.transpose(1, 0, 2) if transpose else crop
