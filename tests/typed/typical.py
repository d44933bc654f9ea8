"""What users write, for type checkers in their strict modes. It runs as a program too."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr
from chainrule import special

Vector = NDArray[np.float64]


@dataclass
class Params:
    W: Vector
    b: float


def loss(w: Vector, x: Vector, y: float) -> float:
    total: float = np.sum((x @ w - y) ** 2)
    return total


def of_params(p: Params, x: Vector) -> float:
    z: Vector = cr.softplus(x @ p.W + p.b)
    total: float = np.sum(z) / 3
    return total


def with_aux(w: Vector) -> tuple[float, dict[str, Vector]]:
    return np.sum(w**2), {"w": w}


def curve(t: float) -> Vector:
    return np.stack([np.cos(t), np.sin(t)])


@cr.block
def cube(xp: Any, x: Any) -> Any:
    return x**3


def log_gamma(a: float) -> float:
    value: float = special.gammaln(a) + cube(a)
    return value


@cr.compile
def step(w: Vector, x: Vector, rate: float) -> Vector:
    gradient: Vector = cr.grad(loss)(w, x, 1.0)
    return w - rate * gradient


@cr.compile(engine="jax", donate="w")
def step_of_xla(w: Vector, rate: float) -> Vector:
    return w - rate * w


def main() -> None:
    w, x = np.ones(3), np.arange(3.0)
    gradient: Vector = cr.grad(loss)(w, x, 1.0)
    w_next: Vector = step_of_xla(w, 0.5)
    program: str = step_of_xla.source()
    by_xla: Vector = cr.compile(cr.grad(loss), engine="jax")(w_next, x, 1.0)
    assert program
    assert by_xla.shape == w.shape
    value, (dw, dx) = cr.value_and_grad(loss, argnums=("w", "x"))(w, x, y=1.0)
    (total, aux), dw2 = cr.value_and_grad(with_aux, has_aux=True)(w)
    hessian: Vector = cr.hessian(loss)(w, x, 1.0)
    product: Vector = cr.hvp(loss)(w, x, 1.0, w)
    tangent: Vector = cr.jacfwd(curve)(0.5)
    jacobian: Vector = cr.jacobian(curve)(0.5)
    out, pullback = cr.vjp(curve, 0.5)
    out, pushed = cr.jvp(curve, (0.5,), (1.0,))
    out, push = cr.linearize(curve, 0.5)
    each: Vector = cr.vmap(cr.grad(loss), in_axes=(None, 0, None))(w, np.eye(3), 1.0)
    params: Params = cr.grad(of_params)(Params(np.ones(3), 0.0), x)
    slope: Vector = cr.elementwise_grad(np.tanh)(x)
    vector, unravel = cr.ravel({"w": w})
    gamma: float = cr.grad(log_gamma)(2.5)
    v = cr.variable(2.0)
    (v * v).backward()
    text: str = str(cr.explain(loss)(w, x, 1.0))
    print(gradient, value, dw, dx, total, aux, dw2, hessian, product, tangent, jacobian, out, pushed, each, params.W)
    print(slope, vector, unravel(vector), gamma, v.grad, text[:20], step(w, x, 0.1), pullback(out), push(1.0))
    print(cr.check(loss)(w, x, 1.0).ok, cr.local_gradient(cr.softmax, x), cr.stop_gradient(w))


if __name__ == "__main__":
    main()
