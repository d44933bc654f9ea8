"""A user's own block: what it may be made of, several results, and errors that name the rule's line."""

import functools
import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import BlockError, ChainruleError, GradientError, RecordingError

X = np.array([1.0, -2.0, 3.0])
LINE = r"test_own_blocks\.py:\d+"


# What a block is made of -------------------------------------------------------------------------------------


class Layer:
    def __init__(self, W):
        self.W = W

    @cr.block
    def forward(self, x, *, scale=1.0):
        return scale * np.tanh(self.W @ x)

    @forward.backward
    def forward_backward(self, dz, z, x, *, scale=1.0):
        return self.W.T @ (dz * (scale - z**2 / scale))

    @cr.block
    def by_namespace(self, xp, x):
        return xp.tanh(self.W @ x)

    @by_namespace.backward("x")
    def by_namespace_backward(self, xp, dz, z, x):
        return self.W.T @ (dz * (1 - z * z))

    @cr.block
    @staticmethod
    def static(x):
        return x**3

    @static.backward
    def static_backward(dz, z, x):  # noqa: N805
        return 3 * x**2 * dz

    @staticmethod
    @cr.block
    def static_outside(x):
        return x**3

    @cr.block
    @classmethod
    def of_class(cls, x):
        return x**cls.power

    @classmethod
    @cr.block
    def of_class_outside(cls, x):
        return x**cls.power

    @property
    @cr.block
    def size(self):
        return np.sum(self.W**2)

    @cr.block
    @property
    def size_inside(self):
        return np.sum(self.W**2)

    power = 3


@pytest.mark.parametrize("name", ["forward", "by_namespace"])
def test_a_method_is_a_block_of_its_object(name):
    one, other = Layer(np.arange(9.0).reshape(3, 3) / 7), Layer(np.eye(3))

    def loss(x, plain):
        f, g = (
            lambda x, layer=layer: np.tanh(layer.W @ x) if plain else getattr(layer, name)(x) for layer in (one, other)
        )
        return np.sum(f(g(x)) ** 2)

    for transform in (cr.value_and_grad, cr.hessian, lambda f: cr.compile(cr.value_and_grad(f))):
        np.testing.assert_allclose(
            np.hstack([np.ravel(p) for p in transform(lambda x: loss(x, False))(X)]),
            np.hstack([np.ravel(p) for p in transform(lambda x: loss(x, True))(X)]),
            rtol=1e-10,
        )
    assert cr.check(lambda x: loss(x, False))(X).ok
    np.testing.assert_allclose(cr.jacobian(getattr(one, name))(X), cr.jacobian(lambda x: np.tanh(one.W @ x))(X))
    np.testing.assert_allclose(getattr(Layer, name)(one, X), np.tanh(one.W @ X))


@pytest.mark.parametrize("name", ["static", "static_outside", "of_class", "of_class_outside"])
@pytest.mark.parametrize("owner", [Layer, Layer(None)])
def test_static_and_class_methods(name, owner):
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(getattr(owner, name)(x)))(X), 3 * X**2)


@pytest.mark.parametrize("name", ["size", "size_inside"])
def test_a_property_with_its_parameters_in_self(name):
    np.testing.assert_allclose(cr.grad(lambda W: getattr(Layer(W), name))(X), 2 * X)


def test_a_recorded_array_in_self_beside_a_recorded_operand_is_an_error():
    with pytest.raises(RecordingError, match="not one of its operands"):
        cr.grad(lambda W: np.sum(Layer(W).forward(W[0])))(np.eye(3))


def test_a_function_whose_operand_is_called_self_is_an_error():
    @cr.block
    def cube(self, x):
        return self**3 + x

    with pytest.raises(BlockError, match="is called self"):
        cr.grad(lambda x: np.sum(cube(x, x)))(X)


@pytest.mark.parametrize(
    "f",
    [
        np.tanh,
        np.sum,
        np.cumsum,
        cr.relu,
        functools.partial(np.power, 2.0),
        functools.partial(lambda x, y: x * y, y=3.0),
        lambda x, b=2: x * b,
        lambda x, *, b=2: x * b,
        lambda *xs: xs[0] * 2,
        type("Cube", (), {"__call__": lambda self, x: x**3})(),
    ],
)
def test_a_block_of_a_function_of_any_kind(f):
    made = cr.block(f)
    np.testing.assert_allclose(made(X), f(X))
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(made(x) ** 2))(X), cr.grad(lambda x: np.sum(f(x) ** 2))(X))
    np.testing.assert_allclose(cr.jacobian(made)(X), cr.jacobian(f)(X))
    assert "x" in str(cr.explain(lambda x: np.sum(made(x)))(X))


@pytest.mark.parametrize("f", [np.add, np.arctan2, np.dot])
def test_a_block_of_a_function_of_two_operands(f):
    made, y = cr.block(f), np.array([0.5, 4.0, 2.0])
    for argnum in (0, 1):
        expected = cr.grad(lambda x, y: np.sum(f(x, y)), argnum)(X, y)
        np.testing.assert_allclose(cr.grad(lambda x, y: np.sum(made(x, y)), argnum)(X, y), expected)


def test_keyword_only_parameters_are_bound_as_python_does():
    @cr.block
    def scaled(x, *, scale, shift=1.0):
        return scale * x + shift

    @scaled.backward
    def scaled_backward(dz, z, x, *, scale, shift=1.0):
        return scale * dz

    np.testing.assert_allclose(cr.grad(lambda x: np.sum(scaled(x, scale=3.0)))(X), 3.0)
    np.testing.assert_allclose(cr.jacobian(lambda x: scaled(x, scale=3.0, shift=0.0))(X), 3 * np.eye(3))
    with pytest.raises(BlockError, match="misses its argument scale"):
        scaled(X)
    with pytest.raises(BlockError, match="by position"):
        scaled(X, 2.0)
    with pytest.raises(BlockError, match="does not cover the argument size="):
        scaled(X, scale=2.0, size=1)


def test_any_keyword_and_any_number_of_operands():
    @cr.block
    def poly(x, *rest, power=1, **options):
        return x**power + sum(rest) * options.get("weight", 1.0)

    loss = lambda x, y: np.sum(poly(x, y, 2 * y, power=2, weight=5.0))  # noqa: E731
    gx, gy = cr.grad(loss, (0, 1))(X, X)
    np.testing.assert_allclose(gx, 2 * X)
    np.testing.assert_allclose(gy, 15.0)
    with pytest.raises(BlockError, match="misses its argument x"):
        poly()
    with pytest.raises(BlockError, match=r"before \*rest; write it after"):
        cr.block(lambda x, scale=2.0, *rest: x)


def test_an_axis_means_what_the_user_wrote():
    @cr.block
    def total(x, axis=None):
        return np.sum(x) if axis is None else np.sum(x, axis=axis)

    np.testing.assert_allclose(cr.grad(lambda x: total(x) + np.sum(total(x, axis=0)))(np.ones((2, 3))), 2.0)


# Several results ---------------------------------------------------------------------------------------------


def plain_cell(x, h, c, scale=1.0):
    c = np.tanh(c * x) + h
    return scale * np.tanh(c) * x, c


@cr.block
def cell(x, h, c, *, scale=1.0):
    return plain_cell(x, h, c, scale)


@cell.backward
def cell_backward(dz, z, x, h, c, *, scale=1.0):
    (dh, dc), (_, new) = dz, z
    t = np.tanh(new)
    dc = dc + dh * scale * x * (1 - t**2)
    slope = 1 - np.tanh(c * x) ** 2
    return dh * scale * t + dc * slope * c, dc, dc * slope * x


cell_without_rule = cr.block(plain_cell)
STATE = X, X / 2, X / 3


@pytest.mark.parametrize("f", [cell, cell_without_rule])
def test_several_results_in_every_derivative(f):
    def loss(g):
        def of(x, h, c):
            for _ in range(2):
                h, c = g(x, h, c, scale=2.0)
            return np.sum(h**2 * c)

        return of

    assert isinstance(f(*STATE), tuple)
    for argnums in (0, 1, (0, 1, 2)):
        expected = cr.grad(loss(plain_cell), argnums)(*STATE)
        np.testing.assert_allclose(cr.grad(loss(f), argnums)(*STATE), expected, rtol=1e-10)
    for one in (0, 2):
        expected = cr.hessian(loss(plain_cell), one)(*STATE)
        np.testing.assert_allclose(cr.hessian(loss(f), one)(*STATE), expected, rtol=1e-9, atol=1e-12)
        for place in (0, 1):
            got, wanted = (cr.jacobian(lambda *s: g(*s)[place], one)(*STATE) for g in (f, plain_cell))  # noqa: B023
            np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(cr.jvp(loss(f), STATE, STATE), cr.jvp(loss(plain_cell), STATE, STATE), rtol=1e-10)
    assert cr.check(loss(f))(*STATE).ok
    compiled = cr.compile(cr.value_and_grad(loss(f), (0, 1, 2)))
    value, gradients = cr.value_and_grad(loss(plain_cell), (0, 1, 2))(*STATE)
    for _ in range(2):
        got, gots = compiled(*STATE)
        np.testing.assert_allclose(got, value, rtol=1e-10)
        np.testing.assert_allclose(gots, gradients, rtol=1e-10)
    explanation = cr.explain(loss(f))(*STATE)
    assert "cell(x, h, c" in str(explanation)
    assert explanation.html()
    exec(explanation.code("numpy"), made := {})
    coded, codeds = made["of_and_gradient"](*STATE)
    np.testing.assert_allclose(coded, value, rtol=1e-10)
    np.testing.assert_allclose(codeds, gradients, rtol=1e-8)


def test_results_keep_their_container_shapes_and_dtypes():
    @cr.block
    def f(x):
        return {"top": np.max(x), "where": np.argmax(x), "half": x.astype(np.float32), "wave": np.exp(1j * x)}

    recorded = f(cr.variable(X))
    for name, plain in f(X).items():
        assert recorded[name].dtype == plain.dtype, name
        assert recorded[name].shape == np.shape(plain), name
        np.testing.assert_array_equal(recorded[name].value, plain)

    def loss(x):
        made = f(x)
        return made["top"] * 2 + np.sum(made["half"]) + np.sum(made["wave"].imag)

    np.testing.assert_allclose(cr.grad(loss)(X), 2 * (np.max(X) == X) + 1 + np.cos(X), rtol=1e-6)


def test_results_that_are_no_arrays_are_an_error():
    @cr.block
    def f(x):
        return x, "a text"

    with pytest.raises(RecordingError, match="block f returned a tuple with an item of dtype"):
        cr.grad(lambda x: np.sum(f(x)[0]))(X)


# Rules that change or keep what they are given ---------------------------------------------------------------


def relu(write_forward, write_backward):
    @cr.block
    def f(x):
        z = x if write_forward else x.copy()
        z[z <= 0] = 0
        return z

    @f.backward
    def f_backward(dz, z, x):
        dz = dz if write_backward else dz.copy()
        dz[x <= 0] = 0
        return dz

    return f


def relu_loss(f):
    def loss(x):
        h = 2 * x
        return np.sum((f(h) + h) ** 2)

    return loss


def test_rules_that_write_into_copies_are_right():
    np.testing.assert_allclose(cr.grad(relu_loss(relu(False, False)))(X), [32, -16, 96])


@pytest.mark.parametrize("transform", [cr.grad, cr.hessian, cr.explain])
def test_a_rule_that_writes_into_its_cotangent_is_an_error_at_its_line(transform):
    with pytest.raises(ChainruleError, match=r"backward rule of block f writes[\s\S]*copy[\s\S]*dz\[x <= 0\] = 0"):
        transform(relu_loss(relu(False, True)))(X)


def test_check_blames_a_rule_that_writes_into_its_cotangent():
    report = cr.check(relu_loss(relu(False, True)))(X)
    assert not report.ok
    assert "writes into an array that it is given" in str(report)
    assert report.blame.block == "f"


def test_a_rule_that_writes_into_its_operand_is_an_error_at_its_line():
    with pytest.raises(BlockError, match=r"forward rule of block f writes[\s\S]*x = x.copy\(\)[\s\S]*z\[z <= 0\] = 0"):
        cr.grad(relu_loss(relu(True, False)))(X)


def test_a_rule_that_writes_into_a_pytorch_tensor_is_an_error():
    torch = pytest.importorskip("torch")

    @cr.block
    def f(x):
        return x.clip(0)

    @f.backward
    def f_backward(dz, z, x):
        dz[x <= 0] = 0
        return dz

    with pytest.raises(BlockError, match="writes into an array"):
        cr.grad(lambda x: (f(x) ** 2).sum())(torch.tensor(X))


def test_a_rule_may_return_its_cotangent_and_one_array_twice():
    @cr.block
    def add(x, y):
        return x + y

    @add.backward
    def add_backward(dz, z, x, y):
        return dz, dz

    gx, gy = cr.grad(lambda x, y: np.sum(add(x, y) ** 2 + add(y, x)), (0, 1))(X, X)
    np.testing.assert_allclose(gx, 4 * X + 1)
    gx[:] = 0
    np.testing.assert_allclose(gy, 4 * X + 1)


def test_a_rule_that_returns_the_same_buffers_each_time_is_right():
    result, gradient = np.empty(3), np.empty(3)

    @cr.block
    def square(x):
        np.multiply(x, x, out=result) if isinstance(x, np.ndarray) else None
        return result

    @square.backward
    def square_backward(dz, z, x):
        np.multiply(dz, 2 * x, out=gradient)
        return gradient

    np.testing.assert_allclose(cr.grad(lambda x: np.sum(square(x) * square(2 * x)))(X), 16 * X**3)


# Mistakes in a rule ------------------------------------------------------------------------------------------


def block_with(rule):
    @cr.block
    def layer(W, x):
        return W @ x

    layer.backward(rule)
    return lambda W, x: np.sum(layer(W, x))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda dz, z, W, x: (np.outer(x, dz), W.T @ dz), r"shape \(3, 2\) for operand W of shape \(2, 3\)"),
        (lambda dz, z, W, x: (np.outer(dz, x), dz), r"shape \(2,\) for operand x of shape \(3,\)"),
        (lambda dz, z, W, x: (np.outer(dz, x), 1.0), r"shape \(\) for operand x of shape \(3,\)"),
        (lambda dz, z, W, x: np.outer(dz, x), r"1 gradient\(s\), but that of operand x \(2 of 2\)"),
        (lambda dz, z, W, x: (np.outer(dz, x), W.T @ dz, None), r"3 gradients for 2 operand\(s\): W, x"),
        (lambda dz, z, W, x: None, "returned None; does it end with return"),
        (lambda dz, z, W, x: (np.outer(dz, x), np.array(["a", "b", "c"])), "dtype <U1 for operand x"),
    ],
)
def test_a_mistake_in_a_rule_names_its_line_and_the_operand(rule, message):
    with pytest.raises(GradientError, match=message) as caught:
        cr.grad(block_with(rule), (0, 1))(np.ones((2, 3)), X)
    number = inspect.getsourcelines(rule)[1]
    assert f"test_own_blocks.py:{number}" in str(caught.value)


def test_an_error_inside_a_rule_tells_the_shapes():
    def rule(dz, z, W, x):
        return np.outer(dz, x), W @ dz

    with pytest.raises(ValueError, match="matmul") as caught:
        cr.grad(block_with(rule), (0, 1))(np.ones((2, 3)), X)
    note = "\n".join(caught.value.__notes__)
    assert "in the backward rule of block layer" in note
    assert "dz of shape (2,), z of shape (2,), W of shape (2, 3), x of shape (3,)" in note


def block_that_keeps(kept, which):
    """A block whose backward rule uses what the forward rule has kept; `which` says what."""

    @cr.block
    def kept_relu(x):
        kept["x"], kept["mask"], kept["shape"] = x, x > 0, x.shape
        return np.maximum(x, 0)

    @kept_relu.backward
    def kept_relu_backward(dz, z, x):
        if which == "mask":
            return dz * kept["mask"]
        if which == "operand":
            return np.where(kept["x"] > 0, dz, 0.0)
        return dz.reshape(kept["shape"]) * (x > 0)

    return kept_relu


@pytest.mark.parametrize("which", ["mask", "operand"])
def test_a_rule_that_uses_what_its_last_call_kept_is_refused_where_the_program_runs_again(which):
    f = block_that_keeps({}, which)
    gradient = cr.grad(lambda x: np.sum(3 * f(x)))
    x = np.array([1.0, -2.0])
    np.testing.assert_array_equal(gradient(x), [3, 0])
    with pytest.raises(RecordingError, match="kept_relu uses what was kept"):
        cr.compile(gradient)(x)
    with pytest.raises(RecordingError, match="kept_relu uses what was kept"):
        cr.explain(lambda x: np.sum(3 * f(x)))(x).code()


def test_a_rule_may_keep_what_does_not_depend_on_the_numbers():
    f = block_that_keeps({}, "shape")
    compiled = cr.compile(cr.grad(lambda x: np.sum(3 * f(x))))
    for x in ([1.0, -2.0], [-1.0, 2.0], [1.0, 2.0]):
        np.testing.assert_array_equal(compiled(np.array(x)), 3.0 * (np.array(x) > 0))
