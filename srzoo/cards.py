"""Cards of models: Markdown with YAML in front, as hubs of models read it.

What stands in front follows from two files beside the weights that ship: `results.json` and `provenance.json`.
"""

import json
import re
from typing import Any

from srzoo import names, shipped
from srzoo.tables import markdown_table

PROVENANCE = shipped.SHIPPED / "provenance.json"
"""The teachers, pictures and commands that made the weights that ship."""

METRICS = {"psnr": ("PSNR-Y", "psnr_y"), "ssim": ("SSIM-Y", "ssim_y"), "lpips": ("LPIPS", "lpips")}
"""The hubs' name of a metric -> what a card calls it, and its key in `results.json`."""

FENCE = "---\n"

PAGE = """# {model}

A network for super-resolution: RGB pixels in [0, 255], float32 (N, H, W, 3), become {scale} times as wide and high. For
srzoo, which also cuts large pictures into tiles:

```python
import srzoo

hr = srzoo.upscale("photo.jpg", model="hf://USER/NAME")  # or this folder
```

Keras alone loads it too: `keras.saving.load_model("hf://USER/NAME")`.
"""

_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z][\w./-]*(?: [\w./-]+)*", re.IGNORECASE)


def metadata(model: str, ships: bool = True) -> dict[str, Any]:
    """Metadata of a model's card.

    Args:
        model: its full name.
        ships: whether its weights are those that ship, whose licence, data and figures are known.

    Returns:
        The keys of the Hugging Face Hub's model cards: plain lists, dictionaries, texts and numbers.
    """
    found: dict[str, Any] = {"library_name": "keras", "pipeline_tag": "image-to-image"}
    found["tags"] = ["super-resolution", "srzoo"]
    if not ships:
        return found
    found["tags"].append(names.parse(model).base)
    made = json.loads(PROVENANCE.read_text("utf-8"))["models"][model]
    found |= {"license": made["license"], "datasets": made["data"], "metrics": list(METRICS)}
    if made["base_model"]:
        found["base_model"] = made["base_model"]
    return found | {"model-index": [{"name": model, "results": _results(model)}]}


def _results(model: str) -> list[dict[str, Any]]:
    """A model's figures on each benchmark, and on the damaged one."""
    measured = json.loads(shipped.RESULTS.read_text("utf-8"))
    task = {"type": "image-to-image", "name": f"Super-resolution x{names.parse(model).scale}"}
    return [
        {
            "task": task,
            "dataset": {"type": folder, "name": folder + suffix},
            "metrics": [{"type": key, "name": name, "value": row[of]} for key, (name, of) in METRICS.items()],
        }
        for kind, suffix in (("clean", ""), ("damaged", ", damaged"))
        for folder, row in measured[kind].get(model, {}).items()
    ]


def write_card(model: str, scale: int, ships: bool) -> str:
    """A card for a model's page on a hub; its name and what it is for are the user's to add.

    Args:
        model: its name.
        scale: HR pixels a side of an LR pixel.
        ships: the same as for `metadata`; then its figures are in a table.
    """
    found = metadata(model, ships)
    lines = PAGE.format(model=model, scale=scale)
    if ships:
        results = found["model-index"][0]["results"]
        rows = [[each["dataset"]["name"], *(str(of["value"]) for of in each["metrics"])] for each in results]
        lines += f"\n{markdown_table([f'x{scale}', *(name for name, _ in METRICS.values())], rows)}\n"
    return with_metadata(lines, found)


def with_metadata(card: str, found: dict[str, Any]) -> str:
    """A card's text with these metadata in front, in place of those that are there."""
    text = card.split(FENCE, 2)[2].lstrip("\n") if card.startswith(FENCE) else card
    return f"{FENCE}{to_yaml(found)}{FENCE}\n{text}"


def to_yaml(value: Any, indent: str = "") -> str:
    """YAML of lists, dictionaries, texts and numbers; what holds no others is on one line."""
    lines = []
    for key, each in value.items() if isinstance(value, dict) else ((None, each) for each in value):
        head = f"{indent}{key}:" if key else f"{indent}-"
        if not isinstance(each, (dict, list)) or not any(isinstance(part, (dict, list)) for part in _parts(each)):
            lines.append(f"{head} {_flow(each)}\n")
        elif key:
            lines.append(f"{head}\n{to_yaml(each, indent + '  ')}")
        else:
            lines.append(f"{head} {to_yaml(each, indent + '  ').lstrip()}")
    return "".join(lines)


def _parts(value: dict | list) -> list:
    return list(value.values()) if isinstance(value, dict) else value


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    # Anything but a plain word is written as in JSON, which is YAML too.
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value)
