"""docs/api.md names what there is, and all that `import srzoo` gives."""

import ast
import re
from pathlib import Path

import srzoo

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


def defined_in(module: str) -> set[str]:
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_every_entry_is_a_function_or_a_class_of_its_module():
    entries = re.findall(r"(?m)^::: (\S+)\.(\w+)$", PAGE)
    assert len(entries) > 30 and not [entry for entry in entries if entry[1] not in defined_in(entry[0])]


def test_all_that_the_package_gives_is_there():
    assert not [name for name in srzoo.__all__ if f'heading: "srzoo.{name}"' not in PAGE]
