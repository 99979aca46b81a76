"""Turns the word on the command line into a source of pictures."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from srzoo.data.degraded import Degradation
from srzoo.data.folder import folder
from srzoo.data.items import Source
from srzoo.data.sample import sample


def open_source(
    dataset: str,
    scale: int,
    data_dir: str | None = None,
    limit: int | None = None,
    degradation: Degradation | None = None,
) -> Source:
    """Opens a data set by its name.

    Args:
        dataset: a folder, whatever its name; `div2k` or one of its configurations (`div2k/unknown_x4`); `sample`; or
            any name of tensorflow-datasets whose examples have an `image`, such as `coco/2017`.
        scale: 2, 3, 4 or 8.
        data_dir: where tensorflow-datasets keeps its data; default: its own default.
        limit: largest number of training pictures; the first ones are taken.
        degradation: what becomes of LR later, for the line that tells of a folder.

    Raises:
        OSError: if the data cannot be downloaded, or there is no such folder or data set.
        ValueError: if the data do not fit.
    """
    is_folder = Path(dataset).is_dir() or Path(dataset).is_absolute() or dataset.startswith(".") or dataset[-1:] == "/"
    if dataset == "sample" or is_folder:
        source = folder(Path(dataset), scale, degradation) if is_folder else sample(scale)
        return replace(source, train=list(islice(source.train, limit)))
    # Its import takes seconds, which the other sources need not wait for.
    from srzoo.data import tensorflow_datasets

    if dataset.split("/")[0] == "div2k":
        return tensorflow_datasets.div2k(dataset, scale, data_dir=data_dir, limit=limit)
    return tensorflow_datasets.named(dataset, scale, data_dir=data_dir, limit=limit)
