"""Upscales image files with a model in TensorFlow Serving, over REST or gRPC; see docs/serving.md.

    python examples/serving_client.py --url http://localhost:8501 --model edsr-baseline-x4 a.jpg folder/ --output out/
    python examples/serving_client.py --grpc localhost:8500 --model edsr-baseline-x4 a.jpg --output out/

REST needs Python alone, so this file can be copied to where nothing is installed; gRPC needs the package
tensorflow-serving-api. Results bear the time of their images: what is there and of that time is not asked for again, so
a run that was interrupted goes on where it was.
"""

import argparse
import base64
import http.client
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TextIO

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""File name endings, in lower case, that are looked for in a folder."""

PNG = b"\x89PNG\r\n\x1a\n"

Send = Callable[[bytes], bytes]
"""From an encoded image to the encoded, upscaled PNG."""


class Refused(Exception):
    """The server answered that it cannot serve this request; the message is its reason."""


class Unavailable(Exception):
    """The server did not answer, or is busy; it may help to ask again."""


def rest_sender(url: str, model: str, version: int | None, timeout: float) -> Send:
    """Sends over REST; `url` is the server's, such as http://localhost:8501, and `timeout` in seconds.

    Raises:
        ValueError: if it is no URL of a server.
    """
    if not re.match(r"https?://[^/]", url):
        raise ValueError(f"--url must begin with http:// or https:// as http://localhost:8501 does, got {url!r}")
    path = f"/v1/models/{urllib.parse.quote(model)}" + (f"/versions/{version}" if version else "") + ":predict"
    headers = {"Content-Type": "application/json"}

    def send(image: bytes) -> bytes:
        body = json.dumps({"instances": [{"b64": base64.b64encode(image).decode("ascii")}]}).encode("ascii")
        request = urllib.request.Request(url.rstrip("/") + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}: {_rest_reason(error.read())}"
            raise (Unavailable if error.code in (408, 429, 502, 503, 504) else Refused)(reason) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError):
                advice = "start it as docs/serving.md says"
                raise Unavailable(f"no server at {url} (connection refused): {advice}") from error
            raise Unavailable(f"no answer from {url} ({str(reason) or type(error).__name__})") from error
        try:
            return base64.b64decode(json.loads(answer)["predictions"][0]["b64"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Refused("the answer holds no image; is this a model that srzoo exported?") from error

    return send


def _rest_reason(answer: bytes) -> str:
    try:
        return _reason(str(json.loads(answer)["error"]))
    except (KeyError, TypeError, ValueError):
        return answer.decode("utf-8", "replace")[:200]


def _reason(message: str) -> str:
    """What the model itself says, without what TensorFlow says around it."""
    found = re.search(r"assertion failed: \[(.*?)\]", message, re.DOTALL)
    return found[1] if found else message


def grpc_sender(address: str, model: str, version: int | None, timeout: float) -> Send:
    """Sends over gRPC, without encryption; `address` is the server's, such as localhost:8500.

    Raises:
        ValueError: if it is no address, or the package is missing.
    """
    if not re.fullmatch(r"[^/]+:\d+", address):
        raise ValueError(f"--grpc must be a host and a port as localhost:8500, got {address!r}")
    try:
        import grpc
        from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    except ImportError as error:
        raise ValueError("gRPC needs a package; run `pip install tensorflow-serving-api`, or use --url") from error
    # Of their own accord both sides take no message above 4 MB.
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address, unlimited))
    codes = grpc.StatusCode
    again = (codes.UNAVAILABLE, codes.DEADLINE_EXCEEDED, codes.RESOURCE_EXHAUSTED, codes.ABORTED)

    def send(image: bytes) -> bytes:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = "serving_default"
        if version:
            request.model_spec.version.value = version
        one = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
        images = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=one, string_val=[image])
        request.inputs["image_bytes"].CopyFrom(images)
        try:
            response = stub.Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {_reason(error.details())}"
            raise (Unavailable if error.code() in again else Refused)(reason) from error
        if not response.outputs["sr_bytes"].string_val:
            raise Refused("the answer holds no image; is this a model that srzoo exported?")
        return response.outputs["sr_bytes"].string_val[0]

    return send


def with_retries(send: Send, retries: int, wait: float) -> Send:
    """Asks again where the server is unavailable, after `wait` seconds, then twice and four times as many.

    The first time it says so.
    """
    silent = threading.Lock()

    def send_again(image: bytes) -> bytes:
        for attempt in range(retries):
            try:
                return send(image)
            except Unavailable as error:
                if silent.acquire(blocking=False):
                    say(f"{error}; asks again for {wait * (2**retries - 1):g} s", sys.stderr)
                time.sleep(wait * 2**attempt)
        return send(image)

    return send_again


def images_of(folder: Path, output: Path) -> list[Path]:
    """The images below a folder, sorted; neither hidden ones, as macOS's `._a.jpg`, nor results."""
    results = output.resolve()
    own = folder.resolve().is_relative_to(results)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (own or not path.parent.resolve().is_relative_to(results))
    )


def is_done(file: Path, target: Path) -> bool:
    """Whether the result is there and bears its image's time; two seconds are one, as on some memory cards."""
    return target.exists() and abs(target.stat().st_mtime - file.stat().st_mtime) <= 2


def jobs_of(inputs: list[Path], output: Path) -> dict[Path, Path]:
    """Where each result goes -> the image it is made of; a folder's images keep their place below it.

    Raises:
        ValueError: if an input is not there, or two results would be one file, or one would replace an input.
    """
    jobs: dict[Path, Path] = {}
    for given in inputs:
        if not given.exists():
            raise ValueError(f"{given}: no such file or folder")
        for file in images_of(given, output) if given.is_dir() else [given]:
            place = file.relative_to(given) if given.is_dir() else Path(file.name)
            # What is no ending, as `.15` in a time of day, stays.
            name = place.stem if place.suffix.lower() in SUFFIXES else place.name
            target = output / place.with_name(f"{name}.png")
            if jobs.setdefault(target, file) != file:
                raise ValueError(f"{jobs[target]} and {file} would both become {target}; rename one of them")
            if target.resolve() == file.resolve():
                raise ValueError(f"{file} would be replaced by its result; choose another --output")
    return jobs


def upscale_file(file: Path, target: Path, send: Send) -> None:
    """Upscales a file; `target` appears whole or not at all."""
    time_of_image = file.stat().st_mtime_ns
    upscaled = send(file.read_bytes())
    if not upscaled.startswith(PNG):
        raise Refused("the answer is no PNG; is this a model that srzoo exported?")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=target.parent) as folder:
        temporary = Path(folder, "result")
        temporary.write_bytes(upscaled)
        os.utime(temporary, ns=(time_of_image, time_of_image))
        temporary.replace(target)


def printable(text: str) -> str:
    """Spells what a name may hold besides letters, so that it does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def say(line: str, stream: TextIO) -> None:
    """Prints a `printable` line; a reader that has gone loses it alone."""
    plain = printable(line).encode(stream.encoding, "backslashreplace").decode(stream.encoding)
    try:
        print(plain, file=stream, flush=True)
    except OSError:
        # What is left in the stream would be tried again at the end, and make the status of the command 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def upscale_files(jobs: dict[Path, Path], send: Send, parallel: int) -> int:
    """Upscales all files, some at once, with a line for each; returns how many failed."""
    failed = 0
    start = time.monotonic()
    pool = ThreadPoolExecutor(parallel)
    running = {pool.submit(upscale_file, file, target, send): file for target, file in jobs.items()}
    for number, done in enumerate(as_completed(running), 1):
        try:
            done.result()
            result = "done"
        except (Refused, Unavailable, OSError) as error:
            failed += 1
            result = f"failed: {error}"
        say(f"[{number}/{len(jobs)}, {time.monotonic() - start:.0f} s] {running[done]}: {result}", sys.stdout)
    return failed


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        super().error(printable(message))


def parser() -> Parser:
    ap = Parser(description="Upscales image files with a model in TensorFlow Serving.")
    ap.add_argument("inputs", nargs="+", type=Path, help="images, and folders of them")
    server = ap.add_mutually_exclusive_group(required=True)
    server.add_argument("--url", help="of the server's REST interface, such as http://localhost:8501")
    server.add_argument("--grpc", metavar="HOST:PORT", help="of the server's gRPC interface, such as localhost:8500")
    ap.add_argument("--model", required=True, help="the model's name in the server, such as edsr-baseline-x4")
    ap.add_argument("--version", type=int, help="of the model (default: the server's newest)")
    ap.add_argument("--output", type=Path, required=True, help="a folder for the PNG files, made if it is missing")
    ap.add_argument("--timeout", type=float, default=300, help="seconds to wait for one image (default: 300)")
    ap.add_argument("--retries", type=int, default=4, help="times to ask again a busy server (default: 4)")
    ap.add_argument("--wait", type=float, default=1, help="seconds before the first retry; they double (default: 1)")
    ap.add_argument("--parallel", type=int, default=2, help="images to send at the same time (default: 2)")
    return ap


def main(argv: list[str] | None = None) -> int:
    """Runs the command: 0 if all went well, 1 if an image failed, 2 if the request makes no sense."""
    args = parser().parse_args(argv)
    try:
        jobs = jobs_of(args.inputs, args.output)
        make = rest_sender if args.url else grpc_sender
        send = make(args.url or args.grpc, args.model, args.version, args.timeout)
        missing = {target: file for target, file in jobs.items() if not is_done(file, target)}
        if len(missing) < len(jobs):
            skipped = f"{len(jobs) - len(missing)} of {len(jobs)} skipped: the result is there"
            say(f"{skipped}; for another model's name another --output", sys.stdout)
        failed = upscale_files(missing, with_retries(send, args.retries, args.wait), max(1, args.parallel))
    except (ValueError, OSError) as error:
        say(f"error: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("interrupted; run the same command to go on", sys.stderr)
        os._exit(130)  # or it would wait for all that the server has not answered
    return 1 if failed else 0


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        if getattr(signal, name, None) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
