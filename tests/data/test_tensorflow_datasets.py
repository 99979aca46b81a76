"""DIV2K through tensorflow-datasets' own builder, over small archives of DIV2K's layout, and other data sets of it."""

import concurrent.futures
import http.server
import io
import socket
import threading
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from srzoo import bicubic
from srzoo.data import tensorflow_datasets as sources
from srzoo.data.pipeline import Crops, batches, decode
from srzoo.data.sample import sample_path
from srzoo.data.sources import open_source
from srzoo.images import ImageError
from srzoo.pictures.reading import read_image

DIV2K = tfds.builder_cls("div2k")

# For each configuration: its LR archives, the folder inside, and the endings of the file names, as on DIV2K's site.
LAYOUT = {
    "bicubic_x2": ("LR_bicubic_X2", "LR_bicubic/X2", ["x2"]),
    "bicubic_x4": ("LR_bicubic_X4", "LR_bicubic/X4", ["x4"]),
    "bicubic_x8": ("LR_x8", "LR_x8", ["x8"]),
    "unknown_x4": ("LR_unknown_X4", "LR_unknown/X4", ["x4"]),
    "realistic_mild_x4": ("LR_mild", "LR_mild", ["x4m"]),
    "realistic_wild_x4": ("LR_wild", "LR_wild", ["x4w1", "x4w2", "x4w3", "x4w4"]),
}
PICTURES = {"train": ["0001", "0002", "0003", "0800"], "valid": ["0801", "0802"]}


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def hr_of(number: str) -> np.ndarray:
    """A part of a photograph, its sides multiples of 12 as DIV2K's are."""
    photo = read_image(sample_path("astronaut.png" if int(number) <= 800 else "chelsea.png"))
    top = int(number) % 100
    return photo[top : top + 84, 100:196]


def lr_of(number: str, ending: str) -> np.ndarray:
    """Another LR for each kind of degradation; sides rounded up as MATLAB's imresize does."""
    hr = hr_of(number)
    scale = int(ending[1])
    size = (-(-hr.shape[1] // scale), -(-hr.shape[0] // scale))
    return np.array(Image.fromarray(hr).resize(size, Image.Resampling.BICUBIC)) // len(ending)


def write_archives(folder: Path, config: str) -> list[Path]:
    """The four archives that a configuration of DIV2K needs."""
    archive, inside, endings = LAYOUT[config]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for part, numbers in PICTURES.items():
        with zipfile.ZipFile(folder / f"DIV2K_{part}_HR.zip", "w") as file:
            file.writestr(f"DIV2K_{part}_HR/", "")
            for number in numbers:
                file.writestr(f"DIV2K_{part}_HR/{number}.png", png(hr_of(number)))
        with zipfile.ZipFile(folder / f"DIV2K_{part}_{archive}.zip", "w") as file:
            for number in numbers:
                for ending in endings:
                    file.writestr(f"DIV2K_{part}_{inside}/{number}{ending}.png", png(lr_of(number, ending)))
        written += [folder / f"DIV2K_{part}_HR.zip", folder / f"DIV2K_{part}_{archive}.zip"]
    return written


def know_checksums(monkeypatch, archives: list[Path], site: str = "https://data.vision.ee.ethz.ch/cvl/DIV2K") -> None:
    """Lets tensorflow-datasets expect these archives at that site instead of the real ones, gigabytes in size."""
    checksums = {f"{site}/{path.name}": tfds.download.checksums.compute_url_info(path) for path in archives}
    monkeypatch.setattr(DIV2K, "url_infos", checksums)


def move_site(monkeypatch, site: str) -> None:
    for config in DIV2K.BUILDER_CONFIGS:
        moved = {key: f"{site}/{Path(url).name}" for key, url in config.download_urls.items()}
        monkeypatch.setattr(config, "download_urls", moved)


@pytest.fixture
def closed_site() -> str:
    """The address of a server that nobody runs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/DIV2K"


@pytest.fixture
def site(tmp_path):
    """Serves the files of tmp_path/site; the returned server's `answer` may send something else instead."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            content = (tmp_path / "site" / Path(self.path).name).read_bytes()
            status, promised, content = server.answer(content)
            self.send_response(status)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(content)
            server.served.append(self.path)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answer = lambda content: (200, len(content), content)
    server.served = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def at_exit(monkeypatch):
    """What is put off to the end of the process, as a function that does it now, other threads' work first."""
    late, work = [], []
    monkeypatch.setattr(sources.atexit, "register", lambda *call: late.append(call))
    pool = concurrent.futures.ThreadPoolExecutor
    submit = pool.submit

    def remember(*call, **options):
        work.append(submit(*call, **options))
        return work[-1]

    monkeypatch.setattr(pool, "submit", remember)

    def run():
        concurrent.futures.wait(work)
        for function, *arguments in late:
            function(*arguments)

    return run


def by_number(items) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Pairs under the number of their HR picture."""
    numbers = PICTURES["train"] + PICTURES["valid"]
    found = {}
    for item in items:
        lr, hr = item.read()
        number = next(n for n in numbers if (hr == hr_of(n)[: hr.shape[0], : hr.shape[1]]).all())
        found.setdefault(number, []).append((lr, hr))
    return found


def message(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("config", LAYOUT)
def test_div2k_is_read_from_archives_that_the_user_put_into_the_manual_folder(config, tmp_path, monkeypatch):
    know_checksums(monkeypatch, write_archives(tmp_path / "downloads" / "manual", config))
    scale = int(config[-1])
    source = sources.div2k(f"div2k/{config}", scale, str(tmp_path))
    train, validation = by_number(source.train), by_number(source.validation)
    assert sorted(train) == PICTURES["train"]
    assert sorted(validation) == PICTURES["valid"]
    endings = LAYOUT[config][2]
    for number, pairs in (train | validation).items():
        assert len(pairs) == len(endings)
        for lr, hr in pairs:
            assert lr.dtype == hr.dtype == np.uint8
            assert hr.shape == (lr.shape[0] * scale, lr.shape[1] * scale, 3)
            expected = [lr_of(number, ending)[: lr.shape[0], : lr.shape[1]] for ending in endings]
            assert any((lr == e).all() for e in expected)


def test_at_x8_the_lr_line_without_a_whole_hr_block_is_cut_off(tmp_path, monkeypatch):
    know_checksums(monkeypatch, write_archives(tmp_path / "downloads" / "manual", "bicubic_x8"))
    lr, hr = next(iter(sources.div2k("div2k", 8, str(tmp_path)).train)).read()
    assert lr_of("0001", "x8").shape == (11, 12, 3)  # 84 / 8 rounded up
    assert lr.shape == (10, 12, 3)
    assert hr.shape == (80, 96, 3)


def test_div2k_alone_is_bicubic_and_goes_all_the_way_to_batches(tmp_path, monkeypatch, capsys):
    know_checksums(monkeypatch, write_archives(tmp_path / "downloads" / "manual", "bicubic_x4"))
    source = open_source("div2k", 4, data_dir=str(tmp_path), limit=3)
    assert "EXTRACTING" not in capsys.readouterr().out
    crops = Crops(scale=4, patch=48, batch=5)
    pictures = decode(source, crops, memory=10**6)
    assert (len(pictures.train), len(pictures.validation)) == (3, 2)
    lr, hr = next(iter(batches(pictures.train, crops)))
    assert (lr.shape, hr.shape) == ((5, 12, 12, 3), (5, 48, 48, 3))


def test_a_prepared_data_set_needs_neither_archives_nor_network(tmp_path, monkeypatch, closed_site):
    archives = write_archives(tmp_path / "downloads" / "manual", "bicubic_x2")
    know_checksums(monkeypatch, archives)
    sources.div2k("div2k", 2, str(tmp_path))
    for archive in archives:
        archive.unlink()
    move_site(monkeypatch, closed_site)
    assert len(list(sources.div2k("div2k", 2, str(tmp_path)).train)) == 4


def test_div2k_is_downloaded_once(tmp_path, monkeypatch, site, capsys):
    know_checksums(monkeypatch, write_archives(tmp_path / "site", "bicubic_x4"), site.url)
    move_site(monkeypatch, site.url)
    for _ in range(2):
        assert len(list(sources.div2k("div2k/bicubic_x4", 4, str(tmp_path / "data")).train)) == 4
    assert len(site.served) == 4
    assert "Dl Completed" in capsys.readouterr().err  # the progress bar


def test_without_network_one_sentence_comes_at_once_and_names_the_alternatives(tmp_path, monkeypatch, closed_site):
    know_checksums(monkeypatch, write_archives(tmp_path / "there", "bicubic_x4"), closed_site)
    move_site(monkeypatch, closed_site)
    tries_for_minutes = "download_and_prepare"
    monkeypatch.setattr(sources.tfds.core.DatasetBuilder, tries_for_minutes, lambda *_, **__: pytest.fail("was tried"))
    with pytest.raises(OSError) as error:
        sources.div2k("div2k", 4, str(tmp_path / "data"))
    text = message(error)
    for archive in ("train_HR", "train_LR_bicubic_X4", "valid_HR", "valid_LR_bicubic_X4"):
        assert f"DIV2K_{archive}.zip" in text
    for alternative in (str(tmp_path / "data" / "downloads" / "manual"), "--data-dir", "folder of images", "`sample`"):
        assert alternative in text


def test_only_the_archives_that_are_still_missing_are_named(tmp_path, monkeypatch, closed_site):
    manual = tmp_path / "downloads" / "manual"
    know_checksums(monkeypatch, write_archives(manual, "unknown_x4"), closed_site)
    move_site(monkeypatch, closed_site)
    (manual / "DIV2K_train_LR_unknown_X4.zip").unlink()
    with pytest.raises(OSError) as error:
        sources.div2k("div2k/unknown_x4", 4, str(tmp_path))
    assert "put DIV2K_train_LR_unknown_X4.zip into" in message(error)


@pytest.mark.parametrize(
    "answer, says",
    [
        (lambda content: (404, len(content), content), "HTTP code: 404"),
        (lambda content: (200, len(content), content[:100]), "cannot be downloaded"),
        (lambda content: (200, len(content), content[:-1] + b"?"), "arrived damaged"),
    ],
    ids=["refused", "cut off", "damaged"],
)
def test_a_failed_download_is_one_sentence_and_leaves_nothing_behind(
    answer, says, tmp_path, monkeypatch, site, at_exit
):
    know_checksums(monkeypatch, write_archives(tmp_path / "site", "bicubic_x4"), site.url)
    move_site(monkeypatch, site.url)
    good, site.answer = site.answer, answer
    with pytest.raises(OSError) as error:
        sources.div2k("div2k", 4, str(tmp_path / "data"))
    assert says in message(error)
    at_exit()
    assert not [path for path in (tmp_path / "data").rglob("*") if path.suffix in (".zip", ".incomplete")]
    site.answer = good
    assert len(list(sources.div2k("div2k", 4, str(tmp_path / "data")).train)) == 4


def test_a_damaged_archive_is_named_with_what_to_do(tmp_path, monkeypatch):
    manual = tmp_path / "downloads" / "manual"
    know_checksums(monkeypatch, write_archives(manual, "bicubic_x4"))
    damaged = manual / "DIV2K_train_HR.zip"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(OSError, match="checksum") as error:
        sources.div2k("div2k", 4, str(tmp_path))
    assert f"{damaged} is damaged" in message(error)
    assert "delete it, and download https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip" in message(error)


def test_an_archive_that_cannot_be_unpacked_is_named(tmp_path, monkeypatch):
    manual = tmp_path / "downloads" / "manual"
    archives = write_archives(manual, "bicubic_x4")
    (manual / "DIV2K_valid_HR.zip").write_bytes(b"not an archive")
    know_checksums(monkeypatch, archives)
    with pytest.raises(OSError, match="cannot be unpacked") as error:
        sources.div2k("div2k", 4, str(tmp_path))
    assert str(manual / "DIV2K_valid_HR.zip") in message(error)


def test_prepared_data_that_were_cut_short_are_refused(tmp_path, monkeypatch):
    know_checksums(monkeypatch, write_archives(tmp_path / "downloads" / "manual", "bicubic_x4"))
    sources.div2k("div2k", 4, str(tmp_path))
    prepared = tmp_path / "div2k" / "bicubic_x4" / "2.0.0"
    records = next(prepared.glob("div2k-train*"))
    records.write_bytes(records.read_bytes()[:-500])
    with pytest.raises(OSError, match="damaged") as error:
        list(sources.div2k("div2k", 4, str(tmp_path)).train)
    assert str(prepared) in message(error)
    (prepared / "dataset_info.json").unlink()
    with pytest.raises(OSError, match="not a complete data set"):
        sources.div2k("div2k", 4, str(tmp_path))


def test_a_configuration_of_another_scale_is_refused_with_both_scales():
    with pytest.raises(ValueError, match="realistic_mild_x4 is made for scale 4, but scale 2") as error:
        sources.div2k("div2k/realistic_mild_x4", 2)
    assert "--scale 4, or div2k/bicubic_x2" in message(error)


def test_an_unknown_configuration_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'blurred_x4'") as error:
        sources.div2k("div2k/blurred_x4", 4)
    for config in LAYOUT:
        assert config in message(error)


class Photos(tfds.core.GeneratorBasedBuilder):
    """Crops of a photograph, under a feature `image` among others."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name) for name in ("colour", "grey", "deep", "mask", "train_only", "test_only")
    ]

    def _info(self):
        channels = {"grey": 1, "deep": 4}.get(self.builder_config.name, 3)
        dtype = np.uint16 if self.builder_config.name == "deep" else np.uint8
        image = tfds.features.Image(shape=(None, None, channels), dtype=dtype)
        features = {"mask" if self.builder_config.name == "mask" else "image": image, "label": np.int64}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        only = self.builder_config.name.removesuffix("_only")
        sizes = {"train": 24, "test": 11}
        return {split: self._generate_examples(sizes[split]) for split in ([only] if only in sizes else sizes)}

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


def test_the_test_split_validates_where_there_is_no_other_and_stays_short(tmp_path):
    source = sources.named("photos/colour", 2, str(tmp_path))
    assert len(list(source.validation)) == 10


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
                {"image": b"\x89PNG\r\n\x1a\nbroken" if number == 3 else png(photo_of("", number)), "label": 0},
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


def test_a_data_set_without_an_image_is_refused_with_its_features(tmp_path):
    with pytest.raises(ValueError, match="no feature `image`.*features are label, mask"):
        sources.named("photos/mask", 2, str(tmp_path))


def test_an_unknown_name_or_configuration_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="cifar11: no such folder or data set; did you mean cifar10") as error:
        sources.named("cifar11", 2, str(tmp_path))
    message(error)
    with pytest.raises(ValueError, match="no configuration 'sepia'; it has colour, grey") as error:
        sources.named("photos/sepia", 2, str(tmp_path))
    message(error)


def test_a_data_set_without_a_train_split_is_refused_with_its_splits(tmp_path):
    with pytest.raises(ValueError, match="no split `train` to train on; its splits: test"):
        sources.named("photos/test_only", 2, str(tmp_path))


def test_other_data_sets_too_fail_at_once_without_network(tmp_path, monkeypatch, closed_site):
    checksum = tfds.download.checksums.UrlInfo(1, "00", "photos.zip")
    monkeypatch.setattr(Photos, "url_infos", {f"{closed_site}/photos.zip": checksum})
    with pytest.raises(OSError, match="cannot be downloaded") as error:
        sources.named("photos/colour", 2, str(tmp_path))
    assert f"put photos.zip into {tmp_path / 'downloads' / 'manual'}" in message(error)
