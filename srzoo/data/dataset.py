"""Pairs of LR and HR as a `tf.data.Dataset`, for `Model.fit` and for loops of one's own."""

import os

import tensorflow as tf

from srzoo.data import pipeline
from srzoo.data.degraded import Degradation, degraded_validation
from srzoo.data.sources import open_source

SPLITS = ("train", "validation")


def pairs(
    source: str | os.PathLike,
    scale: int = 4,
    patch: int = 96,
    batch: int = 16,
    degrade: str | Degradation | None = None,
    *,
    split: str = "train",
    seed: int = 0,
    memory: int = 4 * 10**9,
    data_dir: str | None = None,
) -> tf.data.Dataset:
    """Pairs of LR and HR of a data set, decoded once, cut, flipped and turned at random.

    Pictures that cannot be read, are smaller than a crop, or are too small to be measured are left out, which is
    logged.

    Args:
        source: a folder, `div2k` or one of its configurations, `sample`, or a name of tensorflow-datasets, as
            `srzoo.data.sources.open_source` takes it.
        scale: HR pixels a side of an LR pixel.
        patch: HR pixels a side of a crop, a multiple of the scale.
        batch: crops in a batch.
        degrade: a preset that makes LR for each crop, such as `real` (`srzoo.degradations.presets.PRESETS`),
            or a `srzoo.data.degraded.Degradation`; None: LR is as the data set has it, or made by MATLAB's bicubic.
        split: `train`; or `validation`: pictures that `train` does not have, their middle of at most 512 HR pixels a
            side, one a batch, each once.
        seed: seed of order, places, flips and degradations.
        memory: bytes of decoded pictures to hold in memory; the rest is in a temporary file.
        data_dir: where tensorflow-datasets keeps its data; default: its own default.

    Returns:
        (lr, hr), float32 of shapes (N, h, w, 3) and (N, scale h, scale w, 3), RGB in [0, 255], which is what the models
        take and give. Of `train` without end: `fit` needs `steps_per_epoch`. A new iteration begins from the start.

    Raises:
        OSError: if the data cannot be downloaded, or there is no such folder.
        ValueError: for an unknown name, split or preset, a patch that does not fit the scale, or a data set without
            usable pictures.

    Example:
        >>> model.fit(pairs("photos/"), validation_data=pairs("photos/", split="validation"), steps_per_epoch=1000)
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    degradation = Degradation(degrade) if isinstance(degrade, str) else degrade
    crops = pipeline.Crops(scale, patch, batch, seed=seed, degradation=degradation)
    opened = open_source(os.fspath(source), scale, data_dir, degradation=degradation)
    if split == "train":
        dataset = pipeline.batches(pipeline.decode(opened, crops, memory).train, crops)
    else:
        pictures = pipeline.decode_validation(opened, crops)
        pictures = degraded_validation(pictures, degradation, seed) if degradation else pictures
        picture = tf.TensorSpec((1, None, None, 3), tf.uint8)
        dataset = tf.data.Dataset.from_generator(
            lambda: ((lr[None], hr[None]) for _, lr, hr in pictures), output_signature=(picture, picture)
        ).apply(tf.data.experimental.assert_cardinality(len(pictures)))
    return dataset.map(lambda lr, hr: (tf.cast(lr, tf.float32), tf.cast(hr, tf.float32)))
