"""The page's server beside Gradio: whom it serves, and how files come and go."""

import time

import pytest

pytest.importorskip("starlette", reason="no Gradio here: `pip install 'srzoo[demo]'`")
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from srzoo.viewing import web
from srzoo.viewing.store import Store
from srzoo.viewing.uploads import Limits


@pytest.fixture
def stores(tmp_path):
    return Store(tmp_path / "uploads", 3000), Store(tmp_path / "answers", 3000)


@pytest.fixture
def client(stores):
    limits = Limits(pictures=2, bytes_of_file=1000)
    hosts = Middleware(web.Hosts, names={"localhost", "127.0.0.1", "::1"})
    return TestClient(Starlette(routes=web.routes(*stores, limits), middleware=[hosts]), "http://127.0.0.1:7860")


def send(client, *contents, name="a.png"):
    return client.post(web.UPLOADS, files=[("files", (name, content)) for content in contents])


def test_two_visitors_with_the_same_file_get_two_files(client):
    (first,), (second,) = (send(client, b"same").json() for _ in range(2))
    assert first != second
    for path in (first, second):
        with open(path, "rb") as file:
            assert file.read() == b"same"


def test_an_uploads_name_leads_nowhere_else(client, tmp_path):
    (path,) = send(client, b"x", name="../../../\N{SNOWMAN}<b>.png").json()
    assert path.startswith(str(tmp_path / "uploads")) and path.endswith("/__b_.png")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cafe\N{COMBINING ACUTE ACCENT}.png", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png"),
        ("हिन्दी.png", "हिन्दी.png"),
        (90 * "\U00020000" + ".png", 56 * "\U00020000" + ".png"),
    ],
    ids=["accent apart", "Hindi", "long"],
)
def test_letters_of_all_scripts_stay_in_a_name_within_the_255_bytes_of_file_systems(client, given, kept):
    (path,) = send(client, b"x", name=given).json()
    assert path.endswith(f"/{kept}")


def test_what_there_is_no_room_for_comes_as_a_refusal_until_uploads_that_nobody_came_for_are_gone(
    client, stores, monkeypatch
):
    (refused,) = send(client, bytes(2500)).json()
    assert refused.startswith(f"{stores[0].root}/refused/All files together are too large; give up to 2 pictures of at")
    for _ in range(2):
        send(client, bytes(1000))
    (refused,) = send(client, bytes(1000)).json()
    assert refused.startswith(f"{stores[0].root}/refused/This page holds as many pictures as it can")
    assert len(list(stores[0].root.iterdir())) == 2
    assert client.post(web.UPLOADS, content=(part for part in [b"no length"])).status_code == 411
    later = time.monotonic() + web.UNUSED + 1
    monkeypatch.setattr("srzoo.viewing.store.time.monotonic", lambda: later)
    assert "/refused/" not in send(client, bytes(1000)).text


def test_more_files_than_are_looked_at_are_refused_in_a_sentence(tmp_path):
    uploads = Store(tmp_path / "uploads", 10**6)
    client = TestClient(Starlette(routes=web.routes(uploads, uploads, Limits())))
    for content in (b"x", bytes(5000)):  # within what is read before the refusal, and beyond
        (refused,) = send(client, *[content] * 101).json()
        assert refused.startswith(f"{uploads.root}/refused/More than 100 files at once; give up to 8 pictures of at")
    assert not list(uploads.root.iterdir())


def test_an_upload_that_is_damaged_or_cut_off_leaves_nothing(client, stores):
    kind = "multipart/form-data; boundary=x"
    (refused,) = client.post(web.UPLOADS, content=b"garbage", headers={"content-type": kind}).json()
    assert refused.startswith(f"{stores[0].root}/refused/The upload is damaged; give up to 2 pictures")

    async def leave():
        return {"type": "http.disconnect"}

    async def answer(message):
        answered.append(message)

    for length in ("100", "9999"):  # of the latter the rest would be read to refuse it
        answered: list[dict] = []
        given = {"host": "localhost", "content-length": length, "content-type": kind}
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "http", "method": "POST", "path": web.UPLOADS, "headers": headers, "query_string": b""}
        with start_blocking_portal() as portal:  # its own thread: this one may have a running loop, a browser's
            portal.call(client.app, scope, leave, answer)
        assert answered[0]["status"] == 400
    assert not list(stores[0].root.iterdir())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:7860", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
        ("localhost:7860", 404),
        ("[::1]:7860", 404),
        ("LOCALHOST", 404),
    ],
)
def test_foreign_hosts_are_refused(client, host, status):
    assert client.get("/answers/none", headers={"host": host}).status_code == status


def test_an_upload_may_take_its_time(client, stores, monkeypatch):
    put, later = web._put, time.monotonic() + 2 * web.UNUSED

    def slow(*given):
        monkeypatch.setattr("srzoo.viewing.store.time.monotonic", lambda: later)
        stores[0].sweep()
        return put(*given)

    monkeypatch.setattr(web, "_put", slow)
    assert send(client, b"x").json()[0].endswith("/a.png")


def test_only_addresses_of_this_machine_are_loopback():
    assert all(map(web.is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(web.is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org")))


def test_an_answer_is_in_a_box_and_a_download_a_file(client, stores):
    folder = stores[1].new(60)
    (folder / "page.html").write_text("<p>")
    (folder / "a b.png").write_bytes(b"png")
    page = client.get(f"/answers/{folder.name}/page.html")
    assert page.text == "<p>" and page.headers["content-security-policy"] == "sandbox allow-scripts allow-downloads"
    saved = client.get(f"/answers/{folder.name}/a%20b.png?download")
    assert saved.content == b"png" and saved.headers["content-disposition"].startswith("attachment")
    stores[1].remove(folder)
    gone = client.get(f"/answers/{folder.name}/page.html")
    assert gone.status_code == 404 and gone.text.startswith("This answer was deleted")
