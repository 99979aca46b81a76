"""The page to try networks on one's own pictures, with Gradio (`pip install '.[demo]'`)."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from srzoo.viewing.pages import PAGES
from srzoo.viewing.store import Store
from srzoo.viewing.uploads import Limits

SESSIONS = 1000
"""Visitors whose choices Gradio remembers, 25 kB each."""

SWEEP = 30
"""Seconds between two looks for what is kept no longer."""


def _gradio() -> ModuleType:
    # Gradio reads it at its import; it must send nothing to others.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        raise ValueError("the demo needs Gradio; run `pip install '.[demo]'`") from error
    return gradio


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A temporary folder for all files; afterwards the process is as it was, and the folder gone."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    try:
        with tempfile.TemporaryDirectory(prefix="srzoo-demo-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder
            yield Path(folder)
    finally:
        if before is None:
            os.environ.pop("GRADIO_TEMP_DIR", None)
        else:
            os.environ["GRADIO_TEMP_DIR"] = before


def serve(
    models: Sequence[str], host: str, port: int | None, limits: Limits, browser: bool, names: Sequence[str] = ()
) -> None:
    """Serves the page until the process is interrupted; pictures lie in a temporary folder that goes with it.

    Args:
        models: what `srzoo resolve` takes as --model, the first is chosen at the start; none: all that ship.
        host: the address to listen at.
        port: None: the first free one from 7860 on.
        limits: what the page takes.
        browser: opens a browser.
        names: host names, besides this machine's own, that browsers may use if the page listens at this machine alone.

    Raises:
        ValueError: if Gradio is not installed, a model is not there, or `names` are given for another address.
        OSError: if the port is taken.
    """
    gradio = _gradio()
    from starlette.middleware import Middleware  # which comes with Gradio

    from srzoo.viewing import demo_page, web

    if names and not web.is_loopback(host):
        raise ValueError(
            f"--allow-host is for a page that this machine alone can reach, but --host {host} lets others in, by any "
            "name; leave out one of the two"
        )
    with _own_folder() as folder:
        uploads, answers = (Store(folder / name, limits.bytes_of_all) for name in ("uploads", "answers"))
        page = demo_page.build(models, limits, uploads, answers)
        page.queue(max_size=20 * limits.waiting)
        known = {host, "localhost", "127.0.0.1", "::1", *map(str.lower, names)}
        hosts = [Middleware(web.Hosts, names=known)] if web.is_loopback(host) else []
        page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            share=False,
            footer_links=[],
            run_history=False,
            state_session_capacity=SESSIONS,
            ssr_mode=False,
            prevent_thread_lock=True,
            quiet=True,
            theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            css=(PAGES / "demo.css").read_text("utf-8"),
            app_kwargs={"routes": web.routes(uploads, answers, limits), "middleware": hosts},
        )
        print(f"{page.local_url} (Ctrl+C ends it)", flush=True)
        while True:
            time.sleep(SWEEP)
            for store in (uploads, answers):
                store.sweep()
