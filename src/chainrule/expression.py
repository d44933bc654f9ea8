"""The expression language of the command line: a few lines of arithmetic, and nothing else.

A text such as `a = 2*x; L = a @ y` is parsed with `ast` and held against a short list of what is allowed: assignments,
arithmetic, comparisons, indexing, numbers, and the names of NumPy's and chainrule's functions. Only then it becomes a
function, whose parameters are the names that it does not assign.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule
from chainrule.answers import answer
from chainrule.block import Block
from chainrule.errors import ExpressionError

__all__ = ["Expression", "parse", "parse_value"]

PLAIN_FUNCTIONS = ("array", "arange", "zeros", "ones", "eye", "linspace")
AS_WRITTEN = str.maketrans({"·": "*", "⊙": "*", "×": "*", "−": "-"})
FROM_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
CONSTANTS = {"pi": np.pi, "inf": np.inf, "nan": np.nan, "newaxis": None}
METHODS = frozenset("sum mean prod max min std var dot clip reshape ravel transpose squeeze cumsum T mT".split())
ALLOWED = (
    ast.Module,
    ast.Assign,
    ast.AugAssign,
    ast.Expr,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Call,
    ast.keyword,
    ast.Subscript,
    ast.Slice,
    ast.Tuple,
    ast.List,
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
    ast.expr_context,
)

_numbers = itertools.count(1)


class Expression:
    """A parsed text: a function of the names that it does not assign.

    Attributes
    ----------
    function : the function; its parameters are `parameters`.
    parameters : the names to give values to, in the order in which they appear.
    integers : those that are used as an index, a label or an axis, so must stay integers.
    """

    def __init__(self, function: Callable[..., Any], parameters: tuple[str, ...], integers: frozenset[str]):
        self.function = function
        self.parameters = parameters
        self.integers = integers

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Values for all parameters; whole numbers become floats where a gradient is meant."""
        unknown = sorted(given.keys() - set(self.parameters))
        if unknown:
            raise ExpressionError(f"{', '.join(unknown)} is not in the expression; it has {', '.join(self.parameters)}")
        missing = [name for name in self.parameters if name not in given]
        if missing:
            raise ExpressionError(f"no value for {', '.join(missing)}; add {' '.join(f'{n}=…' for n in missing)}")
        return {name: given[name] if name in self.integers else _as_float(given[name]) for name in self.parameters}


def _as_float(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x.astype(np.float64) if x.dtype.kind in "iub" else x
    return float(x) if isinstance(x, int) else x


def functions(text: str) -> dict[str, Any]:
    """The functions that an expression may call by their names alone; the first library that has one is meant."""
    found: dict[str, Any] = {}
    for library in reversed(LIBRARIES):
        if library != "special" or _calls_beyond_numpy(text):  # SciPy takes a while to import
            found |= functions_of(library)
    return found


LIBRARIES = ("cr", "np", "np.linalg", "np.fft", "special")
"""What may stand before a function's name."""
ROOTS = {library.partition(".")[0] for library in LIBRARIES}


@functools.cache
def functions_of(library: str) -> dict[str, Any]:
    """The functions of a library that have a block: chainrule's own, and those of NumPy and SciPy that are answered."""
    if library == "cr":
        return {
            name: f
            for name, f in vars(chainrule).items()
            if isinstance(f, Block) or getattr(f, "__module__", "").startswith("chainrule.blocks.")
        }
    module = importlib.import_module({"np": "numpy", "special": "scipy.special"}.get(library, f"numpy{library[2:]}"))
    found = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    plain = PLAIN_FUNCTIONS if library == "np" else ()
    return {name: f for name, f in found.items() if callable(f) and (name in plain or answer(f) is not None)}


def _calls_beyond_numpy(text: str) -> bool:
    called = set(re.findall(r"(\w+)\s*\(", text))
    return "special" in text or any(not any(name in functions_of(one) for one in LIBRARIES[:-1]) for name in called)


def parse(text: str) -> Expression:
    """Parse a text of statements separated by semicolons or new lines; the last one is the result.

    Raises
    ------
    ExpressionError : the text is not Python, or uses something that is not in the language.

    >>> expression = parse("a = 2*x; a + y")
    >>> expression.parameters
    ('x', 'y')
    >>> expression.function(1.0, 3.0)
    5.0
    """
    text = text.translate(AS_WRITTEN)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "**" + m[0].translate(FROM_SUPERSCRIPT), text)
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"cannot read the expression: {getattr(error, 'msg', error)}{_pointer(error, text)}"
        ) from None
    known = functions(text)
    before_a_dot = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not (id(node) in before_a_dot and ast.unparse(node) in LIBRARIES):
            _allowed(node, known, text)
    if not tree.body:
        raise ExpressionError("the expression is empty; write something like 'L = (2*x + 3*y)*z'")
    for statement in tree.body[:-1]:
        if isinstance(statement, ast.Expr):
            raise ExpressionError(f"only the last statement may do without a name: {ast.unparse(statement)}")
    used = _called_names(tree)
    assigned: set[str] = set()
    parameters: dict[str, None] = {}
    for statement in tree.body:
        for node in (n for n in ast.walk(statement) if isinstance(n, ast.Name)):
            read = isinstance(node.ctx, ast.Load) or isinstance(statement, ast.AugAssign)
            if read and node.id not in assigned | used | CONSTANTS.keys():
                parameters.setdefault(node.id)
        assigned |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for name in [*parameters, *assigned]:
        if name in ROOTS:
            raise ExpressionError(f"{name} is the name of a library; choose another for the variable")
    return Expression(_compiled(tree, tuple(parameters), known), tuple(parameters), _integer_names(tree, known))


def _pointer(error: BaseException, text: str) -> str:
    offset = getattr(error, "offset", None)
    lines = text.strip().splitlines()
    number = getattr(error, "lineno", None)
    if offset is None or number is None or number > len(lines):
        return ""
    return f"\n  {lines[number - 1]}\n  {' ' * (offset - 1)}^"


def _allowed(node: ast.AST, known: dict[str, Any], text: str) -> None:
    """Refuse what is not in the language."""
    what = ast.get_source_segment(text.strip(), node) if isinstance(node, ast.expr | ast.stmt) else None
    shown = f": {what}" if what else ""
    if not isinstance(node, ALLOWED):
        raise ExpressionError(f"{type(node).__name__} is not in the expression language{shown}")
    if isinstance(node, ast.Assign) and (len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name)):
        raise ExpressionError(f"assign to one name at a time{shown}")
    if isinstance(node, ast.AugAssign) and not isinstance(node.target, ast.Name):
        raise ExpressionError(f"assign to a name{shown}")
    if isinstance(node, ast.Name) and node.id.startswith("__"):
        raise ExpressionError(f"names do not start with two underscores{shown}")
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | complex | str | type(...) | None):
        raise ExpressionError(f"only numbers and the subscripts of einsum may be literals{shown}")
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.BitXor):
        raise ExpressionError(f"^ is not a power in Python; write **{shown}")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift | ast.RShift):
        raise ExpressionError(f"shifts are not in the expression language{shown}")
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Pow)
        and all(_is_integer(x) for x in (node.left, node.right))
    ):
        raise ExpressionError(f"write a power of two whole numbers as a float{shown}")
    if isinstance(node, ast.Attribute):
        library = ast.unparse(node.value)
        if node.attr not in (functions_of(library) if library in LIBRARIES else METHODS):
            found = library in LIBRARIES
            hint = "no function with a block is called so" if found else f"known are {', '.join(sorted(METHODS))}"
            raise ExpressionError(f".{node.attr} is not in the expression language ({hint}){shown}")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in known:
        raise ExpressionError(f"there is no function {node.func.id} with a block{shown}")
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name | ast.Attribute):
        raise ExpressionError(f"only functions can be called{shown}")
    if isinstance(node, ast.keyword) and node.arg is None:
        raise ExpressionError("** is not in the expression language")


def _is_integer(node: ast.expr) -> bool:
    return not any(
        isinstance(n, ast.Name | ast.Attribute)
        or (isinstance(n, ast.Constant) and isinstance(n.value, float | complex))
        for n in ast.walk(node)
    )


def _called_names(tree: ast.Module) -> set[str]:
    """Names of functions and of the libraries before them; they are no parameters."""
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    libraries = {n.value.id for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
    return called | (libraries & ROOTS)


def _integer_names(tree: ast.Module, known: dict[str, Any]) -> frozenset[str]:
    """Names used where only integers make sense: in an index, as a label, as a parameter such as axis."""
    places: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            places.append(node.slice)
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            block = known.get(name)
            if isinstance(block, Block) and "label" in block.operands:
                places += node.args[block.operands.index("label") : block.operands.index("label") + 1]
            places += [k.value for k in node.keywords if k.arg in ("label", "axis", "axes", "shape")]
    return frozenset(n.id for place in places for n in ast.walk(place) if isinstance(n, ast.Name))


def _compiled(tree: ast.Module, parameters: tuple[str, ...], known: dict[str, Any]) -> Callable[..., Any]:
    """A function of one line for each statement, so that messages can point at the line."""
    *first, last = tree.body
    result = last.value if isinstance(last, ast.Expr) else _target(last)
    shown = [ast.unparse(statement) for statement in tree.body]
    body = [ast.unparse(s) for s in (first if isinstance(last, ast.Expr) else tree.body)]
    source = "\n".join(
        [
            f"def expression({', '.join(parameters)}):",
            *(f"    {line}" for line in [*body, f"return {ast.unparse(result)}"]),
        ]
    )
    module = ast.parse(source)
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    for statement in function.body:
        ast.increment_lineno(statement, -1)  # the first statement is line 1
    filename = "<expression>" if (n := next(_numbers)) == 1 else f"<expression {n}>"
    linecache.cache[filename] = (len(source), None, [line + "\n" for line in shown], filename)
    space: dict[str, Any] = {"np": np, "cr": chainrule, **CONSTANTS, **known}
    if "special" in source:
        space["special"] = importlib.import_module("scipy.special")
    exec(compile(module, filename, "exec"), space)  # only what _allowed let through
    made = space["expression"]
    made.__name__ = "the expression"
    return made


def _target(statement: ast.stmt) -> ast.expr:
    assert isinstance(statement, ast.Assign | ast.AugAssign)
    return statement.targets[0] if isinstance(statement, ast.Assign) else statement.target


def parse_value(text: str) -> Any:
    """A value from the command line: a number, a nested list as an array, or `@file.npy`.

    >>> parse_value("[[1, 2], [3, 4]]")
    array([[1, 2],
           [3, 4]])
    >>> parse_value("0.5")
    0.5
    """
    if text.startswith("@"):
        try:
            array = np.load(text[1:], allow_pickle=False)
        except OSError as error:
            raise ExpressionError(f"cannot read an array from {text[1:]}: {error.strerror or error}") from None
        except (ValueError, EOFError):
            array = None
        if not isinstance(array, np.ndarray):
            raise ExpressionError(f"cannot read an array from {text[1:]}: it must be a .npy file, as np.save writes it")
        return array
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        try:
            return float(text)  # inf, nan
        except ValueError:
            raise ExpressionError(f"{text!r} is not a number, a list of numbers, or @file.npy") from None
    if isinstance(value, list | tuple):
        try:
            array = np.array(value)
        except ValueError:
            raise ExpressionError(f"the rows of {text} are not equally long") from None
        if array.dtype.kind not in "iufbc":
            raise ExpressionError(f"{text} is not a list of numbers")
        return array
    if not isinstance(value, int | float | complex):
        raise ExpressionError(f"{text!r} is not a number, a list of numbers, or @file.npy")
    return value
