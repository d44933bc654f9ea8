"""Node: one recorded step, and the line of user code that it comes from."""

from __future__ import annotations

import bisect
import functools
import inspect
import itertools
import linecache
import os
import sys
import sysconfig
from typing import Any, NamedTuple

import numpy as np

from chainrule.escape import printable
from chainrule.libraries import is_inexact

__all__ = [
    "NO_PARAMS",
    "Line",
    "Node",
    "at_line",
    "cell_of",
    "computed_alike",
    "hide_file",
    "hide_folder",
    "is_internal",
    "is_library",
    "lines_of",
    "now",
    "user_frame",
    "value_of_operand",
]

_clock = itertools.count()


def now() -> int:
    """A new order number: later than every node so far, earlier than those to come."""
    return next(_clock)


NO_PARAMS: dict[str, Any] = {}


class Line(NamedTuple):
    """A line of user code."""

    file: str
    number: int

    @property
    def text(self) -> str:
        lines = lines_of(self.file)
        return lines[self.number - 1].strip() if 0 < self.number <= len(lines) else ""

    @property
    def short(self) -> str:
        """The file's name without its folder, and the number."""
        return f"{printable(cell_of(self.file) or os.path.basename(self.file))}:{self.number}"

    def __str__(self) -> str:
        text = printable(self.text)
        return f"{printable(cell_of(self.file) or self.file)}:{self.number}" + (f": {text}" if text else "")


def lines_of(file: str) -> list[str]:
    """The lines of a source file; none if there is no such file."""
    try:
        return linecache.getlines(file)
    except ValueError:  # a name that no file can have: code may be compiled under any
        return []


def cell_of(file: str) -> str:
    """The notebook's name of the cell in a file of this name, such as In[3]; "" for any other file."""
    if os.path.basename(file).startswith("__marimo__cell_"):
        return "cell"
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    told = None if shell is None else shell.compile.format_code_name(file)
    return told[1] if told else ""


class Node:
    """One recorded step: `value = block.forward(*inputs, **params)`.

    Attributes
    ----------
    block : the block, or None for an input of the recording.
    inputs : a tuple with a Node for every recorded operand and the plain value of every other.
    params : the keyword parameters of the block.
    value : the result of the forward rule.
    order : a number that grows with time, so that sorting by it is a topological order.
    name : the user's name for the value, or None.
    grad : the gradient that `Array.backward` has set, or None.
    version : if several nodes share one array, the version of it that is this node's value (see `versions`); None if
        the node stores its value itself.
    must_be_finite : whether a recorded gradient is unknown if this value overflows (see `backward.py`).
    """

    __slots__ = (
        "block",
        "code",
        "grad",
        "inputs",
        "lasti",
        "must_be_finite",
        "name",
        "order",
        "params",
        "value",
        "version",
    )

    def __init__(
        self,
        block: Any,
        inputs: tuple[Any, ...],
        params: dict[str, Any],
        value: Any,
        code: Any = None,
        lasti: int = 0,
        name: str | None = None,
    ):
        self.block = block
        self.inputs = inputs
        self.params = params
        self.value = value
        self.order = next(_clock)
        self.code = code
        self.lasti = lasti
        self.name = name
        self.grad = None
        self.version: Any = None
        self.must_be_finite = False

    @classmethod
    def of_version(cls, version: Any, *args: Any) -> Node:
        """A node whose value is a version of an array that several nodes share."""
        node = cls(*args)
        del node.value
        node.version = version
        return node

    def remade(self, block: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Node:
        """A node with the same value and line, computed in another way."""
        where = (self.code, self.lasti, self.name)
        if self.version is not None:
            try:
                value = _OWN_VALUE.__get__(self)
            except AttributeError:  # it stores only the version
                return Node.of_version(self.version, block, inputs, params, None, *where)
        else:
            value = self.value
        made = Node(block, inputs, params, value, *where)
        made.must_be_finite = self.must_be_finite
        return made

    def __getattr__(self, name: str) -> Any:
        """The value of a node that stores only a version: Python calls this for an attribute that is not set."""
        if name == "value" and (version := self.version) is not None:
            return version.of.get(version.number)
        raise AttributeError(f"a node has no attribute {name!r}")

    @property
    def form(self) -> Any:
        """The value; for a version, zeros of its shape and dtype, because reading its value may cost a copy."""
        return self.value if self.version is None else self.version.of.form

    @property
    def line(self) -> Line | None:
        """The line of user code that recorded this node. Computed on demand, because it is slow."""
        if self.code is None:
            return None
        return Line(self.code.co_filename, _line_number(self.code, self.lasti))

    @property
    def differentiable(self) -> bool:
        """False where a gradient ends: integers, booleans, and blocks such as `sign` or `stop_gradient`."""
        if self.block is not None and not self.block.differentiable:
            return False
        return is_inexact(self.value)

    def __repr__(self) -> str:
        what = self.block.name if self.block else "input"
        return f"<Node {self.order}: {self.name or '·'} = {what}, shape {np.shape(self.value)}>"


_OWN_VALUE: Any = Node.__dict__["value"]
"""The slot itself; reading it does not call `__getattr__`."""


def _line_number(code: Any, lasti: int) -> int:
    """The line of the instruction at an offset of a code object."""
    found = _lines.get(id(code))
    if found is None or found[0] is not code:
        if len(_lines) > 1000:
            _lines.clear()
        rows = [(start, number or code.co_firstlineno) for start, _, number in code.co_lines()]
        found = _lines[id(code)] = (code, [start for start, _ in rows], [number for _, number in rows])
    _, starts, numbers = found
    return numbers[max(0, bisect.bisect_right(starts, lasti) - 1)]


_lines: dict[int, tuple[Any, list[int], list[int]]] = {}
"""Where the lines of code objects begin, and their numbers, by the object's id: a long function has many nodes."""


def computed_alike(one: Any, other: Any) -> bool:
    """Whether two nodes, plain values or sequences of them are equal, or computed alike from the same inputs.

    Alike means by equal blocks, from equal constants.
    """
    stack = [(one, other)]
    known: set[tuple[int, int]] = set()
    while stack:
        x: Any
        y: Any
        x, y = stack.pop()
        if x is y or (id(x), id(y)) in known:
            continue
        known.add((id(x), id(y)))
        if type(x) is not type(y):
            return False
        if type(x) is Node:
            if x.block is None or y.block is None or x.block.does != y.block.does:
                return False
            stack += [(x.inputs, y.inputs), (tuple(x.params.items()), tuple(y.params.items()))]
        elif isinstance(x, tuple | list):
            if len(x) != len(y):
                return False
            stack += zip(x, y, strict=True)
        elif isinstance(x, np.ndarray | np.generic | float | complex):
            if not np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind in "fc"):
                return False
        elif isinstance(x, bool | int | str) and x != y:
            return False
    return True


# Where the user's code is ----------------------------------------------------------------------------------

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(np.__file__)
_LIBRARIES: tuple[str, ...] = (
    _HERE,
    _NUMPY + os.sep,
    os.path.join(os.path.dirname(_NUMPY), "scipy") + os.sep,
    "<frozen ",
)
_hidden = {
    inspect.__file__: True,  # signature.bind runs where NumPy's functions are answered
}
_internal: dict[str, bool] = {}


def is_internal(filename: str) -> bool:
    """Whether a file belongs to chainrule, NumPy or SciPy, so is not the user's."""
    known = _internal.get(filename)
    if known is None:
        known = _internal[filename] = _hidden.get(filename, filename.startswith(_LIBRARIES))
    return known


def hide_file(filename: str) -> None:
    """Make a file count as internal, such as the script that starts the command line."""
    _hidden[filename] = _internal[filename] = True
    is_library.cache_clear()


def hide_folder(folder: str) -> None:
    """Make all files of a library count as internal."""
    global _LIBRARIES
    _LIBRARIES += (folder + os.sep,)
    _internal.clear()
    is_library.cache_clear()


def user_frame() -> Any:
    """The innermost frame outside chainrule, NumPy and SciPy; the outermost frame if there is none."""
    frame: Any = sys._getframe(1)
    while True:
        filename = frame.f_code.co_filename
        internal = _internal[filename] if filename in _internal else is_internal(filename)
        if not internal or frame.f_back is None:
            return frame
        frame = frame.f_back


_INSTALLED = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@functools.lru_cache(maxsize=10_000)
def is_library(file: str | None) -> bool:
    """Whether a file belongs to Python or an installed library (pandas, chainrule itself), so is not the user's."""
    return file is None or is_internal(file) or file.startswith(_INSTALLED) or "site-packages" in file


def at_line() -> str:
    """The end of an error message: where in the user's code it happened.

    If that is in an installed library, it has the line that called the library too.
    """
    frame = user_frame()
    if is_internal(frame.f_code.co_filename):
        return ""
    text = f"\n  at {Line(frame.f_code.co_filename, frame.f_lineno)}"
    if not is_library(frame.f_code.co_filename):
        return text
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return text if frame is None else f"{text}\n  called at {Line(frame.f_code.co_filename, frame.f_lineno)}"


def value_of_operand(x: Any) -> Any:
    """The value of what a node takes: that of a node, a constant itself."""
    return x.value if type(x) is Node else x
