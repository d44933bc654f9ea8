"""Small linear systems are solved in loops, as NumPy solves them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr


def _mixed(a, b):
    return np.sum(np.sin(np.linalg.solve(a, b))) + np.linalg.det(a) + np.sum(np.linalg.inv(a) ** 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_systems_determinants_and_inverses_of_small_matrices_are_native(n, dtype):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n, n)).astype(dtype), rng.normal(size=(n, 3)).astype(dtype)
    function = cr.value_and_grad(_mixed, (0, 1))
    compiled = cr.compile(function)
    for _ in range(3):
        found = compiled(a, b)
    assert compiled._latest.program.native
    expected = function(a, b)
    scale = max(float(np.max(np.abs(slope))) for slope in expected[1])
    rtol = 1e-10 if dtype == np.float64 else 1e-2
    for f, e in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        assert f.dtype == e.dtype
        np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol * scale)


def test_a_singular_matrix_is_numpys_error_in_a_compiled_function():
    compiled = cr.compile(np.linalg.solve)
    for _ in range(3):
        compiled(np.array([[0.0, 2.0], [4.0, 0.0]]), np.ones(2))
    for singular in (np.zeros((2, 2)), np.ones((2, 2)), np.array([[0.0, 1.0], [0.0, 3.0]])):
        for _ in range(3):
            with pytest.raises(np.linalg.LinAlgError):
                compiled(singular, np.ones(2))
    found = compiled(np.full((2, 2), np.nan), np.ones(2))
    np.testing.assert_array_equal(found, np.linalg.solve(np.full((2, 2), np.nan), np.ones(2)))


@pytest.mark.parametrize("matrix", [[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
def test_a_determinant_may_be_zero(matrix):
    compiled = cr.compile(np.linalg.det)
    for _ in range(3):
        assert compiled(np.array(matrix)) == np.linalg.det(np.array(matrix))
