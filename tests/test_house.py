"""How the library is laid out: short files, and a name for each class that says which."""

import ast
from collections import defaultdict
from pathlib import Path

import chainrule

ROOT = Path(chainrule.__file__).parent
SOURCES = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in ROOT.rglob("*.py")}


def test_no_file_has_more_than_450_lines():
    lengths = {name: len(text.splitlines()) for name, text in SOURCES.items()}
    assert len(lengths) > 500
    assert not {name: n for name, n in lengths.items() if n > 450}


def test_no_two_files_define_a_class_of_the_same_name():
    files = defaultdict(list)
    for name, text in SOURCES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(name)
    assert len(files) > 300
    assert not {name: found for name, found in files.items() if len(found) > 1}


def test_no_function_has_more_than_50_lines_besides_its_docstring():
    longer = {}
    for name, text in SOURCES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                length = node.end_lineno - node.lineno + 1 - docstring
                if length > 50:
                    longer[name, node.name] = length
    assert not longer
