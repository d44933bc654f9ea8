"""The functions that each library needs around the statements of a forward and a backward pass."""

from __future__ import annotations

import contextlib
import importlib
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

from chainrule.code.expressions import Dialect
from chainrule.escape import docstring
from chainrule.libraries import jax_in_double_precision
from chainrule.trees import flatten

__all__ = ["LIBRARIES", "ArgumentArray", "Library", "Parts"]

WIDTH = 110


Call = Callable[[Callable[..., Any], list[Any]], Any]


class ArgumentArray(NamedTuple):
    """An array among the arguments.

    Attributes
    ----------
    name : its name.
    access : its expression in terms of a parameter.
    gradient : the expression of its gradient, or None.
    place : its place among the recorded inputs, which may stand in another order (a dict's keys are sorted); or None.
    """

    name: str
    access: str
    gradient: str | None = None
    place: int | None = None


class Parts(NamedTuple):
    """The parts from which the functions are assembled.

    Attributes
    ----------
    name : the name of the user's function.
    parameters : its arguments, and the outside arrays that it uses.
    leaves : the arrays in them.
    gradients : for each parameter the expression of its gradient, or None.
    forward, backward : statements.
    loss, cotangent : the names of the result and of ∂L/∂L.
    saved : names that the backward pass takes from the forward pass.
    summary, derivation : lines for the docstrings of the forward and the backward pass.
    given : statements that check what else is in the parameters.
    """

    name: str
    parameters: list[str]
    leaves: list[ArgumentArray]
    gradients: list[str | None]
    forward: list[str]
    backward: list[str]
    loss: str
    cotangent: str
    saved: list[str]
    summary: list[str]
    derivation: list[str]
    given: list[str]

    @property
    def unpacking(self) -> list[str]:
        return [f"{leaf.name} = {leaf.access}" for leaf in self.leaves if leaf.name != leaf.access]


class Library(NamedTuple):
    """A library to write code for.

    Attributes
    ----------
    imports : the lines that import a name; only those of names that the code uses are kept.
    write : writes its functions around the statements.
    running : a context in which its code runs in double precision; it yields the function that makes an array, and the
        one that calls a function with a list of arguments.
    keeps_numpys_dtypes : whether values and gradients have NumPy's dtypes, and ∂L/∂L is 1 by default.
    checks_values : whether a function may read concrete values: not under `jax.jit`.
    gradients_of_arrays : whether a gradient belongs to each array; else to each argument, in a tree of its structure.
    other_fields : whether the gradient of an object keeps its fields that are no arrays.
    """

    name: str
    dialect: Dialect
    imports: dict[str, str]
    write: Callable[[Parts], list[str]]
    running: Callable[[], AbstractContextManager[tuple[Callable[[Any], Any], Call]]]
    keeps_numpys_dtypes: bool = False
    checks_values: bool = True
    gradients_of_arrays: bool = False
    other_fields: bool = True


def numpy_functions(parts: Parts) -> list[str]:
    forward, backward = f"{parts.name}_forward", f"{parts.name}_backward"
    both = f"{parts.name}_and_gradient"
    gradients = [g for g in parts.gradients if g]
    call = f"{forward}({', '.join(parts.parameters)})"
    return [
        function(
            forward,
            parts.parameters,
            parts.summary,
            [*parts.given, *parts.unpacking, *parts.forward, *returned_saved(parts)],
        ),
        function(
            backward,
            ["saved", f"{parts.cotangent}=1.0"],
            parts.derivation,
            [*unpacked(parts, "saved"), *parts.backward, *returned(gradients)],
        ),
        function(
            both,
            parts.parameters,
            [f"The value of {parts.name} and its gradient."],
            [f"{parts.loss}, saved = {call}", f"return {parts.loss}, {backward}(saved)"],
        ),
    ]


def jax_functions(parts: Parts) -> list[str]:
    forward, backward = f"{parts.name}_forward", f"{parts.name}_backward"
    call = f"{forward}({', '.join(parts.parameters)})"
    gradients = [g or "None" for g in parts.gradients]
    return [
        "@jax.custom_vjp\n" + function(parts.name, parts.parameters, parts.summary, [f"return {call}[0]"]),
        function(
            forward,
            parts.parameters,
            [f"The value of {parts.name}, and what its backward pass needs."],
            [*parts.unpacking, *parts.forward, *returned_saved(parts)],
        ),
        function(
            backward,
            ["saved", parts.cotangent],
            parts.derivation,
            [*unpacked(parts, "saved"), *parts.backward, *returned_tuple(gradients)],
        ),
        f"{parts.name}.defvjp({forward}, {backward})\n",
    ]


def torch_functions(parts: Parts) -> list[str]:
    title = "".join(word[:1].upper() + word[1:] for word in parts.name.split("_")) or "Function"
    title = title if title != parts.name else f"{title}Function"
    leaves = [leaf.name for leaf in parts.leaves]
    tensors = ", ".join(parts.saved)
    save = wrapped("ctx.save_for_backward(", parts.saved, ")", 2) if tensors else []
    gradients = [leaf.gradient or "None" for leaf in parts.leaves]
    methods = [
        "@staticmethod\n" + function("forward", ["ctx", *leaves], [], [*parts.forward, *save, f"return {parts.loss}"]),
        "@staticmethod\n@once_differentiable\n"
        + function(
            "backward",
            ["ctx", parts.cotangent],
            parts.derivation,
            [*unpacked(parts, "ctx.saved_tensors"), *parts.backward, *returned(gradients)],
        ),
    ]
    body = "\n".join(textwrap.indent(method, "    ") for method in methods)
    accesses = [leaf.access for leaf in parts.leaves]
    return [
        f'class {title}(torch.autograd.Function):\n    """{parts.name} with a backward pass of its own."""\n\n{body}',
        function(
            parts.name,
            parts.parameters,
            parts.summary,
            [*parts.given, *wrapped(f"return {title}.apply(", accesses, ")")],
        ),
    ]


@contextlib.contextmanager
def numpy_running() -> Iterator[tuple[Callable[[Any], Any], Call]]:
    yield np.array, _called


@contextlib.contextmanager
def torch_running() -> Iterator[tuple[Callable[[Any], Any], Call]]:
    torch = importlib.import_module("torch")
    with torch.no_grad():
        yield lambda x: torch.tensor(np.array(x)), _called


@contextlib.contextmanager
def jax_running() -> Iterator[tuple[Callable[[Any], Any], Call]]:
    jax = importlib.import_module("jax")
    with jax_in_double_precision():
        yield jax.numpy.asarray, _called_by_jax


def _called(function: Callable[..., Any], args: list[Any]) -> Any:
    return function(*args)


def _called_by_jax(function: Callable[..., Any], args: list[Any]) -> Any:
    """The results of a function that is compiled as a whole, if it can be: without, JAX compiles each call in it."""
    jax = importlib.import_module("jax")
    leaves, rebuild = flatten(args)
    arrays = {i: x for i, x in enumerate(leaves) if isinstance(x, jax.Array)}

    def of_arrays(arrays: dict[int, Any]) -> Any:
        return function(*rebuild([arrays.get(i, x) for i, x in enumerate(leaves)]))

    try:
        return jax.jit(of_arrays)(arrays)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):  # it asks for values
        return function(*args)


LIBRARIES = {
    "numpy": Library(
        "numpy",
        Dialect("np", "array", "float64"),
        {"np": "import numpy as np", "special": "from scipy import special", "linalg": "from scipy import linalg"},
        numpy_functions,
        numpy_running,
        keeps_numpys_dtypes=True,
        other_fields=False,
    ),
    "torch": Library(
        "torch",
        Dialect("torch", "tensor", "float32"),
        {
            "torch": "import torch",
            "once_differentiable": "from torch.autograd.function import once_differentiable",
        },
        torch_functions,
        torch_running,
        gradients_of_arrays=True,
    ),
    "jax": Library(
        "jax",
        Dialect("jnp", "array", "float"),
        {
            "jax": "import jax",
            "jnp": "import jax.numpy as jnp",
            "special": "from jax.scipy import special",
            "linalg": "from jax.scipy import linalg",
        },
        jax_functions,
        jax_running,
        checks_values=False,
    ),
}


# Text ---------------------------------------------------------------------------------------------------------


def function(name: str, parameters: list[str], doc: list[str], body: list[str]) -> str:
    """The text of a function."""
    text = "\n".join(wrapped(f"def {name}(", parameters, "):", 0)) + "\n"
    doc = [docstring(part) for line in doc for part in line.split("\n")]
    if len(doc) == 1:
        text += indented([f'"""{doc[0]}"""'])
    elif doc:
        text += indented([f'"""{doc[0]}', *doc[1:], '"""'])
    return text + indented(body)


def indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in lines)


def wrapped(before: str, names: list[str], after: str, depth: int = 1) -> list[str]:
    """`before names after`, over several lines if too long for one."""
    line = f"{before}{', '.join(names)}{after}"
    if len(line) + 4 * depth <= WIDTH:
        return [line]
    inside = textwrap.wrap(", ".join(names) + ",", WIDTH - 4 * depth - 4, break_long_words=False)
    return [before, *(f"    {part}" for part in inside), after]


def returned(gradients: list[str]) -> list[str]:
    return [f"return {gradients[0]}"] if len(gradients) == 1 else returned_tuple(gradients)


def returned_tuple(gradients: list[str]) -> list[str]:
    if len(gradients) == 1:
        return [f"return ({gradients[0]},)"]
    one_line = f"return {', '.join(gradients)}"
    return [one_line] if len(one_line) <= WIDTH - 8 else wrapped("return (", gradients, ")")


def returned_saved(parts: Parts) -> list[str]:
    if not parts.saved:
        return [f"return {parts.loss}, ()"]
    comma = "," if len(parts.saved) == 1 else ""
    one_line = f"return {parts.loss}, ({', '.join(parts.saved)}{comma})"
    return [one_line] if len(one_line) <= WIDTH - 4 else wrapped(f"return {parts.loss}, (", parts.saved, ")")


def unpacked(parts: Parts, source: str) -> list[str]:
    if not parts.saved:
        return []
    if len(parts.saved) == 1:
        return [f"({parts.saved[0]},) = {source}"]
    one_line = f"{', '.join(parts.saved)} = {source}"
    return [one_line] if len(one_line) <= WIDTH - 8 else wrapped("(", parts.saved, f") = {source}")
