"""`examples/serving_client.py` against small servers that speak as TensorFlow Serving does."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
import serving_client
import tensorflow as tf
from served import NAME, encoded, predicted, worst
from tensorflow_serving.apis import prediction_service_pb2_grpc

from srzoo.pictures.reading import read_image
from srzoo.upscaling import Upscaler


@pytest.fixture
def rest(small_served):
    """TensorFlow Serving's REST interface for this one model: its URL, and what it is asked."""
    asked: list[str] = []
    failures: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            images = [b64decode(instance["b64"]) for instance in body["instances"]]
            if failures:
                return self.answer(failures.pop(), {"error": "busy"})
            try:
                (served,) = small_served.signatures["serving_default"](image_bytes=tf.constant(images)).values()
            except tf.errors.InvalidArgumentError as error:
                return self.answer(400, {"error": error.message})
            return self.answer(
                200, {"predictions": [{"b64": b64encode(each).decode("ascii")} for each in served.numpy()]}
            )

        def answer(self, code: int, content: dict) -> None:
            text = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked, failures
        server.shutdown()
        thread.join()


@pytest.fixture
def photos(picture, tmp_path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(picture))
    (folder / "deep" / "b.BMP").write_bytes(encoded(picture[:20, :30], "BMP"))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_the_client_upscales_files_and_folders_over_rest(small, rest, photos, picture, tmp_path, capsys):
    url, asked, failures = rest
    failures.extend([503, 429])
    (tmp_path / "damaged.png").write_bytes(encoded(picture)[:99])
    arguments = [str(photos), str(tmp_path / "damaged.png"), "--output", str(tmp_path / "out")]
    asking = ["--url", url, "--model", NAME, "--version", "3", "--wait", "0.01"]
    assert serving_client.main([*arguments, *asking]) == 1
    upscaler = Upscaler(small)
    assert worst(read_image(tmp_path / "out" / "a.png"), upscaler(picture)) <= 1
    assert worst(read_image(tmp_path / "out" / "deep" / "b.png"), upscaler(picture[:20, :30])) <= 1
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["a.png", "b.png", "deep"]
    assert set(asked) == {f"/v1/models/{NAME}/versions/3:predict"} and len(asked) == 5
    said = capsys.readouterr().out
    assert "damaged.png: failed: HTTP 400: image 0 of the batch, counted from 0, cannot be decoded" in said
    assert "[3/3" in said
    # What is there is not asked for again, unless the image is another.
    again = [*arguments[:1], *arguments[2:], *asking]
    assert serving_client.main(again) == 0 and len(asked) == 5
    assert "2 of 2 skipped: the result is there; for another model's name another --out" in capsys.readouterr().out
    os.utime(photos / "a.png", (1, 1))
    assert serving_client.main(again) == 0 and len(asked) == 6


def test_the_client_gives_up_on_a_server_that_is_busy_or_gone(rest, photos, tmp_path, capsys):
    url, asked, failures = rest
    failures.extend([503] * 9)
    arguments = [str(photos / "a.png"), "--output", str(tmp_path / "out"), "--model", NAME, "--wait", "0.01"]
    assert serving_client.main([*arguments, "--url", url, "--retries", "2"]) == 1 and len(asked) == 3
    assert serving_client.main([*arguments, "--url", "http://127.0.0.1:9", "--retries", "1", "--timeout", "5"]) == 1
    said, waiting = capsys.readouterr()
    assert "failed: HTTP 503: busy" in said and not (tmp_path / "out" / "a.png").exists()
    assert "no server at http://127.0.0.1:9 (connection refused): start it as docs/serving.md says\n" in said
    assert [line.split(": ")[-1] for line in waiting.splitlines()] == [
        "busy; asks again for 0.03 s",
        "start it as docs/serving.md says; asks again for 0.01 s",
    ]


def test_the_client_refuses_jobs_that_get_in_each_other_s_way(photos, picture, tmp_path, capsys):
    (photos / "a.bmp").write_bytes(encoded(picture, "BMP"))
    asking = ["--url", "http://127.0.0.1:9", "--model", NAME]
    assert serving_client.main([str(photos), "--output", str(tmp_path / "out"), *asking]) == 2
    assert serving_client.main([str(photos / "a.png"), "--output", str(photos), *asking]) == 2
    assert serving_client.main([str(photos / "c.png"), "--output", str(tmp_path / "out"), *asking]) == 2
    said = capsys.readouterr().err
    assert "would both become" in said and "would be replaced" in said and "c.png: no such file or folder" in said


def test_the_client_sends_neither_its_results_nor_hidden_files(photos, tmp_path):
    for name in ("._a.png", ".trash/b.png", "large/a.png", "large/deep/b.png"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(b"no image")
    (photos / "pipe.png").symlink_to("/dev/null")
    images = [photos / "a.png", photos / "deep/b.BMP"]
    assert list(serving_client.jobs_of([photos], photos / "large").values()) == images
    assert len(serving_client.jobs_of([photos / "large"], photos / "large/again")) == 2
    (photos / "at 12.30.15").touch()
    assert list(serving_client.jobs_of([photos / "at 12.30.15"], tmp_path)) == [tmp_path / "at 12.30.15.png"]


def test_lines_of_the_client_do_nothing_to_a_terminal_and_may_be_lost(tmp_path, capsys):
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1")
    serving_client.say("a\n\x1b[2J\udce9é.png", stream)
    assert stream.buffer.getvalue() == b"a\\n\\x1b[2J\\udce9\xe9.png\n"
    with open("/dev/full", "w", buffering=1) as full:
        serving_client.say("a", full)
    asking = ["--url", "http://127.0.0.1:9", "--model", NAME, "--output", str(tmp_path)]
    with pytest.raises(SystemExit):
        serving_client.main(["a.png", "--\n\x1b[2J", *asking])
    assert serving_client.main(["\x1b" + 300 * "a", *asking]) == 2
    said = capsys.readouterr().err
    assert "--\\n\\x1b[2J" in said and "too long: '\\x1baaa" in said and "\x1b" not in said


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        (
            ["--url", "localhost:8501"],
            "--url must begin with http:// or https:// as http://localhost:8501 does, got 'loc",
        ),
        (["--url", "ftp://localhost"], "--url must begin with http://"),
        (
            ["--grpc", "http://localhost:8500"],
            "--grpc must be a host and a port as localhost:8500, got 'http://localhost",
        ),
        (["--grpc", "localhost"], "--grpc must be a host and a port"),
    ],
)
def test_the_client_refuses_what_is_no_server_at_once(photos, tmp_path, capsys, server, sentence):
    assert serving_client.main([str(photos), "--output", str(tmp_path / "out"), "--model", NAME, *server]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.fixture
def grpc_server(small_served):
    """TensorFlow Serving's gRPC interface for this one model: its address, and what it is asked."""
    asked, failures = [], []

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            asked.append((request.model_spec.name, request.model_spec.version.value))
            if failures:
                context.abort(failures.pop(), "busy")
            try:
                return predicted(small_served, request)
            except tf.errors.InvalidArgumentError as error:
                return context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)

    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", asked, failures, grpc.StatusCode
    server.stop(None).wait()


def test_the_client_upscales_over_grpc(small, grpc_server, photos, picture, tmp_path, capsys):
    address, asked, failures, codes = grpc_server
    failures.append(codes.UNAVAILABLE)
    (tmp_path / "damaged.png").write_bytes(encoded(picture)[:99])
    files = [str(photos / "a.png"), str(tmp_path / "damaged.png")]
    asking = ["--grpc", address, "--model", NAME, "--version", "7", "--wait", "0.01"]
    assert serving_client.main([*files, "--output", str(tmp_path / "out"), *asking]) == 1
    assert worst(read_image(tmp_path / "out" / "a.png"), Upscaler(small)(picture)) <= 1
    assert asked == [(NAME, 7)] * 3
    assert "INVALID_ARGUMENT: image 0 of the batch, counted from 0, cannot be decoded" in capsys.readouterr().out


def test_ctrl_c_ends_the_client_although_the_server_has_not_answered(photos, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asking = ["--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--model", "a", "--timeout", "9999"]
        command = [sys.executable, serving_client.__file__, *asking, str(photos), "--output", str(tmp_path / "out")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client, silent.accept()[0]:
            client.send_signal(signal.SIGINT)
            assert client.communicate(timeout=300)[1] == "interrupted; run the same command to go on\n"
        assert client.returncode == 130


def test_the_client_runs_as_a_command_without_any_package(photos, rest, tmp_path):
    url, _, _ = rest
    command = [sys.executable, "-S", "-I", serving_client.__file__, photos, "--url", url]
    command += ["--model", NAME, "--output", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_PROXY": "*"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a.png").is_file() and "[2/2" in done.stdout
