"""libvips in a process of its own, as it brings other versions of the libraries that are in use: a number of frames and
a path a line, which are answered by a line when their arrays are in the file of that path with `.npz` behind."""

import sys

import numpy as np
import pyvips


def decoded(path: str, count: int) -> list[np.ndarray]:
    """Gives of each frame or page an array of shape (H, W, C), upright."""
    options = {"fail_on": "error"}
    if count > 1 and path.endswith(".tif"):
        images = [pyvips.Image.new_from_file(path, page=page, **options) for page in range(count)]
    elif count > 1:
        whole = pyvips.Image.new_from_file(path, n=-1, **options)
        height = whole.get("page-height")
        images = [whole.crop(0, top, whole.width, height) for top in range(0, whole.height, height)]
    else:
        images = [pyvips.Image.new_from_file(path, **options).autorot()]
    # By itself it has no axis for one channel, and none at all for one pixel of it.
    return [image.numpy().reshape(image.height, image.width, image.bands) for image in images]


if __name__ == "__main__":
    for line in sys.stdin:
        count, path = line.rstrip("\n").split(" ", 1)
        try:
            np.savez(f"{path}.npz", *decoded(path, int(count)))
            print("done", flush=True)
        except Exception as error:  # told by the one who asks
            print(str(error).replace("\n", " "), flush=True)
