"""Linear algebra at its traps: repeated values, missing rank, empty matrices. References: PyTorch; mathematics."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy import linalg

import chainrule as cr
from cases import tensor
from chainrule.errors import BlockError, ChainruleError, GradientError, RecordingError

EYE = np.eye(3)
RNG = np.random.default_rng(7)
BASIS = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
WEIGHTS = RNG.normal(size=(3, 3))
TWICE = BASIS @ np.diag([1.0, 1.0, 3.0]) @ BASIS.T
"""A symmetric matrix with the eigenvalues 1, 1 and 3, up to rounding."""


def symmetric(x):
    return (x + np.matrix_transpose(np.conj(x))) / 2


def slopes(f, x, step=1e-5):
    """Central differences of a real function by every entry of x."""
    grad = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[at] = step
        grad[at] = (f(x + d) - f(x - d)) / (2 * step)
    return grad


def torch_grad(f, *xs):
    inputs = [tensor(x).requires_grad_() for x in xs]
    return [g.resolve_conj().numpy() for g in torch.autograd.grad(f(*inputs), inputs)]


# Repeated eigenvalues --------------------------------------------------------------------------------------------


def test_eigenvalues_of_the_identity_have_finite_gradients():
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(linalg.eigvalsh(x)))(EYE), EYE)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(linalg.eigh(x).eigenvalues ** 3))(2 * EYE), 12 * EYE)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.real(linalg.eigvals(x))))(EYE), EYE)


def test_symmetric_functions_of_repeated_eigenvalues_have_the_gradient_of_the_matrix_function():
    """The gradient of tr f(x) is f′(x)."""
    grad = cr.grad(lambda x: np.sum(np.exp(linalg.eigvalsh(x))))(TWICE)
    np.testing.assert_allclose(grad, scipy.linalg.expm(TWICE), rtol=1e-12)


@pytest.mark.parametrize("x", [EYE, np.zeros((3, 3)), TWICE, 1e-200 * TWICE, np.diag([1.0, 2.0, 1.0])], ids=repr)
@pytest.mark.parametrize("decomposition", [linalg.eigh, linalg.eig])
def test_a_loss_of_eigenvectors_of_a_repeated_eigenvalue_is_an_error(x, decomposition):
    with pytest.raises(GradientError, match="repeated"):
        cr.grad(lambda x: np.sum(np.real(decomposition(x).eigenvectors) * WEIGHTS))(x)


def test_a_function_of_a_matrix_by_its_eigenvectors_is_an_error_where_they_are_not_known():
    """The true gradient at the identity is e C. Zeros for the unknown part would give its diagonal only."""

    def by_eigenvectors(x):
        w, v = linalg.eigh(x)
        return np.sum((v * np.exp(w)) @ v.T * symmetric(WEIGHTS))

    with pytest.raises(GradientError, match=r"cr\.expm"):
        cr.grad(by_eigenvectors)(EYE)
    np.testing.assert_allclose(
        cr.grad(lambda x: np.sum(cr.expm(x) * symmetric(WEIGHTS)))(EYE), np.e * symmetric(WEIGHTS), rtol=1e-12
    )


def test_a_second_derivative_that_needs_unknown_eigenvectors_is_an_error():
    with pytest.raises(GradientError, match="repeated"):
        cr.hessian(lambda x: np.sum(linalg.eigvalsh(x) ** 2))(EYE)


def test_an_eigenvector_of_a_single_eigenvalue_has_a_gradient_beside_repeated_ones():
    def f(x):
        return np.sum(np.abs(linalg.eigh(symmetric(x)).eigenvectors[:, 2]) * WEIGHTS[0])

    np.testing.assert_allclose(cr.grad(f)(TWICE), slopes(f, TWICE), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("gap", [1e-3, 1e-6])
def test_eigenvalues_near_each_other_are_not_repeated(gap):
    """The projection on one of two eigenvectors moves with a slope of 1/gap."""
    x = np.diag([0.0, gap, 1.0])
    grad = cr.grad(lambda x: linalg.eigh(x).eigenvectors[0, 0] * linalg.eigh(x).eigenvectors[1, 0])(x)
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = -0.5 / gap
    np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-9)


def test_a_matrix_that_cannot_be_diagonalized_has_no_derivative_of_its_eigenvalues():
    for x in (np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[2.0, 1.0], [-1.0, 0.0]])):
        with pytest.raises(GradientError, match="too few eigenvectors"):
            cr.grad(lambda x: np.real(linalg.eigvals(x)[0]))(x)


def test_repeated_eigenvalues_in_one_matrix_of_a_stack_leave_the_others_alone():
    x = np.stack([EYE, np.diag([1.0, 2.0, 4.0])])
    grad = cr.grad(lambda x: np.sum(np.abs(linalg.eigh(x).eigenvectors[1]) * WEIGHTS))(x)
    np.testing.assert_array_equal(grad[0], 0)
    assert np.all(np.isfinite(grad[1]))


# Which triangle is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("dtype", [float, complex])
def test_of_a_matrix_that_is_not_hermitian_only_the_triangle_that_is_read_has_a_gradient(lower, dtype):
    a = symmetric(WEIGHTS + (1j * WEIGHTS.T if dtype is complex else 0)) + 4 * EYE
    x = np.tril(a) if lower else np.triu(a)
    uplo = "L" if lower else "U"
    for f in (
        lambda x: np.sum(linalg.eigvalsh(x, uplo) ** 3),
        lambda x: np.sum(np.abs(linalg.cholesky(x, upper=not lower)) ** 3),
    ):
        grad = cr.grad(f)(x)
        np.testing.assert_allclose(grad.real, slopes(f, x), rtol=1e-6, atol=1e-6)
        if dtype is complex:
            np.testing.assert_allclose(
                grad.imag, slopes(lambda y, f=f: f(x + 1j * y), 0 * x.real), rtol=1e-6, atol=1e-6
            )


@pytest.mark.parametrize("f", [linalg.eigvalsh, linalg.cholesky])
def test_the_gradient_of_a_symmetric_matrix_is_symmetric(f):
    grad = cr.grad(lambda x: np.sum(f(x) ** 3))(symmetric(WEIGHTS) + 4 * EYE)
    np.testing.assert_allclose(grad, grad.T, rtol=1e-13)


# The phase of complex vectors ------------------------------------------------------------------------------------

Z = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))


@pytest.mark.parametrize(
    "vectors",
    [
        lambda z: linalg.eigh(symmetric(z))[1],
        lambda z: linalg.eig(z)[1],
        lambda z: linalg.svd(z).U,
        lambda z: linalg.svd(z).Vh,
    ],
    ids=["eigh", "eig", "U", "Vh"],
)
def test_a_loss_of_the_phase_of_complex_vectors_is_an_error(vectors):
    """As in PyTorch."""
    with pytest.raises(GradientError, match="phase"):
        cr.grad(lambda z: np.sum(np.real(vectors(z)) * WEIGHTS))(Z)


def test_complex_eigenvalues_of_a_real_matrix_give_a_real_gradient():
    x = np.array([[0.0, -2.0], [1.0, 0.0]])  # ± i √2
    value, grad = cr.value_and_grad(lambda x: np.sum(np.imag(linalg.eigvals(x)) ** 2))(x)
    (expected,) = torch_grad(lambda x: torch.sum(torch.imag(torch.linalg.eigvals(x)) ** 2), x)
    np.testing.assert_allclose(value, 4.0)
    assert grad.dtype == float
    np.testing.assert_allclose(grad, expected, rtol=1e-12, atol=1e-14)


# Singular values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [EYE, BASIS, 2 * BASIS[:, :2], np.zeros((2, 3))], ids=["I", "Q", "tall", "zero"])
def test_repeated_singular_values_have_a_gradient_and_their_vectors_none(x):
    (expected,) = torch_grad(lambda x: torch.sum(torch.linalg.svdvals(x) ** 2 + torch.linalg.svdvals(x)), x)
    grad = cr.grad(lambda x: np.sum(linalg.svdvals(x) ** 2 + linalg.svd(x).S))(x)
    np.testing.assert_allclose(grad, expected, rtol=1e-12, atol=1e-14)
    with pytest.raises(GradientError, match="repeated"):
        cr.grad(lambda x: np.sum(linalg.svd(x, full_matrices=False).U * WEIGHTS[: x.shape[0], : min(x.shape)]))(x)


def test_the_singular_value_zero_has_no_vector_outside_the_space_of_the_others():
    x = BASIS[:, :2] @ np.diag([2.0, 0.0])
    np.testing.assert_allclose(cr.grad(lambda x: linalg.svd(x)[1][0])(x), np.outer(BASIS[:, 0], [1, 0]), atol=1e-15)
    with pytest.raises(GradientError, match="singular value 0"):
        cr.grad(lambda x: linalg.svd(x).U[0, 1])(x)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3)])
def test_singular_vectors_that_complete_a_basis_have_no_gradient(shape):
    x = WEIGHTS[: shape[0], : shape[1]]
    u, s, v_h = linalg.svd(x)
    recorded = linalg.svd(cr.variable(x))
    for mine, theirs in zip(recorded, (u, s, v_h), strict=True):
        np.testing.assert_array_equal(mine.value, theirs)
    with pytest.raises(GradientError, match="any basis"):
        cr.grad(lambda x: np.sum(linalg.svd(x).U * linalg.svd(x).U[0, 0]) + np.sum(linalg.svd(x).Vh[-1]))(x)


def test_svd_of_a_hermitian_matrix_with_singular_values_that_differ_in_sign_only():
    """Eigenvalues 1 and −1 are different though the singular values are the same."""
    x = np.array([[0.6, 0.8], [0.8, -0.6]])
    grad = cr.grad(lambda x: np.sum(linalg.svd(x, hermitian=True, compute_uv=False)))(x)
    np.testing.assert_allclose(grad, x, rtol=1e-12)


# Norms and condition numbers -------------------------------------------------------------------------------------


SQUARES = {
    "norm(x)**2": (lambda x: linalg.norm(x) ** 2, 2 * EYE),
    "norm(x) * norm": (lambda x: (n := linalg.norm(x)) * n, 2 * EYE),
    "norm(x) * norm(x)": (lambda x: linalg.norm(x) * linalg.norm(x), 2 * EYE),
    "std(x) * std(x)": (lambda x: np.std(x) * np.std(x), 2 / 3 * (EYE - 1 / 3)),
    "np.square(norm)": (lambda x: np.square(linalg.norm(x)), 2 * EYE),
    "vector_norm(x)**2": (lambda x: linalg.vector_norm(x) ** 2 / 2, EYE),
    "a sum of squared norms": (lambda x: np.sum(linalg.norm(np.reshape(x, (3, 1)), axis=1) ** 2), 2 * EYE),
    "a mean of squared norms": (lambda x: np.mean(linalg.norm(np.stack([x, 2 * x]), axis=1) ** 2), 5 * EYE),
    "1 - cos(norm(x))": (lambda x: 1 - np.cos(linalg.norm(x)), EYE),
    "exp(norm(x)**2)": (lambda x: np.exp(linalg.norm(x) ** 2), 2 * EYE),
    "norm(x)**3": (lambda x: linalg.norm(x) ** 3, 0 * EYE),
    "norm(x)": (linalg.norm, 0 * EYE),
    "sqrt(1 + norm(x)**2)": (lambda x: np.sqrt(1 + linalg.norm(x) ** 2), EYE),
    "std(x)**2": (lambda x: np.std(x) ** 2, 2 / 3 * (EYE - 1 / 3)),
    "std(x, ddof=1)**2": (lambda x: np.std(x, ddof=1) ** 2, EYE - 1 / 3),
    "std(x)": (np.std, 0 * EYE),
    "sum(abs(x)**2)": (lambda x: np.sum(np.abs(x) ** 2), 2 * EYE),
    "sum(abs(x)**2), unrolled": (lambda x: sum(np.abs(x[i]) ** 2 for i in range(3)), 2 * EYE),
    "abs(x) @ abs(x)": (lambda x: np.abs(x) @ np.abs(x), 2 * EYE),
    "sum(abs(x)**4)": (lambda x: np.sum(np.abs(x) ** 4), 0 * EYE),
    "sum(abs(x))": (lambda x: np.sum(np.abs(x)), 0 * EYE),
    "sum(x abs(x))": (lambda x: np.sum(x * np.abs(x)), 0 * EYE),
    "a loss of Huber's": (lambda x: np.sum(np.where(np.abs(x) < 1, np.abs(x) ** 2, 2 * np.abs(x) - 1)), 2 * EYE),
    "hypot(x, reversed x)**2": (lambda x: np.sum(np.hypot(x, x[::-1]) ** 2), 4 * EYE),
    "hypot(x, 1)**2": (lambda x: np.sum(np.hypot(x, 1.0) ** 2), 2 * EYE),
    "energy of a spectrum": (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), 6 * EYE),
}
"""Functions of a norm or a standard deviation, and their Hessian at 0: where there is none, a norm counts as flat."""


@pytest.mark.parametrize(("f", "hessian"), SQUARES.values(), ids=SQUARES)
def test_squares_of_a_norm_and_of_a_standard_deviation_have_their_second_derivative_at_zero(f, hessian):
    x = np.zeros(3)
    np.testing.assert_array_equal(cr.grad(f)(x), 0)
    np.testing.assert_allclose(cr.hessian(f)(x), hessian, atol=1e-15)
    np.testing.assert_allclose(cr.hvp(f)(x, WEIGHTS[0]), hessian @ WEIGHTS[0], atol=1e-15)
    np.testing.assert_allclose(cr.jvp(cr.grad(f), (x,), (WEIGHTS[0],))[1], hessian @ WEIGHTS[0], atol=1e-15)


def windows_of(x):
    return sum(np.mean(x[t : t + 3]) * np.std(x[t : t + 3]) for t in range(6))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: linalg.norm(x) * linalg.norm(2 * x + x[::-1]),
        lambda x: np.std(x) * linalg.norm(x),
        lambda x: linalg.norm(x[:3]) * linalg.norm(x[2:]),
        windows_of,
    ],
)
def test_products_of_roots_that_are_zero_have_a_gradient_compiled_too(f):
    """Their second derivative is an error only where it is needed."""
    g = cr.grad(f)
    squared = cr.grad(lambda x: np.sum(g(x) ** 2))  # the Hessian times 0
    for h in (g, squared):
        compiled = cr.compile(h)
        for x in (np.zeros(8), np.zeros(8), np.arange(8.0), np.zeros(8)):
            np.testing.assert_allclose(compiled(x), h(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: linalg.norm(x) * linalg.norm(2 * x),
        lambda x: np.std(x) * linalg.norm(x),
        lambda x: np.sum(np.abs(x) * np.abs(2 * x)),
        lambda x: np.hypot(x[0], x[1]) * np.hypot(x[0], x[2]),
        lambda x: np.sum(np.abs(x)) ** 2,
        lambda x: np.sum(linalg.norm(x[:, None], axis=1)) ** 2,
    ],
    ids=["norms", "both", "lengths", "hypot", "a square of a sum", "a square of a sum of norms"],
)
def test_the_second_derivative_of_a_product_of_two_roots_that_are_zero_is_an_error(f):
    for second in (cr.hessian(f), cr.compile(cr.hessian(f)), lambda x: cr.hvp(f)(x, np.ones(3))):
        with pytest.raises(GradientError, match="both exactly 0"):
            second(np.zeros(3))


def test_the_second_derivative_at_zero_of_one_norm_leaves_the_others_alone():
    """Rows that are zero beside rows that are not, and a vector of losses."""
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    hessian = cr.hessian(lambda x: np.sum(linalg.norm(x, axis=1) ** 2 * np.array([1.0, 2.0])))(x)
    np.testing.assert_allclose(hessian.reshape(4, 4), np.diag([2.0, 2.0, 4.0, 4.0]), atol=1e-13)
    second = cr.jacobian(cr.jacobian(lambda x: np.stack([linalg.norm(x) ** 2, 3 * linalg.norm(x) ** 2])))(np.zeros(2))
    np.testing.assert_array_equal(second, [2 * np.eye(2), 6 * np.eye(2)])


def test_higher_derivatives_of_a_squared_norm_at_zero():
    def third(f):
        return cr.jacobian(cr.hessian(f))(np.zeros(2))

    np.testing.assert_array_equal(third(lambda x: linalg.norm(x) ** 2), 0)
    np.testing.assert_array_equal(third(lambda x: np.square(np.std(x))), 0)
    mixed = cr.grad(lambda w: cr.hessian(lambda x: w**2 * linalg.norm(x) ** 2)(np.zeros(2))[0, 0])
    assert mixed(3.0) == 12.0
    with pytest.raises(GradientError, match="third derivative"):
        third(lambda x: linalg.norm(x) ** 3)  # it has none


@pytest.mark.parametrize(
    "f", [lambda x: linalg.norm(x) * linalg.norm(2 * x), lambda x: linalg.norm(x) * np.std(x)], ids=["norms", "std"]
)
def test_two_norms_that_are_both_zero_have_no_second_derivative_here(f):
    """The first has Hessian 4 I, the second none; the rules cannot tell, so it is an error and no wrong number."""
    np.testing.assert_array_equal(cr.grad(f)(np.zeros(2)), 0)
    with pytest.raises(GradientError, match=r"product of two norms.*np\.sum\(x \* x\)"):
        cr.hessian(f)(np.zeros(2))


def test_norms_of_different_vectors_may_both_be_zero():
    second = cr.hessian(lambda x, y: linalg.norm(x) ** 2 + linalg.norm(y) ** 2, (0, 1))(np.zeros(2), np.zeros(2))
    np.testing.assert_array_equal(second[0][0], 2 * np.eye(2))
    np.testing.assert_array_equal(second[0][1], 0)


def test_squared_norm_of_complex_numbers_at_zero():
    z = np.zeros(2, complex)
    gradient = cr.grad(lambda z: linalg.norm(z) ** 2)
    np.testing.assert_array_equal(gradient(z), 0)
    np.testing.assert_array_equal(cr.jvp(gradient, (z,), (np.array([1.0, 1j]),))[1], [2.0, 2j])


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize(
    "x", [np.zeros((2, 3)), np.ones((2, 2)), np.diag([1.0, 2.0])], ids=["zero", "ones", "diagonal"]
)
def test_norms_of_matrices_at_zeros_and_ties_have_pytorchs_gradient(order, x):
    (expected,) = torch_grad(lambda x: torch.linalg.matrix_norm(x, "fro" if order is None else order), x)
    if order in (-2, "nuc") and np.all(x == 1):  # a singular vector of 0 is any sign, so is its part of the gradient
        grad = cr.grad(lambda x: linalg.norm(x, order))(x)
        part = np.full((2, 2), 0.5) if order == "nuc" else 0
        np.testing.assert_allclose(np.abs(grad - part), np.full((2, 2), 0.5), atol=1e-12)
        return
    np.testing.assert_allclose(cr.grad(lambda x: linalg.norm(x, order))(x), expected, atol=1e-14)


def test_condition_numbers_of_singular_matrices_are_numpys():
    x = np.stack([np.diag([2.0, 0.0]), np.diag([1.0, 4.0])])
    for p in (None, 2, "fro", 1, np.inf):
        value, pullback = cr.vjp(lambda x, p=p: linalg.cond(x, p), x)
        np.testing.assert_allclose(value, linalg.cond(x, p))
        (grad,) = pullback(np.ones(2))
        np.testing.assert_array_equal(grad[0], 0)
        assert np.any(grad[1] != 0)


def test_rank_is_an_integer_without_a_gradient():
    x = cr.variable(np.diag([1.0, 2.0, 0.0]))
    assert linalg.matrix_rank(x) == 2
    assert linalg.matrix_rank(x, rtol=0.9, hermitian=True) == 1
    grad = cr.grad(lambda x: np.sum(x) * linalg.matrix_rank(x))(np.diag([1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(grad, 2.0)


# Singular matrices -----------------------------------------------------------------------------------------------


def test_det_of_singular_complex_matrices_has_pytorchs_derivatives():
    z = np.outer([1.0 + 1j, 2.0, 0.0], [1.0, -1j, 0.5])

    def f(xp, z):
        return xp.abs(xp.linalg.det(z) + 1) ** 2 + xp.real(xp.linalg.det(z))

    (expected,) = torch_grad(lambda z: f(torch, z), z)
    np.testing.assert_allclose(cr.grad(lambda z: f(np, z))(z), expected, atol=1e-14)


def test_slogdet_of_a_singular_matrix_has_no_derivative_unless_it_is_masked_out():
    x = np.stack([np.zeros((2, 2)), np.diag([2.0, 4.0])])
    with pytest.raises(GradientError, match=r"np\.linalg\.det"):
        cr.grad(lambda x: np.sum(linalg.slogdet(x).logabsdet))(x)
    grad = cr.grad(lambda x: np.sum(np.where([False, True], linalg.slogdet(x).logabsdet, 0.0)))(x)
    np.testing.assert_array_equal(grad, [np.zeros((2, 2)), np.diag([0.5, 0.25])])


@pytest.mark.parametrize("f", [linalg.inv, lambda x: linalg.solve(x, np.ones(2)), linalg.cholesky])
def test_a_matrix_without_inverse_is_numpys_own_error(f):
    with pytest.raises(np.linalg.LinAlgError):
        cr.grad(lambda x: np.sum(f(x)))(np.zeros((2, 2)))


# Least squares ---------------------------------------------------------------------------------------------------

DEFICIENT = np.array([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])


def test_least_squares_of_a_matrix_without_full_rank_has_the_gradient_at_constant_rank():
    b = WEIGHTS[:, 0]
    x, residuals, rank, _ = linalg.lstsq(cr.variable(DEFICIENT), b)
    assert (rank, type(rank), residuals.shape, x.shape) == (1, np.int32, (0,), (2,))

    def along(t):  # a way along which the rank stays 1
        return np.outer([1.0 + t, 2.0, -1.0 + t], [1.0, 2.0 - 3 * t])

    slope = cr.grad(lambda t: linalg.lstsq(along_of(t), b)[0][0])
    along_of = lambda t: np.stack([1.0 + t, 2.0 + 0 * t, -1.0 + t])[:, None] * np.stack([1.0 + 0 * t, 2.0 - 3 * t])  # noqa: E731
    expected = (linalg.lstsq(along(1e-6), b)[0][0] - linalg.lstsq(along(-1e-6), b)[0][0]) / 2e-6
    np.testing.assert_allclose(slope(0.0), expected, rtol=1e-7)


def test_pinv_of_a_matrix_without_full_rank_has_pytorchs_gradient():
    w = WEIGHTS[:2]
    (expected,) = torch_grad(lambda x: torch.sum(torch.linalg.pinv(x) * tensor(w)), DEFICIENT)
    np.testing.assert_allclose(
        cr.grad(lambda x: np.sum(linalg.pinv(x) * w))(DEFICIENT), expected, rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("options", [{}, {"rcond": 1e-3}, {"rtol": 1e-3}, {"rtol": None}], ids=repr)
def test_pinv_drops_the_singular_values_that_numpy_drops(options):
    x = np.diag([1.0, 1e-4, 1e-15])
    np.testing.assert_array_equal(linalg.pinv(cr.variable(x), **options).value, linalg.pinv(x, **options))


@pytest.mark.parametrize("rcond", [lambda b: np.array(1e-10), lambda b: b[0] * 1e-10, lambda b: np.float64(1e-10)])
def test_the_threshold_of_a_fit_may_be_an_array_without_axes_or_recorded(rcond):
    A, b = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 2.0, 4.0])
    weights = np.array([1.0, -2.0])
    solved = lambda b: weights @ np.linalg.lstsq(A, b, rcond=rcond(b))[0]  # noqa: E731
    fitted = lambda b: weights @ np.polyfit(A[:, 0], b, 1, rcond=rcond(b))  # noqa: E731
    np.testing.assert_allclose(cr.grad(solved)(b), np.linalg.pinv(A).T @ weights, rtol=1e-12)
    powers = np.stack([A[:, 0], np.ones(3)], axis=1)
    np.testing.assert_allclose(cr.grad(fitted)(b), np.linalg.pinv(powers).T @ weights, rtol=1e-12)
    for f in (solved, fitted):
        assert f(b) == cr.value_and_grad(f)(b)[0]
    with pytest.raises(BlockError, match="one number"):
        cr.grad(lambda b: np.linalg.lstsq(A, b, rcond=np.full(1, 1e-10))[0][0])(b)


def test_lstsq_of_few_right_sides_only_is_recorded():
    a, b = WEIGHTS[:, :2], cr.variable(WEIGHTS[:, 2])
    x, residuals, rank, s = linalg.lstsq(a, b)
    for mine, theirs in zip((x.value, residuals.value, rank, s), linalg.lstsq(a, WEIGHTS[:, 2]), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# QR --------------------------------------------------------------------------------------------------------------


def test_qr_of_columns_that_depend_on_each_other_is_an_error():
    with pytest.raises(GradientError, match="depend on each other"):
        cr.grad(lambda x: np.sum(linalg.qr(x).Q))(DEFICIENT)


def test_columns_of_q_that_complete_a_basis_have_no_gradient():
    x = WEIGHTS[:, :2]
    q, r = linalg.qr(cr.variable(x), mode="complete")
    np.testing.assert_array_equal(q.value, linalg.qr(x, mode="complete").Q)
    np.testing.assert_array_equal(r.value, linalg.qr(x, mode="complete").R)
    with pytest.raises(GradientError, match="any basis"):
        cr.grad(lambda x: np.sum(linalg.qr(x, mode="complete").Q * WEIGHTS))(x)


def test_qr_in_lapacks_raw_form_says_what_to_use():
    with pytest.raises(BlockError, match="reduced"):
        linalg.qr(cr.variable(WEIGHTS), mode="raw")


# Small and empty -------------------------------------------------------------------------------------------------

SQUARE = {
    "inv": linalg.inv,
    "det": linalg.det,
    "slogdet": lambda x: linalg.slogdet(x)[1],
    "sign of slogdet": lambda x: linalg.slogdet(x)[0],
    "cholesky": linalg.cholesky,
    "eigh": linalg.eigh,
    "eigvalsh": linalg.eigvalsh,
    "eig": linalg.eig,
    "eigvals": linalg.eigvals,
    "matrix_power": lambda x: linalg.matrix_power(x, 3),
    "solve": lambda x: linalg.solve(x, np.ones((*x.shape[:-2], x.shape[-1], 2))),
    "expm": cr.expm,
    "logm": cr.logm,
    "sqrtm": cr.sqrtm,
    "solve_triangular": lambda x: cr.solve_triangular(x, np.ones((x.shape[-1], 2))),
}
ANY = {
    "svd": linalg.svd,
    "svd reduced": lambda x: linalg.svd(x, full_matrices=False),
    "svdvals": linalg.svdvals,
    "qr": linalg.qr,
    "qr complete": functools.partial(linalg.qr, mode="complete"),
    "qr r": lambda x: linalg.qr(x, "r"),
    "pinv": linalg.pinv,
    "norm": lambda x: linalg.norm(x, axis=(-2, -1)),
    "nuclear norm": lambda x: linalg.norm(x, "nuc", axis=(-2, -1)),
    "trace": linalg.trace,
}
WITH_GRADIENT = {linalg.svd: linalg.svdvals, ANY["qr complete"]: linalg.qr}
"""What stands for a function whose result has parts without a gradient."""


@pytest.mark.parametrize(
    ("f", "shape"),
    [(f, shape) for f in SQUARE.values() for shape in [(1, 1), (0, 0), (0, 2, 2), (2, 0, 1, 1), (2, 0, 0)]]
    + [
        (f, shape)
        for f in ANY.values()
        for shape in [(1, 1), (1, 3), (3, 1), (0, 0), (0, 2), (2, 0), (0, 2, 3), (2, 0, 3)]
    ],
    ids=[f"{name} {shape}" for name in SQUARE for shape in [(1, 1), (0, 0), (0, 2, 2), (2, 0, 1, 1), (2, 0, 0)]]
    + [f"{name} {s}" for name in ANY for s in [(1, 1), (1, 3), (3, 1), (0, 0), (0, 2), (2, 0), (0, 2, 3), (2, 0, 3)]],
)
@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_small_and_empty_matrices_give_what_numpy_gives_and_a_gradient_of_their_shape(f, shape, dtype):
    x = np.full(shape, 2.5, dtype)
    expected = f(x)
    result = f(cr.variable(x))
    assert type(result) is type(expected) or not isinstance(expected, tuple)
    leaves = zip(result, expected, strict=True) if isinstance(expected, tuple) else [(result, expected)]
    for mine, theirs in leaves:
        assert (mine.shape, mine.dtype) == (np.shape(theirs), theirs.dtype)
        np.testing.assert_allclose(mine.value, theirs, rtol=1e-6)
        grad = cr.grad(lambda x, f=WITH_GRADIENT.get(f, f), theirs=theirs: _total(f(x), theirs))(x)
        assert (grad.shape, grad.dtype) == (x.shape, x.dtype)
        assert np.all(np.isfinite(grad))


def _total(result, like):
    """A real loss that does not depend on phases."""
    parts = result if isinstance(result, tuple) else (result,)
    return sum(np.sum(np.abs(part) ** 2) for part in parts if part.shape == np.shape(like)) + 0.0


@pytest.mark.parametrize("f", [linalg.svdvals, linalg.eigh, linalg.qr, cr.expm], ids=lambda f: f.__name__)
def test_a_vector_is_numpys_own_error(f):
    with pytest.raises((ValueError, ChainruleError)):
        f(cr.variable(np.ones(3)))


# SciPy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "instead"),
    [
        *((f, f"cr.{f}") for f in ("expm", "logm", "sqrtm", "cho_factor", "block_diag")),
        *((f, f"np.linalg.{f}") for f in ("inv", "det", "pinv", "cholesky", "eigh", "eigvals", "svd", "qr", "norm")),
    ],
)
def test_scipys_own_functions_name_what_to_call_instead(function, instead):
    with pytest.raises(RecordingError, match=instead.replace(".", r"\.")) as caught:
        getattr(scipy.linalg, function)(cr.variable(np.eye(2)))
    assert "test_linalg.py" in str(caught.value)


@pytest.mark.parametrize("function", ["solve_triangular", "solve", "cho_solve", "solve_sylvester"])
def test_scipys_own_solvers_name_what_to_call_instead(function):
    x = cr.variable(np.eye(2))
    arguments = {"solve_sylvester": (x, x, x), "cho_solve": ((x, True), x)}.get(function, (x, x))
    with pytest.raises(RecordingError, match=f"{'np.linalg' if function == 'solve' else 'cr'}.{function}"):
        getattr(scipy.linalg, function)(*arguments)


# Functions of matrices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [cr.expm, cr.logm, cr.sqrtm, cr.block_diag], ids=lambda f: f.__name__)
def test_values_of_matrix_functions_are_scipys(f):
    x = WEIGHTS @ WEIGHTS.T + EYE
    np.testing.assert_allclose(f(x), getattr(scipy.linalg, f.__name__)(x), rtol=1e-12)


def test_functions_of_a_defective_matrix_have_their_derivative():
    """Of a Jordan block, where a formula with eigenvectors breaks down. The gradient of tr(C f(x)) by differences."""
    x = np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]])
    for f in (cr.expm, cr.logm, cr.sqrtm):
        loss = lambda x, f=f: np.sum(f(x) * WEIGHTS)  # noqa: E731
        np.testing.assert_allclose(cr.grad(loss)(x), slopes(loss, x, 1e-5), rtol=1e-6, atol=1e-7)


def test_logarithm_and_root_of_a_matrix_with_a_negative_eigenvalue_are_complex_with_a_real_gradient():
    x = np.array([[-1.0, 0.3], [0.2, 2.0]])
    for f in (cr.logm, cr.sqrtm):
        loss = lambda x, f=f: np.sum(np.real(f(x)) * WEIGHTS[:2, :2] + np.imag(f(x)) * WEIGHTS[1:, 1:])  # noqa: E731
        assert np.iscomplexobj(f(x))
        np.testing.assert_allclose(cr.grad(loss)(x), slopes(loss, x), rtol=1e-6, atol=1e-8)


def test_root_of_a_singular_matrix_has_no_derivative():
    with pytest.raises(GradientError, match="singular"):
        cr.grad(lambda x: np.sum(cr.sqrtm(x)))(np.diag([1.0, 0.0]))


def test_a_large_cotangent_does_not_cost_the_exponential_its_precision():
    grad = cr.vjp(cr.expm, WEIGHTS)[1]
    np.testing.assert_allclose(grad(1e200 * EYE)[0] / 1e200, grad(EYE)[0], rtol=1e-12)


# einsum ----------------------------------------------------------------------------------------------------------


def test_einsum_of_sublists_sorts_its_result_by_the_integers():
    x = RNG.normal(size=(2, 3))
    for labels in ([0, 1], [30, 2], [1, 0]):
        np.testing.assert_array_equal(np.einsum(cr.variable(x), labels).value, np.einsum(x, labels))


def test_einsum_path_of_recorded_arrays_is_that_of_their_values():
    x = np.ones((2, 2))
    assert np.einsum_path("ij,jk,kl", *[cr.variable(x)] * 3) == np.einsum_path("ij,jk,kl", x, x, x)


def test_no_warning_of_a_division_by_zero_comes_out_of_a_rule():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.grad(lambda x: np.sum(linalg.eigvalsh(x)) + np.sum(linalg.svdvals(x)))(np.zeros((3, 3)))


@pytest.mark.parametrize(
    "x", [[[1.0, 2.0, 0.0], [3.0, 4.0, 1.0], [0.5, 0.2, 7.0]], [[0.0, -1, 0], [1, 0, 0], [0.3, 0.2, 2]]]
)
def test_real_eigenvectors_beside_complex_ones_have_no_phase(x):
    """NumPy from 2.5 on gives complex arrays for real matrices too, whatever the eigenvalues are."""

    def loss(x):
        values, vectors = np.linalg.eig(x)
        k = int(np.argmax(np.real(values)))
        return np.sum(np.real(vectors[:, k]) * np.array([1.0, 2.0, 3.0])) + np.real(values[k])

    report = cr.check(loss)(np.array(x))
    assert report.ok, report
