"""What the page's server does beside Gradio: it checks for whom a request is, takes uploads and gives answers."""

import contextlib
import ipaddress
import re
import shutil
import unicodedata
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from srzoo.viewing.store import Store
from srzoo.viewing.uploads import Limits
from srzoo.viewing.visits import KEPT, REFUSED

UPLOADS = "/gradio_api/upload"
"""Where Gradio's page sends files. By its own way, files of one content have one path, so that whoever is done first
deletes the file of the others."""

UNUSED = 120
"""Seconds that an upload is kept after it has come, if nobody comes for it."""

MOST_FILES = 100
"""Files of one upload that are looked at; which of them are too many, the page says of each."""

HEADERS = {
    # By its address alone too, an answer reaches nothing of the page.
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def is_loopback(host: str) -> bool:
    """Whether an address or a name to listen at is one of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Hosts:
    """Refuses requests for other hosts: DNS that answers with 127.0.0.1 lets foreign pages reach this one (rebinding).

    Args:
        app: what serves the others.
        names: names of the hosts that it serves.
    """

    def __init__(self, app: ASGIApp, names: set[str]):
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            host = Headers(scope=scope).get("host", "")
            if _name_of(host) not in self._names:
                text = (
                    f"This page is not served for {host[:80]!r}; open http://127.0.0.1, or name it by --allow-host.\n"
                )
                await PlainTextResponse(text, 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _name_of(host: str) -> str | None:
    try:
        return URL(f"http://{host}").hostname
    except ValueError:
        return None


def routes(uploads: Store, answers: Store, limits: Limits) -> list[Route]:
    """The addresses that go before Gradio's own."""

    async def refused(request: Request, sentence: str) -> Response:
        with contextlib.suppress(RuntimeError):  # if nothing is left
            async for _ in request.stream():
                pass  # or the browser would say that the connection was lost
        return JSONResponse([str(uploads.root / REFUSED / f"{sentence}.png")])

    async def take(request: Request) -> Response:
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return PlainTextResponse("An upload must tell its length.", 411)
        try:
            if int(length) > limits.pictures * limits.bytes_of_file:
                raise ValueError(f"All files together are too large; give {limits}.")
            folder = uploads.new(KEPT, int(length))
        except ValueError as error:
            return await refused(request, str(error))
        try:
            async with request.form(max_files=MOST_FILES) as form:
                files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
                paths = [str(await run_in_threadpool(_put, file, folder / str(i))) for i, file in enumerate(files)]
        except HTTPException as error:
            uploads.remove(folder)
            many = error.detail.startswith("Too many files")
            what = f"More than {MOST_FILES} files at once" if many else "The upload is damaged"
            return await refused(request, f"{what}; give {limits}.")
        except BaseException:
            uploads.remove(folder)
            raise
        uploads.keep(folder, UNUSED)
        return JSONResponse(paths)

    async def take_if_all_comes(request: Request) -> Response:
        try:
            return await take(request)
        except ClientDisconnect:  # a page that was closed; Starlette would tell the terminal on a hundred lines
            return Response(status_code=400)

    async def give(request: Request) -> Response:
        path = answers.find(request.path_params["place"])
        if path is None:
            return PlainTextResponse(
                "This answer was deleted, because nobody used it for an hour, or because others needed the room. "
                "Upscale the picture again.",
                404,
            )
        answers.keep(path, KEPT)
        kind = "attachment" if "download" in request.query_params else "inline"
        return FileResponse(path, headers=HEADERS, filename=path.name, content_disposition_type=kind)

    return [Route(UPLOADS, take_if_all_comes, methods=["POST"]), Route("/answers/{place:path}", give)]


def _put(file: UploadFile, folder: Path) -> Path:
    folder.mkdir()
    given = unicodedata.normalize("NFC", Path(file.filename or "").name)
    # Marks are what vowels of Hindi and tones of Thai are; 60 letters are at most 240 bytes, and a name has 255.
    letters = [each if re.match(r"[\w.,() -]", each) or unicodedata.category(each)[0] == "M" else "_" for each in given]
    name = "".join(letters)[-60:].lstrip(".") or "picture"
    path = folder / name
    with path.open("wb") as target:
        shutil.copyfileobj(file.file, target)
    return path
