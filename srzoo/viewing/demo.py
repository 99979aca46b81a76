"""The page to try networks on one's own pictures, with Gradio (`pip install '.[demo]'`)."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from srzoo.viewing.pages import PAGES
from srzoo.viewing.trial import Limits, Upload, answer, has_dial, take_upload

INTRODUCTION = """# srzoo: make pictures larger
Drop pictures, choose a model, and move the line between before and after. All is computed on the machine that runs this
page; pictures are held in its memory while the page is open, and never kept on its disk."""

SCROLL = "() => setTimeout(() => document.getElementById('result').scrollIntoView({ block: '%s' }), 200)"
"""Later, as Gradio lays the bar out when all scripts have run."""


def _gradio() -> ModuleType:
    # Read when it is imported; nothing is to be told to others.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        raise ValueError("the demo needs Gradio; run `pip install '.[demo]'`") from error
    return gradio


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """A temporary folder for Gradio's uploads; afterwards the process is as it was, and the folder gone."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    # A SIGTERM has to pass through the folder's removal, too.
    handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="srzoo-demo-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder
            yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        if before is None:
            os.environ.pop("GRADIO_TEMP_DIR", None)
        else:
            os.environ["GRADIO_TEMP_DIR"] = before


def serve(models: Sequence[str], host: str, port: int | None, limits: Limits, browser: bool) -> None:
    """Serves the page until the process is interrupted; uploads lie in a temporary folder that goes with it.

    Args:
        models: what `srzoo.load` takes; the first is chosen at the start.
        host: the address to listen at.
        port: None: the first free one from 7860 on.
        limits: what the page takes.
        browser: opens a browser.

    Raises:
        ValueError: if Gradio is not installed, or a model is not there.
        OSError: if the port is taken.
    """
    with _own_folder():
        page = build(models, limits)
        page.queue(max_size=limits.waiting, default_concurrency_limit=1)
        page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            share=False,
            max_file_size=limits.megabytes * 2**20,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            prevent_thread_lock=True,
            quiet=True,
            theme=_gradio().themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            css=(PAGES / "demo.css").read_text("utf-8"),
        )
        print(f"{page.local_url} (Ctrl+C ends it)", flush=True)
        page.block_thread()


def build(models: Sequence[str], limits: Limits) -> Any:
    """Builds the page, a `gradio.Blocks`.

    Raises:
        ValueError: if Gradio is not installed, or a model's name or file is not one.
    """
    gr = _gradio()
    dialled = [model for model in models if has_dial(model)]

    def hold(paths: list[str], held: list[Upload]):
        held = list(held)
        for path in map(Path, dict.fromkeys(paths or [])):
            try:
                upload = take_upload(path, limits)
                if len(held) >= limits.pictures:
                    raise ValueError(f"{path.name}: this page holds {limits.pictures} pictures; clear some first")
                held.append(upload)
            except ValueError as error:
                gr.Warning(str(error), title="This picture was left out")
            finally:
                _tidy(path)
        return None, held, _listed(held)

    def upscale(held: list[Upload], model: str, fidelity: float, progress=gr.Progress()):  # noqa: B008
        if not held:
            raise gr.Error("Drop a picture first.", title="Nothing to upscale", print_exception=False)
        try:
            return answer(
                held, model, fidelity, lambda name: lambda tiles: progress.tqdm(tiles, desc=name, unit="tiles")
            )
        except (ValueError, OSError) as error:
            raise gr.Error(str(error), title="It did not work", print_exception=False) from error

    # Uploads that a closed page left behind go after ten minutes.
    with gr.Blocks(title="srzoo", analytics_enabled=False, delete_cache=(60, 600)) as page:
        held = gr.State([], time_to_live=3600)
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                files = gr.File(file_count="multiple", file_types=["image"], label="Pictures", height=140)
                listing = gr.Markdown(_listed([]), elem_id="listing")
                model = gr.Dropdown(list(models), value=models[0], label="Model", elem_id="model")
                fidelity = gr.Slider(
                    0,
                    1,
                    0,
                    step=0.05,
                    label="Fidelity (0: sharp, invented texture; 1: faithful, smooth)",
                    visible=models[0] in dialled,
                    elem_id="fidelity",
                )
                with gr.Row():
                    go = gr.Button("Upscale", variant="primary", elem_id="go")
                    clear = gr.Button("Clear", elem_id="clear")
            with gr.Column(scale=3, min_width=300):
                result = gr.HTML(elem_id="result", min_height=120)
        files.upload(hold, [files, held], [files, held, listing], show_progress="hidden", api_visibility="private")
        model.change(
            lambda name: gr.update(visible=name in dialled), model, fidelity, api_visibility="private", queue=False
        )
        # On a phone the answer is below the controls.
        go.click(None, js=SCROLL % "center", api_visibility="private")
        answered = go.click(upscale, [held, model, fidelity], result, api_visibility="private")
        answered.then(None, js=SCROLL % "nearest", api_visibility="private")
        clear.click(lambda: ([], _listed([]), ""), None, [held, listing, result], api_visibility="private", queue=False)
    return page


def _tidy(path: Path) -> None:
    """Removes what Gradio leaves beside a file that was taken: its folder, and empty files of its own."""
    with contextlib.suppress(OSError):
        path.parent.rmdir()  # not if another upload of the same content is in it
    for stray in path.parent.parent.glob("tmp*"):
        if stray.is_file() and not stray.stat().st_size:
            stray.unlink(missing_ok=True)


def _listed(held: Sequence[Upload]) -> str:
    # File names are shown as they are: Markdown in them is not carried out.
    names = [f"- `{upload.label.replace('`', ' ')}`" for upload in held]
    return "\n".join(names) or "No pictures yet."
