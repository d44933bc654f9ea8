"""Which errors the library catches: those it names, and any only of code of others."""

import ast
import contextlib
import dis
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule
import chainrule as cr
from chainrule.compile.failures import CannotCompile, asking_llvm
from chainrule.errors import CheckFailed, CompilerError, NoAnswer, RecordingError, asking_others

PACKAGE = Path(chainrule.__file__).parent

EXPLAINED = "the error of a block or of NumPy is raised with its name, shapes and line; a ValueError as a BlockError"
CATCH_ALL = {
    "asking_others": "the one place for code of others, which may raise anything",
    "_work": "a thread hands what it finds to the thread that waits for it, which raises it",
    "record": EXPLAINED,
    "_after_error": EXPLAINED,
    "_in_their_library": EXPLAINED,
    "answered": EXPLAINED,
    "_written_by_numpy": EXPLAINED,
}
"""The functions that may catch errors of any class without raising just them again, with the reason."""

ANY = {"Exception", "BaseException"}


def blanket_handlers(tree):
    """The handlers of all errors that may not raise just these again, and `suppress(Exception)`: function and line."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]

    def place(node):
        around = [f for f in functions if f.lineno <= node.lineno <= f.end_lineno]
        return max(around, key=lambda f: f.lineno).name if around else ""

    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ANY & names_in(node.type)):
            leaves = (ast.Return, ast.Continue, ast.Break, ast.Yield, ast.YieldFrom)
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None) or any(
                isinstance(n, leaves) for n in ast.walk(node)
            ):
                yield place(node), node.lineno
        if isinstance(node, ast.Call) and "suppress" in names_in(node.func) and ANY & names_in(node):
            yield place(node), node.lineno


def names_in(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)
    }


def test_no_error_is_caught_without_its_class_except_from_code_of_others():
    found = {
        name: f"{file.relative_to(PACKAGE)}:{line}"
        for file in PACKAGE.rglob("*.py")
        for name, line in blanket_handlers(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert found.keys() == CATCH_ALL.keys(), f"found: {found}"


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept: pass",
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept (ValueError, Exception) as e: x = e",
        "try: f()\nexcept builtins.BaseException: x = 1",
        "with contextlib.suppress(Exception): f()",
        "def g():\n try: f()\n except Exception:\n  if h(): return 1\n  raise",
    ],
)
def test_a_handler_of_all_errors_is_found(text):
    assert list(blanket_handlers(ast.parse(text)))


def test_a_handler_that_raises_again_is_not_a_blanket_handler():
    text = "try: f()\nexcept Exception as error:\n error.add_note('here')\n raise"
    assert not list(blanket_handlers(ast.parse(text)))


class Own(Exception):
    """An error that only its author knows."""


@pytest.mark.parametrize("error", [Own("no"), ValueError("no"), NameError("no"), AssertionError("no")])
def test_an_error_of_foreign_code_becomes_no_answer(error):
    def f():
        raise error

    with pytest.raises(NoAnswer) as caught, asking_others():
        f()
    assert caught.value.error is error
    assert str(caught.value) == f"{type(error).__name__}: no"


def test_what_ends_the_program_goes_on():
    for error in (KeyboardInterrupt, SystemExit):
        with pytest.raises(error), asking_others():
            raise error


def code_of_the_library(text, **known):
    """A function f that stands in a file of the library, as far as Python can tell."""
    exec(compile(text, str(PACKAGE / "blocks" / "made_up.py"), "exec"), known)
    return known["f"]


class OfTheLibrary:
    __module__ = "chainrule.made_up"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("undefined", NameError),
        ("undefined = undefined + 1", UnboundLocalError),
        ("assert x is None", AssertionError),
        ("x.no_such_thing", AttributeError),
    ],
)
def test_a_bug_in_the_library_is_raised_as_it_is(body, kind):
    f = code_of_the_library(f"def f(x):\n {body}")
    with pytest.raises(kind), asking_others():
        f(OfTheLibrary())


@pytest.mark.parametrize("kind", [TypeError, ValueError, KeyError, CheckFailed, RecordingError])
def test_an_error_that_the_library_raises_on_purpose_becomes_no_answer(kind):
    f = code_of_the_library("def f(kind):\n raise kind('refused')")
    with pytest.raises(NoAnswer, match="refused") as caught, asking_others():
        f(kind)
    assert type(caught.value.error) is kind


def test_an_internal_error_of_the_compiler_is_raised_as_it_is():
    with pytest.raises(CompilerError), asking_others():
        raise CompilerError("sizes")


@pytest.mark.parametrize("what", ["an array of a library", "a recorded array", "a namespace"])
def test_an_attribute_that_an_array_lacks_becomes_no_answer(what):
    x = {"an array of a library": np.ones(2), "a recorded array": cr.variable(np.ones(2)), "a namespace": np}[what]
    f = code_of_the_library("def f(x):\n return x.no_such_function(1)")
    with pytest.raises(NoAnswer), asking_others():
        f(x)


def test_a_function_that_llvm_lacks_is_no_mistake_of_the_library():
    f = code_of_the_library("def f(x):\n return x.no_such_thing")
    with pytest.raises(CannotCompile, match="no_such_thing"), asking_llvm():
        f(np)
    with pytest.raises(AttributeError, match="no_such_thing"), asking_llvm():
        f(OfTheLibrary())


def with_a_mistake(*rest, **more):
    return code_of_the_library("def f(*args, **kwargs):\n return undefined_name")(*rest, **more)


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("as_constant", lambda: cr.check(lambda x: np.sum(2 * x))(np.ones(2))),
        ("from_parts", lambda: cr.check(lambda x: np.sum(np.exp(x)))(np.ones(2))),
        ("_of_operand", lambda: cr.check(wrong_square)(np.ones(2))),
        ("traced_result", lambda: cr.explain(lambda x: np.sum(cr.softmax(x)))(np.ones(2)).code("numpy")),
    ],
)
def test_a_mistake_in_the_library_surfaces_where_others_are_asked(name, run, monkeypatch):
    run()
    modules = [module for key, module in sys.modules.items() if key.startswith("chainrule.") and name in vars(module)]
    assert modules
    for module in modules:
        monkeypatch.setattr(module, name, with_a_mistake)
    with pytest.raises(NameError, match="undefined_name"):
        run()


@cr.block
def wrong_square(x):
    return x * x


@wrong_square.backward
def _(dz, z, x):
    return dz * x


def test_a_function_may_raise_an_error_of_its_own_class_at_a_neighbouring_point():
    def f(x):
        if x > 1.0:
            raise Own("beyond")
        return x * x

    assert cr.check(f)(1.0).ok


def of_a_fallback(x):
    try:
        total = np.ma.masked_invalid(x).sum()
    except TypeError:
        total = 0.0
    return np.sum(x) * total


def of_a_suppressed_error(x):
    scale = 0.0
    with contextlib.suppress(Exception):
        scale = float(np.frombuffer(x.tobytes())[0])
    return np.sum(x) * scale


@pytest.mark.parametrize("f", [of_a_fallback, of_a_suppressed_error])
def test_an_error_of_recording_that_the_function_catches_is_raised(f):
    """Without it the gradient of what the function gives up would be lost without notice."""
    x = np.array([1.0, 2.0])
    with pytest.raises(RecordingError) as told:
        cr.grad(f)(x)
    assert "the function catches this error and goes on" in told.value.__notes__[-1]
    assert cr.grad(lambda x: np.sum(x**2))(x).tolist() == [2.0, 4.0]


def test_a_function_is_read_once_however_many_steps_it_has(monkeypatch):
    """Each step of Python's numbers asks whether its error would be caught."""
    read = []
    told = dis.Bytecode
    monkeypatch.setattr(dis, "Bytecode", lambda code: read.append(code) or told(code))
    terms = " + ".join(f"x * {i}.5" for i in range(40))
    careful = f"try:\n        return {terms}\n    except ValueError:\n        return x"
    scope = {}
    text = f"def plain(x):\n    return {terms}\n\ndef careful(x):\n    {careful}"
    exec(compile(text, "<terms>", "exec"), scope)
    for f in (scope["plain"], scope["careful"]):
        cr.explain(f)(1.0).code()
    assert read.count(scope["plain"].__code__) == 0
    assert read.count(scope["careful"].__code__) == 1
