"""Backward passes written by hand: how they are called, the first wrong line, and what is wrong with it."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from tests.sweeps.planted_mistakes import FILES, planted

import chainrule as cr
from chainrule.check.by_hand.names import named_by
from chainrule.errors import GradientError

RNG = np.random.default_rng(11)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
PAGE = (Path(__file__).parents[2] / "docs" / "mistakes.md").read_text(encoding="utf-8")


# The planted mistakes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_right_backward_pass_is_not_called_wrong(name):
    report = importlib.import_module(f"tests.by_hand.{name}").check()
    assert report.ok, report
    assert not report.mistakes


@pytest.mark.parametrize("name", FILES)
def test_the_page_of_planted_mistakes_is_up_to_date(name, tmp_path):
    """One mistake or two of each file; all of them by `python -m tests.sweeps.planted_mistakes`."""
    for found in list(planted(name, str(tmp_path), slice(FILES.index(name) % 5, None, 7))):
        assert not found.report.ok
        assert found.row in PAGE


def test_the_page_has_a_row_for_every_mistake():
    for name in FILES:
        for what, _, wrong in importlib.import_module(f"tests.by_hand.{name}").MISTAKES:
            assert any(what in row and wrong.strip() in row for row in PAGE.split("\n")), (name, what)


# How they are called -------------------------------------------------------------------------------------------------


def affine_forward(x, w):
    out = x @ w
    return out, (x, w)


def test_dout_and_cache_as_in_courses():
    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout

    report = cr.check(affine_forward, against=backward)(X, W)
    assert report.ok, report
    assert [c.label for c in report.comparisons if c.reference == "by hand"] == ["x", "w"]


def test_residuals_first_as_in_jax():
    def backward(res, g):
        x, w = res
        return g @ w.T, x.T @ g

    assert cr.check(affine_forward, against=backward)(X, W).ok


def test_dout_and_the_arguments():
    assert cr.check(lambda x, w: x @ w, against=lambda dz, x, w: (dz @ w.T, x.T @ dz))(X, W).ok
    assert cr.check(lambda x, w: x @ w, against=lambda g, ans, x, w: (g @ w.T, x.T @ g))(X, W).ok
    assert cr.check(lambda x, w: x @ w, against=lambda dz, *args: (dz @ args[1].T, args[0].T @ dz))(X, W).ok


def test_several_outputs_and_a_cache():
    def forward(x, w):
        h = np.tanh(x @ w)
        return h, h * 2, (x, w, h)

    def backward(dh, dy, cache):
        x, w, h = cache
        dz = (dh + 2 * dy) * (1 - h**2)
        return dz @ w.T, x.T @ dz

    assert cr.check(forward, against=backward)(X, W).ok


def test_methods_of_one_object():
    class Layer:
        def forward(self, x):
            self.y = np.tanh(x)
            return self.y

        def backward(self, dy):
            return dy * (1 - self.y**2)

    layer = Layer()
    assert cr.check(layer.forward, against=layer.backward)(X).ok


def test_a_gradient_of_an_array_without_dout_is_that_of_the_sum():
    assert cr.check(np.sin, against=np.cos)(X).ok
    report = cr.check(np.sin, against=lambda x: -np.cos(x))(X)
    assert report.mistakes[0].diagnosis == "the sign is turned"
    assert "L is the sum of what is returned." in report.notes


def test_a_backward_function_with_an_unknown_parameter_is_an_error():
    with pytest.raises(GradientError, match="so <lambda> must return 2 values"):
        cr.check(lambda x, w: x @ w, against=lambda dout, cache: dout)(X, W)
    with pytest.raises(GradientError, match="what is extra"):
        cr.check(lambda x, w: x @ w, against=lambda dout, x, w, extra: dout)(X, W)


def test_numbers_such_as_eps_need_no_gradient():
    report = cr.check(
        lambda x, w, eps: np.sum(x @ w + eps), against=lambda x, w, eps: (np.ones((4, 2)) @ w.T, x.T @ np.ones((4, 2)))
    )(X, W, 1e-5)
    assert report.ok, report


def test_none_for_arguments_without_a_gradient():
    def backward(dout, x, n, w):
        return dout @ w.T * n, None, x.T @ dout * n

    assert cr.check(lambda x, n, w: x @ w * n, against=backward)(X, 3, W).ok


# What they return ----------------------------------------------------------------------------------------------------


def squares(x, w):
    h = np.tanh(x @ w)
    p = h**2
    return np.sum(p)


def test_locals_are_gradients_by_their_names():
    def gradient(x, w):
        h = np.tanh(x @ w)
        dp = np.ones_like(h)
        dh = 2 * h * dp
        dz = dh * (1 - h**2)
        dx, dw = dz @ w.T, x.T @ dz
        return locals()

    report = cr.check(squares, against=gradient)(X, W)
    assert report.ok, report
    assert [c.label for c in report.comparisons if c.reference == "by hand"] == ["x", "w", "p", "h"]


def test_a_wrong_value_of_a_dict_is_named_though_the_arguments_are_right():
    def gradient(x, w):
        h = np.tanh(x @ w)
        dz = 2 * h * (1 - h**2)
        dh = np.cos(h)
        return {"dx": dz @ w.T, "dw": x.T @ dz, "dh": dh}

    report = cr.check(squares, against=gradient)(X, W)
    assert not report.ok
    assert [c.label for c in report.comparisons if not c.ok] == ["h"]
    assert report.mistakes[0].line.text == "dh = np.cos(h)"


def test_a_part_of_a_gradient_or_a_multiple_is_not_called_wrong():
    def f(x):
        a = np.sin(x)
        return np.sum(a * a + np.exp(a)) / len(x)

    def gradient(x):
        a = np.sin(x)
        da = 2 * a / len(x)
        dL = 1.0
        return {"dx": (da + np.exp(a) / len(x)) * np.cos(x), "da": da, "dL": dL}

    report = cr.check(f, against=gradient)(X[:, 0])
    assert report.ok, report
    assert "da is a part of ∂L/∂a." in report.notes


def test_names_of_gradients():
    known = ["x", "x_hat", "W1", "out", "var"]
    for name in ("dx", "d_x", "grad_x", "x_grad", "dL_dx", "dLdx", "dloss_dx", "gx", "x_bar", "delta_x"):
        assert named_by(name, known) == "x", name
    assert named_by("dxhat", known) == "x_hat"
    assert named_by("grad_W1", known) == "W1"
    assert named_by("dx1", known) is None
    assert named_by("data", known) is None


def test_gradients_of_some_arguments_are_recognised_by_their_shapes():
    def loss(w, b, X, y):
        return np.mean((X @ w + b - y) ** 2)

    def gradient(w, b, X, y):
        r = X @ w + b - y
        return 2 * X.T @ r / len(y), 2 * r.mean()

    args = np.array([0.5, -1.0]), 0.3, X[:, :2], np.arange(float(len(X)))
    assert cr.check(loss, against=gradient)(*args).ok
    report = cr.check(loss, against=lambda *a: tuple(2 * g for g in gradient(*a)))(*args)
    assert [c.label for c in report.comparisons if not c.ok] == ["w", "b"]
    with pytest.raises(GradientError, match="returned 2 gradients, but 3 arguments are checked: a, b, c"):
        cr.check(lambda a, b, c: np.sum(a * b * c), against=lambda a, b, c: (b * c, a * c))(X, X, X)


def test_the_gradient_of_a_dict_may_stand_in_a_dict_by_its_name():
    def loss(params, x):
        return np.sum(np.tanh(x @ params["W"] + params["b"]))

    def gradient(params, x):
        da = 1 - np.tanh(x @ params["W"] + params["b"]) ** 2
        return {"params": {"W": x.T @ da, "b": da.sum(axis=0)}}

    assert cr.check(loss, against=gradient)({"W": W, "b": np.ones(W.shape[1])}, X).ok


def test_a_gradient_with_a_wrong_sign_is_not_called_another_order():
    """−dmu is right for y then, so the two look exchanged."""

    def loss(mu, y):
        return 0.5 * np.sum((y - mu) ** 2)

    def gradient(mu, y):
        dmu = y - mu
        return {"mu": dmu, "y": -dmu}

    report = cr.check(loss, against=gradient)(X[:, 0], X[:, 1])
    assert report.mistakes[0].line.text == "dmu = y - mu"
    assert report.mistakes[0].diagnosis == "the sign is turned"


def test_a_line_of_a_function_that_returns_its_loss_and_its_gradient_is_changed_too(tmp_path):
    for found in planted("svm", str(tmp_path), slice(0, 2)):
        assert found.is_right, found.row


# What is wrong -------------------------------------------------------------------------------------------------------


def diagnosis(f, gradient, *args):
    report = cr.check(f, against=gradient)(*args)
    assert not report.ok
    return report.mistakes[0].diagnosis


def dense(x, w, b):
    z = x @ w + b
    h = np.tanh(z)
    return h


B = np.array([0.3, -0.2])
SHAPE = "its numbers are right, but it has the shape (1, 2) and not (2,)"


@pytest.mark.parametrize(
    ("dx", "dw", "db", "what"),
    [
        ("dz @ w.T * 4", "x.T @ dz", "dz.sum(0)", "exactly 4 times too large (4 is the length of axis 0 of x)"),
        ("-dz @ w.T", "x.T @ dz", "dz.sum(0)", "the sign is turned"),
        ("dz @ w.T", "dz.T @ x", "dz.sum(0)", "transposed"),
        ("dz @ w.T", "x.T @ dz", "dz", "the sum over the batch (axis 0) is missing"),
        ("dz @ w.T", "x.T @ dz", "dz[0]", "only the first of the batch is in it"),
        ("dz @ w.T", "x.T @ dz", "dz[-1]", "only the last of the batch is in it"),
        ("dz @ w.T", "x.T @ dz", "dz.mean(0)", "exactly 4 times too small (4 is the length of axis 0 of x)"),
        ("dz @ w.T", "np.outer(x[0], dz[0])", "dz.sum(0)", "only the first of the batch is in it"),
        ("dz @ w.T", "x.T @ np.ones_like(dz)", "dz.sum(0)", "the gradient from above, ∂L/∂z, is missing"),
        ("dz @ w.T", "x.T @ dz", "dz.sum(0, keepdims=True)", SHAPE),
        ("0 * x", "x.T @ dz", "dz.sum(0)", "it is zero"),
    ],
)  # fmt: skip
def test_a_typical_mistake_in_a_layer_is_recognised(dx, dw, db, what):
    def backward(dh, x, w, b):
        dz = dh * (1 - dense(x, w, b) ** 2)
        names = {"dz": dz, "x": x, "w": w, "np": np}
        return tuple(eval(text, names) for text in (dx, dw, db))

    assert diagnosis(dense, backward, X, W, B) == what


@pytest.mark.parametrize(
    ("slope", "what"),
    [
        ("1 - z**2", "the derivative of tanh has its input z in the place of its output h"),
        ("1 - np.tanh(h)**2", "the derivative of tanh is taken at its output h instead of its input z"),
        ("1", "it is ∂L/∂h as it came: the local gradient of tanh is missing"),
    ],
)
def test_a_derivative_at_the_wrong_place_is_recognised(slope, what):
    def backward(dh, x, w, b):
        z = x @ w + b
        h = np.tanh(z)
        dz = dh * eval(slope, {"z": z, "h": h, "np": np})
        return dz @ w.T, x.T @ dz, dz.sum(0)

    assert diagnosis(dense, backward, X, W, B) == what


def centred(x):
    mu = x.mean(axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    return xc / np.sqrt(var)


def test_contributions_that_are_missing_are_named():
    def no_mu(dz, x):
        mu, var = x.mean(0), x.var(0)
        dvar = np.sum(dz * (x - mu) * -0.5 * var**-1.5, axis=0)
        return dz / np.sqrt(var) + dvar * 2 * (x - mu) / len(x)

    def constants(dz, x):
        return dz / x.std(0)

    assert diagnosis(centred, no_mu, X) == "the contribution through mu is missing"
    assert diagnosis(centred, constants, X) == "the contributions through mu and var are missing"


def test_softmax_as_an_elementwise_function_is_recognised():
    def backward(dp, s):
        p = cr.softmax(s)
        return dp * p * (1 - p)

    assert diagnosis(cr.softmax, backward, X).startswith("only the diagonal of the local gradient of softmax is in it")


def test_no_diagnosis_is_given_that_holds_on_one_input_only():
    """On these inputs the gradient is 3 times too large by chance."""

    def gradient(x):
        return 2 * x + 4 * 2.0

    report = cr.check(lambda x: np.sum(x**2), against=gradient)(np.array([2.0, 2.0]))
    assert not report.ok
    assert all("3 times" not in m.diagnosis for m in report.mistakes)


def test_two_mistakes_are_both_named():
    def backward(dh, x, w, b):
        dz = dh * (1 - dense(x, w, b) ** 2)
        db = dz.mean(0)
        dw = -x.T @ dz
        dx = dz @ w.T
        return dx, dw, db

    report = cr.check(dense, against=backward)(X, W, B)
    assert [(m.variable, m.diagnosis) for m in report.mistakes] == [
        ("db", "exactly 4 times too small (4 is the length of axis 0 of x)"),
        ("dw", "the sign is turned"),
    ]


def test_a_mistake_in_a_function_that_is_called_is_named_there():
    def tanh_backward(dout, h):
        return dout * (1 - h)

    def backward(dh, x, w, b):
        h = dense(x, w, b)
        dz = tanh_backward(dh, h)
        return dz @ w.T, x.T @ dz, dz.sum(0)

    report = cr.check(dense, against=backward)(X, W, B)
    (mistake,) = report.mistakes
    assert mistake.line.text == "return dout * (1 - h)"
    assert mistake.instead == "return dout * (1 - h ** 2)"
    assert "With `return dout * (1 - h ** 2)` instead, x, w and b would be right." in str(mistake)


def test_a_function_that_the_forward_pass_calls_too_is_not_changed():
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def backward(x, w):
        s = sigmoid(x @ w)
        return (s * (1 + s)) @ w.T, x.T @ (s * (1 - s))

    report = cr.check(lambda x, w: sigmoid(x @ w), against=backward)(X, W)
    (mistake,) = report.mistakes
    assert mistake.line.text == "return (s * (1 + s)) @ w.T, x.T @ (s * (1 - s))"
    assert mistake.instead == "return (s * (1 - s) @ w.T, x.T @ (s * (1 - s)))"


def test_the_users_functions_are_as_before_afterwards():
    def slope(h):
        return 1 - h

    def backward(dh, x, w, b):
        dz = dh * slope(dense(x, w, b))
        return dz @ w.T, x.T @ dz, dz.sum(0)

    before = slope.__code__, backward.__code__
    assert cr.check(dense, against=backward)(X, W, B).mistakes[0].instead == "return 1 - h ** 2"
    assert (slope.__code__, backward.__code__) == before
    assert slope(3) == -2


CALLED = []


def delete_everything(x):
    CALLED.append(x)
    return x


def test_only_functions_that_ran_are_called():
    def unused(x):
        return delete_everything(x)

    def backward(dh, x, w, b):
        dz = dh * (1 - dense(x, w, b))
        return dz @ w.T, x.T @ dz, dz.sum(0)

    assert not cr.check(dense, against=backward)(X, W, B).ok
    assert CALLED == []


def test_a_loop_that_ends_by_itself_is_not_changed():
    def backward(x):
        dx, n = np.zeros_like(x), 2
        while n > 0:
            dx = dx - x
            n -= 1
        return dx

    report = cr.check(lambda x: np.sum(x**2), against=backward)(X)
    assert not report.ok
    assert report.mistakes


def test_a_row_of_a_gradient_that_is_not_returned_counts_as_wrong_still():
    """A loop over nothing leaves gradients out; that makes none of them right."""

    def backward(params):
        grads = {}
        for k in range(len(params)):
            grads[f"w{k}"] = 3 * params[f"w{k}"]
        return grads

    report = cr.check(lambda params: sum(np.sum(w**2) for w in params.values()), against=backward)({"w0": X, "w1": W})
    assert report.mistakes[0].line.text == 'grads[f"w{k}"] = 3 * params[f"w{k}"]'
    assert report.mistakes[0].instead == "grads[f'w{k}'] = 2 * params[f'w{k}']"


def test_the_findings_tell_the_line_and_what_would_be_right():
    def backward(dh, x, w, b):
        dz = dh * (1 - dense(x, w, b) ** 2) * 3
        return dz @ w.T, x.T @ dz, dz.sum(0)

    report = cr.check(dense, against=backward)(X, W, B)
    told = report.findings[-1]
    assert told.startswith("dz is not ∂L/∂z: exactly 3 times too large")
    assert "dz = dh * (1 - dense(x, w, b) ** 2) * 3" in told
    assert "Once dz is right, x, w and b will be right too." in told
    assert told.split(".")[0] in str(report)


def test_a_block_to_blame_is_among_the_findings():
    @cr.block
    def double(x):
        return 2 * x

    @double.backward
    def rule(dz, z, x):
        return dz

    report = cr.check(lambda x: np.sum(double(x)))(X)
    assert report.findings[0] == str(report.blame)


# Of PyTorch's functions ----------------------------------------------------------------------------------------------


def test_a_function_of_tensors_is_checked_against_one_of_tensors():
    torch = pytest.importorskip("torch")

    def f(x, w):
        h = torch.tanh(x @ w)
        return h

    def right(dh, x, w):
        assert isinstance(dh, torch.Tensor)
        assert isinstance(x, torch.Tensor)
        h = torch.tanh(x @ w)
        dz = dh * (1 - h**2)
        return dz @ w.T, x.T @ dz

    def wrong(dh, x, w):
        h = torch.tanh(x @ w)
        dz = dh * (1 - h**2)
        dw = x.T @ dz * len(x)
        return dz @ w.T, dw

    x, w = torch.tensor(X), torch.tensor(W)
    report = cr.check(f, against=right)(x, w)
    assert report.ok, report
    report = cr.check(f, against=wrong)(x, w)
    assert report.mistakes[0].line.text == "dw = x.T @ dz * len(x)"
    assert report.mistakes[0].diagnosis == "exactly 4 times too large (4 is the length of axis 0 of x)"


def test_a_module_is_checked_against_a_function_of_its_arguments():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()).double()

    def gradient(dout, x):
        h = model(x).detach()
        dz = dout * (1 - h**2)
        return dz @ model[0].weight

    def all_of_them(dout, x):
        h = model(x).detach()
        dz = dout * (1 - h**2)
        return dz @ model[0].weight, dz.T @ x, dz.sum(0)

    def named(dout, x):
        dx, dw, db = all_of_them(dout, x)
        return {"input": dx, "0.weight": dw, "0.bias": db}

    x = torch.tensor(X)
    for against in (gradient, all_of_them, named):
        report = cr.check(model, argnums="input" if against is gradient else None, against=against)(x)
        assert report.ok, report


def test_a_gradient_of_a_module_that_takes_its_parameters():
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2).double()

    def gradient(input, weight, bias):
        ones = torch.ones(len(input), 2, dtype=input.dtype)
        return ones @ weight, ones.T @ input, ones.sum(0)

    report = cr.check(model, against=gradient)(torch.tensor(X))
    assert report.ok, report


# Objects, and functions that return both ------------------------------------------------------------------------------


def test_gradients_that_an_object_keeps_in_a_dict_are_checked_too():
    class Net:
        def __init__(self):
            self.params = {"W": W.copy(), "b": np.zeros(2)}
            self.grads = {}

        def forward(self, x):
            self.x = x
            return x @ self.params["W"] + self.params["b"]

        def backward(self, dout):
            self.grads["W"] = self.x.T @ dout
            self.grads["b"] = dout.sum(axis=0) * self.factor
            return dout @ self.params["W"].T

    net = Net()
    net.factor = 1.0
    report = cr.check(net.forward, against=net.backward)(X)
    assert report.ok, report
    assert [c.label for c in report.comparisons if c.reference == "by hand"] == [
        "x",
        "self.params['W']",
        "self.params['b']",
    ]
    net.factor = 0.5
    report = cr.check(net.forward, against=net.backward)(X)
    assert report.mistakes[0].line.text == 'self.grads["b"] = dout.sum(axis=0) * self.factor'
    np.testing.assert_array_equal(net.params["W"], W)


def test_a_function_that_returns_the_loss_and_its_gradient_is_checked_against_itself():
    def loss(w, x):
        scores = x @ w
        value = np.mean(scores**2)
        dscores = 2 * scores / scores.size
        dw = x.T @ dscores
        return value, dw

    def wrong(w, x):
        scores = x @ w
        value = np.mean(scores**2)
        dscores = 2 * scores / len(scores)
        grads = {"w": x.T @ dscores}
        return value, grads

    assert cr.check(loss, argnums="w", against=loss)(W, X).ok
    report = cr.check(wrong, against=wrong)(W, X)
    assert report.mistakes[0].line.text == "dscores = 2 * scores / len(scores)"
    assert report.mistakes[0].diagnosis == "exactly 2 times too large"


def test_an_attribute_that_forward_sets_is_not_an_argument():
    """self.z has a gradient self.dz, but forward sets it."""

    class Layer:
        def __init__(self):
            self.W = W.copy()

        def forward(self, x):
            self.x, self.z = x, x @ self.W
            return np.tanh(self.z)

        def backward(self, dout):
            self.dz = dout * (1 - np.tanh(self.z) ** 2)
            self.dW = self.x.T @ self.dz
            return self.dz @ self.W.T

    layer = Layer()
    layer.forward(X)
    report = cr.check(layer.forward, against=layer.backward)(X)
    assert report.ok, report
    assert [c.label for c in report.comparisons if c.reference == "by hand"] == ["x", "self.W"]


def test_a_backward_function_that_returns_no_gradient_is_an_error():
    f = lambda x: np.sum(np.sin(x))  # noqa: E731
    with pytest.raises(GradientError, match="returned None; does it end with return"):
        cr.check(f, against=lambda x: None)(X)
    with pytest.raises(GradientError, match="returned a value of type str"):
        cr.check(f, against=lambda x: "cos(x)")(X)
    with pytest.raises(GradientError, match="a dict with the keys 'dy', which name no argument"):
        cr.check(f, against=lambda x: {"dy": np.cos(x)})(X)


def test_gradients_in_lists_are_named_by_the_line_that_put_them_there():
    def f(params, x):
        for w, b in params:
            x = np.tanh(x @ w + b)
        return np.sum(x**2)

    def gradient(params, x):
        kept = [x]
        for w, b in params:
            kept.append(np.tanh(kept[-1] @ w + b))
        grads = [None] * len(params)
        delta = 2 * kept[-1]
        for i in reversed(range(len(params))):
            delta = delta * (1 - kept[i + 1] ** 2)
            grads[i] = (kept[i].T @ delta, delta.mean(0))
            delta = delta @ params[i][0].T
        return grads

    report = cr.check(f, argnums="params", against=gradient)([(W, np.zeros(2)), (W.T, np.ones(3))], X)
    assert {m.line.text for m in report.mistakes} == {"grads[i] = (kept[i].T @ delta, delta.mean(0))"}
    assert all(m.diagnosis.startswith("exactly 4 times too small") for m in report.mistakes)
