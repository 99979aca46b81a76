"""The form of the demo's page, of Gradio's components."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw

from srzoo.data.sample import sample_path
from srzoo.pictures.reading import open_picture
from srzoo.viewing.store import Store
from srzoo.viewing.uploads import PART, Limits, Options, Upload, has_dial, offered
from srzoo.viewing.visits import Visits, problems

INTRODUCTION = """# srzoo: make pictures larger
Drop pictures, choose a model, and move the line between before and after. The page takes %s. All is computed on the
machine that runs this page; pictures are deleted there an hour after they were last used, or when you press Clear."""

SCROLL = "() => setTimeout(() => document.getElementById('result').scrollIntoView({ block: '%s' }), 200)"
"""Later, because Gradio lays the bar out after all scripts have run."""

ACCEPT = "() => document.querySelector('input[type=file]').setAttribute('accept', 'image/*')"
"""Phones then offer photographs. If Gradio knew of it, it would refuse other files by itself, and not say why."""

PARTS = """A large picture takes minutes. **Try a part first**: it takes seconds and says how long the whole will take.
Click on the part that you want to see."""

MIDDLE = 0.5, 0.5
"""Middle of a picture, as shares of its width and height."""

SCALES = 2, 3, 4

THUMBNAIL = 360
"""Pixels a side, at most, of the picture on which a part is chosen."""

EXAMPLE = "chelsea.png"
"""A photograph of Stéfan van der Walt's cat in scikit-image, in the public domain (CC0)."""


def build(models: Sequence[str], limits: Limits, uploads: Store, answers: Store) -> gr.Blocks:
    """Builds the page, a `gradio.Blocks`.

    Raises:
        FileNotFoundError, ValueError: if a model's name or file is not one.
    """
    choices = offered(models)
    first = choices[0][1]
    dialled = [model for _, model in choices if has_dial(model)]
    visits = Visits(limits, uploads, answers)
    example = _example(uploads.root.parent)

    def shown(taken: tuple[list[Upload], list[str]]):
        held, refusals = taken
        large = next((upload for upload in held if upload.large), None)
        small = _thumbnail(large, MIDDLE) if large else None
        return held, _listed(held), problems(refusals), MIDDLE, small, gr.update(visible=large is not None)

    def upscale(held, model, scale, fidelity, part, request: gr.Request) -> Iterator:
        busy = gr.update(visible=True), gr.update(interactive=False), gr.update(interactive=False)
        free = gr.update(visible=False), gr.update(interactive=True), gr.update(interactive=True)
        yield "", *busy
        for markup in visits.upscale(request.session_hash or "", held, Options(model, scale, fidelity, part)):
            yield markup, *(gr.skip() for _ in busy)
        yield gr.skip(), *free

    def whole(held, model, scale, fidelity, request: gr.Request):
        yield from upscale(held, model, scale, fidelity, None, request)

    def choose(held: list[Upload], event: gr.SelectData):
        large = next(upload for upload in held if upload.large)
        size = _small(large.size)
        middle = event.index[0] / size[0], event.index[1] / size[1]
        return middle, _thumbnail(large, middle)

    def clear(held: list[Upload], request: gr.Request):
        visits.stop(request.session_hash or "")
        visits.forget(held)
        return *shown(([], [])), ""

    def stop(request: gr.Request) -> None:
        visits.stop(request.session_hash or "")

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    # What Gradio itself keeps, the small pictures on which parts are chosen, goes after ten minutes.
    with gr.Blocks(title="srzoo", analytics_enabled=False, delete_cache=(60, 600)) as page:
        held = gr.State([])
        middle = gr.State(MIDDLE)
        gr.Markdown(INTRODUCTION % limits)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                files = gr.File(file_count="multiple", label="Pictures", height=140)
                if example:
                    take = gr.Button("Take the example", icon=example, elem_id="example")
                listing = gr.Markdown(_listed([]), elem_id="listing")
                refused = gr.HTML(elem_id="refused")
                model = gr.Radio(choices, value=first, label="Model", elem_id="model")
                scale = gr.Radio([(f"x{each}", each) for each in SCALES], value=4, label="Scale", elem_id="scale")
                fidelity = gr.Slider(
                    0,
                    1,
                    0,
                    step=0.05,
                    label="Fidelity (0: sharp, invented texture; 1: faithful, smooth)",
                    visible=first in dialled,
                    elem_id="fidelity",
                )
                with gr.Row():
                    go = gr.Button("Upscale", variant="primary", min_width=80, elem_id="go")
                    forget = gr.Button("Clear", min_width=80, elem_id="clear")
            with gr.Column(scale=3, min_width=300):
                with gr.Column(visible=False) as parts:
                    gr.Markdown(PARTS)
                    place = gr.Image(
                        type="pil", show_label=False, interactive=False, buttons=[], container=False, elem_id="place"
                    )
                    try_part = gr.Button("Try a part", elem_id="part")
                end = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
                result = gr.HTML(elem_id="result", min_height=120)
        state = [held, listing, refused, middle, place, parts]
        files.upload(
            lambda paths, held: (None, *shown(visits.hold(paths or [], held))), [files, held], [files, *state], **quiet
        )
        if example:
            take.click(lambda held: shown(visits.example(example, held)), held, state, **quiet)
        model.change(lambda name: gr.update(visible=name in dialled), model, fidelity, queue=False, **quiet)
        place.select(choose, held, [middle, place], **quiet)
        for button, function, inputs in (
            (go, whole, [held, model, scale, fidelity]),
            (try_part, upscale, [held, model, scale, fidelity, middle]),
        ):
            # On a phone the answer is below the controls.
            button.click(None, js=SCROLL % "center", api_visibility="private")
            # The queue in which visitors wait is the page's own.
            answered = button.click(function, inputs, [result, end, go, try_part], concurrency_limit=None, **quiet)
            answered.then(None, js=SCROLL % "nearest", api_visibility="private")
        end.click(stop, queue=False, **quiet)
        forget.click(clear, held, [*state, result], queue=False, **quiet)
        page.load(None, js=ACCEPT)
        page.unload(stop)
    return page


def _example(folder: Path) -> Path | None:
    """A small picture to try the page with; None where scikit-image is not installed."""
    try:
        photo = sample_path(EXAMPLE)
    except FileNotFoundError:
        return None
    path = folder / "cat.png"
    with Image.open(photo) as image:
        image.reduce(2).save(path)
    return path


def _listed(held: Sequence[Upload]) -> str:
    # File names are shown as they are: Markdown in them is not carried out.
    names = [f"- `{upload.label.replace('`', ' ')}`" for upload in held]
    return "\n".join(names) or "No pictures yet."


def _small(size: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, THUMBNAIL / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _thumbnail(upload: Upload, middle: tuple[float, float]) -> Image.Image:
    """The picture, small, with a frame around the part that is chosen."""
    with open_picture(upload.path) as picture:
        shown = next(picture.frames()).pixels.on_white()
    size = _small(upload.size)
    image = Image.fromarray(shown).resize(size, Image.Resampling.BOX)
    sides = [part / whole * small for part, whole, small in zip(PART, upload.size, size)]
    corner = [min(max(0, share * small - side / 2), small - side) for share, small, side in zip(middle, size, sides)]
    box = [*corner, corner[0] + sides[0], corner[1] + sides[1]]
    ImageDraw.Draw(image).rectangle(box, outline=(255, 255, 255), width=4)
    ImageDraw.Draw(image).rectangle(box, outline=(20, 86, 196), width=2)
    return image
