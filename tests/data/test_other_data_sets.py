"""Other data sets of tensorflow-datasets: what is trained on, what is validated on, what is refused."""

import json
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from srzoo import bicubic
from srzoo.data import tensorflow_datasets as sources
from srzoo.data.sample import sample_path
from srzoo.images import ImageError
from srzoo.pictures.reading import read_image

SPLITS = {
    "train_only": {"train": 24},
    "test_only": {"test": 11},
    "single": {"train": 1},
    "few": {"train": 3},
    "many": {"train": 115},
    "three": {"train": 3, "validation": 2, "test": 4},
}


class Photos(tfds.core.GeneratorBasedBuilder):
    """Crops of a photograph, under a feature `image` among others."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name) for name in ("colour", "grey", "deep", "float", "mask", "label", *SPLITS)
    ]

    def _info(self):
        name = self.builder_config.name
        dtype = {"deep": np.uint16, "float": np.float32}.get(name, np.uint8)
        image = tfds.features.Image(shape=(None, None, {"grey": 1, "float": 1, "deep": 4}.get(name, 3)), dtype=dtype)
        features = {"mask" if name == "mask" else "image": np.int64 if name == "label" else image, "label": np.int64}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        sizes = SPLITS.get(self.builder_config.name, {"train": 24, "test": 11})
        return {split: self._generate_examples(size) for split, size in sizes.items()}

    def _generate_examples(self, count):
        for number in range(count):
            yield number, {"image": photo_of(self.builder_config.name, number), "label": number}


def photo_of(config: str, number: int) -> np.ndarray:
    photo = read_image(sample_path("astronaut.png"))[number : number + 31, 50:83]
    if config == "grey":
        return photo[..., :1]
    if config == "deep":
        alpha = np.full_like(photo[..., :1], number)
        levels = np.concatenate([photo, alpha], axis=2).astype(int) * 257
        return np.maximum(levels - 100, 0).astype(np.uint16)  # rounded they are the photo's, cut off they are not
    return photo


def encoded(pixels: np.ndarray) -> bytes:
    return tf.io.encode_png(pixels).numpy()


def message(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("config", ["colour", "grey", "deep"])
def test_any_data_set_with_an_image_gives_pairs_by_bicubic(config, tmp_path):
    source = sources.named(f"photos/{config}", 2, str(tmp_path))
    pairs = [item.read() for item in source.train]
    assert len(pairs) == 24
    photos = [photo_of("colour", number)[:30, :32] for number in range(24)]
    if config == "grey":
        photos = [np.repeat(photo[..., :1], 3, axis=2) for photo in photos]
    assert {hr.tobytes() for _, hr in pairs} == {photo.tobytes() for photo in photos}
    for lr, hr in pairs:
        assert (lr.shape, hr.shape) == ((15, 16, 3), (30, 32, 3))
        np.testing.assert_array_equal(lr, bicubic.downscale(hr, 2))


@pytest.mark.parametrize(
    ("config", "train", "validation"), [("colour", 24, 10), ("three", 3, 2), ("few", 2, 1), ("many", 105, 10)]
)
def test_few_pictures_validate_of_the_split_for_it_or_of_test_or_of_train(config, train, validation, tmp_path):
    source = sources.named(f"photos/{config}", 2, str(tmp_path))
    assert (len(list(source.train)), len(list(source.validation))) == (train, validation)


def test_a_single_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds a single picture; at least 2 are needed"):
        sources.named("photos/single", 2, str(tmp_path))


def test_without_a_second_split_some_training_pictures_are_kept_to_validate_on(tmp_path):
    source = sources.named("photos/train_only", 2, str(tmp_path))
    train, validation = ([item.read()[1].tobytes() for item in items] for items in (source.train, source.validation))
    assert (len(train), len(validation)) == (22, 2)
    assert not set(train) & set(validation)


def test_the_limit_caps_the_training_pictures(tmp_path):
    assert len(list(sources.named("photos/train_only", 2, str(tmp_path), limit=5).train)) == 5
    assert len(list(sources.named("photos/train_only", 2, str(tmp_path), limit=500).train)) == 22
    with pytest.raises(ValueError, match="at least 1 picture, got 0"):
        sources.named("photos/train_only", 2, str(tmp_path), limit=0)


def test_pictures_are_decoded_when_read_and_a_damaged_one_is_an_image_error(tmp_path, monkeypatch):
    def examples(self, count):
        for number in range(count):
            yield (
                number,
                {"image": b"\x89PNG\r\n\x1a\nbroken" if number == 3 else encoded(photo_of("", number)), "label": 0},
            )

    monkeypatch.setattr(Photos, "_generate_examples", examples)
    refused = []
    for item in sources.named("photos/colour", 2, str(tmp_path)).train:
        try:
            item.read()
        except ImageError as error:
            refused.append(str(error))
    assert len(refused) == 1
    assert "photos/colour train" in refused[0]


def test_pictures_smaller_than_the_scale_are_image_errors(tmp_path):
    with pytest.raises(ImageError, match="33x31 pixels are too few for scale 32"):
        next(iter(sources.named("photos/colour", 32, str(tmp_path)).train)).read()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("mask", "no feature `image`.*features are label, mask"),
        ("label", "no feature `image`.*features are image, label"),
        ("float", "its images are float32; only 8 or 16 bits a channel can be read"),
    ],
)
def test_a_data_set_without_an_image_that_can_be_read_is_refused(config, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        sources.named(f"photos/{config}", 2, str(tmp_path))


def test_a_pair_of_another_scale_is_an_image_error():
    features = dict.fromkeys(("lr", "hr"), tfds.features.Image())
    pair = {"lr": encoded(np.zeros((10, 12, 3), np.uint8)), "hr": encoded(np.zeros((40, 44, 3), np.uint8))}
    with pytest.raises(ImageError, match=r"a: HR of \(40, 44\) is not 4 times LR of \(10, 12\)"):
        sources._read_pair(4, "a", features, pair)


@pytest.mark.parametrize(
    ("error", "instructions", "told", "sentence"),
    [
        (ImportError("No module", name="mwxml"), None, ValueError, "mwxml, which is not installed; run `pip install"),
        (AssertionError("no archive"), "from its site", OSError, "must be downloaded by hand into .*manual"),
        (AssertionError("a bug"), None, AssertionError, "a bug"),
    ],
)
def test_what_stops_a_preparation_is_told_if_users_can_mend_it(
    error, instructions, told, sentence, tmp_path, monkeypatch
):
    def fails(*_):
        raise error

    monkeypatch.setattr(Photos, "_split_generators", fails)
    monkeypatch.setattr(Photos, "MANUAL_DOWNLOAD_INSTRUCTIONS", instructions)
    with pytest.raises(told, match=sentence):
        sources.named("photos/colour", 2, str(tmp_path))


def test_a_package_that_a_data_set_needs_from_the_start_is_named(monkeypatch):
    def fails(*_, **__):
        raise ImportError("No module", name="mwxml")

    monkeypatch.setattr(sources.tfds, "builder", fails)
    with pytest.raises(ValueError, match="photos needs the Python package mwxml, which is not installed; run `pip"):
        sources.named("photos", 2)


def test_an_unknown_name_or_configuration_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="cifar11: no such folder or data set; did you mean cifar10") as error:
        sources.named("cifar11", 2, str(tmp_path))
    message(error)
    with pytest.raises(ValueError, match="no configuration 'sepia'; it has colour, grey") as error:
        sources.named("photos/sepia", 2, str(tmp_path))
    message(error)
    with pytest.raises(ValueError, match=r"photos/colour:9\.0\.0 cannot be opened: ") as error:
        sources.named("photos/colour:9.0.0", 2, str(tmp_path))
    message(error)


def test_a_data_set_without_a_train_split_is_refused_with_its_splits(tmp_path):
    with pytest.raises(ValueError, match="no split `train` to train on; its splits: test"):
        sources.named("photos/test_only", 2, str(tmp_path))


def test_other_data_sets_too_fail_at_once_without_network(tmp_path, monkeypatch, closed_site):
    names = "photos.zip", "more.zip"
    urls = [f"{closed_site}/{name}" for name in names]
    infos = [tfds.download.checksums.UrlInfo(1, "00", name) for name in names]
    monkeypatch.setattr(Photos, "url_infos", dict(zip(urls, infos)))
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "first.zip.INFO").write_text(json.dumps({"urls": urls[:1]}))  # whose file is gone
    with pytest.raises(OSError, match="cannot be downloaded") as error:
        sources.named("photos/colour", 2, str(tmp_path))
    assert f"put more.zip, photos.zip into {downloads / 'manual'}" in message(error)
    (downloads / "first.zip").touch()  # the second may be of another configuration
    assert len(list(sources.named("photos/colour", 2, str(tmp_path)).train)) == 24
