"""Explanations of every block at ordinary and at odd operands: nothing raises, and each printed closed form is right.

    python -m tests.sweeps.explanations [every]    # some 3,500 explanations, about ten minutes

An explanation may be refused with chainrule's own error where the gradient is refused too. A printed form is read by
`tests/explain/read_formula.py` and must have the value of the gradient wherever that is finite.
"""

from __future__ import annotations

import collections
import itertools
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.block import BLOCKS
from chainrule.explain.printers import unicode

sys.path.append(str(pathlib.Path(__file__).parents[1]))
from explain.read_formula import UnknownNotationError, value_of_formula

PROGRAMS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "mean of squares": lambda x: np.mean(x * x),
    "norm": np.linalg.norm,
    "nansum of where": lambda x: np.nansum(np.where(x > 1, np.nan, x)),
    "where infinite": lambda x: np.sum(np.where(x > 1, np.inf, x)),
    "times NaN": lambda x: np.sum(x * np.nan),
    "times a mask with NaN": lambda x: np.sum(np.where(np.isnan(x), 0.0, x * x)),
    "softmax": lambda x: np.sum(cr.softmax(x) * x),
    "log of softmax": lambda x: np.log(cr.softmax(x))[..., 0].sum(),
    "max": np.max,
    "mean of a constant": lambda x: np.sum(x) * np.mean(np.ones(3)),
    "matmul": lambda x: np.sum(np.atleast_2d(x) @ np.atleast_2d(x).T),
    "division": lambda x: np.sum(x / x),
    "sort": lambda x: np.sum(np.sort(np.ravel(x)) * np.arange(np.size(x))),
    "median": np.median,
    "var": np.var,
    "index": lambda x: np.ravel(x)[0] * 2.0,
    "repeat": lambda x: np.sum(np.repeat(x, 2) ** 2),
    "power": lambda x: np.sum(x**0.5),
    "absolute": lambda x: np.sum(np.abs(x)),
    "complex": lambda x: np.sum(np.abs(np.exp(1j * x))),
}

OPERANDS: dict[str, Any] = {
    "vector": np.array([0.5, 1.5, 3.0]),
    "NaN": np.array([0.5, np.nan, 3.0]),
    "infinite": np.array([np.inf, 1.5, -np.inf]),
    "zeros": np.zeros(3),
    "ties": np.array([1.0, 1.0, 2.0]),
    "empty": np.zeros(0),
    "empty matrix": np.zeros((0, 3)),
    "number": 1.5,
    "0-d": np.array(1.5),
    "one": np.array([1.5]),
    "one by one": np.array([[1.5]]),
    "row": np.array([[0.5, 1.5, 3.0]]),
    "column": np.array([[0.5], [1.5], [3.0]]),
    "float32": np.array([0.5, 1.5, 3.0], np.float32),
    "complex": np.array([0.5 + 1j, 1.5, 3.0 - 2j]),
    "three axes": np.arange(1.0, 9.0).reshape(2, 2, 2) / 4,
}


def variants(arrays: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The operands of an example, and odd ones of the same shapes."""
    yield "example", arrays

    def all_of(change: Callable[[np.ndarray], Any]) -> list[np.ndarray]:
        return [change(x.copy()) if x.dtype.kind == "f" else x for x in arrays]

    def with_first(number: float) -> Callable[[np.ndarray], Any]:
        def change(x: np.ndarray) -> np.ndarray:
            x.flat[:1] = number
            return x

        return change

    yield "NaN", all_of(with_first(np.nan))
    yield "infinite", all_of(with_first(np.inf))
    yield "zeros", all_of(np.zeros_like)
    yield "ones", all_of(np.ones_like)
    yield "float32", all_of(lambda x: x.astype(np.float32))
    yield "complex", all_of(lambda x: x + 0.25j)


def cases() -> Iterator[tuple[str, Callable[..., Any], list[Any]]]:
    for (name, f), (kind, x) in itertools.product(PROGRAMS.items(), OPERANDS.items()):
        yield f"{name} of {kind}", f, [x]
    for name, block in BLOCKS.items():
        if block.example is not None:
            for kind, arrays in variants([np.asarray(x) for x in block.example.arrays(name, np.float64)]):
                yield f"block {name} of {kind}", _loss_of(block), arrays


def _loss_of(block: Any) -> Callable[..., Any]:
    def loss(*xs: Any) -> Any:
        z = block(*xs, **block.example.params)
        z = z.real + 2.0 * z.imag if z.dtype.kind == "c" else z
        return np.sum(z)

    return loss


def outcome(f: Callable[..., Any], args: list[Any]) -> str:
    """ "right", "no gradient", or what is wrong."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        chosen = tuple(i for i, x in enumerate(args) if np.asarray(x).dtype.kind in "fc")
        try:
            cr.value_and_grad(f, argnums=chosen)(*args)
        except Exception:
            return "no gradient"
        try:
            explanation = cr.explain(f)(*args)
            for text in (str(explanation), explanation.latex(), explanation.markdown(), explanation.svg()):
                assert text
            str(explanation.health())
        except Exception as error:
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            place = "" if where is None else f"{pathlib.Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}"
            return f"{type(error).__name__} at {place}: {error}".split("\n")[0]
        return wrong_form(explanation) or "right"


def wrong_form(explanation: Any) -> str | None:
    """A printed closed form that has not the value of the gradient."""
    names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
    gradients = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
    if any(np.isinf(step.value).any() for step in explanation.forward if step.formula is None):
        return None  # laws such as √x·√x = x are those of numbers
    for form in explanation.closed_forms:
        label, text = unicode(form.name), unicode(form.formula)
        gradient = gradients[label]
        if not np.isfinite(gradient).all() or gradient.size == 0 or gradient.dtype.kind == "c":
            continue
        try:
            value = np.asarray(value_of_formula(text, names, gradient.shape))
        except (
            UnknownNotationError,
            ValueError,
            TypeError,
        ):  # vectors are columns in print, which leaves some axes open
            continue
        rough = 1e-3  # numbers are printed with four digits
        size = float(np.max(np.abs(gradient), initial=0.0))
        if not np.allclose(value, gradient, rtol=rough, atol=rough * size):
            return f"{label} = {text} is {value.tolist()} for {gradient.tolist()}"
    return None


def main() -> int:
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    counts: collections.Counter[str] = collections.Counter()
    for name, f, args in itertools.islice(cases(), 0, None, every):
        found = outcome(f, args)
        counts[found if found in ("right", "no gradient") else "wrong"] += 1
        if found not in ("right", "no gradient"):
            print(f"{name}: {found}", flush=True)
    print(dict(counts))
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
