"""No file imports, directly or through others, a file that imports it: not in a function and not for types either."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent
BY_NAME = {"imported", "import_module"}


def module_of(file: Path, root: Path) -> str:
    parts = file.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The dotted names that a file imports, wherever it does so; of `from a import b` it may be `a` or `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in BY_NAME and isinstance(node.args[0].value, str):
                yield node.args[0].value


def imports(root: Path) -> dict[str, set[str]]:
    """Which files of a package each of them imports."""
    files = {module_of(file, root): file for file in root.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for module, file in files.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        found[module] = set()
        for name in names_imported(ast.parse(file.read_text("utf-8")), package):
            while name and name not in files:
                name = name.rpartition(".")[0]
            if name and name != module:
                found[module].add(name)
    return found


def test_no_circle_of_imports():
    found = imports(ROOT)
    assert len(found) > 200
    assert "chainrule.answers" in found["chainrule.array"]
    graphlib.TopologicalSorter(found).prepare()  # a CycleError names the circle


def test_no_circle_of_rooms():
    """A room is a folder of the library, or a file beside them."""

    def room(module: str) -> str:
        return ".".join(module.split(".")[:2])

    rooms: dict[str, set[str]] = {}
    for module, others in imports(ROOT).items():
        rooms.setdefault(room(module), set()).update({room(other) for other in others} - {room(module)})
    graphlib.TopologicalSorter(rooms).prepare()


CIRCLES = {
    "plain": ("from house.b import x", "import house.a"),
    "in a function": ("from house.b import x", "def f():\n    from house.a import y"),
    "for types": ("from house.b import x", "if TYPE_CHECKING:\n    from house.a import y"),
    "relative": ("from .b import x", "from . import a"),
    "by name": ("from house.b import x", "def f():\n    imported('house.a')"),
    "of the package": ("from house.b import x", "from house import version"),
}


@pytest.mark.parametrize("how", CIRCLES)
def test_each_kind_of_circle_is_found(how, tmp_path):
    root = tmp_path / "house"
    root.mkdir()
    (root / "__init__.py").write_text("import house.a\nversion = 1")
    for name, text in zip("ab", CIRCLES[how], strict=True):
        (root / f"{name}.py").write_text(text)
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(imports(root)).prepare()
