"""The house: which room imports from which, how large what is in them may grow, what tests it."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# Data flows one way: a room imports only from rooms before it.
ROOMS = "errors atomic config audio data model results report training deploy api sweep cli".split()
PACKAGE = REPOSITORY / "esc50"
FILES = sorted(PACKAGE.rglob("*.py"))
# Test files that are of no single module, and what they are of.
WIDER = {
    "audio/test_augment_kinds.py": "esc50/audio/augment.py, on features that are no log-mels",
    "data/test_killed_builds.py": "the cache, with kill -9",
    "test_conf.py": "conf/",
    "test_docs.py": "the commands in README.md and docs/",
    "test_own_clips.py": "docs/how-to/own-clips.md",
    "test_own_tables.py": "docs/how-to/own-clips.md, tables of other tools",
    "test_own_parts.py": "a package of a user's own",
    "test_rooms.py": "the package",
    "test_train.py": "train.py",
    "training/test_features.py": "conf/features/",
    "training/test_recipes.py": "conf/experiment/",
    "sweep/test_sweepers.py": "hydra_plugins/esc50/sweepers.py",
    "sweep/test_sweeps.py": "train.py -m",
}


def imports(path: Path) -> set[str]:
    """Modules of this package that a file imports, also inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    modules = {module_name(file) for file in FILES}
    parents = {name.rpartition(".")[0] for name in names}
    return {name for name in names | parents if name in modules and "." in name}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> int:
    return ROOMS.index(name.split(".")[1])


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_room_imports_only_from_rooms_before_it(path):
    name = module_name(path)
    if name == "esc50":
        return
    for imported in imports(path):
        assert room(imported) <= room(name), f"{name} imports {imported}"


def test_no_two_modules_import_each_other_in_a_circle():
    graph = {module_name(path): imports(path) for path in FILES}
    while leaves := {name for name, needs in graph.items() if not needs & graph.keys() - {name}}:
        graph = {name: needs for name, needs in graph.items() if name not in leaves}
    assert not graph, f"in or behind a circle: {sorted(graph)}"


def test_plugins_are_imported_by_nothing():
    for path in FILES:
        assert "hydra_plugins" not in {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            for name in [node.module or ""]
        }, path


def test_files_fit_a_head_and_functions_a_screen():
    for path in FILES:
        text = path.read_text()
        assert len(text.splitlines()) <= 300, f"{path} is longer than 300 lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = [child for child in node.body if not _is_docstring(child)]
                first = body[0].lineno if body else node.lineno
                lines = (node.end_lineno or first) - first + 1
                assert lines <= 50, f"{path}: {node.name} has {lines} lines"


def test_no_folder_has_more_modules_than_a_reader_takes_in():
    modules = [path for path in FILES if path.name != "__init__.py"]
    for folder in {path.parent for path in modules}:
        assert sum(path.parent == folder for path in modules) <= 13, folder


def test_the_rooms_of_the_test_are_those_of_the_package():
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(ROOMS) == {name for name in there if not name.startswith("_")} - {"py"}


def test_the_page_about_the_rooms_names_every_module():
    page = (REPOSITORY / "docs" / "explanation" / "architecture.md").read_text()
    said = set(re.findall(r"`([a-z0-9_]+)(?:\.py)?`", page))
    assert not {path.stem for path in FILES} - said - {"__init__"}


def test_every_module_has_its_test_file_and_every_test_file_its_module():
    assert all(len(path.relative_to(PACKAGE).parts) <= 3 for path in FILES), "room/part/module.py"
    mirrored = {
        path.relative_to(PACKAGE).with_name(f"test_{path.name}").as_posix()
        for path in FILES
        if path.name != "__init__.py"
    }
    tests = REPOSITORY / "tests"
    there = {path.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")}
    # scripts/ mirrors the folder of that name, faults/ is of what may come from outside.
    there = {name for name in there if not name.startswith(("scripts/", "faults/"))}
    assert there - WIDER.keys() == mirrored


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
