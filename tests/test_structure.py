"""What docs/architecture.md says of the packages and of how it is written."""

import ast
import operator
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "srzoo"
PAGE = PACKAGE.parent / "docs" / "architecture.md"

PACKAGES = [*re.findall(r"(?m)^\| `srzoo/(\w+)(?:/|\.py)`", PAGE.read_text("utf-8")), "__main__"]
"""The page's, from the top to the bottom: each imports only those above it."""

SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
"""Name of a module's file, such as `models/edsr.py` -> its text."""


def package_of(file: str) -> str:
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


def outside_of_functions(text: str) -> str:
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return ast.unparse(tree)


IMPORTS = {file: imports_of(text) for file, text in SOURCES.items()}
MODULE_IMPORTS = {file: imports_of(outside_of_functions(text)) for file, text in SOURCES.items()}


def packages_imported_by(file: str) -> set[str]:
    return {name.split(".")[1] for name in IMPORTS[file] if name.startswith("srzoo.")} - {"__version__"}


def test_every_package_has_its_place_in_the_order():
    assert {package_of(file) for file in SOURCES} - {"__init__"} <= set(PACKAGES)


def test_a_package_imports_only_those_above_it():
    def above(package):
        return set() if package == "__init__" else {*PACKAGES[: PACKAGES.index(package)], package}

    wrong = {file: packages_imported_by(file) - above(package_of(file)) for file in SOURCES}
    assert not {file: packages for file, packages in wrong.items() if packages}


def test_upscaling_does_not_know_training():
    upscaling = [file for file in SOURCES if package_of(file) == "upscaling"]
    assert upscaling and not [file for file in upscaling if "training" in packages_imported_by(file)]


OPTIONAL = {"archive", "viewing", "winograd"}
"""Packages that nothing but their own commands imports; nor are the scripts of `tools/` imported."""

OPTIONAL_COMMANDS = {"cli/batch.py", "cli/compare.py", "cli/demo.py", "cli/mos.py", "cli/train.py"}


def test_the_core_imports_no_optional_packages_and_no_scripts():
    core = [file for file in SOURCES if package_of(file) not in OPTIONAL and file not in OPTIONAL_COMMANDS]
    assert not [file for file in core if OPTIONAL & packages_imported_by(file)]
    scripts = {"tools", "benchmarks", "examples"}
    assert not [file for file in SOURCES if scripts & {name.split(".")[0] for name in IMPORTS[file]}]


def test_no_module_imports_in_a_circle():
    """Within packages too: a module is never above and below another."""
    below = {file: {other for other in SOURCES if imports_module(file, other)} for file in SOURCES}
    left = dict(below)
    while left:
        free = [file for file, others in left.items() if not others & left.keys() - {file}]
        assert free, f"modules that import each other: {sorted(left)}"
        for file in free:
            del left[file]


def imports_module(file: str, other: str, imports: dict = IMPORTS) -> bool:
    name = "srzoo." + other.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if other.endswith("__init__.py"):
        return False
    return other != file and any(each == name or each.startswith(f"{name}.") for each in imports[file])


def test_imports_are_absolute():
    assert not [file for file, names in IMPORTS.items() if any(name.startswith(".") for name in names)]


def test_models_are_made_of_keras_alone_and_described_without_it():
    models = {file: {name.split(".")[0] for name in IMPORTS[file]} for file in SOURCES if package_of(file) == "models"}
    assert models and not [file for file, names in models.items() if {"tensorflow", "jax", "torch", "numpy"} & names]
    entries = [file for file in models if "srzoo.models.entry.Entry" in IMPORTS[file]]
    assert len(entries) > 3 and not [file for file in entries if "keras" in models[file] and "registry" not in file]


def imported_with(file: str) -> set[str]:
    """Names that are imported when a module is, by itself and by those of the package that it imports, recursively."""
    seen, left, names = set(), [file], set()
    while left:
        seen.add(each := left.pop())
        names |= MODULE_IMPORTS[each]
        left += [other for other in SOURCES if imports_module(each, other, MODULE_IMPORTS) and other not in seen]
    return names


def test_models_are_built_loaded_and_run_without_an_import_of_tensorflow():
    """Keras's other backends do without it; within functions it is imported where TensorFlow is the backend."""
    for file in ("zoo.py", "upscaling/anything.py", "runtimes/keras.py", "runtimes/choice.py"):
        assert "tensorflow" not in {name.split(".")[0] for name in imported_with(file)}, file


@pytest.mark.parametrize(
    "use",
    ["import srzoo.names, srzoo.shipped", "import srzoo.metrics.lpips", "from srzoo.cli import train; train.parser()"],
)
def test_names_metrics_and_settings_do_not_wait_for_keras(use):
    code = f"{use}; import sys; assert not {{'keras', 'tensorflow'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_public_modules_of_keras_and_tensorflow_are_imported():
    private = ("keras.src", "tensorflow.python")
    assert not [file for file, names in IMPORTS.items() if any(name.startswith(private) for name in names)]


PRIVATE = {
    "cli/arguments.py": {"_actions"},  # argparse's, for the flag that an unknown one is like
    "models/keras_graph.py": {"_run_through_graph"},
    "training/optimizers.py": {"_all_reduce_sum_gradients", "_should_use_adamw"},
}
"""Private names of Keras and of Python's library that a module uses or overrides: a new version may be without them."""


def private_names_of_others(text: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(text)))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)} - own
    for node in nodes:
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            if ast.unparse(base).startswith("keras."):
                of_base = dir(operator.attrgetter(ast.unparse(base).removeprefix("keras."))(keras))
                used |= {method.name for method in node.body if isinstance(method, ast.FunctionDef)} & set(of_base)
    return {name for name in used if re.match("_[^_]", name)} - {"_exit"}  # of `os`, which its manual has


def test_private_names_of_libraries_are_used_in_few_places():
    found = {file: private_names_of_others(text) for file, text in SOURCES.items()}
    assert {file: names for file, names in found.items() if names} == PRIVATE


def test_every_module_says_what_it_is():
    assert not [file for file, text in SOURCES.items() if not ast.get_docstring(ast.parse(text))]


def test_no_module_is_longer_than_400_lines():
    assert not [file for file, text in SOURCES.items() if len(text.splitlines()) > 400]


RUNS_CODE = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "np.load"}
RUNS_CODE_MODULES = {"subprocess", "pickle", "marshal", "shelve", "dill", "joblib", "ctypes", "code", "runpy", "pty"}
NETWORK_MODULES = {"socket", "http", "urllib", "requests", "ftplib", "smtplib", "asyncio", "huggingface_hub"}
ASKED_FOR = {"data/tensorflow_datasets.py", "hub.py"}
"""They download a data set and a preset, whose names the user gives."""
MAY_USE = {"importing/torch_files.py": {"pickle"}, "winograd/network.py": {"ctypes", "subprocess"}}
"""PyTorch's checkpoints are pickles; this Unpickler finds no functions but its own, as its tests say. The gradient
in C++ comes with the package and is compiled."""


def called(text: str) -> list[tuple[str, ast.Call]]:
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [(ast.unparse(call.func), call) for call in calls]


def test_nothing_runs_code_that_is_not_in_the_package():
    for file, text in SOURCES.items():
        modules = RUNS_CODE_MODULES - MAY_USE.get(file, set())
        assert not {name.split(".")[0] for name in IMPORTS[file]} & modules, file
        for name, call in called(text):
            options = {option.arg: ast.unparse(option.value) for option in call.keywords}
            safe = name == "np.load" and options.get("allow_pickle") == "False"
            assert name not in RUNS_CODE or safe, f"{file}: {name}"
            assert "shell" not in options, file
            if name.endswith("load_model"):
                assert options.get("safe_mode") == "True", file


def test_the_network_is_used_where_it_is_asked_for_alone():
    users = {file for file, names in IMPORTS.items() if {name.split(".")[0] for name in names} & NETWORK_MODULES}
    assert users <= ASKED_FOR
