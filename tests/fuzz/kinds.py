"""The kinds of programs: how each is made, and what must hold of it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from programs import Program, write_program
from programs.answers import directions, numbers
from programs.compare import (
    assert_close,
    compare_double,
    compare_explained,
    compare_mixed,
    compare_simplified,
    compare_simplified_graph,
)
from programs.many import is_refused
from programs.shrink import shrink

from .calls import Refused, compare_call, compare_compiled_call, draw_call

__all__ = ["KINDS", "Kind", "Refused"]


@dataclass(frozen=True)
class Kind:
    """A kind of program.

    Attributes
    ----------
    make : a program from a seed and a number.
    compare : raises AssertionError where something does not hold, `Refused` where chainrule declines.
    shrinks : whether what fails can be made small.
    """

    make: Callable[[int, int], Any]
    compare: Callable[[Any], None]
    shrinks: bool = True

    def failure(self, program: Any) -> BaseException | None:
        """What is wrong with a program, or None."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.compare(program)
            except Refused:
                raise
            except Exception as error:  # whatever it is, it is reported
                if is_refused(error):
                    raise Refused from error
                return error
        return None

    def smaller(self, program: Any, error: BaseException) -> Any:
        """A smaller program that fails in the same way."""

        def fails(candidate: Program) -> bool:
            try:
                return type(self.failure(candidate)) is type(error)
            except Refused:
                return False

        return shrink(program, fails) if self.shrinks else program


def _gradients(program: Program) -> Callable[..., Any]:
    return cr.value_and_grad(program.function(), numbers(len(program.inputs)))


def compare_compiled(program: Program) -> None:
    """Native code gives what the uncompiled function gives, for the recorded numbers and for others."""
    g = _gradients(program)
    compiled = cr.compile(g)
    xs = list(program.inputs.values())
    exact = all(x.dtype not in (np.float32, np.complex64) for x in xs)
    others = [np.asarray(x * np.asarray(0.97, x.dtype)) for x in xs]
    for values in (xs, xs, others, [np.array(x, order="F") for x in xs]):
        with np.errstate(all="ignore"):
            try:
                value, gradients = g(*values)
            except (ArithmeticError, np.linalg.LinAlgError):
                return  # outside of a domain
            found, slopes = compiled(*values)
        for a, b in zip([found, *slopes], [value, *gradients], strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype, f"dtype {np.asarray(a).dtype}, uncompiled {b.dtype}"
            if np.all(np.isfinite(b)):
                assert_close(a, b, "compiled", 1e-8 if exact else 2e-3)


def compare_code(program: Program) -> None:
    """The printed code gives the value and the gradients, for other numbers too."""
    xs = program.inputs
    explanation = cr.explain(program.function())(*xs.values())
    try:
        text = explanation.code("numpy")
    except cr.errors.ChainruleError as error:
        raise Refused(str(error)) from error
    exec(compile(text, "<code>", "exec"), namespace := {})
    both = namespace["program_and_gradient"]
    exact = all(x.dtype not in (np.float32, np.complex64) for x in xs.values())
    for scale in (1.0, 0.97):
        others = {name: np.asarray(x * np.asarray(scale, x.dtype)) for name, x in xs.items()}
        value, gradients = _gradients(program)(*others.values())
        try:
            found, slopes = both(*(others[p] for p in inspect.signature(both).parameters))
        except ValueError:
            if scale == 1:
                raise
            return  # another branch, which it says
        slopes = slopes if isinstance(slopes, tuple) else (slopes,)
        for a, b in zip([found, *slopes], [value, *gradients], strict=True):
            assert_close(a, b, f"code\n{text}", 1e-8 if exact else 2e-3)


def compare_checked(program: Program) -> None:
    """`check` calls no right gradient wrong."""
    report = cr.check(program.function())(*program.inputs.values())
    assert report.ok, str(report)


def compare_written_afterwards(program: Program) -> None:
    """Writing into the arguments after the forward pass changes no gradient."""
    xs = [x.copy(order="K") for x in program.inputs.values()]  # a reshape of another order would be another view
    expected = _gradients(program)(*program.inputs.values())[1]
    _, pullback = cr.vjp(program.function(), *xs)
    for x in xs:
        x[...] = np.nan
    for a, b in zip(pullback(1.0), expected, strict=True):
        assert_close(a, b, "gradient after a write")


def compare_nested(program: Program) -> None:
    """The Hessian times a vector is the same by each nesting of forward and reverse mode, and compiled."""
    f, xs = program.function(), list(program.inputs.values())
    if any(map(np.iscomplexobj, xs)):
        raise Refused("complex numbers: forward mode has another convention")
    chosen, vectors = numbers(len(xs)), tuple(directions(xs))
    gradient = cr.grad(f, chosen)

    def slope(*xs: Any) -> Any:
        return sum(np.sum(g * v) for g, v in zip(gradient(*xs), vectors, strict=True))

    def forward(*xs: Any) -> Any:
        return cr.jvp(f, xs, vectors)[1]

    expected = cr.hvp(f, chosen)(*xs, vectors)
    found = {
        "reverse over reverse": cr.grad(slope, chosen)(*xs),
        "forward over reverse": cr.jvp(gradient, tuple(xs), vectors)[1],
        "reverse over forward": cr.grad(forward, chosen)(*xs),
    }
    compiled = cr.compile(cr.grad(slope, chosen))
    for what in ("recorded to compile", "compiled"):
        with np.errstate(all="ignore"):
            found[what] = compiled(*xs)
    for what, products in found.items():
        for a, b in zip(products, expected, strict=True):
            if np.all(np.isfinite(b)):
                assert_close(a, b, what, 1e-8)


def compare_own_block(program: Program) -> None:
    """A program as a block of the user's own, its rule derived or written, has the program's derivatives."""
    xs = list(program.inputs.values())
    if any(map(np.iscomplexobj, xs)):
        raise Refused("complex numbers: a rule of real ones")
    chosen, vectors = numbers(len(xs)), tuple(directions(xs))
    parameters = ", ".join(program.inputs)
    copies = ", ".join(f"np.copy({name})" for name in program.inputs)  # a block may not write into what it is given
    f = eval(f"lambda {parameters}: program({copies})", {"np": np, "program": program.function()})
    derived, written = cr.block(f), cr.block(f)
    pulled = f"cr.vjp(f, {parameters})[1](dz)" + "[0]" * (len(xs) == 1)
    written.backward(eval(f"lambda dz, z, {parameters}: {pulled}", {"cr": cr, "f": f}))
    for what, own in {"derived": derived, "written": written}.items():
        ours, wanted = (lambda *xs, g=g: np.sin(g(*xs)) * np.sum(xs[0]) for g in (own, f))
        found = [*cr.grad(ours, chosen)(*xs), *cr.hvp(ours, chosen)(*xs, vectors)]
        expected = [*cr.grad(wanted, chosen)(*xs), *cr.hvp(wanted, chosen)(*xs, vectors)]
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b, f"own block, its rule {what}", 1e-8)


def _mixed(seed: int, index: int) -> Program:
    return write_program(seed, index, mixed=True)


KINDS: dict[str, Kind] = {
    "libraries": Kind(write_program, compare_double),
    "compiled": Kind(write_program, compare_compiled),
    "calls": Kind(draw_call, compare_call, shrinks=False),
    "compiled calls": Kind(draw_call, compare_compiled_call, shrinks=False),
    "code": Kind(write_program, compare_code),
    "float32": Kind(_mixed, compare_mixed),
    "compiled float32": Kind(_mixed, compare_compiled),
    "simplified": Kind(_mixed, lambda p: (compare_simplified(p), compare_simplified_graph(p))[0]),
    "explained": Kind(_mixed, compare_explained),
    "checked": Kind(write_program, compare_checked),
    "written afterwards": Kind(write_program, compare_written_afterwards),
    "nested transforms": Kind(write_program, compare_nested),
    "own blocks": Kind(write_program, compare_own_block),
}
"""Each kind gets the same time."""
