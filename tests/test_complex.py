"""Complex numbers: every block that takes them follows PyTorch's convention, in every order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import chainrule as cr
from cases import blocks_of, tensor
from catalogue import CASES
from catalogue_networks import REAL_NETWORKS
from chainrule.errors import GradientError, RecordingError


def takes_complex(case):
    return all(block.complex for block in blocks_of(case.f(*(cr.variable(x) for x in case.arrays()))))


REAL_IN_PYTORCH = (
    "sort partition piecewise nll_loss kl_div embedding maximum.accumulate minimum.accumulate float_power cast astype "
    "hypot.reduce"
).split()
"""Cases whose function PyTorch (or NumPy) has for real numbers only."""

REAL = ("scipy.special.", "special.logsumexp", "values of scipy.special.modfresnel")


def is_real_in_pytorch(case):
    """The definitions of special functions are of real numbers; their values are tested for complex ones too."""
    return case.name.split()[0] in REAL_IN_PYTORCH + REAL_NETWORKS or case.name.startswith(REAL)


COMPLEX = [case for case in CASES if not is_real_in_pytorch(case) and takes_complex(case)]
every_case = pytest.mark.parametrize("case", COMPLEX, ids=lambda case: case.name)

Z = np.array([[1.0 + 2.0j, -0.5j, 3.0], [0.4 - 1.0j, -2.0 + 0.1j, 0.3 + 0.3j]])


def assert_close(actual, desired):
    assert np.shape(actual) == np.shape(desired)
    np.testing.assert_allclose(actual, desired, rtol=1e-9, atol=1e-10)


def cotangent(value, seed=1):
    rng = np.random.default_rng(seed)
    dz = rng.normal(size=np.shape(value))
    return np.asarray(dz + 1j * rng.normal(size=np.shape(value)) if np.iscomplexobj(value) else dz)


def project(z, dz, xp):
    """The real inner product of z and dz: a real loss whose cotangent with respect to z is dz."""
    return xp.sum(xp.real(z) * dz.real) + (xp.sum(xp.imag(z) * dz.imag) if np.iscomplexobj(dz) else 0.0)


def torch_project(z, dz):
    total = torch.sum(torch.real(z) * tensor(dz.real))
    return total + torch.sum(torch.imag(z) * tensor(dz.imag)) if np.iscomplexobj(dz) else total


def torch_gradients(loss, inputs, create_graph=False):
    if not loss.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    grads = torch.autograd.grad(loss, inputs, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    return [g.resolve_conj() for g in grads]


@every_case
@pytest.mark.parametrize("which", ["all", "first", "last"])
def test_value_and_gradients_equal_pytorch(case, which):
    """Also where only the first or the last operand is complex, so that real ones get the real part."""
    xs = case.arrays(np.complex128)
    if which == "first":
        xs = [xs[0], *(x.real.copy() for x in xs[1:])]
    if which == "last" and case.name.startswith(("set_at", "full_like")):
        pytest.skip("a real array does not hold complex numbers")
    if which == "last":
        xs = [*(x.real.copy() for x in xs[:-1]), xs[-1]]
    value = case.f(*xs)
    dz = cotangent(value)
    inputs = [tensor(x).requires_grad_() for x in xs]
    reference = case.torch(*(x.to(torch.complex128) for x in inputs))  # PyTorch does not mix dtypes everywhere
    assert_close(value, reference.resolve_conj().numpy(force=True))
    grads = cr.grad(lambda *xs: project(case.f(*xs), dz, np), tuple(range(len(xs))))(*xs)
    for grad, x, expected in zip(grads, xs, torch_gradients(torch_project(reference, dz), inputs), strict=True):
        assert grad.dtype == x.dtype
        assert_close(grad, expected.numpy())


@every_case
def test_pullback_of_a_complex_cotangent_equals_pytorch(case):
    xs = case.arrays(np.complex128)
    value, pullback = cr.vjp(case.f, *xs)
    dz = cotangent(value)
    inputs = [tensor(x).requires_grad_() for x in xs]
    z = case.torch(*inputs)
    expected = torch.autograd.grad(z, inputs, tensor(dz), materialize_grads=True, allow_unused=True)
    for grad, reference in zip(pullback(dz), expected, strict=True):
        assert_close(grad, reference.resolve_conj().numpy())


@every_case
def test_second_derivative_equals_pytorch(case):
    xs = case.arrays(np.complex128)
    every = tuple(range(len(xs)))
    dz = cotangent(case.f(*xs))
    vs = [cotangent(x, 2 + i) for i, x in enumerate(xs)]

    def slope(*xs):
        grads = cr.grad(lambda *xs: project(case.f(*xs), dz, np), every)(*xs)
        return sum(project(g, v, np) for g, v in zip(grads, vs, strict=True))

    inputs = [tensor(x).requires_grad_() for x in xs]
    firsts = torch_gradients(torch_project(case.torch(*inputs), dz), inputs, create_graph=True)
    total = sum(torch_project(g, v) for g, v in zip(firsts, vs, strict=True))
    for second, reference in zip(cr.grad(slope, every)(*xs), torch_gradients(total, inputs), strict=True):
        assert_close(second, reference.numpy(force=True))


@every_case
def test_forward_mode_is_the_transpose_of_backward_mode(case):
    xs = case.arrays(np.complex128)
    value, pullback = cr.vjp(case.f, *xs)
    dz = cotangent(value)
    tangents = [cotangent(x, 5 + i) for i, x in enumerate(xs)]
    pushed = cr.jvp(case.f, tuple(xs), tuple(tangents))[1]
    expected = sum(project(g, t, np) for g, t in zip(pullback(dz), tangents, strict=True))
    np.testing.assert_allclose(project(pushed, dz, np), expected, rtol=1e-9, atol=1e-10)


@every_case
def test_complex64_stays_complex64(case):
    xs = case.arrays(np.complex64)
    value, pullback = cr.vjp(case.f, *xs)
    assert value.dtype == case.f(*xs).dtype
    assert [g.dtype for g in pullback(np.ones_like(value))] == [x.dtype for x in xs]


# Jacobians -------------------------------------------------------------------------------------------------------


def test_jacobian_of_a_holomorphic_function_is_its_complex_derivative():
    z = Z[0]
    np.testing.assert_allclose(cr.jacobian(lambda z: np.exp(z) * z)(z), np.diag(np.exp(z) * (1 + z)))


def test_jacobian_of_a_complex_result_by_a_real_argument_keeps_its_imaginary_part():
    x = np.array([0.5, -1.0])
    np.testing.assert_allclose(cr.jacobian(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)))


def test_jacobian_of_what_is_not_holomorphic_says_what_to_write():
    with pytest.raises(GradientError, match="not holomorphic"):
        cr.jacobian(np.conj)(Z[0])


def test_jacobian_of_a_real_result_has_a_row_for_each_entry():
    z = Z[0]
    np.testing.assert_allclose(cr.jacobian(lambda z: np.abs(z) ** 2)(z), np.diag(2 * z))


# What is said of a complex loss or cotangent ---------------------------------------------------------------------


def test_a_complex_loss_is_an_error():
    with pytest.raises(GradientError, match="real loss"):
        cr.grad(np.sum)(Z)


def test_a_complex_cotangent_of_a_real_result_is_an_error():
    _, pullback = cr.vjp(np.abs, Z)
    with pytest.raises(GradientError, match="real"):
        pullback(Z)


def test_a_block_for_real_numbers_refuses_complex_ones():
    with pytest.raises(GradientError, match="complex"):
        cr.grad(lambda z: np.real(np.sum(np.max(z))))(Z)


def test_writing_complex_numbers_into_a_real_array_is_an_error():
    def loss(x, z):
        x[0] = z
        return np.sum(x)

    with pytest.raises(RecordingError, match=r"np\.real"):
        cr.grad(loss)(np.ones(3), 1j)


def set_parts(x):
    z = np.zeros(3, complex)
    z.real, z.imag[1:] = x, x[:2] ** 2
    z.imag *= 2
    z.real += x
    z[::2].real = z.imag[::-1][::2]
    z.T.imag[0] = -0.0 * x[0]
    return np.sum(abs(z) ** 3) + np.sum(z**2).imag


def set_parts_of_an_argument(z):
    w, before = z * 2, z.imag
    w.real = 3 * z.imag
    w.real[1] = before[0] ** 2
    w[1:].imag += w.real[:2]
    return np.sum(abs(w) ** 2) + np.sum(w.imag)


@pytest.mark.parametrize("call", [cr.value_and_grad, lambda f: cr.compile(cr.value_and_grad(f))])
def test_parts_of_a_complex_array_are_written_into(call):
    x = np.array([1.0, 2.0, 3.0])
    for f, at, directions in [
        (set_parts, x, np.eye(3)),
        (set_parts_of_an_argument, x + 1j * x[::-1] ** 2, [*np.eye(3), *(1j * np.eye(3))]),
    ]:
        run = call(f)
        for point in (at, at * 1.1):
            value, gradient = run(point)
            assert value == pytest.approx(f(point), rel=1e-13)
            for d in directions:
                slope = (f(point + 1e-6 * d) - f(point - 1e-6 * d)) / 2e-6
                assert np.sum(np.real(np.conj(d) * gradient)) == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_parts_keep_infinities_and_the_sign_of_zero():
    def parts(x):
        z = np.empty(2, complex)
        z.real, z.imag = x[0], x[1]
        return z, z.real, z.imag

    for x in np.array([[np.inf, -0.0], [-0.0, -np.inf], [-1.0, -0.0], [np.nan, 1.0]]):
        for found, expected in zip(cr.vjp(parts, x)[0], parts(x), strict=True):
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(np.signbit(found.real), np.signbit(expected.real))
            np.testing.assert_array_equal(np.signbit(found.imag), np.signbit(expected.imag))


def test_the_parts_of_a_number_cannot_be_set():
    def loss(z):
        w = z * 2
        w.real = 1.0
        return abs(w)

    with pytest.raises(AttributeError, match=r"z = v \+ 1j"):
        cr.grad(loss)(1j)


# Traps ---------------------------------------------------------------------------------------------------------


def test_squared_modulus_has_gradient_2z_also_at_zero():
    z = np.array([0.0, 1.0 + 2.0j])
    for f in (lambda z: np.abs(z) ** 2, lambda z: np.real(z * np.conj(z)), lambda z: z.real**2 + z.imag**2):
        np.testing.assert_array_equal(cr.grad(lambda z, f=f: np.sum(f(z)))(z), 2 * z)


def test_modulus_and_angle_at_zero_have_gradient_zero():
    z = np.zeros(2, complex)
    for f in (np.abs, np.angle, lambda z: np.real(np.sign(z))):
        assert np.all(np.isfinite(cr.grad(lambda z, f=f: np.sum(f(z)))(z)))
        np.testing.assert_array_equal(cr.grad(lambda z: np.sum(np.abs(z)))(z), 0)


def test_gradient_descent_with_the_gradient_itself_goes_downhill():
    def loss(z):
        return np.abs(np.sum(z**2) - 1j) ** 2

    z = np.array([0.3 + 0.1j, 1.0])
    assert loss(z - 0.01 * cr.grad(loss)(z)) < loss(z)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_complex_array_without_axes_stays_an_array_as_a_real_one():
    z = np.array(1 + 2j)
    assert type(cr.variable(z).astype(float).value) is np.ndarray
    compiled = cr.compile(lambda z: np.astype(z, float))
    assert [type(compiled(z)) for _ in range(3)] == [np.ndarray] * 3
    assert type(cr.variable(z[()]).astype(float).value) is np.float64
