"""cr.compile(f, engine="jax"): what comes in and out, what is compiled in, what is checked, and its errors."""

import copy
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import chainrule as cr
from chainrule.blocks.convolution import convolution, convolution_kernel, convolution_transpose
from chainrule.errors import BlockError, EngineError, GradientError, RecordingError


def by_jax(f, **how):
    return cr.compile(f, engine="jax", **how)


def mean_square(w, X, y):
    return np.mean((X @ w - y) ** 2)


W, X, Y = np.arange(3.0), np.arange(12.0).reshape(4, 3) / 7, np.ones(4)

# Arguments and results -------------------------------------------------------------------------------------------


def test_numpys_arrays_give_numpys_arrays_in_their_precision():
    assert not jax.config.jax_enable_x64
    for dtype in (np.float64, np.float32):
        found = by_jax(cr.grad(mean_square))(*(x.astype(dtype) for x in (W, X, Y)))
        assert type(found) is np.ndarray
        assert found.dtype == dtype
        found[0] = 1.0  # it may be written into
    assert type(by_jax(mean_square)(W, X, Y)) is np.float64


def test_jaxs_arrays_give_jaxs_arrays():
    found = by_jax(cr.grad(mean_square))(*(jnp.asarray(x, dtype="float32") for x in (W, X, Y)))
    assert isinstance(found, jax.Array)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, cr.grad(mean_square)(W, X, Y), rtol=1e-5)


def test_double_precision_beside_jaxs_arrays_is_not_lost_without_notice():
    f = by_jax(mean_square)
    w = jnp.asarray(W, dtype="float32")
    with pytest.raises(EngineError, match=r"argument X of mean_square is of float64.*jax_enable_x64"):
        f(w, X, Y)
    with jax.enable_x64(True):
        assert f(jnp.asarray(W), X, Y).dtype == np.float64
    with pytest.raises(EngineError, match="32 bits do not hold"):
        by_jax(lambda n, w: w * n)(np.array([2**40]), w)
    assert by_jax(lambda n, w: w * n)(np.array([2]), w)[1] == 2


def test_a_dtype_that_is_not_numpys_is_an_error():
    x = X.astype(np.float32)
    with pytest.raises(RecordingError, match="float64 by NumPy, and of float32 by JAX"):
        by_jax(lambda x: x * np.sqrt(2))(x)
    assert by_jax(lambda x: x * np.float32(np.sqrt(2)))(x).dtype == np.float32
    assert by_jax(lambda x: x * np.sqrt(2))(jnp.asarray(x)).dtype == np.float32


def test_trees_names_and_results_that_are_no_arrays():
    f = by_jax(lambda p, n, scale, kind: {"z": p["w"] * n, "s": scale * p["b"], "n": n, "kind": kind, "none": None})
    found = f({"w": np.ones(2), "b": 2.0}, 3, scale=np.float64(4.0), kind="a")
    np.testing.assert_array_equal(found.pop("z"), [3.0, 3.0])
    assert found == {"s": 8.0, "n": 3, "kind": "a", "none": None}


def test_integers_and_strings_are_compiled_in():
    f = by_jax(lambda x, n, up: x**n if up == "up" else x / n)
    assert [float(f(2.0, n, up)) for n, up in ((3, "up"), (2, "up"), (2, "down"))] == [8.0, 4.0, 1.0]
    assert "3 program(s)" in repr(f)


def test_many_integers_bring_a_warning():
    f = by_jax(lambda x, n: x * n)
    for n in range(7):
        f(2.0, n)
    with pytest.warns(UserWarning, match="for 8 values of an integer"):
        f(2.0, 7)
    assert f(2.0, np.asarray(9)) == 18.0


def test_a_copy_compiles_anew():
    f = copy.deepcopy(by_jax(lambda x, y: x * y, donate="x"))
    np.testing.assert_array_equal(f(W, W), W**2)


def test_under_gradients_of_both_sides():
    f = by_jax(lambda x: np.sum(x**3))
    np.testing.assert_allclose(cr.grad(f)(W), 3 * W**2)
    np.testing.assert_allclose(jax.grad(f)(jnp.asarray(W, dtype="float32")), 3 * W**2)


def test_numpys_memory_is_not_overwritten_and_jaxs_is():
    step = by_jax(lambda w, g: w - g, donate="w")
    w = np.zeros(1 << 12)
    np.testing.assert_array_equal(step(w, np.ones(1 << 12)), -1.0)
    assert not w.any()
    w = jnp.zeros(1 << 12)
    step(w, jnp.ones(1 << 12))
    assert w.is_deleted()


class Line:
    def __init__(self, slope):
        self.slope = slope
        self.offset = np.array([1.0, 2.0])

    @cr.compile(engine="jax", donate="x")
    def at(self, x):
        return self.slope * x + self.offset

    @cr.compile(engine="jax")
    def moved(self, x):
        self.offset = x
        return x

    @cr.compile(engine="jax")
    @staticmethod
    def twice(x):
        return x * 2


def test_methods_take_the_attributes_of_their_object_as_arguments():
    line = Line(2.0)
    np.testing.assert_array_equal(line.at(3.0), [7, 8])
    line.slope, line.offset = 5.0, np.array([0.5, 0.0])
    np.testing.assert_array_equal(line.at(3.0), [15.5, 15])
    np.testing.assert_array_equal(Line.at(line, x=1.0), [5.5, 5])
    np.testing.assert_array_equal(copy.copy(Line.at)(line, 1.0), [5.5, 5])
    assert cr.grad(lambda x: np.sum(line.at(x)))(3.0) == 10
    assert line.twice(3.0) == Line.twice(3.0) == 6


def test_a_method_that_changes_its_object_is_refused():
    with pytest.raises(RecordingError, match=r"moved changes self\.offset"):
        Line(1.0).moved(2.0)


def test_source_and_memory_need_a_first_call():
    f = by_jax(mean_square)
    with pytest.raises(cr.errors.ChainruleError, match="has not been called"):
        f.source()
    f(W, X, Y)
    assert f.source().startswith("HloModule")
    assert f.memory() >= 0


# Values that are not known ---------------------------------------------------------------------------------------


def branching(x):
    total = np.sum(x)
    if total > 0:
        return total
    return -total


def test_a_branch_on_values_names_its_line_and_what_to_write():
    with pytest.raises(RecordingError, match=r"(?s)branching cannot be compiled.*if total > 0:.*np\.where") as raised:
        by_jax(branching)(W)
    assert "cr.compile(f) compiles each path" in str(raised.value)
    assert by_jax(lambda x: np.where(np.sum(x) > 0, np.sum(x), -np.sum(x)))(-W) == 3.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * int(np.sum(x)),
        lambda x: [x for _ in range(np.argmax(x))],
        lambda x: x[x > 1],
        lambda x: x.value * x,
        lambda x: x * float(f"{np.max(x):.1f}"),
    ],
    ids=["int", "range", "mask", "value", "text"],
)
def test_other_reads_of_values_are_errors(f):
    with pytest.raises(RecordingError, match="only shapes and dtypes are known"):
        by_jax(f)(W)


def test_random_numbers_are_refused():
    with pytest.raises(RecordingError, match="it drew random numbers"):
        by_jax(lambda x: x * np.random.normal())(W)
    counter = iter(range(9))
    with pytest.raises(RecordingError, match="two runs differ"):
        by_jax(lambda x: x * next(counter))(W)


def classifier(W, X, label):
    return np.mean(cr.softmax_cross_entropy(X @ W, label))


def test_labels_are_checked_on_each_run():
    f = by_jax(cr.value_and_grad(classifier))
    W, label = np.ones((3, 2)), np.array([0, 1, 1, 0])
    for given in (label, np.where(label == 0, -100, 1), label):
        value, gradient = f(W, X, given)
        expected = cr.value_and_grad(classifier)(W, X, given)
        assert value == pytest.approx(expected[0], rel=1e-14)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-14)
    with pytest.raises(BlockError, match="label 2 is not one of the 2 classes"):
        f(W, X, label + 1)


def test_labels_are_checked_before_arguments_are_overwritten():
    def step(W, X, label):
        return W - cr.grad(classifier)(W, X, label)

    f = by_jax(step, donate="W")
    W, x, label = (jnp.asarray(a, dtype="float32") for a in (np.ones((3, 2)), X, np.array([0, 1, 1, 0])))
    label = label.astype(int)
    expected = step(np.ones((3, 2)), X, np.array([0, -100, 1, 0]))
    with pytest.raises(BlockError, match="label 2 is not"):
        f(W, x, label + 1)
    np.testing.assert_allclose(f(W, x, label.at[1].set(-100)), expected, rtol=1e-5)
    assert W.is_deleted()


def test_where_a_norm_is_zero_its_square_has_a_second_derivative():
    f = by_jax(cr.hessian(lambda x: np.linalg.norm(x) ** 2))
    for x in (np.ones(2), np.zeros(2)):
        np.testing.assert_allclose(f(x), 2 * np.eye(2), atol=1e-12)


def test_singular_matrices_and_zeros_in_products():
    for f in (cr.grad(lambda x: np.linalg.det(x)), cr.grad(lambda x: np.sum(np.prod(x, axis=0)))):
        compiled = by_jax(f)
        for x in (np.eye(3) + 0.5, np.ones((3, 3)), np.eye(3)):
            np.testing.assert_allclose(compiled(x), f(x), atol=1e-12)


def test_inside_another_program_of_jaxs_another_path_is_nan():
    f = by_jax(classifier)
    x, W = jnp.asarray(X, dtype="float32"), jnp.ones((3, 2))
    inside = jax.jit(lambda label: f(W, x, label))
    assert inside(jnp.array([0, 1, 1, 0])) == pytest.approx(np.log(2))
    assert np.isnan(inside(jnp.array([0, 1, 2, 0])))


# Errors ----------------------------------------------------------------------------------------------------------


def test_without_jax_its_engine_says_what_to_install():
    hidden = (
        "import importlib.util, chainrule as cr; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'jax' else find(name)\n"
        "cr.compile(abs, engine='jax')"
    )
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert 'ImportError: cr.compile(f, engine="jax") needs JAX: pip install "chainrule[jax]"' in done.stderr


def test_what_the_engine_does_not_know():
    P = jax.sharding.PartitionSpec
    mesh = jax.make_mesh((1,), ("data",))
    with pytest.raises(EngineError, match="no engine 'tpu'"):
        cr.compile(mean_square, engine="tpu")
    with pytest.raises(EngineError, match='write engine="jax" too'):
        cr.compile(mean_square, mesh=mesh)
    with pytest.raises(GradientError, match="no argument 'Z'; its arguments are w, X, y"):
        by_jax(mean_square, shardings={"Z": P("data")}, mesh=mesh)
    with pytest.raises(GradientError, match="no argument 'Z'"):
        by_jax(mean_square, donate="Z")
    with pytest.raises(EngineError, match=r"there is none; write mesh=jax\.make_mesh"):
        by_jax(mean_square, shardings={"X": P("data")})
    with pytest.raises(EngineError, match="names the axis 'model'; the mesh has data"):
        by_jax(mean_square, shardings={"X": P("model")}, mesh=mesh)
    with pytest.raises(EngineError, match=r"is a PartitionSpec of axes of the mesh.*not 'data'"):
        by_jax(mean_square, shardings={"X": "data"}, mesh=mesh)
    with pytest.raises(EngineError, match="shardings is a dict"):
        by_jax(mean_square, shardings=P("data"), mesh=mesh)
    with pytest.raises(EngineError, match="has 1 axes"):
        by_jax(mean_square, shardings={"y": P(None, "data")}, mesh=mesh)(*(x.astype("float32") for x in (W, X, Y)))
    with pytest.raises(RecordingError, match="an argument of type Generator cannot be compiled"):
        by_jax(lambda rng: rng)(np.random.default_rng(0))
    with pytest.raises(RecordingError, match=r"write cr\.compile"):
        cr.compile(mean_square)(jnp.asarray(W), X, Y)


# Convolution -----------------------------------------------------------------------------------------------------


def test_convolution_and_its_derivatives_are_xlas_own():
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in [(2, 4, 6, 7), (6, 2, 3, 2)])

    def loss(x, w):
        return np.sum(np.tanh(cr.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)))

    gradients = cr.compile(cr.grad(loss, argnums=(0, 1)), engine="jax")
    for actual, expected in zip(gradients(x, w), cr.grad(loss, argnums=(0, 1))(x, w), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert gradients.source().count(" convolution(") == 3


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_three_maps_of_convolution_are_numpys(n):
    rng = np.random.default_rng(n)
    for groups in (1, 3):
        size, kernel, stride, dilation = (
            tuple(map(int, rng.integers(low, high, n))) for low, high in [(4, 7), (1, 4), (1, 4), (1, 3)]
        )
        how = {"stride": stride, "dilation": dilation, "padding": tuple((1, 2) for _ in range(n)), "groups": groups}
        x = rng.normal(size=(2, 2 * groups, *size)) + 1j * rng.normal(size=(2, 2 * groups, *size))
        w = rng.normal(size=(3 * groups, 2, *kernel))
        with jax.enable_x64(True):
            z = convolution(x, w, **how)
            for block, first, second, params in [
                (convolution, x, w, how),
                (convolution_transpose, z, w, {"size": size, **how}),
                (convolution_transpose, z.real, w * 1j, {"size": size, **how}),
                (convolution_kernel, x, z.real, {"kernel": kernel, **how}),
            ]:
                expected = block.forward(np, first, second, **params)
                actual = block.forward(jnp, jnp.asarray(first), jnp.asarray(second), **params)
                np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
                assert actual.dtype == expected.dtype


@pytest.mark.parametrize(
    ("f", "block"),
    [
        (lambda x: np.mean(x > 0) * x, "mean"),
        (lambda x: np.std(x > 0) * x, "std"),
        (lambda x: np.exp(x > 0) * x, "exp"),
        (lambda x: np.sqrt(np.argsort(x).astype(np.int32)) * x, "sqrt"),
        (lambda x: np.astype(x.astype(np.float32) * np.float64(0.1), float) * x, "multiply"),
        (cr.value_and_grad(lambda x: np.sum(np.mean(x > 0) * x**2)), "mean"),
    ],
)
def test_a_step_in_less_precision_than_numpys_is_refused_with_its_line(f, block):
    with pytest.raises(RecordingError, match=rf"computes {block} in float.* by NumPy, and in float32 by JAX(?s:.)*at "):
        cr.compile(f, engine="jax")(np.array([1.5, -0.2, 0.7]))


def test_truths_with_a_dtype_and_steps_that_are_short_by_numpy_too_are_compiled():
    x = np.array([1.5, -0.2, 0.7])
    for f in (lambda x: np.mean((x > 0).astype(float)) * x, lambda x: np.sum(x.astype(np.float32) / 3) * x):
        np.testing.assert_allclose(cr.compile(f, engine="jax")(x), f(x), rtol=1e-7)


def test_results_of_truths_have_numpys_dtype_or_are_refused():
    truths = np.array([True, False, True])
    for f in (np.prod, np.mean, np.std, lambda x: np.clip(x, 0, 1), lambda x: x**2):
        with pytest.raises(RecordingError, match="by NumPy"):
            cr.compile(f, engine="jax")(truths)
    assert cr.compile(np.sum, engine="jax")(truths) == 2


def test_a_function_that_writes_into_its_argument_is_refused():
    def f(x):
        x[0] = 9.0
        return np.sum(x)

    with pytest.raises(RecordingError, match=r"writes into its argument.*x\.copy"):
        cr.compile(f, engine="jax")(np.ones(3))


@pytest.mark.parametrize("f", [np.max, np.min, lambda x: np.sum(np.max(x, axis=1)), lambda x: np.ptp(x)])
def test_the_gradient_of_an_extreme_that_is_nan_is_nan_where_xla_would_make_zeros(f):
    x = np.array([[1.0, np.nan, 3.0], [1.0, 2.0, 2.0]])
    with np.errstate(invalid="ignore"):
        expected = cr.grad(f)(x)
    np.testing.assert_array_equal(cr.compile(cr.grad(f), engine="jax")(x), expected)
    x = np.nan_to_num(x)
    np.testing.assert_array_equal(cr.compile(cr.grad(f), engine="jax")(x), cr.grad(f)(x))


@pytest.mark.parametrize("f", [lambda x: np.sum(np.abs(x) ** 2), lambda x: np.sum(np.hypot(x, 2 * x) ** 2)])
def test_the_second_derivative_of_squared_lengths_at_zero(f):
    x = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(cr.compile(cr.hessian(f), engine="jax")(x), cr.hessian(f)(x), rtol=1e-13)
