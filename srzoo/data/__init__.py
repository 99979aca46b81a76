"""Turns a data set's name into batches of LR and HR crops, the same for every source."""

__all__ = ["pairs"]


def __getattr__(name: str):
    # TensorFlow takes seconds to import, which those who look for files alone need not wait for.
    if name != "pairs":
        raise AttributeError(f"module 'srzoo.data' has no attribute {name!r}")
    from srzoo.data.dataset import pairs

    return pairs
