"""Linear algebra: dot, inner, outer, matmul, einsum, tensordot.

Derivatives: K. B. Petersen and M. S. Pedersen, The Matrix Cookbook (2012), section 2; M. Giles, Collected matrix
derivative results for forward and reverse mode algorithmic differentiation (2008).
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import answers, in_one_precision, library_block, sum_to
from chainrule.block.dependence import product
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_numpy
from chainrule.node import at_line
from chainrule.step import owned


def _matmul_notation(x, y):
    """Vectors are printed as columns: v @ W is Wᵀ v, and v @ w is vᵀ w."""
    if x.ndim == 1:
        return x.T @ y if y.ndim == 1 else y.T @ x
    return x @ y


@library_block(
    np.matmul,
    np.linalg.matmul,
    notation=_matmul_notation,
    complex=True,
    example=example(normal(2, 3), normal(3, 2)),
    dependence=product,
)
def matmul(xp, x, y):
    """z = x y: vectors, matrices, and stacks of matrices (leading axes broadcast)."""
    return x @ y


@matmul.backward("x")
def matmul_dx(xp, dz, z, x, y):
    y = conjugate(xp, y)
    if x.ndim == 1 and y.ndim == 1:
        return dz[..., None] * y
    if x.ndim == 1:
        if y.ndim == 2:
            return dz @ xp.matrix_transpose(y)
        return sum_to(xp, (dz[..., None, :] @ xp.matrix_transpose(y))[..., 0, :], x.shape, z.shape[:-1] + x.shape)
    if y.ndim == 1:
        return outer(dz, y) if x.ndim == 2 else sum_to(xp, outer(dz, y), x.shape, z.shape + y.shape)
    return sum_to(xp, dz @ xp.matrix_transpose(y), x.shape, z.shape[:-1] + x.shape[-1:])


@matmul.backward("y")
def matmul_dy(xp, dz, z, x, y):
    x = conjugate(xp, x)
    if x.ndim == 1 and y.ndim == 1:
        return dz[..., None] * x
    if y.ndim == 1:
        if x.ndim == 2:
            return dz @ x
        return sum_to(xp, (dz[..., None, :] @ x)[..., 0, :], y.shape, z.shape[:-1] + y.shape)
    if x.ndim == 1:
        dy = outer(xp.broadcast_to(x, dz.shape[:-1] + x.shape), dz) if dz.ndim > 1 else outer(x, dz)
        return sum_to(xp, dy, y.shape, z.shape[:-1] + x.shape + z.shape[-1:])
    if x.ndim > 2 and y.ndim == 2:  # one product instead of a sum over a stack of products
        lead = dz.shape[: dz.ndim - z.ndim]
        rows = math.prod(x.shape[:-1])
        flat_x, flat_dz = xp.reshape(x, (rows, x.shape[-1])), xp.reshape(dz, (*lead, rows, z.shape[-1]))
        return xp.matrix_transpose(flat_x) @ flat_dz
    return sum_to(xp, xp.matrix_transpose(x) @ dz, y.shape, (*z.shape[:-2], x.shape[-1], z.shape[-1]))


@library_block(notation=lambda x, y: x @ y.T, complex=True, example=example(normal(2), normal(3)))
def outer(xp, x, y):
    """z = x yᵀ: z_ij = x_i y_j, for vectors and stacks of vectors (leading axes broadcast)."""
    return x[..., :, None] * y[..., None, :]


@outer.backward("x")
def outer_dx(xp, dz, z, x, y):
    y = conjugate(xp, y)
    if y.ndim == 1:
        return sum_to(xp, dz @ y, x.shape, z.shape[:-1])
    return sum_to(xp, (dz @ y[..., :, None])[..., 0], x.shape, z.shape[:-1])


@outer.backward("y")
def outer_dy(xp, dz, z, x, y):
    x = conjugate(xp, x)
    if x.ndim == 1:
        return sum_to(xp, x @ dz, y.shape, z.shape[:-2] + z.shape[-1:])
    return sum_to(xp, (x[..., None, :] @ dz)[..., 0, :], y.shape, z.shape[:-2] + z.shape[-1:])


@answers(np.outer, np.linalg.outer)
def numpy_outer(a, b):
    """np.outer, which flattens its operands to vectors."""
    return outer(*(x if x.ndim == 1 else np.ravel(x) for x in (as_array(a), as_array(b))))


@answers(np.dot)
def numpy_dot(a, b):
    """np.dot: a product for numbers, matmul up to matrices; else a sum over a's last axis and b's last but one."""
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    return np.tensordot(a, b, axes=((-1,), (-2,)))


@answers(np.inner)
def numpy_inner(a, b):
    """np.inner: the sum over the last axes of both."""
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim == 1:
        return matmul(a, b)
    return np.tensordot(a, b, axes=((-1,), (-1,)))


@answers(np.vdot)
def numpy_vdot(a, b):
    a, b = np.ravel(as_array(a)), np.ravel(as_array(b))
    return matmul(conjugate(np, a), b)


@answers(np.vecdot, np.linalg.vecdot)
def numpy_vecdot(x1, x2, /, *, axis=-1):
    x1, x2 = as_array(x1), as_array(x2)
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return np.sum(conjugate(np, x1) * x2, axis=-1)


@answers(np.tensordot, np.linalg.tensordot)
def numpy_tensordot(a, b, axes=2):
    """np.tensordot, as one matrix product."""
    na, nb = np.ndim(a), np.ndim(b)
    if np.ndim(axes) == 0:
        a_axes, b_axes = list(range(na - axes, na)), list(range(axes))
    else:
        a_axes, b_axes = ([i] if np.ndim(i) == 0 else list(i) for i in axes)
    a_axes, b_axes = [i % na for i in a_axes], [i % nb for i in b_axes]
    if [np.shape(a)[i] for i in a_axes] != [np.shape(b)[i] for i in b_axes]:
        raise BlockError(
            f"tensordot of shapes {np.shape(a)} and {np.shape(b)} over axes {a_axes} and {b_axes}" + at_line()
        )
    a_rest, b_rest = [i for i in range(na) if i not in a_axes], [i for i in range(nb) if i not in b_axes]
    inner = math.prod(np.shape(a)[i] for i in a_axes)
    shape = tuple(np.shape(a)[i] for i in a_rest) + tuple(np.shape(b)[i] for i in b_rest)
    rows = math.prod(np.shape(a)[i] for i in a_rest)
    columns = math.prod(np.shape(b)[i] for i in b_rest)
    left = np.reshape(np.transpose(a, a_rest + a_axes), (rows, inner))
    right = np.reshape(np.transpose(b, b_axes + b_rest), (inner, columns))
    return owned(np.reshape(left @ right, shape))


# einsum ----------------------------------------------------------------------------------------------------------


SMALL = 4096
"""Up to this many products are summed in less time than the search for the best order takes."""


def _einsum_notation(*xs, subscripts):
    """Leading axes, which the backward rule allows for, are only written where there are some."""
    terms = subscripts.split("->")[0].split(",")
    if not any(x.ndim > len(term.removeprefix("...")) for x, term in zip(xs, terms, strict=True)):
        subscripts = subscripts.replace("...", "")
    return call("einsum", *xs, index=subscripts)


@library_block(  # "ij->ji" is a view in NumPy
    view=True,
    notation=_einsum_notation,
    complex=True,
    example=example(normal(2, 3), normal(3, 2), subscripts="ij,jk->ik"),
)
def einsum(xp, *xs, subscripts=""):
    """Einstein summation in explicit form, as "ij,jk->ik"; a leading "..." stands for leading axes."""
    if is_numpy(xp):
        small = math.prod([getattr(x, "size", 1) for x in xs]) <= SMALL  # a Python number has no size
        path = "..." not in subscripts or not small  # "..." occurs in backward rules only
        z = np.einsum(subscripts, *xs, optimize=path)
        if path and _sums_early(subscripts, xs) and not np.all(np.isfinite(z)):
            z = np.einsum(subscripts, *xs)
        return z[()]  # a number where NumPy gives a number
    return xp.einsum(subscripts, *xs)


def _sums_early(subscripts, xs):
    """Whether sums may be taken before the last product: (0 + 1) · inf is inf, but 0 · inf + 1 · inf is NaN.

    False for arrays so large that all products would take long.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own = any(inputs.count(c) == term.count(c) for term in terms for c in {*term} - {*output})
    if len(terms) < 2 or (len(terms) == 2 and not own):
        return False
    sizes: dict[str, int] = {}
    for term, x in zip(terms, xs, strict=True):
        sizes |= zip(reversed(term), reversed(np.shape(x)), strict=False)
    return math.prod(sizes.values()) <= 10**7


@einsum.backward
def einsum_backward(xp, dz, z, *xs, subscripts=""):
    xs = tuple(conjugate(xp, x) for x in xs)
    inputs, output = subscripts.split("->")
    terms = [term.removeprefix("...") for term in inputs.split(",")]
    if (
        "..." in subscripts
    ):  # only in this block's own backward rule: give the leading axes letters, so that they can be matched
        return _einsum_with_names(xp, dz, z, xs, inputs.split(","), output)
    return tuple(_einsum_gradient(xp, dz, xs, terms, output, i) for i in range(len(xs)))


def _einsum_gradient(xp, dz, xs, terms, output, i):
    """dx_i: the sum over everything but x_i's own indices of dz times the other operands."""
    letters = iter(c for c in _LETTERS if c not in "".join(terms) + output)
    others = [(term, x) for j, (term, x) in enumerate(zip(terms, xs, strict=True)) if j != i]
    mine, seen = "", set()
    for axis, letter in enumerate(terms[i]):
        if letter in seen:  # a repeated index reads a diagonal: the gradient lies on that diagonal
            new = next(letters)
            others.append((letter + new, xp.eye(xs[i].shape[axis], dtype=dz.dtype)))
            letter = new
        seen.add(letter)
        mine += letter
    known = set(output).union(*(term for term, _ in others))
    for axis, letter in enumerate(mine):
        if letter not in known:  # an index of x_i alone was summed away: the gradient is constant along it
            others.append((letter, xp.ones(xs[i].shape[axis], dtype=dz.dtype)))
    inputs = ",".join(["..." + output, *(term for term, _ in others)])
    return einsum(dz, *(x for _, x in others), subscripts=f"{inputs}->...{mine}")


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum_with_names(xp, dz, z, xs, terms, output):
    """The backward rule for subscripts with "...": its axes get letters of their own, and the rule above applies."""
    terms, output = name_ellipsis(terms, output, [len(x.shape) for x in xs])
    return tuple(
        sum_to(xp, g, x.shape, g.shape[dz.ndim - z.ndim :])
        for x, g in zip(xs, (_einsum_gradient(xp, dz, xs, terms, output, i) for i in range(len(xs))), strict=True)
    )


def name_ellipsis(terms, output, ndims):
    """Replace "..." by letters, aligned at the right."""
    free = [c for c in _LETTERS if c not in "".join(terms) + output]
    widths = [n - len(term.replace("...", "")) if "..." in term else 0 for term, n in zip(terms, ndims, strict=True)]
    names = "".join(free[: max(widths, default=0)])
    terms = [t.replace("...", names[len(names) - w :]) for t, w in zip(terms, widths, strict=True)]
    return terms, output.replace("...", names)


@answers(np.einsum)
def numpy_einsum(subscripts, *operands, out=None, optimize=False, dtype=None, order="K", casting="safe"):
    """np.einsum with a string of subscripts, or with a list of integers after each array.

    The block chooses the order of the products, so `optimize` changes only rounding.
    """
    if out is not None:
        raise BlockError("einsum(out=…) with a recorded array: use the returned array" + at_line())
    if not isinstance(subscripts, str):
        subscripts, operands = _from_sublists((subscripts, *operands))
    operands = tuple(as_array(x) for x in operands)
    if dtype is not None:
        operands = tuple(x.astype(dtype) for x in operands)
    operands = in_one_precision(*operands)
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise BlockError(f"einsum {subscripts!r} has {len(terms)} terms for {len(operands)} arrays" + at_line())
    if not arrow:
        joined = inputs.replace(",", "").replace(".", "")
        output = ("..." if "..." in inputs else "") + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    if "..." in inputs:
        terms, output = name_ellipsis(terms, output, [x.ndim for x in operands])
    operands, terms = _without_unit_axes(operands, terms)
    return einsum(*operands, subscripts=f"{','.join(terms)}->{output}")


def _from_sublists(arguments):
    """np.einsum(x, [0, 1], y, [1, 2], [0, 2]) as subscripts and arrays. Letters keep the order of the integers."""
    output = arguments[-1] if len(arguments) % 2 else None
    terms = [_letters(sublist) for sublist in arguments[1::2]]
    return ",".join(terms) + ("" if output is None else "->" + _letters(output)), arguments[: 2 * len(terms) : 2]


def _letters(sublist):
    ordered = _LETTERS[26:] + _LETTERS[:26]  # in sorted order
    return "".join("..." if label is Ellipsis else ordered[value_of(label)] for label in sublist)


@answers(np.einsum_path)
def numpy_einsum_path(*operands, **options):
    return np.einsum_path(*(value_of(x) for x in operands), **options)


def _without_unit_axes(operands, terms):
    """Drop axes of length 1 that NumPy broadcasts against others of the same letter; the block does not broadcast."""
    sizes: dict[str, int] = {}
    for x, term in zip(operands, terms, strict=True):
        if len(term) != x.ndim:
            raise BlockError(f"einsum's term {term!r} for an array of shape {x.shape}" + at_line())
        for letter, n in zip(term, x.shape, strict=True):
            if n != 1 and sizes.setdefault(letter, n) != n:
                raise BlockError(f"einsum's axis {letter!r} has the lengths {sizes[letter]} and {n}" + at_line())
    new_operands, new_terms = [], []
    for x, term in zip(operands, terms, strict=True):
        drop = {i for i, (c, n) in enumerate(zip(term, x.shape, strict=True)) if n == 1 and sizes.get(c, 1) != 1}
        for c in {term[i] for i in drop}:
            if any(x.shape[i] != 1 for i, other in enumerate(term) if other == c):
                raise BlockError(f"einsum's axis {c!r} has the lengths 1 and {sizes[c]} in one array" + at_line())
        new_operands.append(np.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in drop)) if drop else x)
        new_terms.append("".join(c for i, c in enumerate(term) if i not in drop))
    return tuple(new_operands), new_terms
