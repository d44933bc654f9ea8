"""Arrays on a device, with CuPy's contract: nothing is converted without being asked, all is made where they are."""

import numpy as np
import pytest
import scipy.special
from tests.device_arrays import DeviceArray, on_device
from tests.sweeps import libraries

import chainrule as cr
from chainrule.block.making import BLOCKS
from chainrule.errors import ChainruleError, RecordingError

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(3, 2)), np.array([0.5, -0.3])


def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def written(w):
    z = np.zeros(2)
    z[0], z[1] = w[0] * w[1], w[1]
    return np.sum(z**2)


def rule(w):
    f = cr.block(lambda x: x**2)
    f.defjvp(lambda primals, tangents: (primals[0] ** 2, 2 * primals[0] * tangents[0]))
    return np.sum(f(w))


def root(w):
    return np.sum(cr.implicit(lambda a: np.sqrt(a), lambda x, a: x**2 - a)(w * w))


CALLS = {
    "gradient": lambda d: cr.grad(loss)(d(W), d(X)),
    "value and gradients": lambda d: cr.value_and_grad(loss, (0, 1))(d(W), d(X)),
    "NumPy's constants": lambda d: cr.grad(lambda w: np.sum(W * (np.tanh(X @ w) @ X)))(d(W)),
    "Hessian": lambda d: cr.hessian(loss)(d(W), d(X)),
    "Jacobian": lambda d: cr.jacobian(lambda w: np.tanh(d(X) @ w))(d(W)),
    "forward Jacobian": lambda d: cr.jacfwd(lambda w: np.tanh(d(X) @ w))(d(W)),
    "jvp": lambda d: cr.jvp(lambda w: np.tanh(d(X) @ w), (d(W),), (d(W),)),
    "vjp": lambda d: cr.vjp(lambda w: np.tanh(d(X) @ w), d(W))[1](d(np.ones(3))),
    "NumPy's cotangent": lambda d: cr.vjp(lambda w: np.tanh(d(X) @ w), d(W))[1](np.ones(3)),
    "linearize": lambda d: cr.linearize(lambda w: np.tanh(d(X) @ w), d(W))[1](d(W)),
    "hvp": lambda d: cr.hvp(loss)(d(W), d(X), d(W)),
    "entry by entry": lambda d: cr.elementwise_grad(np.tanh)(d(W)),
    "each sample": lambda d: cr.vmap(cr.grad(loss), (None, 0))(d(W), d(X)),
    "local gradient": lambda d: cr.local_gradient(cr.softmax, d(W)),
    "checkpoint": lambda d: cr.grad(lambda w: cr.checkpoint(loss)(w, d(X)))(d(W)),
    "scan": lambda d: cr.grad(lambda w: cr.scan(lambda c, x: (c * x + w[0], c), np.sum(w), d(W))[1][1])(d(W)),
    "vector": lambda d: cr.ravel({"a": d(W), "b": d(X)})[0],
    "no influence": lambda d: cr.grad(lambda w, x: np.sum(w**2), (0, 1))(d(W), d(X)),
    "labels": lambda d: cr.grad(lambda x: np.sum(cr.softmax_cross_entropy(x, np.array([0, 1, 1]))))(d(X)),
    "own labels": lambda d: cr.grad(lambda x: np.sum(cr.softmax_cross_entropy(x, d(np.array([0, 1, 1])))))(d(X)),
    "filled arrays": lambda d: cr.grad(written)(d(W)),
    "a branch": lambda d: cr.grad(lambda w: np.sum(w**2) if w[0] > 0 else np.sum(w))(d(W)),
    "a mask": lambda d: cr.grad(lambda w: np.sum(w[w > 0] ** 2))(d(W)),
    "indices": lambda d: cr.grad(lambda w: np.sum(w[np.array([0, 0, 1])] ** 2))(d(W)),
    "own indices": lambda d: cr.grad(lambda w: np.sum(w[d(np.array([0, 0, 1]))] ** 2))(d(W)),
    "single precision": lambda d: cr.grad(lambda w: np.sum(w * W))(d(W.astype(np.float32))),
    "complex numbers": lambda d: cr.grad(lambda z: np.sum(np.abs(z)))(d(W + 1j)),
    "linear algebra": lambda d: cr.grad(lambda a: np.linalg.slogdet(a)[1] + np.sum(np.linalg.inv(a)))(d(X.T @ X)),
    "joined": lambda d: cr.grad(lambda w: np.sum(np.concatenate([w, W, d(W)]) ** 2))(d(W)),
    "functions": lambda d: cr.grad(lambda w: np.sum(np.multiply(d(X), w) + np.multiply(w, d(X)) * W))(d(W)),
    "own block": lambda d: cr.grad(lambda w: np.sum(cr.block(lambda x: x**2)(w)))(d(W)),
    "own JVP rule": lambda d: cr.grad(rule)(d(W)),
    "solution": lambda d: cr.grad(root)(d(W)),
    "optimizer": lambda d: cr.sgd(0.1).step({"w": d(W)}, {"w": d(W)}, cr.sgd(0.1).init({"w": d(W)}))[0],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_results_are_numpys_and_on_the_device(call):
    expected = cr.ravel(call(lambda x: x))[0]
    found = call(on_device)
    leaves = [*found.values()] if isinstance(found, dict) else found if isinstance(found, tuple) else (found,)
    leaves = [part for leaf in leaves for part in (leaf if isinstance(leaf, tuple) else (leaf,))]
    assert all(type(x) is DeviceArray and x.device == "gpu:1" for x in leaves)
    vector = cr.ravel(found)[0]
    assert vector.dtype == expected.dtype
    np.testing.assert_allclose(vector.get(), expected, rtol=1e-12 if vector.dtype != np.float32 else 1e-6)


def test_what_is_read_is_numpys():
    w, x = on_device(W), on_device(X)
    assert "tanh" in str(cr.explain(loss)(w, x))
    assert cr.check(loss)(w, x).ok
    assert "[ 0.5, -0.3]" in repr(cr.variable(w))
    result = cr.minimize(lambda w: loss(w, x) + np.sum((w - 1.0) ** 2), w)
    np.testing.assert_allclose(result.x, cr.minimize(lambda w: loss(w, X) + np.sum((w - 1.0) ** 2), W).x, rtol=1e-9)


def test_a_gradient_stays_when_its_array_is_written_to():
    w = on_device(W)
    gradient = cr.grad(lambda w: np.sum(w * w))(w)
    w[0] = 100.0
    assert gradient.get().tolist() == [1.0, -0.6]
    w, z = on_device(W), []

    def kept(w):
        z.append(cr.stop_gradient(w))
        return np.sum(w)

    assert cr.grad(kept)(w).device == "gpu:1"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda w: np.sum(scipy.special.erf(w)), "does not compute with arrays of device_arrays"),
        (lambda w: np.sum(w * on_device(W, "gpu:2")), "an array on gpu:2 beside one on gpu:1"),
    ],
)
def test_what_the_library_lacks_is_an_error(call, told):
    with pytest.raises(ChainruleError, match=told):
        cr.grad(call)(on_device(W))


def test_compile_refuses_arrays_on_a_device():
    with pytest.raises(RecordingError, match="the machine code takes NumPy's arrays"):
        cr.compile(loss)(on_device(W), on_device(X))


def test_blocks_compute_on_a_device():
    """`python -m tests.sweeps.libraries device` tries all."""
    chosen = [block for block in BLOCKS.values() if block.example is not None and block.differentiable][::5]
    told = {block.name: libraries.outcome(block, "device") for block in chosen}
    assert not [f"{name}: {t}" for name, t in told.items() if t != "right" and not t.startswith("refused: block")]
    assert sum(t == "right" for t in told.values()) > 20
