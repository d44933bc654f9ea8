"""An array keeps its memory layout through writes, so what is a view of it afterwards is what NumPy makes a view."""

import numpy as np
import pytest

import chainrule as cr

WRITES = {
    "x += c": lambda x, c: x.__iadd__(c),
    "x.T += c": lambda x, c: x.T.__iadd__(c.T),
    "x[...] = c": lambda x, c: x.__setitem__(Ellipsis, c),
    "x[:] = x[::-1]": lambda x, c: x.__setitem__(slice(None), x[::-1]),
    "x[mask] = 1": lambda x, c: x.__setitem__(c > 0, 1.0),
    "x[None, 0] = 1": lambda x, c: x.__setitem__((None, 0), 1.0),
    "x[[0], None] = 1": lambda x, c: x.__setitem__(([0], None), 1.0),
    "x[np.ix_] = 3": lambda x, c: x.__setitem__(np.ix_([0, 1], [0]), 3.0),
    "add(out)": lambda x, c: np.add(x, c, out=x),
    "multiply(out) of constants": lambda x, c: np.multiply(c, c, out=x),
    "add(out, where)": lambda x, c: np.add(x, c, out=x, where=c > 0),
    "cumsum(out)": lambda x, c: np.cumsum(x, axis=0, out=x),
    "clip(out)": lambda x, c: np.clip(x, -1, 1, out=x),
    "add.at": lambda x, c: np.add.at(x, ([0], [0]), 1.0),
    "copyto": lambda x, c: np.copyto(x, c),
    "put": lambda x, c: np.put(x, [0, 1], [1.0, 2.0]),
    "putmask": lambda x, c: np.putmask(x, c > 0, c),
    "place": lambda x, c: np.place(x, c > 0, [1.0, 2.0]),
    "put_along_axis": lambda x, c: np.put_along_axis(x, np.zeros(c[:1].shape, int), 1.0, 0),
    "fill": lambda x, c: x.fill(2.0),
    "sort": lambda x, c: x.sort(axis=0),
}
LAYOUTS = {
    "C": lambda x: x.copy(),
    "F": lambda x: np.asfortranarray(x),
    "swapped": lambda x: x.swapaxes(0, 1).copy().swapaxes(0, 1),
    "backwards": lambda x: x[::-1].copy()[::-1],
    "columns backwards": lambda x: x[..., ::-1].copy()[..., ::-1],
}
READS = {
    "reshape": lambda x: x.reshape(-1),
    "ravel": lambda x: np.ravel(x),
    "ravel in order A": lambda x: x.reshape(-1, order="A"),
    "transposed": lambda x: x.T.reshape(-1),
    "two axes": lambda x: x.reshape(x.shape[0], -1),
}


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 3), (3, 2, 2), (11, 12)], ids=str)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_a_view_after_a_write_is_numpys(shape, write):
    rng = np.random.default_rng(3)
    entries, c = rng.standard_normal(shape), rng.standard_normal(shape)
    weights = np.arange(float(entries.size))
    for layout in LAYOUTS.values():
        for read in READS.values():

            def loss(x, read=read):
                write(x, c)
                b = read(x)
                x[0] *= 2.0
                before = np.sum(b.reshape(-1) * weights)
                b[0] = 9.0
                return before + 3.0 * np.sum(x)

            np.testing.assert_allclose(cr.value_and_grad(loss)(layout(entries))[0], loss(layout(entries)), rtol=1e-12)
