"""The backward pass of reads and writes of single entries, done in place in the memory of the gradients.

    for t in range(1, n):
        x[t] = f(x[t - 1])

By the rules of the blocks, each read makes an array of zeros with one entry and adds it to ∂L/∂x, and each write copies
∂L/∂x to set one entry to 0: n² for n steps. Here a read adds its entry to the array ∂L/∂x in place, and a write
passes ∂L/∂(x after it) on as ∂L/∂(x before it), with the entry set to 0. That needs an array to which there is no other
reference; otherwise the rules of the blocks run, and for small arrays where the backward pass is recorded.
"""

import sys

import numpy as np

from chainrule.absent import has_absent_zeros
from chainrule.array import Array
from chainrule.blocks.indexing.entries import add_in_place, add_to_entries, getitem, key_of, set_at, set_at_dnew
from chainrule.libraries import NUMPY, NUMPY_NAMESPACE
from chainrule.node import Node
from chainrule.versions import at_key, is_small_part


def _read(node, gradients, take):
    """Add the gradient of the entries that were read from x to ∂L/∂x. None if the rule must run."""
    x = node.inputs[0]
    if (sofar := gradients.get(x)) is None or (dz := gradients[node]) is None:
        return None
    if type(sofar) not in (np.ndarray, Array):
        return None
    key, shape = node.params["key"] if len(node.inputs) == 1 else key_of(node), x.form.shape
    lead = dz.ndim - node.form.ndim
    if sofar.shape != dz.shape[:lead] + shape or sofar.dtype != dz.dtype:
        return None
    if type(sofar) is Array or type(dz) is Array:
        if not is_small_part(dz, sofar.size) or len(node.inputs) > 1 or take == gradients.get:
            return None  # gradients that are kept (to be shown) are plain sums
        gradients[x] = add_to_entries(sofar, dz, key=key, shape=shape)
    elif type(sofar) is np.ndarray and type(dz) in NUMPY and not has_absent_zeros(sofar):
        gradients[x] = None
        box = [sofar]
        del sofar
        mine = box.pop() if _is_free(box) else box.pop().copy()
        add_in_place(mine, at_key(mine, key), dz)
        gradients[x] = mine
    else:
        return None
    take(node)
    return ()


def _write(node, gradients, take):
    """∂L/∂x before a write: ∂L/∂x after it, with zeros at the written entries. None if the rule must run."""
    x, new = node.inputs[:2]
    if x.__class__ is not Node or x not in gradients or gradients[x] is not None:
        return None
    box = [take(node)]
    dz = box[0]
    key = key_of(node)
    if type(dz) is not np.ndarray or has_absent_zeros(dz) or dz.dtype != x.form.dtype:
        gradients[node] = dz
        return None
    index = at_key(dz, key)
    small = is_small_part(dz[index], dz.size)
    del dz
    if not (small and _is_free(box)):
        gradients[node] = box[0]
        return None
    dz = box[0]
    dnew = None
    if new.__class__ is Node and new in gradients:
        dnew = set_at_dnew(NUMPY_NAMESPACE, dz, node.form, x.form, np.asarray(new.form), key=key)
        dnew = dnew.copy()  # it may be a view of dz
    dz[index] = 0.0
    return dz, dnew


def _is_free(box):
    """Whether the array in a list of length 1 may be written into: only if that list holds the only reference."""
    return box[0].base is None and box[0].flags.writeable and sys.getrefcount(box[0]) == 2


getitem.pull_in_place = _read
set_at.pull_in_place = _write
