"""Python's numbers as arguments: they do not decide a dtype, and Python computes with them itself."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.array import Array
from sweeps.python_numbers import F32, OF_ONE, differences, programs, sweep


def test_value_dtype_and_type_are_those_of_plain_python_and_numpy():
    counts, found = sweep(every=5, compiled=False)
    assert not found, "\n".join(found)
    assert counts["same"] > 1500


@pytest.mark.parametrize(
    ("name", "x"),
    [
        *[("x ** 0.5", x) for x in (-0.0, -2.5)],
        *[("~(x > 1)", 2.5), ("round(x, 2)", 2.5), ("x.conjugate()", 1.5 - 2j), ("x > f32", 0.25), ("scale", 3.0)],
        *[("divmod(x, 2.0)", -2.5), ("pow(x, -0.5)", -2.5), ("mul(x, ones of float16)", 2.5)],
        *[("add(x, np.int8(3))", 2.5), ("where(x, ones of float32)", 2.5)],
    ],
)
def test_compiled_code_computes_with_pythons_numbers_as_python_does(name, x):
    assert not list(differences(dict(programs())[name], x))


def test_a_compiled_power_of_a_negative_number_is_complex_as_in_python():
    f = cr.compile(lambda x: x**0.5)
    for x in (4.0, 4.0, -4.0, -4.0, 4.0):
        assert repr(f(x)) == repr(x**0.5)


def test_where_python_refuses_a_division_by_zero_the_number_is_numpys():
    with np.errstate(divide="ignore", over="ignore"):
        assert cr.value_and_grad(lambda x: 1 / x)(0.0) == (np.inf, -np.inf)
        assert cr.value_and_grad(lambda x: x**2)(1e200) == (np.inf, 2e200)


def divided(x):
    try:
        return 1 / (x - 1)
    except ZeroDivisionError:
        return 5 * x


def raised(x):
    try:
        y = x**400.0
    except (OverflowError, ValueError) as error:
        y = len(type(error).__name__) * x
    return y


def modulo(x):
    try:
        with np.errstate(all="ignore"):
            return inverse_of(x) % (x - 1)
    except:  # noqa: E722
        return 3 * x


def inverse_of(x):
    return (x - 1) ** -1


@pytest.mark.parametrize(("f", "refused", "slope"), [(divided, 1.0, 5.0), (raised, 10.0, 13.0), (modulo, 1.0, 3.0)])
def test_an_error_of_pythons_that_the_code_catches_takes_the_branch_that_it_takes_in_python(f, refused, slope):
    assert cr.value_and_grad(f)(refused) == (f(refused), slope)
    assert cr.value_and_grad(f)(1.5)[0] == f(1.5)
    for order in ((refused,) * 4 + (1.5, 1.5, 1.5, refused), (1.5,) * 4 + (refused, refused, refused, 1.5)):
        compiled = cr.compile(cr.value_and_grad(f))
        for x in order:
            found = compiled(x)
            np.testing.assert_allclose(found[0], f(x))
            np.testing.assert_allclose(found[1], cr.grad(f)(x))


def test_code_for_one_branch_refuses_the_number_that_raises():
    exec(cr.explain(divided)(2.5).code(), made := {})
    assert made["divided_and_gradient"](2.5) == cr.value_and_grad(divided)(2.5)
    with pytest.raises((ValueError, ZeroDivisionError)):
        made["divided_and_gradient"](1.0)


def test_only_an_except_raises_the_error_not_another_block():
    def f(x):
        try:
            with np.errstate(all="ignore"):
                y = 1 / x
        finally:
            z = 2.0
        return y * z

    assert cr.value_and_grad(f)(0.0) == (np.inf, -np.inf)


def test_compiling_where_a_rule_divides_one_of_pythons_numbers_by_zero():
    compiled = cr.compile(lambda x: (x - 1) ** -1)
    with np.errstate(divide="ignore"):
        assert [compiled(x) for x in (1.0, 1.0, 1.0, 3.0)] == [np.inf, np.inf, np.inf, 0.5]


def real_parts(f):
    return lambda x: np.sum(np.real(f(x)) * 1.0)


PYTHONS_OWN = {"~(x > 1)", "(x > 1) + (x > 2)", "-(x > 1)", "(x > 1) ** -1", "round(x, 2)", "x if isinstance(x, float)"}
"""Programs that give other numbers for NumPy's."""


@pytest.mark.parametrize("name", sorted(OF_ONE.keys() - PYTHONS_OWN))
def test_the_gradient_is_that_by_a_number_of_numpy(name):
    f = real_parts(OF_ONE[name])
    for x in (2.5, -1.5, 0.25):
        if name == "x ** 0.5" and x < 0:
            continue
        gradient = cr.grad(f)(x)
        assert type(gradient) is np.float64
        np.testing.assert_allclose(gradient, cr.grad(f)(np.float64(x)), rtol=1e-6)


def loss(x, w):
    return np.sum((x * F32 - w * x) ** 2) / (x * x + 1)


def test_a_float32_computation_has_float32_results_and_a_gradient_for_each_argument_in_its_dtype():
    value, (dx, dw) = cr.value_and_grad(loss, (0, 1))(2.0, F32)
    assert type(value) is type(loss(2.0, F32)) is np.float32
    assert (type(dx), dw.dtype) == (np.float64, np.float32)
    exact = cr.value_and_grad(loss, (0, 1))(np.float64(2.0), F32.astype(float))
    np.testing.assert_allclose(value, exact[0], rtol=1e-5)
    np.testing.assert_allclose([dx, *dw], [exact[1][0], *exact[1][1]], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [cr.grad, cr.hessian, lambda f: cr.grad(cr.grad(f))])
def test_compiled_gradients_have_the_types_of_recorded_ones(make):
    f = make(lambda x: (x * x * 3 - 1 / x) * np.exp(-x))
    expected = f(2.0)
    compiled = cr.compile(f)
    for _ in range(3):
        assert type(compiled(2.0)) is type(expected)
        np.testing.assert_allclose(compiled(2.0), expected, rtol=1e-12)


def test_numbers_in_a_tree_stay_pythons_too():
    value = cr.value_and_grad(lambda p: np.sum(F32 * p["scale"] + p["shift"]))({"scale": 2.0, "shift": 1.0})[0]
    assert type(value) is np.float32


NESTED = {
    "grad": lambda f, x: cr.grad(f)(x),
    "value_and_grad": lambda f, x: cr.value_and_grad(f)(x),
    "vjp": lambda f, x: cr.vjp(f, x)[1](1.0),
    "jvp": lambda f, x: cr.jvp(f, (x,), (1.0,)),
    "jacobian": lambda f, x: cr.jacobian(f)(x),
    "hessian": lambda f, x: cr.hessian(f)(x),
    "hvp": lambda f, x: cr.hvp(f)(x, 1.0),
}


def leaves(x):
    return [leaf for part in x for leaf in leaves(part)] if isinstance(x, tuple) else [x]


@pytest.mark.parametrize("outer", NESTED)
@pytest.mark.parametrize("inner", NESTED)
@pytest.mark.parametrize("x", [2.0, np.float64(2.0)], ids=["float", "float64"])
def test_nothing_recorded_leaves_the_outermost_transform(outer, inner, x):
    def f(y):
        return sum(leaves(NESTED[inner](lambda x: x**3 * y**2 + np.power(x, y), 1.5)))

    def plain(y):  # with derivatives in closed form
        derivatives = {
            "value": lambda x: x**3 * y**2 + np.power(x, y),
            "first": lambda x: 3 * x**2 * y**2 + y * x ** (y - 1),
            "second": lambda x: 6 * x * y**2 + y * (y - 1) * x ** (y - 2),
        }
        wanted = {
            "grad": ["first"],
            "value_and_grad": ["value", "first"],
            "vjp": ["first"],
            "jvp": ["value", "first"],
            "jacobian": ["first"],
            "hessian": ["second"],
            "hvp": ["second"],
        }[inner]
        return sum(derivatives[w](1.5) for w in wanted)

    got, expected = leaves(NESTED[outer](f, x)), leaves(NESTED[outer](plain, x))
    assert not any(type(g) is Array for g in got)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_nothing_recorded_leaves_through_trees_arrays_without_axes_and_results_that_do_not_depend_on_the_argument():
    def inner(p):
        return {"a": p["w"] * p["w"] * p["s"], "b": (p["s"],)}

    def outer(y):
        given = {"w": np.array([1.0, 2.0]), "s": np.array(3.0)}
        jacobians = cr.jacobian(inner)(given)
        assert type(jacobians["a"]["w"]) is not Array
        value, pull = cr.vjp(lambda w: w * w * y, np.array([1.0, 2.0]))
        return {"y": y * np.sum(value), "pulled": pull(np.ones(2))[0], "constant": cr.grad(lambda w: w * 3.0)(1.0)}

    for y in (2.0, np.array(2.0)):
        value, pull = cr.vjp(outer, y)
        assert not any(type(v) is Array for v in (value["y"], value["pulled"], value["constant"]))
        (dy,) = pull({"y": 1.0, "pulled": np.ones(2), "constant": 0.0})
        np.testing.assert_allclose(dy, 5 * 2 * 2 + 6)
        assert type(dy) is not Array
