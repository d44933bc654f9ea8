"""Products of factors with different axes: random programs have the values, shapes and dtypes of the original."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph

SHAPES = [(4, 1, 1), (1, 3, 1), (1, 1, 5), (3, 1), (1, 5), (5,), (3, 5), (4, 1, 5), (4, 3, 1), (), (4, 3, 5)]
LEFT, RIGHT = [(2, 3), (3,), (3, 3)], [(5, 1), (5,), (5, 5), (5, 2)]
AXES = (-1, -2, (-1, -2))


def random_program(rng):
    """A function of arrays of these shapes: products, sums and matrix products of them, one after the other."""
    kinds = rng.choice(["times", "times", "over", "difference", "minus", "right", "left", "total"], rng.integers(3, 9))
    steps = [(kind, *rng.integers(0, len(SHAPES), 3)) for kind in kinds]

    def f(*arrays):
        xs, left, right = arrays[: len(SHAPES)], arrays[len(SHAPES) : -len(RIGHT)], arrays[-len(RIGHT) :]
        v = xs[steps[0][1]] * xs[steps[0][2]]
        for kind, i, j, k in steps:
            if not _fits(v.shape):
                break
            if kind == "times":
                v = v * xs[i]
            elif kind == "over":
                v = v / xs[i]
            elif kind == "difference":
                v = v * xs[i] - v * xs[j]
            elif kind == "minus":
                v = -v
            elif kind == "right" and v.ndim > 1 and v.shape[-1] == 5:
                v = v @ right[k % len(RIGHT)]
            elif kind == "left" and v.ndim > 1 and v.shape[-2] == 3:
                v = left[k % len(LEFT)] @ v
            elif kind == "total" and v.ndim > 1:
                v = np.sum(v, axis=AXES[k % 3], keepdims=bool(i % 2))
        return v if v.ndim < 2 else v.swapaxes(-1, -2)

    return f


def _fits(shape):
    return len(shape) <= 3 and all(n in (1, m) for n, m in zip(shape[::-1], (5, 3, 4), strict=False))


@pytest.mark.parametrize("start", range(0, 400, 50))
@pytest.mark.parametrize("dtypes", [["f8"], ["f4", "f8"]], ids=["double", "mixed"])
def test_random_products_keep_their_values(start, dtypes):
    for seed in range(start, start + 50):
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(0.5, 2.0, s).astype(rng.choice(dtypes)) for s in (*SHAPES, *LEFT, *RIGHT)]
        f = random_program(rng)
        (found,) = simplify_graph(record_graph(f, *arrays)).run(np, arrays)
        expected = f(*arrays)
        assert (np.shape(found), np.asarray(found).dtype) == (np.shape(expected), np.asarray(expected).dtype), seed
        digits = 1e-9 if dtypes == ["f8"] else 3e-5
        scale = max(np.max(np.abs(f(*map(np.abs, arrays)))), 1.0)
        np.testing.assert_allclose(found, expected, rtol=digits, atol=digits * scale, err_msg=str(seed))


def test_minus_a_product_with_the_same_factor_twice():
    c, r = np.array([[2.0], [3.0]]), np.array([1.0, 4.0, 5.0])
    for f in (lambda c, r: -(c * (r * c)), lambda c, r: cr.grad(lambda r: -np.sum(c * r * c * r * r))(r)):
        (found,) = simplify_graph(record_graph(f, c, r)).run(np, [c, r])
        np.testing.assert_allclose(found, f(c, r), rtol=1e-13)
