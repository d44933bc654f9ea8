"""Functions of every kind under the transforms, for type checkers in their strict modes. It runs as a program too."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Vector = NDArray[np.float64]


class Model:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    def loss(self, w: Vector, *, weight: float = 1.0) -> float:
        total: float = np.sum(w * w)
        return total * self.scale * weight

    @staticmethod
    def plain(w: Vector) -> float:
        return np.sum(w)

    @classmethod
    def of_class(cls, w: Vector) -> float:
        return np.sum(w * w)


class Line:
    slope = 2.0

    @cr.compile
    def at(self, x: float) -> float:
        return self.slope * x

    @cr.compile(engine="jax")
    def by_jax(self, x: float) -> float:
        return self.slope * x


@dataclass
class Pair:
    a: Vector
    b: float

    def __call__(self, x: Vector) -> float:
        return np.sum(self.a * x) + self.b


def loss(w: Vector, x: Vector, power: float = 2.0, *, offset: float = 0.0) -> float:
    return np.sum((w * x) ** power) + offset


def with_aux(w: Vector, name: str) -> tuple[float, dict[str, str]]:
    return np.sum(w * w), {"name": name}


def many(first: Vector, *rest: Vector) -> float:
    return np.sum(first) + sum(np.sum(x) for x in rest)


def square_root(a: float) -> float:
    return math.sqrt(a)


def equation(z: float, a: float) -> float:
    return z * z - a


def of_pair(p: Pair) -> float:
    return p(p.a)


def distance(v: Vector) -> float:
    return np.sum((v - 1.0) ** 2)


def main() -> None:
    w, x = np.ones(3), np.arange(3.0)
    model = Model(2.0)

    # methods, static and of the class
    of_method: Vector = cr.grad(model.loss)(w, weight=3.0)
    of_static: Vector = cr.grad(Model.plain)(w)
    of_class: Vector = cr.grad(Model.of_class)(w)
    by_name: Vector = cr.grad(Model.loss, "w")(model, w, weight=2.0)

    # partial functions, callables, functions of NumPy
    of_partial: Vector = cr.grad(functools.partial(loss, x=x))(w)
    of_object: Vector = cr.grad(Pair(w, 1.0))(x)
    tangent: float = cr.grad(np.sin)(0.5)

    # keyword-only parameters, defaults, any number of arguments
    keyword: Vector = cr.grad(loss)(w, x, power=3.0, offset=1.0)
    position: Vector = cr.grad(loss, 1)(w, x, 3.0)
    several: tuple[Vector, Vector] = cr.grad(loss, argnums=(0, 1))(w, x)
    names: list[str] = ["w", "x"]
    listed = cr.grad(loss, [*names])(w, x)
    rest: Vector = cr.grad(many, argnums=2)(w, w, x)

    # values beside gradients
    value, gradient = cr.value_and_grad(loss)(w, x)
    assert_type(value, float)
    (total, aux), slope = cr.value_and_grad(with_aux, has_aux=True)(w, "fit")
    assert_type(total, float)
    assert_type(aux, dict[str, str])
    only, told = cr.grad(with_aux, has_aux=True)(w, "fit")
    assert_type(told, dict[str, str])

    # derivatives of derivatives, compiled, mapped, checkpointed
    second: Vector = cr.hessian(loss)(w, x, offset=1.0)
    twice: float = cr.grad(cr.grad(square_root))(4.0)
    rows: Vector = cr.jacobian(cr.grad(loss))(w, x)
    fast = cr.compile(cr.value_and_grad(loss))
    both: tuple[float, Vector] = fast(w, x)
    assert_type(cr.compile(loss)(w, x), float)
    assert_type(cr.compile(loss, engine="jax")(w, x, offset=1.0), float)
    assert_type(Line().at(2.0), float)
    assert_type(Line().by_jax(x=2.0), float)
    samples: Vector = cr.vmap(cr.grad(loss), in_axes=(None, 0))(w, np.eye(3))
    saved: Callable[..., float] = cr.checkpoint(loss)

    @cr.compile(donate="w")
    def step(w: Vector, rate: float) -> Vector:
        slope: Vector = cr.grad(distance)(w)
        return w - rate * slope

    root = cr.implicit(square_root, equation)
    solved: float = cr.grad(root)(4.0)

    @cr.block
    def cube(x: float, /) -> float:
        return x**3

    @cube.defjvp
    def cube_jvp(primals: tuple[float], tangents: tuple[float]) -> tuple[float, float]:
        return primals[0] ** 3, 3 * primals[0] ** 2 * tangents[0]

    pair: Pair = cr.grad(of_pair)(Pair(w, 1.0))
    found: Vector = cr.minimize(distance, w).x
    print(of_method, of_static, of_class, by_name, of_partial, of_object, tangent, keyword, position, several)
    print(listed, rest, value, gradient, total, aux, slope, only, told, second, twice, rows, both, samples, saved(w, x))
    print(step(w.copy(), 0.1), solved, cube_jvp, pair.b, found)


if __name__ == "__main__":
    main()
