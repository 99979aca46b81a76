"""DIV2K through tensorflow-datasets' own builder, over small archives of DIV2K's layout."""

import concurrent.futures
import http.server
import io
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from srzoo.data import tensorflow_datasets as sources
from srzoo.data.pipeline import Crops, batches, decode
from srzoo.data.sample import sample_path
from srzoo.data.sources import open_source
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
