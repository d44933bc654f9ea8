"""Programs under cr.compile(f, engine="jax"): values, gradients and second derivatives are those of NumPy."""

import numpy as np
import pytest

import chainrule as cr

from .programs import PARAMS, PROGRAMS, kalman, normal, perceptron, recurrent, softmax_classifier

pytest.importorskip("jax")


def leaves(tree):
    if isinstance(tree, tuple | list):
        return [x for part in tree for x in leaves(part)]
    return [x for part in tree.values() for x in leaves(part)] if isinstance(tree, dict) else [tree]


def assert_equal(found, expected, rtol):
    for x, reference in zip(leaves(found), leaves(expected), strict=True):
        assert type(x) is type(reference)
        assert x.dtype == reference.dtype
        np.testing.assert_allclose(x, reference, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_value_and_gradient_are_numpys(f):
    arguments, by = PROGRAMS[f]
    both = cr.value_and_grad(f, by)
    compiled = cr.compile(both, engine="jax")
    assert_equal(compiled(*arguments), both(*arguments), 1e-11)
    assert "callback" not in compiled.source()


@pytest.mark.parametrize("f", [perceptron, softmax_classifier], ids=lambda f: f.__name__)
def test_programs_in_single_precision_match_the_uncompiled_ones(f):
    def single(x):
        return {k: single(v) for k, v in x.items()} if isinstance(x, dict) else x.astype(np.float32)

    arguments, by = PROGRAMS[f]
    arguments = [x if isinstance(x, np.ndarray) and x.dtype == int else single(x) for x in arguments]
    both = cr.value_and_grad(f, by)
    assert_equal(cr.compile(both, engine="jax")(*arguments), both(*arguments), 1e-5)


def test_a_hessian_compiled_by_xla_is_the_uncompiled_one():
    W, b, X, label = PROGRAMS[softmax_classifier][0]
    assert_equal(
        cr.compile(cr.hessian(softmax_classifier, "b"), engine="jax")(W, b, X, label),
        cr.hessian(softmax_classifier, "b")(W, b, X, label),
        1e-11,
    )

    def slope(W, U, X):
        return np.sum(cr.grad(recurrent)(W, U, X) ** 2)

    arguments = PROGRAMS[recurrent][0]
    assert_equal(cr.compile(cr.grad(slope), engine="jax")(*arguments), cr.grad(slope)(*arguments), 1e-10)


def test_a_training_step_with_an_optimiser():
    optimiser = cr.adam(0.1)

    def step(params, state, X, y):
        loss, gradient = cr.value_and_grad(perceptron)(params, X, y)
        params, state = optimiser.step(params, gradient, state)
        return params, state, loss

    X, y = normal(5, 6), normal(5, 2)
    compiled = cr.compile(step, engine="jax", donate="params")
    mine = theirs = PARAMS, optimiser.init(PARAMS)
    for _ in range(3):
        *mine, loss = compiled(*mine, X, y)
        *theirs, expected = step(*theirs, X, y)
    assert_equal((mine[0], loss), (theirs[0], expected), 1e-10)


def test_scan_is_one_loop_forwards_and_one_backwards():
    compiled = cr.compile(cr.grad(recurrent), engine="jax")
    compiled(*PROGRAMS[recurrent][0])
    assert compiled.source().count(" while(") == 2
    written_out = cr.compile(kalman, engine="jax")
    written_out(*PROGRAMS[kalman][0])
    assert " while(" not in written_out.source()


def test_as_the_own_engine():
    arguments, by = PROGRAMS[perceptron]
    both = cr.value_and_grad(perceptron, by)
    own = cr.compile(both)
    own(*arguments)
    assert_equal(cr.compile(both, engine="jax")(*arguments), own(*arguments), 1e-11)
