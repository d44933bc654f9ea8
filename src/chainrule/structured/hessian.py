"""`cr.hessian(f, structure=True)`: which structure the second derivatives of a function have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.argnums import name_of, positions_of
from chainrule.array import Array, form_of, node_of
from chainrule.errors import GradientError
from chainrule.graph import graph_between
from chainrule.inputs import with_numpys_arrays
from chainrule.jacobians import structured_hessian
from chainrule.libraries import is_complex
from chainrule.node import Node, at_line
from chainrule.recording import Recording, record_call
from chainrule.sparse import SparseMatrix, sparse_hessian
from chainrule.structured.matrix import StructuredMatrix, matrix_of
from chainrule.structured.networks import Unreadable
from chainrule.structured.products import ProductMatrix
from chainrule.structured.reading import IndexReading
from chainrule.structured.rules import LINEAR
from chainrule.transforms import derived_from, grad

__all__ = ["hessian_with_structure", "structure_of"]

FEW = 4096
"""A matrix that moves entries and has more is first left to the pattern, which takes memory for its nonzero entries."""
MANY = 1_000_000
"""The same, where the pattern has found nothing."""

Structured = StructuredMatrix | SparseMatrix | ProductMatrix


@structured_hessian.is_
def hessian_with_structure(f: Callable[..., Any], argnums: int | str) -> Callable[..., Structured]:
    """A function that returns the second derivatives of a scalar f as a matrix with its structure.

    It is read off the recorded gradient: Kronecker products, blocks and low rank by its products, else bands and other
    zeros by the pattern.
    """
    positions = positions_of(f, argnums, "hessian")
    gradient = grad(f, argnums)

    def differentiated(*args: Any, **kwargs: Any) -> Structured:
        args, kwargs = with_numpys_arrays(args, kwargs)
        recording = record_call(gradient, positions, args, kwargs)
        _check(recording, name_of(f))
        found = structure_of(recording, FEW)
        if found is not None and not found.may_be_sparse:
            return found
        try:
            by_pattern = sparse_hessian(f, argnums)(*args, **kwargs)
            if by_pattern.kind != "dense":
                return by_pattern
        except GradientError:  # too many entries
            pass
        return found or structure_of(recording, MANY) or _by_products(recording)

    return derived_from(differentiated, f, "hessian")


def structure_of(recording: Recording, largest: int) -> StructuredMatrix | None:
    """The derivative of a recorded gradient by the argument, as a sum of products; None if it is not read as one.

    It is compared with one product with a random vector, so a rule that is not linear is noticed.
    """
    (source,) = recording.inputs
    form = np.asarray(source.value)
    if not form.size:
        return None
    v = np.random.default_rng(0).normal(size=form.shape).astype(form.dtype)
    seed = Node(None, (), {}, v if form.ndim else v[()])
    (product,) = recording.pull([Array(seed)])
    reading = IndexReading(seed, largest)
    try:
        with np.errstate(all="ignore"):
            networks = reading.read(graph_between([seed], [product]), LINEAR) if type(product) is Array else []
            found = matrix_of(networks, reading.columns, form.dtype)
            right = found @ np.ravel(v)
    except Unreadable:
        return None
    expected = np.ravel(node_of(product).value if type(product) is Array else product)
    digits = np.sqrt(np.finfo(form.dtype).eps)
    scale = np.max(np.abs(expected), initial=0.0)
    return found if np.all(np.abs(right - expected) <= digits * scale) else None


def _by_products(recording: Recording) -> ProductMatrix:
    form = np.asarray(recording.inputs[0].value)

    def product(rows: np.ndarray) -> np.ndarray:
        found = recording.pull([rows.reshape((len(rows), *form.shape)).astype(form.dtype)])[0]
        return np.reshape(found, rows.shape)

    return ProductMatrix(product, form.size, form.dtype)


def _check(recording: Recording, title: str) -> None:
    if recording.recorded or any(type(x) is Array for x in recording.given):
        raise GradientError(
            f"hessian of {title} with structure=True gives plain numbers, so it cannot be differentiated or compiled; "
            "leave structure out, or use cr.hvp inside of the function" + at_line()
        )
    values = [form_of(x) for x in recording.given]
    if len(recording.inputs) != 1 or any(map(is_complex, values)):
        raise GradientError(
            f"hessian of {title} with structure=True needs one real array as argument; it has {len(recording.inputs)}; "
            "join several with cr.ravel" + at_line()
        )
