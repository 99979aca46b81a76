"""Names of data sets, known without TensorFlow, whose import takes seconds, and without the network."""

import os
import re
from difflib import get_close_matches
from pathlib import Path

from srzoo.images import check_folder, image_files


def check_known(dataset: str, data_dir: str | None = None) -> None:
    """Tells of a word that is neither a folder with pictures nor a data set, before anything is downloaded.

    Args:
        dataset: what `srzoo.data.sources.open_source` takes.
        data_dir: where tensorflow-datasets keeps its data; what is prepared there is known too.

    Raises:
        FileNotFoundError: with the names that are written alike, or if `sample` needs scikit-image.
        NotADirectoryError: for a file.
        ValueError: if there is no picture in the folder.
    """
    if Path(dataset).is_dir():
        if not image_files(dataset):
            raise ValueError(f"{dataset}: no pictures found (PNG, JPEG, WebP, BMP or TIFF)")
        return
    base = re.split("[/:]", dataset)[0]
    namespace = ":" in dataset.partition("/")[0]  # only the network says what is in one
    if base == "sample":
        from srzoo.data.sample import TRAIN, sample_path

        sample_path(TRAIN[0])
    if base in ("div2k", "sample") or namespace:
        return
    if Path(dataset).is_file():
        check_folder(Path(dataset))
    if dataset.startswith((".", "/", "~")) or dataset.endswith("/"):
        raise FileNotFoundError(f"{dataset}: no such folder")
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    prepared = Path(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / base
    if base not in known and not prepared.is_dir():
        raise FileNotFoundError(unknown(dataset, known))


def unknown(dataset: str, known: list[str]) -> str:
    """A message about a word that is no known data set."""
    folders = [f"{each.name}/" for each in Path().iterdir() if each.is_dir()]
    near = get_close_matches(re.split("[/:]", dataset)[0], ["sample", "div2k", *folders, *known], 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{dataset}: no such folder or data set{hint} (https://www.tensorflow.org/datasets/catalog lists the data sets)"
    )
