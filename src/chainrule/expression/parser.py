"""From a text to a function: what is in the language is translated, everything else is refused."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from chainrule.block import Block
from chainrule.errors import ExpressionError
from chainrule.expression.language import ATTRIBUTES, LIBRARIES, METHODS, LanguageFunction, functions_of
from chainrule.expression.limits import MOST_BITS, OPERATORS, Meter, shortened
from chainrule.expression.suggestions import (
    IN_A_FILE,
    LACKING,
    comma_hint,
    corrected,
    function_hint,
    missing_hint,
    names_of_functions,
    unfinished,
)

__all__ = ["CHOOSING", "CONSTANTS", "ParsedExpression", "library_of", "parse", "target_of", "tree_of"]

AS_WRITTEN = str.maketrans({"·": "*", "⊙": "*", "×": "*", "−": "-"})
FROM_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
CONSTANTS = {"pi": np.pi, "inf": np.inf, "nan": np.nan, "newaxis": None}
ROOTS = {library.partition(".")[0] for library in LIBRARIES}

LONGEST = 100_000
"""The largest number of characters of an expression."""
LONGEST_NAME = 100
MOST_STATEMENTS = 3_000
DEEPEST = 200
"""The deepest nesting allowed: that of a sum of 200 terms. Formulas are printed by recursion, which has a limit."""
CHOOSING = {"max": "maximum", "min": "minimum"}
"""NumPy's functions for max(x, y) and min(x, y) of two arguments; max(x) of one argument is the largest entry."""
WITH_INTEGERS = ("label", "axis", "axes", "shape")
"""Parameters of functions that must be integers."""

_numbers = itertools.count(1)


class ParsedExpression:
    """A parsed text: a function of the names that it does not assign.

    Attributes
    ----------
    function : the function; its parameters are `parameters`.
    parameters : the names to give values to, in the order in which they appear.
    integers : those used as an index, a label or an axis, which must stay integers.
    """

    def __init__(self, function: Callable[..., Any], parameters: tuple[str, ...], integers: frozenset[str]):
        self.function = function
        self.parameters = parameters
        self.integers = integers

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Values for all parameters; integers become floats, except for `integers`."""
        unknown = sorted(given.keys() - set(self.parameters))
        if unknown:
            verb = "is" if len(unknown) == 1 else "are"
            hint = missing_hint([n for n in self.parameters if n not in given], unknown)
            raise ExpressionError(
                f"{_listed(unknown)} {verb} not in the expression; it has {_listed(self.parameters)}{hint}"
            )
        missing = [name for name in self.parameters if name not in given]
        if missing:
            told = f"no value for {_listed(missing)}; add {_listed([f'{n}=…' for n in missing], ' ')}"
            raise ExpressionError(told + missing_hint(missing, given))
        return {name: given[name] if name in self.integers else _as_float(given[name]) for name in self.parameters}


def _as_float(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x.astype(np.float64) if x.dtype.kind in "iub" else x
    return float(x) if isinstance(x, int) else x


def _listed(names: Iterable[str], comma: str = ", ") -> str:
    """The first ten names, as text."""
    first = list(itertools.islice(names, 11))
    return comma.join([*first[:10], "…"] if len(first) > 10 else first)


def parse(text: str) -> ParsedExpression:
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
    tree = tree_of(text)
    if not tree.body:
        raise ExpressionError("the expression is empty; write something like 'L = (2*x + 3*y)*z'")
    translation = _Translation(tree)
    return ParsedExpression(translation.function(), tuple(translation.parameters), frozenset(translation.integers))


def tree_of(text: str) -> ast.Module:
    """The syntax tree of a text that is neither too long nor nested too deep."""
    if len(text) > LONGEST:
        raise ExpressionError(
            f"the expression has {len(text):,} characters, and at most {LONGEST:,} are read; "
            "write it as a function in a file: chainrule explain file.py:function"
        )
    text = text.translate(AS_WRITTEN)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "**" + m[0].translate(FROM_SUPERSCRIPT), text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's warnings are on code that is refused below
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = shortened(str(getattr(error, "msg", error)) or "it is nested too deep")
        meant = corrected(text) if len(text) < 1_000 else ""
        if meant:
            reason += f"; did you mean {shortened(meant, 200)} ?"
        else:
            reason += unfinished(text)
        raise ExpressionError(f"cannot read the expression: {reason}{_pointer(error, text)}") from None
    if len(tree.body) > MOST_STATEMENTS:
        raise ExpressionError(f"the expression has {len(tree.body):,} statements, and may have {MOST_STATEMENTS:,}")
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST + 5):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ExpressionError(
            f"the expression is nested more than {DEEPEST} deep; give parts of it names: a = …; b = …"
        )
    if any(isinstance(node, ast.BitXor) for node in ast.walk(tree)):
        raise ExpressionError(f"^ is not a power in Python; write **: {shortened(text.replace('^', '**'), 200)}")
    if hint := comma_hint(tree, text):
        raise ExpressionError(hint)
    return tree


def _pointer(error: BaseException, text: str) -> str:
    offset = getattr(error, "offset", None)
    number = getattr(error, "lineno", None)
    lines = text.splitlines()
    if not offset or number is None or number > len(lines) or len(lines[number - 1]) > 200:
        return ""
    return f"\n  {lines[number - 1]}\n  {' ' * (offset - 1)}^"


class _Translation:
    """The function for an expression: each operation becomes a call of a method of its meter.

    Attributes
    ----------
    parameters : the names that are read before they are assigned.
    integers : the names used where an integer is needed.
    """

    def __init__(self, tree: ast.Module):
        self.meter = Meter()
        self.space: dict[str, Any] = {"__builtins__": {}, "<slice>": slice}
        self.parameters: dict[str, None] = {}
        self.integers: set[str] = set()
        self.assigned: set[str] = set()
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.constants = {name: value for name, value in CONSTANTS.items() if name not in stored}
        self.lines = [_unparsed(statement) for statement in tree.body]
        *first, last = tree.body
        self.body = [_at(i, self.statement(s, last=False)) for i, s in enumerate(first, 1)]
        self.body += [_at(len(tree.body), s) for s in self.result(last)]
        for name in [*self.parameters, *self.assigned]:
            if name in ROOTS:
                raise ExpressionError(f"{name} is the name of a library; choose another for the variable")

    def function(self) -> Callable[..., Any]:
        """The function, with one line for each statement, so that messages can point at the line."""
        start = _at(1, ast.Expr(self.metered("start")))
        arguments = ast.arguments([], [ast.arg(name) for name in self.parameters], None, [], [], None, [])
        definition = ast.FunctionDef("expression", arguments, [start, *self.body], [], None)
        if "type_params" in definition._fields:
            definition.type_params = []  # type: ignore[attr-defined]
        module = ast.Module([_here(1, definition)], [])
        for argument in arguments.args:
            _at(1, argument)
        filename = "<expression>" if (n := next(_numbers)) == 1 else f"<expression {n}>"
        exec(compile(module, filename, "exec"), self.space)
        linecache.cache[filename] = (1, None, [line + "\n" for line in self.lines], filename)
        made = self.space["expression"]
        made.__name__ = "the expression"
        return made

    # Statements ------------------------------------------------------------------------------------------------------

    def result(self, last: ast.stmt) -> list[ast.stmt]:
        """The last statement, whose value is the result."""
        if isinstance(last, ast.Expr):
            return [ast.Return(self.value(last.value))]
        assignment = self.statement(last, last=True)
        return [assignment, ast.Return(ast.Name(target_of(last).id, ast.Load()))]

    def statement(self, statement: ast.stmt, last: bool) -> ast.stmt:
        if isinstance(statement, ast.Expr):
            raise _not_allowed("only the last statement may do without a name", statement)
        if not isinstance(statement, ast.Assign | ast.AugAssign):
            raise _lacking(statement)
        name = target_of(statement).id
        _check_name(name)
        value = self.value(statement.value)
        if isinstance(statement, ast.AugAssign):
            value = self.metered("update", _operator(statement.op, statement), self.name(name), value)
        self.assigned.add(name)
        return ast.Assign([ast.Name(name, ast.Store())], value)

    # Values ----------------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> ast.expr:
        """Translate a Python expression that is in the language."""
        translate = self.TRANSLATIONS.get(type(node))
        if translate is None:
            raise _lacking(node)
        return translate(self, node)

    def values(self, nodes: Iterable[ast.expr]) -> list[ast.expr]:
        return [self.value(node) for node in nodes]

    def name(self, name: str) -> ast.expr:
        if name in self.constants:
            return ast.Constant(self.constants[name])
        if name not in self.assigned:
            _check_name(name)
            self.parameters.setdefault(name)
        return ast.Name(name, ast.Load())

    def constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, int | float | complex | str | type(...) | None):
            raise _not_allowed("only numbers and the words of functions may be literals", node)
        if isinstance(node.value, int) and node.value.bit_length() > MOST_BITS:
            raise _not_allowed("a whole number is larger than any float", node)
        return ast.Constant(node.value)

    def operation(self, node: ast.BinOp | ast.UnaryOp) -> ast.expr:
        operands = self.values([node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand])
        numbers = [x.value for x in operands if isinstance(x, ast.Constant) and type(x.value) is int]
        name = _operator(node.op, node)
        if len(numbers) < len(operands):
            return self.metered("operate", name, *operands)
        try:
            return ast.Constant(Meter().operate(str(name.value), *numbers))  # 10**6, and -1
        except ZeroDivisionError as error:
            raise _not_allowed(str(error), node) from None
        except ExpressionError:
            raise _not_allowed(f"a whole number has more than {MOST_BITS} bits; write a float", node) from None

    def comparison(self, node: ast.Compare) -> ast.expr:
        names = ast.Tuple([_operator(sign, node) for sign in node.ops], ast.Load())
        return self.metered("compare", names, *self.values([node.left, *node.comparators]))

    def entries(self, node: ast.List | ast.Tuple) -> ast.expr:
        return self.metered("listed" if isinstance(node, ast.List) else "tupled", *self.values(node.elts))

    def subscript(self, node: ast.Subscript) -> ast.expr:
        self.note_integers(node.slice)
        return self.metered("index", self.value(node.value), self.key(node.slice))

    def key(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.key(entry) for entry in node.elts], ast.Load())
        if isinstance(node, ast.Slice):
            parts = [node.lower, node.upper, node.step]
            return _call("<slice>", [ast.Constant(None) if part is None else self.value(part) for part in parts])
        return self.value(node)

    def attribute(self, node: ast.Attribute) -> ast.expr:
        if _library(node.value) or _library(node):
            raise _not_allowed("a function that is not called is not in the expression language", node)
        if node.attr not in ATTRIBUTES:
            raise _not_allowed(f".{node.attr} is not in the expression language ({_KNOWN_METHODS})", node)
        return self.metered("attribute", self.value(node.value), ast.Constant(node.attr))

    def call(self, node: ast.Call) -> ast.expr:
        args = self.values(node.args)
        if any(keyword.arg is None for keyword in node.keywords):
            raise ExpressionError("** is not in the expression language")
        options = [ast.keyword(keyword.arg, self.value(keyword.value)) for keyword in node.keywords]
        self.note_integers(*(keyword.value for keyword in node.keywords if keyword.arg in WITH_INTEGERS))
        f = node.func
        library = _library(f.value) if isinstance(f, ast.Attribute) else None
        if isinstance(f, ast.Attribute) and library is None:
            if f.attr not in METHODS and f.attr in names_of_functions():
                told = f".{f.attr} is not in the expression language"
                raise _not_allowed(told, f, f"functions stand alone: write {f.attr}(…)")
            if f.attr not in METHODS:
                raise _not_allowed(f".{f.attr} is not in the expression language ({_KNOWN_METHODS})", f)
            return self.metered("method", self.value(f.value), ast.Constant(f.attr), *args, options=options)
        if isinstance(f, ast.Name) and f.id in CHOOSING and len(args) > 1 and not options:
            return functools.reduce(functools.partial(self.chosen, CHOOSING[f.id]), args)
        if isinstance(f, ast.Name):
            function, told = _by_name(f.id), f.id
        elif isinstance(f, ast.Attribute) and library is not None:
            function, told = functions_of(library).get(f.attr), f"{library}.{f.attr}"
        else:
            raise _not_allowed("only functions can be called", node, "for a product write *")
        if function is None:
            hint = function_hint(told.rpartition(".")[2]) if len(told) <= LONGEST_NAME else IN_A_FILE
            if library:
                raise _not_allowed(f"{shortened(told)} is not in the expression language", node, hint)
            raise _not_allowed(f"there is no function {shortened(told)} in the expression language", node, hint)
        if isinstance(function.call, Block) and "label" in function.call.operands:
            self.note_integers(*node.args[(i := function.call.operands.index("label")) : i + 1])
        self.space[f"<{told}>"] = function
        return self.metered("call", ast.Name(f"<{told}>", ast.Load()), *args, options=options)

    def chosen(self, name: str, x: ast.expr, y: ast.expr) -> ast.expr:
        """The larger or the smaller of two values."""
        self.space[f"<{name}>"] = _by_name(name)
        return self.metered("call", ast.Name(f"<{name}>", ast.Load()), x, y)

    TRANSLATIONS: ClassVar[dict[type, Callable[[Any, Any], ast.expr]]] = {
        ast.Name: lambda self, node: self.name(node.id),
        ast.Constant: constant,
        ast.BinOp: operation,
        ast.UnaryOp: operation,
        ast.Compare: comparison,
        ast.List: entries,
        ast.Tuple: entries,
        ast.Subscript: subscript,
        ast.Attribute: attribute,
        ast.Call: call,
    }

    def metered(self, method: str, *args: ast.expr, options: list[ast.keyword] | None = None) -> ast.expr:
        """A call of a method of the meter."""
        self.space[f"<{method}>"] = getattr(self.meter, method)
        return _call(f"<{method}>", list(args), options)

    def note_integers(self, *places: ast.expr) -> None:
        self.integers |= {n.id for place in places for n in ast.walk(place) if isinstance(n, ast.Name)}


_KNOWN_METHODS = f"known are {', '.join(sorted([*METHODS, *ATTRIBUTES]))}"


def _by_name(name: str) -> LanguageFunction | None:
    """The function in the first library that has it."""
    return None if (library := library_of(name)) is None else functions_of(library)[name]


def library_of(name: str) -> str | None:
    """The first library that has a function. SciPy comes last, since its import is slow."""
    return next((library for library in LIBRARIES if name in functions_of(library)), None)


def _library(node: ast.expr) -> str | None:
    """The library that an expression names, such as np or np.linalg."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        name = f"{node.value.id}.{node.attr}"
    else:
        name = node.id if isinstance(node, ast.Name) else ""
    return name if name in LIBRARIES else None


def target_of(statement: ast.Assign | ast.AugAssign | ast.stmt) -> ast.Name:
    """The name that a statement assigns."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0]
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return statement.target
    if any(isinstance(n, ast.Subscript) for n in getattr(statement, "targets", [getattr(statement, "target", None)])):
        raise _not_allowed("an entry of an array cannot be assigned here", statement, IN_A_FILE)
    raise _not_allowed("assign to one name at a time", statement)


def _check_name(name: str) -> None:
    if name.startswith("__"):
        raise ExpressionError(f"names do not start with two underscores: {shortened(name)}")
    if len(name) > LONGEST_NAME:
        raise ExpressionError(f"names have at most {LONGEST_NAME} letters: {shortened(name)}")


def _operator(sign: ast.operator | ast.unaryop | ast.cmpop, node: ast.AST) -> ast.Constant:
    """The meter's name for an operator."""
    name = type(sign).__name__
    if name not in OPERATORS:
        raise _not_allowed(f"{name} is not in the expression language", node)
    return ast.Constant(name)


def _call(name: str, args: list[ast.expr], options: list[ast.keyword] | None = None) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), args, options or [])


def _at(line: int, tree: Any) -> Any:
    """A piece of a program, located with all its parts in this line."""
    for node in ast.walk(tree):
        _here(line, node)
    return tree


def _here(line: int, node: Any) -> Any:
    """A node of a program, located in this line; its parts stay where they are."""
    node.lineno = node.end_lineno = line
    node.col_offset = node.end_col_offset = 0
    return node


def _not_allowed(why: str, node: ast.AST, hint: str = "") -> ExpressionError:
    told = f"{why}: {shortened(_unparsed(node))}"
    return ExpressionError(f"{told}\n  {hint}" if hint else told)


def _lacking(node: ast.AST) -> ExpressionError:
    """The error for a statement or an operation that the language does not have."""
    told, instead = LACKING.get(type(node), (type(node).__name__, IN_A_FILE))
    return _not_allowed(f"{told} is not in the expression language", node, instead)


def _unparsed(node: ast.AST) -> str:
    """A piece of a tree as one line of text."""
    try:
        return ast.unparse(node).replace("\n", " ")
    except (RecursionError, ValueError):  # ValueError: an integer of more than 4,300 digits
        return "…"
