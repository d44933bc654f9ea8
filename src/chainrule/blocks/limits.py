"""The quotient ∂L/∂z / z of a backward rule where both are zero, as for ‖x‖² at 0.

The gradient of a norm is (∂L/∂z / z) x. Where z = 0 the norm itself has a kink, and its gradient is 0 by convention. A
loss such as ‖x‖² is smooth there nevertheless: ∂L/∂z = 2z is zero too, and the quotient has a limit: by l'Hôpital's
rule, the derivative of ∂L/∂z by z. In a recorded backward pass ∂L/∂z is recorded as a function of z, so that derivative
can be taken; only second derivatives need it, because at 0 the quotient is multiplied by x = 0.
"""

import functools
import math
import operator

import numpy as np

from chainrule.array import WATCHER, Array, form_of, node_of
from chainrule.backward import backpropagate, find_path
from chainrule.block import Block, sum_to, unlisted_block
from chainrule.blocks.integers import step
from chainrule.errors import NoDerivative
from chainrule.graph import nodes_above
from chainrule.libraries import as_numpy, is_numpy, is_traced, namespace_of
from chainrule.namespace import RECORDING
from chainrule.node import Node, at_line
from chainrule.step import FORMS

__all__ = [
    "ROOTS",
    "asks_for_second_order",
    "length_at_zero",
    "pulled_root",
    "root_elsewhere",
    "scale_of",
    "with_limit",
]


def pulled_root(xp, dz, z, along, x, axis, root):
    """The gradient (dz / z) x of a root z, for a dz of shape K + z.shape.

    Parameters
    ----------
    along : a function that puts the reduced axes of z back into an array of shape K + z.shape; it may scale entries.
    root : the function (xp, x) of which z is the value along the axes; that of c x is |c| z.
    """
    dx = _pulled(xp, dz, z, along, x)
    if type(z) is not Array and not is_numpy(xp):
        return dx
    scale = scale_of(x, axis, count=MOST_ENTRIES)
    if scale is None:
        return dx
    scaled = x / scale
    z = root(xp, scaled)
    of_scaled = along(dz / xp.where(z == 0, 1.0, z)) * scaled
    lost = scale != 1
    return of_scaled if bool(lost.all()) else xp.where(lost | (of_scaled != 0), of_scaled, dx)


def root_elsewhere(xp, total, x, axis, keepdims):
    """√total of another library's arrays, a sum of squares of x: it has gradient 0 there too where x is all zeros.

    Where the squares underflow the library's own gradient stays, inf or NaN.
    """
    zero = xp.all(x == 0, axis=axis, keepdims=keepdims)
    return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, total)))


MOST_ENTRIES = 2**53
"""More than any array has: what is asked of a sum of so many does not depend on the size of the array."""


def scale_of(x, axis, order=2, count=None):
    """By what x is divided before powers of this order are added up along the axes; None if their sum keeps its digits.

    It is the largest entry where the sum of `count` such powers (as many as are added, if None) may overflow, or where
    the power of the largest entry is so small that it has lost digits; 1 elsewhere.
    """
    if not bool(RECORDING.any(step(_loses(axis, order, count), x))):
        return None
    return step(_scale(axis, order, count), x)


@functools.cache  # so that equal steps have the same function
def _loses(axis, order, count):
    def loses(x):
        """Whether a sum of powers loses digits."""
        largest = _largest(x, axis)
        limits = np.finfo(largest.dtype)
        added = max(x.size // max(largest.size, 1), 1) if count is None else count
        with np.errstate(over="ignore", under="ignore"):
            low = np.float64(limits.smallest_normal / limits.eps) ** (1 / order)
            high = (np.float64(limits.max) / added) ** (1 / order)
        return ((largest > 0) & (largest < low)) | ((largest > high) & np.isfinite(largest))

    return loses


@functools.cache
def _scale(axis, order, count):
    def scale(x):
        """The largest entry where a sum of powers loses digits, else 1."""
        largest = _largest(x, axis)
        safe = np.maximum(largest, np.finfo(largest.dtype).smallest_normal)
        return np.where(_loses(axis, order, count)(x), safe, largest.dtype.type(1))

    return scale


def _largest(x, axis):
    return np.max(np.abs(x), axis=axis, keepdims=True, initial=0)


def _pulled(xp, dz, z, along, x):
    zero = step(_is_zero, z)
    if type(z) is not Array or not bool(RECORDING.any(zero)):
        return along(dz / xp.where(z == 0, 1.0, z)) * x
    both = step(_are_zero, zero, dz)
    if bool(RECORDING.any(both)) and (_depends_on_another_root(dz, z) or _depends_on_other_entries(dz, z, both)):
        dx = along(xp.where(zero, 0.0 * dz, dz / xp.where(zero, 1.0, z))) * x
        return xp.where(along(both) != 0, beside_another_root(dx), dx)
    return along(_quotient(xp, dz, z, zero, both)) * x


def _quotient(xp, dz, z, zero, both):
    """dz / z. Where z = 0 it is the limit if dz = 0 too, else 0."""
    away = xp.where(zero, 0.0 * dz, dz / xp.where(zero, 1.0, z))  # 0, or NaN where dz is
    slope = _derivative(dz, z) if bool(RECORDING.any(both)) else None
    if slope is None:
        return away
    return xp.where(both, slope if _is_constant(slope, z) else first_order_only(slope), away)


def _is_zero(z):
    return z == 0


def _is_not_zero(slope):
    return slope != 0


def _are_zero(zero, dz):
    return zero & (dz == 0)


def asks_for_second_order(function):
    """Whether only second derivatives depend on what a function of values says."""
    return function in (_is_zero, _are_zero, _is_not_zero)


def _is_constant(slope, z):
    """Whether a limit does not change with z: its derivatives are zero, and within three of them none is left."""
    for _ in range(3):
        slope = _derivative(slope, z)
        if slope is None:
            return True
        if bool(RECORDING.any(step(_is_not_zero, slope))):
            return False
    return False


def length_at_zero(xp, dz, z, x, otherwise):
    """The gradient (dz / z) x of a length z = |x| or hypot(x, y), where dz and z are both 0; `otherwise` elsewhere.

    Only where dz depends on a length, as for |x|². There the gradient is 0 in any case, but its derivative is not.
    """
    if type(z) is not Array or FORMS.get() is not None:  # forms have no values: a loop that asks could not be rolled
        return otherwise
    if WATCHER.get() is not None and not any(node.block in ROOTS for node in nodes_above(node_of(dz), ())):
        return otherwise  # so that a compiled |x| alone need not test for 0
    both = step(_are_zero, step(_is_zero, z), dz)
    if not bool(RECORDING.any(both)):
        return otherwise
    if _depends_on_another_root(dz, z) or _depends_on_other_entries(dz, z, both):
        return with_limit(otherwise, beside_another_root(otherwise), both)
    slope = _derivative(dz, z)
    if slope is None:
        return otherwise
    return with_limit(otherwise, (slope if _is_constant(slope, z) else first_order_only(slope)) * x, both)


@unlisted_block(complex=True, notation=lambda x, limit, both: x)
def with_limit(xp, x, limit, both):
    """x, which has the derivatives of `limit` at some entries. Their values are the same, and only x is computed."""
    return x


@with_limit.backward
def with_limit_backward(xp, dz, z, x, limit, both):
    return xp.where(both, 0.0, dz), sum_to(xp, xp.where(both, dz, 0.0), limit.shape, z.shape), None


with_limit.leading_axes = True


def _depends_on_other_entries(dz, z, both):
    """Whether an entry of dz depends on other entries of z too, as for (|x| + |y|)², which has no limit at 0."""
    weights = np.random.default_rng(0).uniform(1.0, 2.0, z.shape)
    alone, weighted = _derivative(dz, z), _derivative(dz, z, weights)
    if alone is None or is_traced(form_of(alone)):
        return False
    difference = abs(form_of(weighted) - form_of(alone) * weights)
    return bool(np.any(as_numpy(form_of(both)) & as_numpy(difference > 1e-6 * abs(form_of(alone)))))


def _derivative(dz, z, weights=1.0):
    """∂dz/∂z, entry by entry; None if dz does not depend on z. Each leading axis of dz has a cotangent of its own.

    With weights it is Σ_i weight_i ∂dz_i/∂z_j: dz is taken as a function of its own entry of z.
    """
    if type(dz) is not Array:
        return None
    lead = dz.shape[: dz.ndim - z.ndim]
    seed = np.eye(math.prod(lead)).reshape(lead + lead + (1,) * z.ndim) * weights
    value = form_of(dz)
    seed = namespace_of((value,)).asarray(np.broadcast_to(seed, lead + dz.shape).copy(), dtype=value.dtype)
    same = _computed_alike(node_of(dz), node_of(z))
    gradients = backpropagate(find_path(same, [node_of(dz)]), {node_of(dz): seed}, recorded=True)
    slopes = [gradients[node] for node in same if gradients[node] is not None]
    return functools.reduce(operator.add, slopes) if slopes else None


def _computed_alike(start, z):
    """z, and the nodes below `start` that compute the same value: the other norm in `norm(x) * norm(x)`."""
    oldest = max([i.order for i in z.inputs if type(i) is Node], default=0)
    same, seen, stack = [z], {start, z}, [start]
    while stack:
        node = stack.pop()
        if node.block is z.block and node.params == z.params and all(map(operator.is_, node.inputs, z.inputs)):
            same.append(node)
            continue
        new = {i for i in node.inputs if type(i) is Node and i.order > oldest} - seen
        seen |= new
        stack += new
    return same


ROOTS: set[Block] = set()
"""The blocks whose rule divides by their result. Each block is added in the file that defines it."""


def _depends_on_another_root(dz, z):
    """Whether dz depends on another norm of the same operands that is 0 too, as in norm(x) * norm(2 * x).

    The quotient of the two has no limit in general (it may depend on the direction), and dz does not show it.
    """
    if type(dz) is not Array:
        return False
    own, same = set(nodes_above(node_of(z), ())), set(_computed_alike(node_of(dz), node_of(z)))
    others = (node for node in nodes_above(node_of(dz), own) if node.block in ROOTS and node not in same)
    return any(
        own & set(nodes_above(other, ())) and bool(RECORDING.any(step(_is_zero, Array(other)))) for other in others
    )


@Block
def first_order_only(xp, x):
    """The limit of a quotient. Its derivative would be wrong, so taking it is an error."""
    return x


@Block
def beside_another_root(xp, x):
    """The gradient of one of two norms that are both 0. It has no derivative, so taking it is an error."""
    return x


@Block
def nothing_of_two_roots(xp, x):
    """Zeros if x is all zeros; else an error."""
    if bool(xp.any(x != 0)):
        raise NoDerivative(
            "the second derivative of a product of two norms, lengths or deviations that are both exactly 0 is not "
            "known; write the function with np.sum(x * x), which is smooth there" + at_line()
        )
    return xp.zeros_like(x)


@Block
def only_zero(xp, x):
    """Zeros if x is all zeros; else an error."""
    if bool(xp.any(x != 0)):
        raise NoDerivative(
            "a third derivative of a function of a norm, length or standard deviation that is exactly 0 is not known; "
            "write the function with np.sum(x * x), which is smooth there" + at_line()
        )
    return xp.zeros_like(x)


def _ends_with(last, first):
    """The gradient of a block, and of its gradient, is zero or an error."""
    for block in (first, last):
        block.leading_axes = True
        block.backward(lambda xp, dz, z, x: last(dz))


_ends_with(only_zero, first_order_only)
_ends_with(nothing_of_two_roots, beside_another_root)
