"""The smallest change of one statement of a backward pass that makes all of its gradients right.

It is searched among changes that correct common mistakes (`edits`). To run a function with a changed statement,
its code object is replaced, and put back afterwards.
"""

from __future__ import annotations
import __future__

import ast
import bisect
import contextlib
import copy
import gc
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.by_hand.edits import NamesInScope, edits_of, statements_in
from chainrule.check.by_hand.repairs import Case, UserRun
from chainrule.check.by_hand.watched import Watched, array_of, watch_frames
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import Line, lines_of

__all__ = ["Rewritten", "rewritten"]

SECONDS = 6.0
"""Seconds after which no further change is tried."""

LONG = 2000
"""Functions with more lines are not changed."""


@dataclass(frozen=True)
class Rewritten:
    """A statement, and the statement that makes all gradients right in its place."""

    line: Line
    before: str
    after: str


class _Candidate(NamedTuple):
    far: int
    place: float
    statement: Any
    changed: Any
    function: _Function


def rewritten(
    case: Case,
    other: Case | None,
    preferred: Sequence[Line],
    allowed: Callable[[Line, int, bool], bool],
    until: Line | None = None,
) -> Rewritten | None:
    """The smallest change of one statement that makes all gradients right on both inputs; None if none is known.

    Parameters
    ----------
    preferred : lines that are tried first.
    allowed : whether a change may be tried, by its line, its kind, and whether the line is in a function from which a
        preferred line takes what it returns.
    until : the last line that may be changed, with the functions that it calls; None for the end.
    """
    functions = _functions(case)
    last = min((f.after(until) for f in functions if until is not None and until in f.lines), default=np.inf)
    candidates: list[_Candidate] = []
    for function in functions:
        for statement in statements_in(function.tree):
            line = Line(function.outer.co_filename, statement.lineno)
            if function.lines.get(line, np.inf) >= last:
                continue
            place = _place(line, function, functions, preferred)
            inside = line not in preferred and place < len(preferred) and _only_calls(preferred[int(place)], functions)
            for far, changed in edits_of(statement, function.scope):
                if allowed(line, far, inside):
                    candidates.append(_Candidate(far, place, statement, changed, function))
    candidates.sort(key=lambda c: c[:2])
    end = time.thread_time() + SECONDS
    for candidate in candidates:
        if time.thread_time() > end:
            return None
        with candidate.function.changed(candidate.statement, candidate.changed) as done:
            if done and all(_is_right(c) for c in (case, other) if c is not None):
                return candidate.function.told(candidate.statement, candidate.changed)
    return None


def _place(line: Line, function: _Function, functions: Sequence[_Function], preferred: Sequence[Line]) -> float:
    """A sort key: preferred lines first, then all others; each after the functions that it calls."""
    ran = function.lines[line]
    if line in preferred:
        return preferred.index(line) + 0.5
    for other in functions:
        for n, caller in enumerate(preferred):
            if caller in other.lines and other is not function and other.lines[caller] < ran < other.after(caller):
                return n
    end = min(function.after(line), function.end)
    called = [other.times[-1] for other in functions if other is not function and ran < other.times[0] < end]
    return len(preferred) + max(called, default=ran - 0.5) + 0.5


def _only_calls(line: Line, functions: Sequence[_Function]) -> bool:
    """Whether a line assigns what a function returns, as it is."""
    statements = (s for f in functions if line in f.lines for s in statements_in(f.tree) if s.lineno == line.number)
    return any(isinstance(getattr(s, "value", None), ast.Call) for s in statements)


def _is_right(case: Case) -> bool:
    try:
        with asking_others(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = case.call()()
            run = UserRun(case, Watched(), case.gradients(told))
            given = [g is None for g in run.gradients] == [g is None for g in case.plain.gradients]
            return given and not run.wrong
    except NoAnswer:
        return False


# Functions that ran ---------------------------------------------------------------------------------------------------


class _Function:
    """A function that ran, and what can be changed in it.

    Attributes
    ----------
    tree : its definition.
    outer : the outermost definition that ran and that contains it: what is compiled anew.
    top : the outermost definition of all that contains it, for its free variables.
    owners : the function objects whose code is `outer`.
    lines : the lines that ran, in the order in which they ran.
    times : when they first ran.
    end : when the line after its first call ran.
    """

    end: float = np.inf

    def __init__(
        self, tree: Any, top: Any, outer: types.CodeType, owners: list[Any], lines: dict[Line, int], scope: NamesInScope
    ):
        self.tree, self.top, self.outer, self.owners, self.lines = tree, top, outer, owners, lines
        self.scope = scope
        self.times = sorted(lines.values())

    def after(self, line: Line) -> float:
        """The time at which the line after a given line ran."""
        n = bisect.bisect_right(self.times, self.lines[line])
        return self.times[n] if n < len(self.times) else np.inf

    @contextlib.contextmanager
    def changed(self, statement: Any, new: Any) -> Iterator[bool]:
        """Context in which the function runs with another statement; False if that does not compile."""
        code = self._compiled(statement, new)
        before = [owner.__code__ for owner in self.owners]
        done = code is not None
        if code is not None:
            for owner in self.owners:
                owner.__code__ = code
        try:
            yield done
        finally:
            for owner, old in zip(self.owners, before, strict=True):
                owner.__code__ = old

    def _compiled(self, statement: Any, new: Any) -> types.CodeType | None:
        ast.copy_location(new, statement)
        tree = _replaced(self.top, statement, new)
        try:
            module = compile(
                ast.fix_missing_locations(ast.Module([tree], [])),
                self.outer.co_filename,
                "exec",
                flags=self.outer.co_flags & __future__.annotations.compiler_flag,
                dont_inherit=True,
            )
        except (SyntaxError, ValueError, TypeError):
            return None
        found = _code_in(module, self.outer)
        return found if found is not None and found.co_freevars == self.outer.co_freevars else None

    def told(self, statement: Any, new: Any) -> Rewritten:
        line = Line(self.outer.co_filename, statement.lineno)
        return Rewritten(line, _head(statement), _head(new))


def _head(statement: Any) -> str:
    """The text of a statement; of a compound one its first line."""
    return ast.unparse(ast.fix_missing_locations(copy.copy(statement))).split("\n")[0]


def _replaced(tree: Any, old: Any, new: Any) -> Any:
    """A copy of a tree with one node replaced; what does not contain it is shared."""
    if tree is old:
        return new
    for name, value in ast.iter_fields(tree):
        if isinstance(value, list):
            for i, part in enumerate(value):
                if isinstance(part, ast.AST) and (made := _replaced(part, old, new)) is not part:
                    copied = copy.copy(tree)
                    setattr(copied, name, [*value[:i], made, *value[i + 1 :]])
                    return copied
    return tree


def _code_in(code: types.CodeType, like: types.CodeType) -> types.CodeType | None:
    """The code object within `code` that has the name and the first line of `like`."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            if inner.co_name == like.co_name and inner.co_firstlineno == like.co_firstlineno:
                return inner
            if (found := _code_in(inner, like)) is not None:
                return found
    return None


def _functions(case: Case) -> list[_Function]:
    """The functions of the user's that ran, with the lines that did."""
    lines: dict[types.CodeType, dict[Line, int]] = {}
    kinds: dict[types.CodeType, dict[str, tuple[int | str, ...]]] = {}
    count = 0

    def enter(frame: Any) -> Callable[[Any, str, Any], None]:
        code = frame.f_code

        def look(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            if event == "line":
                count += 1
                lines.setdefault(code, {}).setdefault(Line(code.co_filename, frame.f_lineno), count)
            elif code not in kinds:
                kinds[code] = _kinds(frame)

        return look

    call = case.call()
    try:
        with asking_others(), np.errstate(all="ignore"), watch_frames(enter):
            call()
    except NoAnswer:
        return []
    owners: dict[types.CodeType, list[Any]] = {}
    for found in gc.get_referrers(*lines) if lines else ():
        if isinstance(found, types.FunctionType):
            owners.setdefault(found.__code__, []).append(found)
    # The user's f itself may return its gradient; any other function of the forward pass is right.
    own = next(iter(lines), None) if case.is_users else None
    names = (case.truth.functions | {code.co_name for code in lines}) - {own.co_name if own else ""}
    made = (
        _function(code, ran, kinds.get(code, {}), owners, names - {code.co_name})
        for code, ran in lines.items()
        if code is own or (code.co_filename, code.co_firstlineno) not in case.truth.code
    )
    found = [function for function in made if function is not None]
    for function in found:
        start = function.times[0]
        callers = (f for f in found if f is not function and f.times[0] < start < f.times[-1])
        function.end = min((f.times[bisect.bisect_right(f.times, start)] for f in callers), default=np.inf)
    return found


def _function(
    code: types.CodeType,
    ran: dict[Line, int],
    kinds: dict[str, tuple[int | str, ...]],
    owners: dict[types.CodeType, list[Any]],
    others: Collection[str],
) -> _Function | None:
    path, file = _definitions(code)
    if not path or (path[-1].end_lineno or 0) - path[-1].lineno > LONG:
        return None
    for definition in path:  # from the outermost
        for outer, functions in owners.items():
            if outer.co_filename == code.co_filename and outer.co_firstlineno == _first_line(definition):
                scope = NamesInScope(kinds).of_function(path[-1], file, others)
                return _Function(path[-1], path[0], outer, functions, ran, scope)
    return None


def _definitions(code: types.CodeType) -> tuple[list[Any], Any]:
    """The definitions around a function and its own, from the outermost one, and the file."""
    try:
        tree = ast.parse("".join(lines_of(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError):
        return [], None
    path: list[Any] = []

    def walk(node: ast.AST, above: list[Any]) -> None:
        for child in ast.iter_child_nodes(node):
            inside = [*above, child] if isinstance(child, ast.FunctionDef | ast.ClassDef) else above
            same_name = isinstance(child, ast.FunctionDef) and child.name == code.co_name
            if same_name and _first_line(child) == code.co_firstlineno:
                path.extend(inside)
            walk(child, inside)

    walk(tree, [])
    return path, tree


def _first_line(definition: Any) -> int:
    return int(min([definition.lineno, *(d.lineno for d in definition.decorator_list)]))


def _kinds(frame: Any) -> dict[str, tuple[int | str, ...]]:
    """The shapes of the variables of a function, and of what it reads from outside and from objects."""
    code = frame.f_code
    values = {name: frame.f_globals[name] for name in code.co_names if name in frame.f_globals}
    values.update(frame.f_locals)
    for name, owner in list(values.items()):
        if hasattr(owner, "__dict__") and not isinstance(owner, type | types.ModuleType | types.FunctionType):
            values.update({f"{name}.{key}": v for key, v in vars(owner).items() if key in code.co_names})
    kinds: dict[str, tuple[int | str, ...]] = {}
    for name, value in values.items():
        if (array := array_of(value)) is not None:
            kinds[name] = array.shape
        elif isinstance(value, list | tuple):
            kinds[name] = ("list",)
    return kinds
