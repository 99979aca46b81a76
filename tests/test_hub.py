"""Presets: written, loaded by srzoo and by Keras, refused; uploaded to a hub and fetched from there.

The hub is a stand-in on this machine that speaks HTTP as huggingface_hub uses it.
"""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import keras
import numpy as np
import pytest

import srzoo
from srzoo import hub, shipped
from srzoo.cli import batch, resolve, upload
from srzoo.images import write_image

NAME = "hf://anna/tiny"


class StandIn(BaseHTTPRequestHandler):
    """Models in `server.models`: name -> commits, each its number and its files."""

    def log_message(self, *_):
        pass

    def answer(self, status=200, body=b"", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": len(data)}.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        self.server.asked.append(self.path)
        found = re.fullmatch(
            r"/(?:api/models/)?(\w+/\w+)/(revision|tree|resolve)/([\w.]+)/?([\w.]*)(?:\?.*)?", self.path
        )
        commits = self.server.models.get(found[1], {}) if found else {}
        if not commits:
            return self.answer(404, X_Error_Code="RepoNotFound")
        number = list(commits)[-1] if found[3] == "main" else found[3]
        if number not in commits:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        files = commits[number]
        if found[2] == "revision":
            return self.answer(body={"id": found[1], "sha": number})
        if found[2] == "tree":
            rows = [{"type": "file", "path": p, "size": len(d), "oid": digest(d)[:40]} for p, d in files.items()]
            return self.answer(body=rows)
        return self.answer(body=files[found[4]], ETag=f'"{digest(files[found[4]])}"', X_Repo_Commit=number)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or self.chunks()
        if self.headers.get("Authorization") != "Bearer of-anna":
            return self.answer(401)
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.models.setdefault(name, {"0" * 40: {}})
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            return self.answer(body={"url": f"{self.server.address}/{name}"})
        if self.path == "/api/validate-yaml":
            return self.answer(body={"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = [
                {"path": p, "uploadMode": "lfs" if p.endswith(".h5") else "regular", "shouldIgnore": False}
                for p in (each["path"] for each in json.loads(body)["files"])
            ]
            return self.answer(body={"files": files})
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**each, "actions": {"upload": {"href": f"{self.server.address}/lfs/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            return self.answer(body={"transfer": "basic", "objects": objects})
        name = re.match(r"/api/models/(\w+/\w+)/commit/main", self.path)[1]
        lines = [json.loads(line) for line in body.splitlines()]
        new = {
            each["value"]["path"]: base64.b64decode(each["value"]["content"])
            if each["key"] == "file"
            else self.server.large[each["value"]["oid"]]
            for each in lines[1:]
        }
        number = f"{len(self.server.models[name]):040}"
        self.server.models[name][number] = new
        url = f"{self.server.address}/{name}/commit/{number}"
        return self.answer(body={"commitUrl": url, "commitOid": number, "success": True})

    def do_PUT(self):
        self.server.large[self.path.split("/")[-1]] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(parts)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra hub is not installed")
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.models, server.private, server.large, server.asked = {}, {}, {}, []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "of-anna")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def model():
    return srzoo.create("edsr-baseline", scale=2, blocks=1, filters=4)


@pytest.fixture(scope="module")
def preset(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    srzoo.save_preset(model, folder)
    return folder


def same(one, other) -> bool:
    return one.name == other.name and all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_a_preset_is_a_folder_that_srzoo_and_keras_load(model, preset):
    assert {path.name for path in preset.iterdir()} == {*hub.PRESET, hub.CARD}
    assert same(srzoo.load(preset), model) and same(srzoo.load(preset / hub.WEIGHTS), model)
    assert same(keras.saving.load_model(preset), model)
    assert "hf://USER/NAME" in (preset / hub.CARD).read_text() and "license" not in (preset / hub.CARD).read_text()


def test_what_keras_writes_is_a_preset_too(model, tmp_path):
    keras.saving.save_model(model, tmp_path / "theirs", zipped=False)
    assert same(srzoo.load(tmp_path / "theirs"), model)


def test_a_card_has_figures_if_the_weights_are_those_that_ship(tmp_path):
    model = srzoo.load("edsr-gan-x4")
    srzoo.save_preset(model, tmp_path / "same")
    card = (tmp_path / "same" / hub.CARD).read_text()
    figures = json.loads(shipped.RESULTS.read_text())["clean"]["edsr-gan-x4"]["Set5"]
    assert "license: apache-2.0" in card and re.search(rf"\| Set5 +\| +{figures['psnr_y']} ", card)
    model.layers[2].set_weights([2 * array for array in model.layers[2].get_weights()])
    srzoo.save_preset(model, tmp_path / "other")
    assert "license" not in (tmp_path / "other" / hub.CARD).read_text()


def test_a_card_that_is_there_stays(model, tmp_path):
    (tmp_path / hub.CARD).write_text("mine")
    srzoo.save_preset(model, tmp_path)
    assert (tmp_path / hub.CARD).read_text() == "mine"


def test_a_preset_with_a_layer_that_runs_code_is_refused(preset, tmp_path):
    pixels = keras.Input((None, None, 3))
    layer = keras.layers.Lambda(lambda x: keras.ops.repeat(keras.ops.repeat(x, 2, 1), 2, 2), output_shape=lambda s: s)
    with pytest.raises(ValueError, match="Lambda"):
        srzoo.save_preset(keras.Model(pixels, keras.layers.UpSampling2D(2)(layer(pixels))), tmp_path)
    assert not list(tmp_path.iterdir())
    for name in hub.PRESET:
        (tmp_path / name).write_bytes((preset / name).read_bytes())
    text = (tmp_path / "config.json").read_text().replace('"Conv2D"', '"Lambda"')
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"keras.layers.Lambda', which no network of srzoo's is"):
        srzoo.load(tmp_path)


def test_what_is_uploaded_can_be_fetched_and_is_asked_for_once(stand_in, model, preset, capsys):
    assert upload.main([str(preset), NAME]) == 0
    assert f"{stand_in.address}/anna/tiny/commit/{1:040}" in capsys.readouterr().out
    assert upload.main([str(preset), "hf://anna/own", "--private"]) == 0
    assert stand_in.private == {"anna/tiny": False, "anna/own": True}
    (_, sent) = stand_in.models["anna/tiny"].values()
    assert sent == {path.name: path.read_bytes() for path in preset.iterdir()}
    assert same(srzoo.load(NAME), model)
    assert not [path for path in stand_in.asked if "README" in path]
    pinned = f"{NAME}@{1:040}"
    folder, asked = hub.fetch(pinned), len(stand_in.asked)
    assert hub.fetch(pinned) == folder and len(stand_in.asked) == asked
    assert shipped.locate(pinned) == str(folder / hub.WEIGHTS)


def test_both_commands_take_what_is_on_a_hub_and_know_each_others_results(stand_in, preset, tmp_path, capsys):
    pytest.importorskip("apache_beam", reason="srzoo batch needs Apache Beam: pip install 'srzoo[beam]'")
    srzoo.upload_preset(NAME, preset)
    write_image(tmp_path / "in/a.png", np.zeros((9, 9, 3), np.uint8))
    assert batch.main([str(tmp_path / "in"), str(tmp_path / "out"), "--model", NAME]) == 0
    capsys.readouterr()
    assert resolve.main([str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", NAME, "--resume"]) == 0
    assert "0 of 1 images upscaled" in capsys.readouterr().out


def test_nothing_but_the_files_of_a_preset_is_fetched(stand_in, preset):
    files = {name: (preset / name).read_bytes() for name in hub.PRESET}
    stand_in.models["eve/net"] = {"a" * 40: {**files, "model.pkl": b"x", "setup.py": b"x", "assets.zip": b"x"}}
    assert {path.name for path in hub.fetch("hf://eve/net").iterdir()} == set(hub.PRESET)
    stand_in.models["eve/other"] = {"b" * 40: {"model.pkl": b"x", "config.json": b"{}"}}
    with pytest.raises(FileNotFoundError, match="hf://eve/other holds no preset"):
        srzoo.load("hf://eve/other")


def test_without_a_network_what_is_cached_loads_and_of_the_rest_one_line_tells(stand_in, model, preset, monkeypatch):
    srzoo.upload_preset(NAME, preset)
    hub.fetch(NAME)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert same(srzoo.load(NAME), model)
    for call in (lambda: srzoo.load("hf://anna/other"), lambda: srzoo.upload_preset(NAME, preset)):
        with pytest.raises(ConnectionError, match=r"http://127.0.0.1:9 cannot be reached.*or give a preset's folder$"):
            call()


def test_what_the_hub_refuses_is_told_in_one_line(stand_in, preset, monkeypatch):
    stand_in.models["anna/tiny"] = {"c" * 40: {}}
    with pytest.raises(FileNotFoundError, match="has no such model"):
        srzoo.load("hf://anna/none")
    with pytest.raises(FileNotFoundError, match="has no such revision"):
        srzoo.load(f"{NAME}@v2")
    monkeypatch.setenv("HF_TOKEN", "of-eve")
    with pytest.raises(PermissionError, match="run `hf auth login`"):
        srzoo.upload_preset(NAME, preset)
    monkeypatch.setattr(StandIn, "do_POST", lambda self: self.answer(body=b"<html>Log in to this network</html>"))
    with pytest.raises(ConnectionError, match="hf://anna/tiny: .*answers with something else than a hub does"):
        srzoo.upload_preset(NAME, preset)


@pytest.mark.parametrize("name", ["hf://tiny", "hf://anna/tiny/x", "hf://anna/", "hf://anna/tiny@", "hf://an na/tiny"])
def test_what_is_no_address_of_a_preset_is_refused(name):
    with pytest.raises(ValueError, match="is no model of a hub"):
        srzoo.load(name)


def test_an_upload_to_a_revision_or_of_no_preset_is_refused(preset, tmp_path):
    with pytest.raises(ValueError, match="leave out @v1"):
        srzoo.upload_preset(f"{NAME}@v1", preset)
    with pytest.raises(FileNotFoundError, match="holds no preset"):
        srzoo.upload_preset(NAME, tmp_path)
