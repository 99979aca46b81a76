"""Installs srzoo: `pip install .`; the versions that are tested are in requirements.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "srzoo" / "__init__.py").read_text())[1]
SAMPLE = ["scikit-image>=0.25"]

setup(
    name="srzoo",
    version=VERSION,
    description="Super-resolution models for TensorFlow and Keras 3: SRResNet, EDSR, SRGAN",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["srzoo", "srzoo.*"]),
    package_data={
        "srzoo": [
            "py.typed",
            "weights/*.weights.h5",
            "weights/starts/*.weights.h5",
            "weights/SHA256SUMS",
            "viewing/pages/*",
        ]
    },
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "keras>=3.12,<4",
        "tensorflow-datasets>=4.9.10,<5",
        "tensorboard>=2.20",
        "tensorflow-serving-api>=2.19",
        "numpy>=2.1",
        "pillow>=12",
        "matplotlib>=3.10",
        "h5py>=3.14",
        "requests>=2.32",
        "tqdm>=4.67",
        "importlib_resources>=6",
        # Not imported here; without these the pip that comes with Python 3.10 searches for many minutes.
        'etils<1.14; python_version < "3.11"',
        'protobuf<=6.32; python_version < "3.11"',
    ],
    extras_require={
        "sample": SAMPLE,
        # 16-bit colours in TIFF, HEIF (of phones), JPEG XL.
        "tiff": ["tifffile>=2025.5", "imagecodecs>=2025.3"],
        "heif": ["pillow-heif>=1.1"],
        "jxl": ["pillow-jxl-plugin>=1.3"],
        # What `srzoo export` writes besides SavedModel and Keras files.
        "litert": ["ai-edge-litert>=2.1"],
        "onnx": ["onnx>=1.19", "tf2onnx>=1.16", "onnxruntime>=1.22"],
        # Pictures upscaled from the shell without TensorFlow's start, and in 8 bits.
        "fast": ["openvino>=2025.1"],
        # The page of `srzoo demo`.
        "demo": ["gradio>=6.31,<7"],
        # Archives of pictures, by workers of this machine or of a cluster: `srzoo batch`.
        "beam": ["apache-beam>=2.77,<3"],
        "dev": [*SAMPLE, "pytest>=9", "pytest-xdist", "ruff", "mypy", "psutil", "hypothesis", "playwright"],
    },
    entry_points={"console_scripts": ["srzoo = srzoo.__main__:main"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
)
