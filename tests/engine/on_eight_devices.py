"""Run by test_devices.py in a process of its own, with eight virtual devices: prints what it finds as JSON."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.sharding import PartitionSpec as P

import chainrule as cr
from chainrule.errors import ChainruleError

RNG = np.random.default_rng(0)
PARAMS = {
    "W1": RNG.normal(size=(6, 8)).astype(np.float32),
    "b1": np.zeros(8, np.float32),
    "W2": RNG.normal(size=(8, 2)).astype(np.float32),
}
X, Y = RNG.normal(size=(16, 6)).astype(np.float32), RNG.normal(size=(16, 2)).astype(np.float32)
ROWS = {"X": P("data"), "y": P("data")}
MODEL = {"W1": P(None, "model"), "b1": P("model"), "W2": P("model", None)}


def row():
    return jax.make_mesh((8,), ("data",))


def square():
    return jax.make_mesh((4, 2), ("data", "model"))


def perceptron(params, X, y):
    return np.mean((np.tanh(X @ params["W1"] + params["b1"]) @ params["W2"] - y) ** 2)


def step(params, X, y):
    gradient = cr.grad(perceptron)(params, X, y)
    return {name: params[name] - np.float32(0.1) * gradient[name] for name in params}


def curvature(params, X, y):
    return np.sum(cr.grad(perceptron)(params, X, y)["W1"] ** 2)


def incomplete_gamma(X):
    return scipy.special.gammainc(2.0, X**2)


def on_data(f, **shardings):
    return cr.compile(f, engine="jax", mesh=row(), shardings={**ROWS, **shardings})


def difference(found, expected):
    assert all(isinstance(x, jax.Array) for x in found.values())
    return max(float(np.max(np.abs(np.asarray(found[name]) - expected[name]))) for name in expected)


def sent(compiled):
    text = compiled.source()
    return [len(re.findall(rf" {name}(?:-start)?\(", text)) for name in ("all-reduce", "all-gather")]


def compared(f, mesh, shardings, params=PARAMS):
    compiled = cr.compile(f, engine="jax", mesh=mesh, shardings=shardings)
    found = compiled(params, X, Y)
    return difference(found, f(PARAMS, X, Y)), *sent(compiled)


def error_of(call):
    try:
        call()
    except ChainruleError as error:
        return f"{type(error).__name__}: {error}"


def main():
    gradient = cr.grad(perceptron)
    told = {
        "data-parallel": compared(gradient, row(), ROWS),
        "tensor-parallel": compared(gradient, square(), {**ROWS, "params": MODEL}),
        "step": compared(step, row(), ROWS),
        "second derivative": compared(cr.grad(curvature), row(), ROWS),
    }
    placed = jax.device_put(X, jax.sharding.NamedSharding(row(), P("data")))  # on a mesh of explicit axes
    by_itself = cr.compile(gradient, engine="jax")
    told["arrays that lie there"] = difference(by_itself(PARAMS, placed, Y), gradient(PARAMS, X, Y)), *sent(by_itself)
    many = cr.compile(step, engine="jax", mesh=square(), shardings={**ROWS, "params": MODEL}, donate="params")
    one, other = PARAMS, PARAMS
    for _ in range(3):
        one, other = many(one, X, Y), step(other, X, Y)
    told["three steps"] = difference(one, other)
    told["programs"] = repr(many)
    told["divided"] = str(one["W1"].sharding.spec)
    lacking = cr.compile(incomplete_gamma, engine="jax", mesh=row(), shardings={"X": P("data")})
    told["by NumPy"] = float(np.max(np.abs(lacking(X) - incomplete_gamma(X))))
    told["errors"] = [
        error_of(lambda: on_data(gradient)(PARAMS, X[:12], Y[:12])),
        error_of(lambda: on_data(gradient, params={"W1": P()})(PARAMS, X, Y)),
        error_of(lambda: on_data(gradient)(PARAMS, X.astype(float), Y)),
    ]
    told["labels"] = [labels_of(mesh) for mesh in (row(), square())]
    print(json.dumps(told))


def labels_of(mesh):
    def classified(W, X, label):
        return np.mean(cr.softmax_cross_entropy(X @ W, label))

    label = RNG.integers(0, 8, 16)
    compiled = cr.compile(classified, engine="jax", mesh=mesh, shardings={"X": P("data"), "label": P("data")})
    right = float(compiled(PARAMS["W1"], X, label)) - float(classified(PARAMS["W1"], X, label))
    label[3] = -100
    ignored = float(compiled(PARAMS["W1"], X, label)) - float(classified(PARAMS["W1"], X, label))
    label[3] = 9
    return right, ignored, error_of(lambda: compiled(PARAMS["W1"], jnp.asarray(X), label))


if __name__ == "__main__":
    main()
