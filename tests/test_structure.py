"""Limits that keep the code readable, and a test beside every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import glip_pl

PACKAGE = Path(glip_pl.__file__).parent
TESTS = Path(__file__).parent
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(TESTS.parent / "scripts").rglob("*.py")])

MAX_LINES = 45
MAX_NESTING = 3
MAX_ARGUMENTS = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def functions(path: Path) -> Iterator[tuple[ast.AST, Function]]:
    """Every function of a file with the class or function around it."""
    for parent in ast.walk(ast.parse(path.read_text())):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, Function):
                yield parent, node


def nesting(node: ast.AST, level: int = 0) -> int:
    """The deepest level of blocks; an `elif` is as deep as its `if`."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child]
        inner = level + (isinstance(child, BLOCKS) and not is_elif)
        deepest = max(deepest, nesting(child, inner))
    return deepest


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TESTS.parent)))
def test_functions_are_short_and_flat(path: Path) -> None:
    for _, function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < MAX_LINES, function.name
        assert nesting(function) <= MAX_NESTING, function.name


def test_constructors_with_many_arguments_give_the_reason() -> None:
    for path in PACKAGE.rglob("*.py"):
        for parent, function in functions(path):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            if function.name == "__init__" and len(arguments) - 1 > MAX_ARGUMENTS:
                assert isinstance(parent, ast.ClassDef)
                words = f"{ast.get_docstring(parent)} {ast.get_docstring(function)}"
                assert "arguments" in words, f"{path}: {parent.name}"


def test_every_module_has_a_test_at_the_mirrored_path() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__")]
    paths = [path.relative_to(PACKAGE) for path in modules]
    missing = [
        path for path in paths if not (TESTS / path).with_name(f"test_{path.name}").is_file()
    ]
    assert missing == []
