"""Random programs of sums and products, simplified: to be computed with, to be read, and as chains of matrices.

    python -m tests.sweeps.algebra 3000    # a minute for each thousand programs of each kind

The simplified result is compared with the recorded blocks, run by NumPy: at the point of the recording, at others, and
with NaN, infinities and zeros in some entries.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.absent import has_absent_zeros, with_absent_zeros
from chainrule.array import Array
from chainrule.block import block_named
from chainrule.graph import Graph, graph_between, record_graph
from chainrule.node import Node, value_of_operand
from chainrule.simplify import simplify, simplify_graph

ROWS, N = 2, 3
SHAPES = [(N,), (ROWS, N), (ROWS, 1), (), (1,)]
"""Of the operands."""

EXTREMES = (1e-20, 1e20, 1e-200, 1e200)

add_at, matmul, product_or_zero = (block_named(name) for name in ("add_at", "matmul", "product_or_zero"))


Steps = dict[str, Callable[..., Any]]


class Program:
    """A random program, the same for a seed each time it runs. A step that fails for its shapes is left out.

    Parameters
    ----------
    steps : by name; each is called with the program, its last result and another one.
    extremes : numbers among the constants, with which rounding loses what others hold.
    absent : whether the zeros of one-hot rows are absent.
    """

    def __init__(self, seed: int, steps: Steps, dtype: Any, extremes: Sequence[float] = (), absent: bool = False):
        self.seed, self.steps, self.dtype, self.extremes, self.absent = seed, steps, dtype, extremes, absent

    def __call__(self, *xs: Any) -> Any:
        self.rng = np.random.default_rng(self.seed)
        made = list(xs)
        for _ in range(self.rng.integers(4, 16)):
            x = made[-1] if self.rng.random() < 0.6 else made[self.rng.integers(len(made))]
            step = self.steps[self.rng.choice(list(self.steps))]
            try:
                made.append(step(self, x, self.other(made)))
            except (ValueError, IndexError, TypeError, ArithmeticError):
                continue
            if not isinstance(made[-1], Array):  # a step of constants only
                made.pop()
        return made[-1] * 1.0

    def one_of(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def other(self, made: list[Any]) -> Any:
        """A result, often one of the last, or a constant."""
        kind = self.rng.random()
        if kind < 0.2:
            return self.constant()
        return made[-1 - self.rng.integers(min(4, len(made)))] if kind < 0.7 else self.one_of(*made)

    def constant(self) -> Any:
        number = self.one_of(1.0, -1.0, 2.0, -0.5, 3.0, 0.0, 7.0, *self.extremes)
        shape = self.one_of(*SHAPES, (1, N), (N, N))
        kind = self.rng.integers(8)
        if kind < 3:
            return number
        if kind < 5:
            return np.full(shape, number if self.dtype == float else 2.0, self.dtype)
        if kind == 5:
            return self.one_hot() * self.one_of(1, 1, 2)
        return (self.rng.normal(size=shape) if kind == 6 else self.rng.integers(-1, 2, shape)).astype(self.dtype)

    def one_hot(self) -> Any:
        labels = self.one_of(np.arange(N), np.array(self.rng.integers(N)), self.rng.integers(N, size=ROWS))
        rows = np.eye(N, dtype=self.dtype)[labels]
        return with_absent_zeros(rows) if self.absent else rows

    def put(self, x: Any) -> Any:
        """Each number of x in a row of zeros."""
        if not np.shape(x):
            return add_at(x, key=(int(self.rng.integers(N)),), shape=(N,))
        count = len(x)
        return add_at(x, key=(np.arange(count), self.rng.integers(N, size=count)), shape=(count, N))

    def reshaped(self, x: Any) -> Any:
        shape = np.shape(x)
        return np.reshape(x, self.one_of((1, *shape), (*shape, 1), shape[::-1], -1, tuple(n for n in shape if n != 1)))

    def part(self, x: Any) -> Any:
        return x[self.one_of((..., 0), (..., slice(1)), None, int(self.rng.integers(len(x))))]

    def summed(self, x: Any) -> Any:
        return np.sum(x, axis=self.one_of(-1, -1, None, 0), keepdims=bool(self.rng.integers(2)))


ARITHMETIC: Steps = {
    "add": lambda p, x, y: x + y,
    "subtract": lambda p, x, y: p.one_of(x - y, y - x),
    "multiply": lambda p, x, y: x * y,
    "multiply again": lambda p, x, y: y * x,
    "divide": lambda p, x, y: x / y,
    "divide by": lambda p, x, y: y / x,
    "square": lambda p, x, y: np.square(x),
    "cube": lambda p, x, y: x * x * x,
    "negative": lambda p, x, y: -x,
    "sum": lambda p, x, y: p.summed(x),
    "reshape": lambda p, x, y: p.reshaped(x),
    "part": lambda p, x, y: p.part(x),
    "put": lambda p, x, y: p.put(x),
    "one-hot": lambda p, x, y: x * p.one_hot(),
    "broadcast": lambda p, x, y: np.broadcast_to(x, np.broadcast_shapes(np.shape(x), (ROWS, N))),
}

FUNCTIONS: Steps = {
    "exp": lambda p, x, y: np.exp(x),
    "1 + exp": lambda p, x, y: 1 + np.exp(x),
    "sigmoid": lambda p, x, y: cr.sigmoid(p.one_of(x, -x)),
    "softmax": lambda p, x, y: cr.softmax(x),
    "tanh": lambda p, x, y: np.tanh(x),
    "a share": lambda p, x, y: x / np.sum(x, axis=-1, keepdims=True),
    "unless masked": lambda p, x, y: block_named("unless_masked")(x * y, p.one_of(x, np.exp(x)), np.tanh(x)),
}

MASKED: Steps = {
    "masked": lambda p, x, y: product_or_zero(x, y if isinstance(y, Array) else np.tanh(x)),
    "masked by its own": lambda p, x, y: product_or_zero(x, np.exp(x)),
}

CASTS: Steps = {
    "small integers": lambda p, x, y: np.clip(abs(40 * x), 0, 250).astype(np.uint8),
    "integers": lambda p, x, y: np.clip(9 * x, -99, 99).astype(int),
    "truths": lambda p, x, y: x > y,
    "single precision": lambda p, x, y: x.astype(np.float32),
    "of small integers": lambda p, x, y: x * np.full(N, 100, np.uint8),
}

POWERS: Steps = {
    "power": lambda p, x, y: x ** p.one_of(2, 3, -1, -2, 0.5, 4),
    "cancels": lambda p, x, y: x * y / y,
    "minus itself": lambda p, x, y: (x + y) - y,
    "distributes": lambda p, x, y: x * (y + 1.0) - x * y,
}


def operands(seed: int, dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    return [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]


def points(seed: int, xs: list[np.ndarray]) -> Iterator[tuple[float | None, list[np.ndarray]]]:
    """Operands to compare at, and the special number that some of their entries are."""
    rng = np.random.default_rng([seed, 2])
    yield None, xs
    yield None, [np.asarray(rng.normal(size=x.shape), x.dtype) for x in xs]
    for special in (np.nan, np.inf, -np.inf, 0.0, 30.0):
        ys = [x.copy() for x in xs]
        for y in ys:
            if rng.random() < 0.5:
                y.flat[rng.integers(y.size)] = special
        yield special, ys


def values_of(graph: Graph, xs: list[np.ndarray], change: Callable[[Any], Any] = lambda z: z) -> dict[Any, Any]:
    """The result of each block, changed before the next ones use it."""
    values: dict[Any, Any] = dict(zip(graph.inputs, xs, strict=True))
    for node in graph.nodes:
        operands = [values[i] if type(i) is Node else i for i in node.inputs]
        values[node] = change(node.block.forward(np, *operands, **node.params))
    return values


def is_finite(graph: Graph, xs: list[np.ndarray]) -> bool:
    return all(np.isfinite(z).all() for z in values_of(graph, xs).values())


def error_of(graph: Graph, xs: list[np.ndarray], expected: np.ndarray) -> np.ndarray:
    """How far rounding may carry: what a small change of the result of each block does."""
    rng = np.random.default_rng(0)

    def rounded(z: Any) -> Any:
        if z.dtype.kind != "f":
            return z
        return z * (1 + np.finfo(z.dtype).eps * rng.choice([-1, 1], np.shape(z))).astype(z.dtype)

    found = [abs(values_of(graph, xs, rounded)[graph.outputs[0]] - expected) for _ in range(3)]
    return np.nan_to_num(np.max(found, axis=0), nan=np.inf, posinf=np.inf)


def differs(graph: Graph, found: Graph, xs: list[np.ndarray], tell: Callable[[np.ndarray], Any] = np.isfinite) -> str:
    """How a graph differs from the original; "" if it does not. `tell` gives the entries that are compared."""
    a, b = (np.asarray(g.run(np, xs)[0]) for g in (graph, found))
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return f"{a.shape} {a.dtype} became {b.shape} {b.dtype}"
    known = tell(a)
    rounding = 1e3 * np.finfo(a.dtype).eps * (abs(a) + 1e-9) + 100 * error_of(graph, xs, a)
    wrong = known & ~((abs(a - b) <= rounding) | (np.isnan(a) & np.isnan(b)) | (a == b))
    return f"{a[wrong][:4]} became {b[wrong][:4]}" if wrong.any() else ""


def cost(graph: Graph) -> int:
    return sum(16 + np.size(node.value) for node in graph.nodes)


# The kinds of programs -----------------------------------------------------------------------------------------------


def computed(
    seed: int, dtype: Any = np.float64, absent: bool = False, masked: bool = False, casts: bool = False
) -> str:
    """What is wrong with a simplified program to compute with; "" if nothing is.

    Without masked slopes and absent zeros a NaN stays where it is too.
    """
    steps = ARITHMETIC | FUNCTIONS | (MASKED if masked else {}) | (CASTS if casts else {})
    xs = operands(seed, dtype)
    with np.errstate(all="ignore"):
        graph = record_graph(Program(seed, steps, dtype, EXTREMES, absent), *xs)
        simple = simplify_graph(graph)
        if cost(simple) > cost(graph) + 8 * 16:
            return f"seed {seed}: the cost {cost(graph)} became {cost(simple)}"
        zeros = absent and any(has_absent_zeros(x) for n in graph.nodes for x in n.inputs if type(x) is not Node)
        for special, ys in points(seed, xs):
            if casts and special is not None:
                continue  # a NaN and an infinity have no integer
            if special is not None and np.isinf(special) and (zeros or masked or _makes(simple, graph, "softmax")):
                continue  # 0 · ∞ has no order, and a softmax beside ∞ is NaN
            exact = special is not None and np.isnan(special) and not zeros and not masked
            found = differs(graph, simple, ys, (lambda a: np.isfinite(a) | np.isnan(a)) if exact else np.isfinite)
            if found:
                return f"seed {seed} at {special}: {found}"
    return ""


def _makes(simple: Graph, graph: Graph, name: str) -> bool:
    before, after = (Counter(n.block.name for n in g.nodes) for g in (graph, simple))
    return after[name] > before[name]


def read(seed: int, dtype: Any = np.float64, casts: bool = False) -> str:
    """What is wrong with a program that is simplified to be read; "" if nothing is."""
    program = Program(seed, ARITHMETIC | FUNCTIONS | POWERS | (CASTS if casts else {}), dtype)
    xs = operands(seed, dtype)
    with np.errstate(all="ignore"):
        graph = record_graph(program, *xs)
        (result,) = graph.outputs
        made = simplify(Array(result))
        simple = graph_between(graph.inputs, [made._node if type(made) is Array else np.asarray(made)])
        if (
            len(simple.nodes) > len(graph.nodes) + 2
        ):  # a block that another one still needs may be written a second time
            return f"seed {seed}: {len(graph.nodes)} blocks became {len(simple.nodes)}"
        for special, ys in points(seed, xs):
            if special is None and is_finite(graph, ys):  # 0 / 0 is 1 in p / p
                found = differs(graph, simple, ys)
                if found:
                    return f"seed {seed}: {found}"
    return ""


POLYNOMIALS: list[Callable[..., Any]] = [
    lambda n, x, y: x + y,
    lambda n, x, y: x - y,
    lambda n, x, y: x * y,
    lambda n, x, y: x * x,
    lambda n, x, y: x**n,
    lambda n, x, y: n * x,
    lambda n, x, y: x / 4,
    lambda n, x, y: -x,
]


class Polynomial:
    """The coefficient of each product of powers, by its definition: the reference for `cancelled`."""

    def __init__(self, terms: dict[tuple[int, ...], float]):
        self.terms = {powers: c for powers, c in terms.items() if c}

    def __add__(self, other: Polynomial) -> Polynomial:
        both = Counter(self.terms)
        both.update(other.terms)
        return Polynomial(both)

    def __mul__(self, other: Any) -> Polynomial:
        if not isinstance(other, Polynomial):
            return Polynomial({powers: c * other for powers, c in self.terms.items()})
        found: Counter[tuple[int, ...]] = Counter()
        for p, c in self.terms.items():
            for q, d in other.terms.items():
                found[tuple(i + j for i, j in zip(p, q, strict=True))] += c * d
        return Polynomial(found)

    __rmul__ = __mul__

    def __neg__(self) -> Polynomial:
        return self * -1

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __pow__(self, n: int) -> Polynomial:
        return self * self ** (n - 1) if n > 1 else self

    def __truediv__(self, number: float) -> Polynomial:
        return self * (1 / number)


TERMS = 12
"""The most terms of a sum that is read."""


def cancelled(seed: int) -> str:
    """What is left of a polynomial, and of its sum over all entries, minus their sums of products; "" if it is 0."""
    rng = np.random.default_rng([seed, 3])
    vectors = [False, False, True, True]
    xs = [
        cr.variable(np.asarray(rng.normal(size=N if v else ())), name=name)
        for v, name in zip(vectors, "abuv", strict=True)
    ]
    powers = [tuple(row) for row in np.eye(len(xs), dtype=int).tolist()]

    def made(depth: int) -> tuple[Any, Polynomial]:
        if depth == 0:
            i, e = rng.integers(len(xs)), rng.choice([1, 1, 1, -1])
            return xs[i] if e == 1 else 1 / xs[i], Polynomial({tuple(int(e) * n for n in powers[i]): 1.0})
        (x, p), (y, q) = made(depth - 1), made(rng.integers(depth))
        step, n = POLYNOMIALS[rng.integers(len(POLYNOMIALS))], int(rng.integers(2, 4))
        found = step(n, x, y), step(n, p, q)
        return found if len(found[1].terms) <= TERMS else (x, p)

    def product(powers: tuple[int, ...], wanted: bool) -> Any:
        """Of the powers of the vectors, or of the numbers."""
        factors = [x**e for x, e, v in zip(xs, powers, vectors, strict=True) if e and v is wanted]
        return math.prod(factors) if factors else None

    value, p = made(int(rng.integers(1, 5)))
    first, second = rng.permutation(np.eye(N))[:2] * rng.choice([1.0, 2.0, -4.0], size=(2, 1))
    plain: Any = 0.0
    total: Any = 0.0
    for term in rng.permutation(np.array(list(p.terms), int).reshape(-1, len(xs))).tolist():
        c = p.terms[tuple(term)]
        number, vector = product(term, False), product(term, True)
        number = c if number is None else c * number
        plain = plain + (number if vector is None else number * vector)
        total = total + (number * np.size(value) if vector is None else number * np.sum(vector))
    zeros = {
        "itself": value - plain,
        "its sum": np.sum(value) - total,
        "its entry in a unit vector": value * first - first * plain,
        "its entry": np.sum(value * first) - np.sum(first * plain),
        "two unit vectors": (value * first) * (second * plain),
        "the same unit vector twice": (first * value) * (first * plain) - np.sum(first) * first * (value * plain),
    }
    if len(p.terms) ** 2 > TERMS:
        del zeros["the same unit vector twice"]
    for name, zero in zeros.items():
        left = simplify(zero)
        if type(left) is Array or np.any(left):
            return f"seed {seed}: {name} of {p.terms} leaves {left}"
    return ""


def chained(seed: int) -> str:
    """What is wrong with a product of matrices and vectors that is put in another order; "" if nothing is."""
    rng = np.random.default_rng([seed, 4])
    sizes = [1, 2, 5, 9]
    xs: list[np.ndarray] = []
    fixed: list[bool] = []

    def operand(shape: tuple[int, ...]) -> Any:
        xs.append(rng.normal(size=shape))
        fixed.append(rng.random() < 0.2)
        return len(xs) - 1

    def tree(shape: tuple[int, ...], depth: int) -> Any:
        """A product of this shape: the place of an operand, a pair of factors, or what is transposed."""
        if depth == 0 or (depth < 3 and rng.random() < 0.2):
            return operand(shape)
        if len(shape) == 2 and rng.random() < 0.3:
            return (tree(shape[::-1], depth),)
        inner = (int(rng.choice(sizes)),)
        left, right = shape[:1] + inner, inner + shape[1:]
        if len(shape) == 1 and rng.random() < 0.5:
            left, right = inner, inner + shape
        elif not shape:
            left = right = inner
        return tree(left, depth - 1), tree(right, depth - 1)

    made = tree(tuple(int(n) for n in rng.choice(sizes, size=rng.integers(3))), int(rng.integers(1, 5)))
    shared = rng.random() < 0.2

    def f(*ys: Any) -> Any:
        def value(part: Any) -> Any:
            if isinstance(part, int):
                return xs[part] if fixed[part] else ys[part]
            if len(part) == 1:
                return value(part[0]).T
            products.append(value(part[0]) @ value(part[1]))
            return products[-1]

        products: list[Any] = []
        z = value(made)
        return (z, products[0]) if shared and products else z

    graph = record_graph(f, *xs)
    simple = simplify_graph(graph)
    if multiplications(simple) > multiplications(graph):
        return f"seed {seed}: {multiplications(graph)} multiplications became {multiplications(simple)}"
    if multiplications(simple) == multiplications(graph) and len(simple.nodes) > len(graph.nodes):
        return f"seed {seed}: more blocks for as many multiplications"
    for a, b in zip(graph.run(np, xs), simple.run(np, xs), strict=True):
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-9, atol=1e-9):
            return f"seed {seed}: another product"
    return ""


def multiplications(graph: Graph) -> int:
    """The number of multiplications in the products of a graph."""
    total = 0
    for node in graph.nodes:
        if node.block is matmul:
            x, y = (np.shape(value_of_operand(i)) for i in node.inputs)
            total += math.prod(x) * (y[1] if len(y) == 2 else 1)
    return total


KINDS: dict[str, Callable[[int], str]] = {
    "computed": computed,
    "computed in float32": lambda seed: computed(seed, np.float32),
    "masked": lambda seed: computed(seed, masked=True),
    "with absent zeros": lambda seed: computed(seed, absent=True),
    "masked with absent zeros": lambda seed: computed(seed, absent=True, masked=True),
    "read": read,
    "read in float32": lambda seed: read(seed, np.float32),
    "computed with casts": lambda seed: computed(seed, casts=True),
    "read with casts": lambda seed: read(seed, casts=True),
    "cancelled": cancelled,
    "chained": lambda seed: next(filter(None, map(chained, range(3 * seed, 3 * seed + 3))), ""),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Random programs, simplified, against the recorded blocks.")
    parser.add_argument("count", type=int, help="of programs of each kind")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    wrong = 0
    for kind in options.kinds:
        found = list(filter(None, map(KINDS[kind], range(options.first, options.first + options.count))))
        print(f"{kind}: {options.count} programs, {len(found)} wrong", *found[:10], sep="\n    ", flush=True)
        wrong += len(found)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
