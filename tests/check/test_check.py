"""check: right gradients agree with every reference; what is wrong is found, and said plainly."""

import builtins
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.check import Report, check
from chainrule.errors import CheckFailed, GradientError

pytest.importorskip("torch")
pytest.importorskip("jax")

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3))
X = RNG.standard_normal((5, 3))
B = RNG.standard_normal(4)
LABELS = np.array([0, 3, 1, 1, 2])


def cross_entropy(W, X, b):
    return np.mean(cr.cross_entropy_loss(cr.softmax(X @ W.T + b), LABELS))


def layer_norm(x, scale):
    return np.sum(np.sin((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale))


def newton_root(a):
    x = a
    for _ in range(5):
        x = 0.5 * (x + a / x)
    return x


RIGHT = {
    "cross_entropy": (cross_entropy, (W, X, B)),
    "fused_cross_entropy": (lambda W, X: np.mean(cr.softmax_cross_entropy(X @ W.T, LABELS)), (W, X)),
    "hinge": (lambda W, X, b: np.mean(cr.hinge_loss(X @ W.T + b, LABELS)), (W, X, B)),
    "perceptron": (lambda W, X, b: np.sum(np.tanh(cr.relu(X @ W.T + b) @ W) ** 2), (W, X, B)),
    "layer_norm": (layer_norm, (X, RNG.standard_normal(3))),
    "attention": (lambda q, k: np.sum(cr.softmax(q @ k.T / np.sqrt(3.0)) @ k * q[:, :1]), (X, W)),
    "einsum": (lambda W, X: np.einsum("ij,kj,ik->", W, X, np.ones((4, 5))) ** 2, (W, X)),
    "indexing": (lambda X: np.sum(X[np.array([0, 0, 4])] ** 3) + X[1, 2] * X[::-1][0, 0], (X,)),
    "loop": (newton_root, (3.0,)),
    "gaussian_likelihood": (lambda x, m, s: np.sum(((x - m) / s) ** 2 / 2 + np.log(s)), (B, 0.3, 1.7)),
    "huge_and_tiny_numbers": (lambda x: np.sum(np.log(x) * x), (np.array([1e-9, 1e-3, 1.0, 1e7]),)),
    "zero_gradient": (lambda s: np.sum(cr.softmax(s)), (B,)),
    "no_influence": (lambda x, y: np.sum(x), (B, B)),
}


def column(report, reference):
    return [c for c in report.comparisons if c.reference == reference and not c.label.startswith("value")]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_agrees_with_every_reference(name):
    f, args = RIGHT[name]
    report = check(f)(*args)
    assert report.ok, report
    for reference in ("PyTorch", "JAX", "differences"):
        compared = column(report, reference)
        assert len(compared) == len(args)
        assert all(c.settled and c.verdict == "ok" for c in compared)


def test_the_table_reads_at_80_columns():
    report = check(lambda parameters: cross_entropy(**parameters))({"W": W * 1e-30, "X": X, "b": B})
    text = str(report)
    assert all(f"\n∂L/∂parameters['{name}']\n" in text for name in "WXb")
    assert all(len(line) <= 80 for line in text.split("\n"))


def test_a_report_prints_as_its_text():
    report = check(np.sin)(1.0)
    assert repr(report) == str(report)
    assert str(report).startswith("check of sin(x): every gradient agrees")
    assert "| ∂L/∂x | PyTorch |" in report._repr_markdown_()


def test_a_report_is_true_when_it_is_ok():
    report = check(np.sin)(1.0)
    assert bool(report) is report.ok is True
    assert report.raise_if_wrong() is None


def test_a_wrong_report_raises_its_own_text():
    report = check(np.sin, against=lambda x: -np.cos(x))(1.0)
    assert bool(report) is report.ok is False
    with pytest.raises(CheckFailed) as caught:
        report.raise_if_wrong()
    assert str(caught.value) == str(report)


def test_a_report_does_not_change():
    report = check(np.sin)(1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.title = "another"


# What is checked ------------------------------------------------------------------------------------------------


def gradients_of(report):
    return list(dict.fromkeys(c.label for c in report.comparisons if not c.label.startswith("value")))


@pytest.mark.parametrize(
    ("argnums", "labels"),
    [(None, ["W", "X", "b"]), (1, ["X"]), ("b", ["b"]), (("X", 0), ["W", "X"]), (-1, ["b"])],
)
def test_argnums_choose_what_is_checked(argnums, labels):
    assert gradients_of(check(cross_entropy, argnums)(W, X, B)) == labels


def test_keyword_arguments_are_checked():
    assert gradients_of(check(cross_entropy)(W, X=X, b=B)) == ["W", "X", "b"]


def test_integers_are_skipped():
    report = check(lambda x, n, label: x[label] ** n)(B, 3, np.array(1))
    assert report.ok
    assert gradients_of(report) == ["x"]


@dataclasses.dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray


class Pair(NamedTuple):
    first: Layer
    rest: list


def test_every_leaf_of_a_tree_is_checked_and_named():
    def f(p):
        return np.sum(np.tanh(X @ p.first.W.T + p.first.b)) * p.rest[0] ** p.rest[1]["n"]

    report = check(f)(Pair(Layer(W, B), [2.0, {"n": 3}]))
    assert report.ok
    assert gradients_of(report) == ["p.first.W", "p.first.b", "p.rest[0]"]


def test_an_array_is_reduced_by_random_weights():
    report = check(lambda x: {"square": x**2, "sum": (np.sum(x), 7)})(B)
    assert report.ok
    assert "fixed random weights" in str(report)
    # The same weights each time, and not all ones, under which softmax would have no gradient.
    a, b = check(cr.softmax)(B), check(cr.softmax)(B)
    assert column(a, "PyTorch")[0].ours == column(b, "PyTorch")[0].ours
    assert abs(column(a, "PyTorch")[0].ours) > 1e-3


def test_recorded_arguments_are_checked_at_their_values():
    assert check(np.sin)(cr.variable(1.0)).ok


@pytest.mark.parametrize(
    "f",
    [
        lambda S: np.linalg.eigvalsh(S)[0],
        lambda S: np.sum(np.log(np.diag(np.linalg.cholesky(S)))),
        lambda S: np.linalg.cholesky(S)[1, 0] * S[0, 1],
        lambda S: np.sum(np.abs(np.linalg.eigh(S)[1])),
    ],
)
def test_functions_of_symmetric_matrices_are_moved_along_symmetric_matrices(f):
    report = check(f)(np.array([[3.0, 0.5, 0.2], [0.5, 2.0, -0.4], [0.2, -0.4, 1.0]]))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("f", "args", "argnums", "message"),
    [
        (lambda n: n * 2, (3,), None, "no argument of .* is of a floating type"),
        (lambda x, n: x * n, (1.0, 3), "n", "argument n of .* is of type int, which has no gradient"),
        (lambda x: x, (1.0,), "y", "has no argument 'y'"),
        (lambda x, y=1.0: x * y, (1.0,), "y", "called without its argument 'y'"),
        (lambda x: np.argmax(x), (B,), None, "returns nothing of a floating type"),
    ],
)
def test_what_has_no_gradient_is_an_error(f, args, argnums, message):
    with pytest.raises(GradientError, match=message):
        check(f, argnums)(*args)


# Complex numbers ------------------------------------------------------------------------------------------------

Z = RNG.standard_normal((2, 3)) + 1j * RNG.standard_normal((2, 3))
REAL = RNG.standard_normal((2, 3))

COMPLEX = {
    "modulus_of_a_number": (lambda z: abs(z), (1 + 2j,)),
    "squared_modulus": (lambda z: np.sum(np.abs(z) ** 2), (Z,)),
    "holomorphic": (lambda z: np.exp(z) * z, (Z,)),
    "complex_result_of_a_number": (lambda z: z**3, (0.3 - 2j,)),
    "conjugate": (lambda z, w: np.conj(z) * w + np.imag(z * w) * 1j, (Z, Z[::-1])),
    "complex_of_a_real_argument": (lambda x: np.exp(1j * x), (REAL,)),
    "real_and_complex_arguments": (lambda x, z: np.sum(np.abs(x * np.conj(z) - 1j) ** 2), (REAL, Z)),
    "complex64": (lambda z: np.sum(np.abs(np.sin(z)) ** 2), (Z.astype(np.complex64),)),
    "along_directions": (lambda z: np.real(np.sum(z**2)) ** 2, (np.exp(1j * np.arange(300.0)),)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_a_right_gradient_of_complex_numbers_agrees_with_every_reference(name):
    f, args = COMPLEX[name]
    report = check(f)(*args)
    assert report.ok, report
    for reference in ("PyTorch", "JAX", "differences"):
        compared = column(report, reference)
        assert len(compared) == len(args)
        assert all(c.settled and c.verdict == "ok" for c in compared)


def test_the_conjugate_of_a_complex_gradient_is_wrong():
    """It is what JAX returns; here the gradient points uphill, as in PyTorch."""
    report = check(lambda z: np.abs(z) ** 2, against=lambda z: 2 * np.conj(z))(1 + 2j)
    wrong, why = report.findings
    assert wrong == (
        "The gradient written by hand is wrong for z at im: it gives -4, chainrule 4; "
        "PyTorch, JAX and differences agree with chainrule."
    )
    assert why.startswith("z is not ∂L/∂z: it is the conjugate of the gradient.\n  at ")
    assert "against=lambda z: 2 * np.conj(z)" in why


def test_a_block_that_forgets_the_conjugate_is_blamed():
    @cr.block
    def cube(z):
        return z**3

    @cube.backward
    def cube_backward(dz, out, z):
        return dz * 3 * z**2

    report = check(lambda z: np.sum(np.abs(cube(z))))(Z)
    assert (report.blame.block, report.blame.operand) == ("cube", "z")
    assert {c.verdict for c in column(report, "differences")} == {"WRONG"}
    worst = column(report, "PyTorch")[0]
    assert worst.part in ("re", "im")
    assert worst.place == f"[{worst.index[0]}, {worst.index[1]}] {worst.part}"
    assert check(lambda x: np.sum(cube(x)))(REAL).ok


def test_a_rule_for_a_real_operand_may_return_a_complex_gradient():
    @cr.block
    def rotated(x):
        return x * 1j

    @rotated.backward
    def rotated_backward(dz, z, x):
        return dz * -1j

    assert check(lambda x: np.sum(np.abs(rotated(x) + 1) ** 2))(REAL).ok
    assert check(rotated)(REAL).ok


def test_a_complex_result_is_reduced_by_its_real_part():
    report = check(np.exp)(Z)
    assert "L is the real part of the sum of what is returned, times fixed random weights." in report.notes
    assert all(len(line) <= 80 for line in str(report).split("\n"))


def test_a_kink_along_the_imaginary_direction_is_no_mistake():
    z = np.array([1.0 + 0j, 2.0 + 1j])
    report = check(lambda z: np.sum(np.abs(z.imag) + z.real), against=lambda z: np.array([1 + 0.5j, 1 + 1j]))(z)
    assert report.ok, report
    assert [c.kinks for c in column(report, "by hand")] == [1]


# Precision and size -----------------------------------------------------------------------------------------------


def test_float32_is_compared_with_double_precision():
    args = [a.astype(np.float32) for a in (W, X, B)]
    report = check(cross_entropy)(*args)
    assert report.ok, report
    assert 1e-9 < column(report, "PyTorch")[0].difference < 1e-5
    assert column(report, "differences")[0].difference < 1e-5


def test_float32_inside_the_function_gets_suitable_steps():
    report = check(lambda x: np.sum(np.exp(x.astype(np.float32))))(B)
    assert report.ok, report
    assert column(report, "differences")[0].step > 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_error_of_one_percent_is_caught(dtype):
    report = check(lambda x: np.sum(np.exp(x)), against=lambda x: np.exp(x) * np.array([1, 1, 1.01, 1]))(
        B.astype(dtype)
    )
    assert not report.ok
    (wrong,) = [c for c in report.comparisons if not c.ok]
    assert wrong.index == (2,)


def test_large_arrays_are_differenced_along_random_directions():
    report = check(lambda x: np.sum(np.sin(x) ** 2))(RNG.standard_normal((30, 40)))
    assert report.ok
    (differences,) = column(report, "differences")
    assert differences.lines == 10
    assert differences.place == "direction"


def test_200_entries_are_differenced_one_by_one():
    (differences,) = column(check(lambda x: np.sum(x**2))(RNG.standard_normal(200)), "differences")
    assert differences.lines == 200


def test_many_kinks_nearby_are_no_false_alarm():
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((256, 64)), rng.integers(0, 10, 256)

    def loss(A, a, B):
        return np.mean(cr.softmax_cross_entropy(cr.relu(inputs @ A.T + a) @ B.T, labels))

    A, B = rng.standard_normal((128, 64)) * 0.1, rng.standard_normal((10, 128)) * 0.1
    report = check(loss)(A.astype(np.float32), np.zeros(128, np.float32), B.astype(np.float32))
    assert report.ok, report


# Kinks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.sum(cr.relu(x)), [0.0, 1.0, -1.0]),
        (lambda x: np.sum(abs(x) + abs(x - 1)), [0.0, 1.0, 3.0]),
        (lambda x: np.max(x), [2.0, 2.0, 2.0, 0.0]),
        (lambda x: np.sum(np.maximum(x, x[::-1] ** 2)), [1.0, 1.0]),
        (lambda x: np.sum(np.clip(x, 0.0, 1.0)), [0.0, 0.5, 1.0]),
        (lambda x: np.sum(cr.relu(W @ x)), [0.0, 0.0, 0.0]),
        (lambda x: np.sqrt(np.sum(x**2) + 0.0 * x[0]) if np.any(x) else np.sum(abs(x)), [0.0, 0.0]),
    ],
)
def test_a_gradient_between_the_slopes_of_a_kink_is_not_wrong(f, x):
    report = check(f)(np.array(x))
    assert all(c.ok for c in report.comparisons), report


def test_a_kink_is_told():
    report = check(lambda x: np.sum(cr.relu(x)))(np.array([0.0, 1.0]))
    (differences,) = column(report, "differences")
    assert (differences.verdict, differences.kinks) == ("kink", 1)
    assert "∂L/∂x: 1 at a kink" in str(report)


@pytest.mark.parametrize("slope", [-0.1, 1.1])
def test_a_gradient_beyond_the_slopes_of_a_kink_is_wrong(slope):
    report = check(lambda x: np.sum(cr.relu(x)), against=lambda x: np.array([slope, 1.0]))(np.array([0.0, 1.0]))
    assert [c.reference for c in report.comparisons if not c.ok] == ["by hand"]


def sinc(x):
    with np.errstate(invalid="ignore"):
        return np.sum(np.where(x == 0, 1.0, np.sin(x) / x))


def test_where_a_reference_gives_nan_the_slopes_decide():
    """PyTorch and JAX have NaN for the gradient of what a mask leaves out."""
    report = check(sinc)(np.zeros(3))
    assert report.ok
    for library in ("JAX", "PyTorch"):
        assert [c.verdict for c in report.comparisons if c.reference == library and c.label != "value"] == ["NaN"]
        assert any(f"{library} gives NaN for 3" in note for note in report.notes)


@pytest.mark.parametrize(
    "f", [np.linalg.norm, lambda x: np.linalg.norm(x) ** 2, np.std], ids=["norm", "norm squared", "std"]
)
def test_roots_at_zero_have_no_false_alarm(f):
    report = check(f)(np.zeros(3))
    assert report.ok
    assert [c.verdict for c in report.comparisons if c.reference == "JAX" and c.label != "value"] == ["ok"]


def test_a_nan_of_a_reference_excuses_nothing():
    @cr.block
    def root(x):
        return np.sqrt(np.sum(x * x))

    @root.backward
    def root_backward(dz, z, x):
        return dz * (x + 2.0)

    assert not check(lambda x: root(x) ** 2 + np.linalg.norm(x) + 3 * np.sum(x) - root(x))(np.zeros(3)).ok


def test_a_function_that_ignores_its_argument_has_a_gradient_of_zeros():
    assert check(lambda x: 3.0)(1.0).ok


def test_a_bend_is_no_kink():
    report = check(lambda x: np.sum(1e4 * x**2), against=lambda x: 2e4 * x + 1.0)(np.array([1e-3, 0.0]))
    assert not report.ok


def test_the_edge_of_the_domain_is_left_open():
    with np.errstate(divide="ignore", invalid="ignore"):
        report = check(lambda x: np.sum(np.sqrt(x)))(np.array([0.0, 4.0]))
    (differences,) = column(report, "differences")
    assert differences.unsettled == 1
    assert "1 not compared" in str(report)
    assert "1 of ∂L/∂x is not finite" in str(report)


# Functions that misbehave ------------------------------------------------------------------------------------------


def test_a_function_that_is_not_deterministic_is_told():
    rng = np.random.default_rng(0)
    report = check(lambda x: np.sum(x * rng.random(4)))(B)
    assert any("not deterministic" in note for note in report.notes)
    assert column(report, "differences") == []
    assert report.ok  # the libraries ran the one recording that there is


def test_stop_gradient_is_held_fixed_in_the_differences():
    report = check(lambda x: np.sum(x * cr.stop_gradient(np.exp(x))))(B)
    assert report.ok, report
    assert "stop_gradient: its value is held fixed" in str(report)
    assert "test_check.py" in str(report)


def test_what_is_computed_outside_the_recording_is_told():
    report = check(lambda x: np.sum(x * getattr(x, "value", x)))(B)
    assert [c.reference for c in report.comparisons if not c.ok] == ["differences"]
    assert report.blame is None
    assert "No block is to blame" in report.findings[0]
    assert "outside the recording" in str(report)


def test_a_value_of_another_shape_is_told():
    report = check(lambda x: np.sum(x) if isinstance(x, cr.Array) else np.sum(x, keepdims=True))(B)
    assert not report.ok
    assert report.findings[0] == "The value by plain NumPy has shape (1,), should have (), as recorded."


def test_writing_into_an_argument_is_told_where_something_is_wrong():
    def f(x):
        x *= 2.0
        return np.sum(x * getattr(x, "value", x))

    x = B.copy()
    report = check(f)(x)
    assert "writes into its argument x" in str(report)
    np.testing.assert_array_equal(x, B)


def test_arguments_are_not_changed():
    def f(x, n):
        n += 1
        x *= 2.0
        return np.sum(x * n)

    x, n = B.copy(), np.arange(4)
    assert check(f)(x, n).ok
    np.testing.assert_array_equal(x, B)
    np.testing.assert_array_equal(n, np.arange(4))


# Libraries that are not there ---------------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch):
    """Make some imports fail, as where a library is not installed."""
    imported = builtins.__import__

    def hide(*names):
        def fails(name, *args, **kwargs):
            if name.split(".")[0] in names:
                raise ModuleNotFoundError(f"No module named {name!r}")
            return imported(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", fails)

    return hide


@pytest.mark.parametrize("missing", [("torch",), ("jax",), ("torch", "jax")])
def test_a_library_that_is_not_installed_is_a_plain_line(without, missing):
    without(*missing)
    report = check(np.sin)(1.0)
    assert report.ok
    for library, name in {"torch": "PyTorch", "jax": "JAX"}.items():
        assert (f"{name}: not installed, so not compared." in report.notes) is (library in missing)
        assert bool(column(report, name)) is (library not in missing)


def test_nothing_to_compare_with_is_not_ok(without):
    without("torch", "jax")
    rng = np.random.default_rng(0)
    report = check(lambda x: x * rng.random())(1.0)
    assert not report.ok
    assert "nothing could be compared" in str(report)


def test_a_block_that_no_library_can_run_is_a_plain_line():
    from math import erf

    @cr.block
    def my_erf(x):
        return np.float64(erf(x)) if isinstance(x, float) else np.vectorize(erf)(x)

    @my_erf.backward
    def my_erf_backward(dz, z, x):
        return dz * 2 / np.sqrt(np.pi) * np.exp(-(x**2))

    report = check(my_erf)(B)
    assert report.ok, report
    assert any(note.startswith("PyTorch: cannot run this graph (in block my_erf)") for note in report.notes)
    assert column(report, "differences")[0].difference < 1e-9


# A gradient written by hand ------------------------------------------------------------------------------------------


def by_hand(W, X, b):
    ds = (cr.softmax(X @ W.T + b) - np.eye(4)[LABELS]) / len(LABELS)
    return ds.T @ X, ds @ W, ds.sum(0)


def test_a_right_gradient_by_hand_agrees():
    report = check(cross_entropy, against=by_hand)(W, X, B)
    assert report.ok, report
    assert [c.label for c in column(report, "by hand")] == ["W", "X", "b"]


def test_a_wrong_gradient_by_hand_is_found_to_the_entry():
    def wrong(W, X, b):
        dW, dX, db = by_hand(W, X, b)
        dX[3, 1] *= -1
        return dW, dX, db

    report = check(cross_entropy, against=wrong)(W, X, B)
    assert [(c.label, c.index) for c in report.comparisons if not c.ok] == [("X", (3, 1))]
    assert "wrong for X at [3, 1]" in report.findings[0]
    assert "PyTorch, JAX and differences agree with chainrule" in report.findings[0]
    assert report.blame is None


def test_a_single_gradient_by_hand_is_of_the_first_checked_argument():
    report = check(cross_entropy, against=lambda *args: by_hand(*args)[0])(W, X, B)
    assert report.ok
    assert [c.label for c in column(report, "by hand")] == ["W"]


def test_a_gradient_by_hand_may_be_of_one_chosen_argument():
    report = check(cross_entropy, argnums="b", against=lambda *args: by_hand(*args)[2])(W, X, B)
    assert report.ok
    assert [c.label for c in column(report, "by hand")] == ["b"]


def test_a_gradient_by_hand_has_the_structure_of_the_arguments():
    def f(p):
        return cross_entropy(p["W"], X, p["b"])

    def right(p):
        dW, _, db = by_hand(p["W"], X, p["b"])
        return {"W": dW, "b": db}

    assert check(f, against=right)({"W": W, "b": B}).ok
    report = check(f, against=lambda p: right(p) | {"b": B})({"W": W, "b": B})
    assert {c.label for c in report.comparisons if not c.ok} == {"p['b']"}


def test_a_gradient_by_hand_of_another_shape_is_told():
    report = check(cross_entropy, against=lambda *args: by_hand(*args)[0].T)(W, X, B)
    assert not report.ok
    assert "it has shape (3, 4), should have (4, 3); its transpose is right" in report.findings[0]


def test_too_few_gradients_by_hand_are_told():
    with pytest.raises(GradientError, match="returned 2 gradients, but 3 arguments are checked: W, X, b"):
        check(cross_entropy, against=lambda W, X, b: (W, W))(W, X, B)
    report = check(cross_entropy, against=lambda *args: by_hand(*args)[:2])(W, X, B)
    assert report.ok  # their shapes say which two they are


def test_missing_leaves_of_a_gradient_by_hand_are_told():
    with pytest.raises(GradientError, match=r"has 1 arrays for p, which has 2: p\['W'\], p\['b'\]"):
        check(lambda p: cross_entropy(p["W"], X, p["b"]), against=lambda p: {"W": W})({"W": W, "b": B})


def test_check_returns_a_report():
    assert isinstance(check(np.sin)(1.0), Report)


def _written_twice(x):
    y = np.outer(x, x)
    y[[0, 0, 2], [1, 1, 2]] = x * 2
    y[:, [0, 0]] = np.stack([x, x**2], 1)
    y[[1, 1]] += x
    return np.sum(y**3)


def _real_numbers_into_complex_ones(x):
    y = np.outer(x, x) + 1j
    y[[0, 0, 2], [1, 1, 2]] = x * 2
    return np.sum(np.abs(y) ** 3)


@pytest.mark.parametrize("f", [_written_twice, _real_numbers_into_complex_ones])
def test_places_that_are_written_twice_are_no_false_alarm(f):
    report = cr.check(f)(np.array([0.3, 1.2, -0.7]))
    assert report.ok, str(report)
    assert {"PyTorch", "JAX"} <= {c.reference for c in report.comparisons}
