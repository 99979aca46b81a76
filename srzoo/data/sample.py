"""Photographs that ship inside scikit-image, to try things with no download."""

from pathlib import Path

from srzoo.data.folder import folder_items
from srzoo.data.items import Source

TRAIN = (
    *("astronaut.png", "brick.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
)
VALIDATION = ("chelsea.png",)


def sample(scale: int) -> Source:
    """Twelve photographs to train on and one, a cat, to validate on; LR by MATLAB's bicubic.

    Raises:
        FileNotFoundError: if scikit-image is not installed.
    """
    names = TRAIN + VALIDATION
    items = folder_items([sample_path(name) for name in names], scale)
    return Source("sample", items[: len(TRAIN)], items[len(TRAIN) :])


def sample_path(name: str) -> Path:
    """Path of one of the photographs inside the installed scikit-image."""
    try:
        import skimage.data
    except ImportError as error:
        raise FileNotFoundError(
            "the data set 'sample' is made of photographs inside scikit-image, which is not installed; "
            "run `pip install scikit-image`, or give a folder of your own pictures"
        ) from error
    return Path(skimage.data.__file__).parent / name
