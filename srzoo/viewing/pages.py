"""Web pages in one file, which ask nothing of any network: markup, style, script, data and pictures together."""

import base64
import html
import io
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from srzoo.tables import printable

PAGES = Path(__file__).parent / "pages"


def render(name: str, title: str, data: dict[str, Any]) -> str:
    """Fills the page `pages/<name>.html` with its style, its script and data.

    Args:
        name: name of the page.
        title: plain text for the browser's tab, of any letters.
        data: what JSON can hold; the script reads it from the element `data`.

    Returns:
        The page's text.
    """
    script = (PAGES / f"{name}.js").read_text("utf-8")
    style = "".join((PAGES / file).read_text("utf-8") for file in ("common.css", f"{name}.css"))
    template = Template((PAGES / f"{name}.html").read_text("utf-8"))
    # A picture's name may hold "</script>", which would end the element.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return template.substitute(title=html.escape(printable(title), quote=False), style=style, script=script, data=text)


def png_url(pixels: np.ndarray) -> str:
    """A picture, uint8 (h, w, 3), as the data URL of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
