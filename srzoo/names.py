"""A model's configuration: the short name that people type, and the JSON that files hold. Keras is not needed for it.

`edsr-baseline-x4` is a published network at a scale, `edsr-baseline-x4.blocks4.residual_scaling0.2` the same with two
arguments of its builder changed. What the known networks are, `srzoo.models.registry` says.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_SCALE = 4

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_OPTION = re.compile(rf"\.([a-z]+(?:_[a-z]+)*)(?:({_NUMBER})|=([\w-]+))")
_NAME = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)(?:-x(\d+))?(\..*|)")


@dataclass(frozen=True)
class Configuration:
    """Configuration of a network.

    Attributes:
        base: name of a registered model.
        scale: HR pixels a side of an LR pixel.
        options: arguments of its builder that differ from the published ones: numbers and words.
    """

    base: str
    scale: int = DEFAULT_SCALE
    options: Mapping[str, int | float | str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`edsr-baseline-x4.blocks4`: what the Keras model is called."""
        texts = (f".{key}{'=' if isinstance(value, str) else ''}{value}" for key, value in sorted(self.options.items()))
        return f"{self.base}-x{self.scale}{''.join(texts)}"

    def to_json(self) -> str:
        """A line of JSON. `from_json` reads it."""
        return json.dumps({"model": self.base, "scale": self.scale, "options": dict(self.options)})


def parse(name: str, scale: int | None = None) -> Configuration:
    """Reads a model's name; the reverse of `Configuration.name`.

    Args:
        name: name such as `edsr-baseline`, `edsr-baseline-x4` or `edsr-baseline-x4.blocks4`.
        scale: scale that the caller gives; None: the name's, or else 4.

    Raises:
        ValueError: if it does not have that form, or the name has another scale.
    """
    match = _NAME.fullmatch(name)
    options = list(_OPTION.finditer(match[3])) if match else []
    if not match or "".join(each[0] for each in options) != match[3]:
        raise ValueError(f"{name!r} is no model's name; expected one such as 'edsr-baseline-x4'")
    named = int(match[2]) if match[2] else None
    if scale is not None and named not in (None, scale):
        raise ValueError(f"the scale {scale} was given, but {name!r} upscales by {named}; leave out one of the two")
    values = {each[1]: _number(each[2]) if each[2] else each[3] for each in options}
    return Configuration(match[1], scale or named or DEFAULT_SCALE, values)


def from_json(text: str) -> Configuration:
    """Reads what `Configuration.to_json` wrote, or what version 0.1.0 did: the name alone.

    Raises:
        ValueError, KeyError, TypeError: for anything else.
    """
    stored = json.loads(text)
    if "scale" not in stored:
        return parse(stored["model"])
    found = Configuration(stored["model"], stored["scale"], stored["options"])
    # Of a file from anywhere: what is no configuration must not reach a builder.
    if parse(found.name) != found:
        raise ValueError(f"{text[:80]!r} is no configuration")
    return found


def _number(text: str) -> int | float:
    return float(text) if re.search("[.e]", text) else int(text)
