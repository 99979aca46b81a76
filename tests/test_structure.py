"""What docs/architecture.md says of the code's rooms and of how it is written."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "srzoo"
ROOMS = (
    "images",
    "bicubic",
    "recipes",
    "metrics",
    "models",
    "zoo",
    "data",
    "losses",
    "training",
    "upscaling",
    "evaluation",
    "export",
    "cli",
    "__main__",
)
"""From the top to the bottom: each imports only rooms above it."""

SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
"""Name of a module's file, such as `models/edsr.py` -> its text."""


def room_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def imports_of(text: str) -> set[str]:
    """Full names of all that a module imports, within functions too: `from a import b` counts as `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
    return names


IMPORTS = {file: imports_of(text) for file, text in SOURCES.items()}


def rooms_imported_by(file: str) -> set[str]:
    return {name.split(".")[1] for name in IMPORTS[file] if name.startswith("srzoo.")} - {"__version__"}


def test_every_room_has_its_place_in_the_order():
    assert {room_of(file) for file in SOURCES} - {"__init__"} <= set(ROOMS)


def test_a_room_imports_only_rooms_above_it():
    def above(room):
        return set() if room == "__init__" else {*ROOMS[: ROOMS.index(room)], room}

    wrong = {file: rooms_imported_by(file) - above(room_of(file)) for file in SOURCES}
    assert not {file: rooms for file, rooms in wrong.items() if rooms}


def test_upscaling_does_not_know_training():
    assert not [file for file in SOURCES if room_of(file) == "upscaling" and "training" in rooms_imported_by(file)]


def test_imports_are_absolute():
    assert not [file for file, names in IMPORTS.items() if any(name.startswith(".") for name in names)]


def test_models_are_made_of_keras_alone():
    others = {"tensorflow", "jax", "torch", "numpy"}
    models = [file for file in SOURCES if room_of(file) == "models"]
    assert models and not [file for file in models if others & {name.split(".")[0] for name in IMPORTS[file]}]


def test_only_public_modules_of_keras_and_tensorflow_are_imported():
    private = ("keras.src", "tensorflow.python")
    assert not [file for file, names in IMPORTS.items() if any(name.startswith(private) for name in names)]


def test_every_module_says_what_it_is():
    assert not [file for file, text in SOURCES.items() if not ast.get_docstring(ast.parse(text))]


def test_no_module_is_longer_than_400_lines():
    assert not [file for file, text in SOURCES.items() if len(text.splitlines()) > 400]
