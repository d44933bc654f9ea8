"""Examples to start from: the sections of the notes on backpropagation, and what people differentiate by hand."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["EXAMPLES", "PlaygroundExample"]


class PlaygroundExample(TypedDict):
    """An expression with the values of its inputs, as they are typed."""

    title: str
    text: str
    values: dict[str, str]


def example(title: str, text: str, **values: str) -> PlaygroundExample:
    return {"title": title, "text": text, "values": values}


EXAMPLES: list[PlaygroundExample] = [
    example("Notes: a computation graph", "a = 2*x\nb = 3*y\nc = a + b\nL = c*z", x="1", y="2", z="3"),
    example("Notes: the chain rule for numbers", "y = x**2\nL = 3*y[0]", x="[1]"),
    example(
        "Notes: the chain rule for vectors",
        "y = stack([x[0]*x[1], x[1]*x[2]])\nL = y[0] + 2*y[1]",
        x="[1, 1, 1]",
    ),
    example("Notes: a product of vectors", "z = x.T @ y", x="[1, 2, 3]", y="[3, 2, 1]"),
    example("Notes: a matrix and a vector", "Z = W @ x\nL = sum(Z)", W="[[1, 2], [2, 1]]", x="[[1], [2]]"),
    example(
        "Notes: two matrices",
        "Z = X @ W\nL = sum(Z)",
        X="[[1, 2, 3], [3, 2, 1]]",
        W="[[1, 2, 3], [2, 3, 1], [3, 1, 2]]",
    ),
    example("Notes: softmax", "p = softmax(s)\nL = -sum(log(p))", s="[1, 2]"),
    example(
        "Notes: cross-entropy loss",
        "s = W @ x\np = softmax(s)\np_s = p[0]\nL = -log(p_s)",
        W="[[-1.46786, 0.52126], [0.99545, -0.34773], [0.47242, -0.17353]]",
        x="[1.03054, -0.25443]",
    ),
    example(
        "Notes: hinge loss",
        "s = W @ x\nt = where(wrong > 0, s - s[0] + 1, 0)\nz = relu(t)\nL = z[1] + z[2]",
        W="[[1, 1], [2, 3], [2, 2]]",
        x="[2, 1]",
        wrong="[0, 1, 1]",
    ),
    example(
        "Least squares",
        "r = X @ w - y\nL = sum(r**2)",
        X="[[1, 2], [3, 4], [5, 6]]",
        w="[1, -1]",
        y="[0, 1, 1]",
    ),
    example(
        "Logistic regression and its Hessian",
        "m = y * (X @ w)\nL = sum(log(1 + exp(-m)))",
        X="[[1, 2], [-1, 1], [2, -1]]",
        w="[0.5, -0.5]",
        y="[1, -1, 1]",
    ),
    example("A quadratic form and its Hessian", "L = x.T @ A @ x", A="[[2, 1], [0, 3]]", x="[1, -1]"),
    example("The Jacobian of softmax", "p = softmax(x)", x="[1, 0, -1]"),
    example("The logarithm of a determinant", "L = log(det(X))", X="[[2, 1], [0, 3]]"),
    example(
        "A network of two layers",
        "h = tanh(W1 @ x + b1)\ns = W2 @ h + b2\nL = softmax_cross_entropy(s, 1)",
        W1="[[0.5, -0.3], [0.8, 0.2], [-0.4, 0.6]]",
        x="[1, -1]",
        b1="[0, 0.1, 0]",
        W2="[[0.3, -0.6, 0.2], [0.7, 0.1, -0.5]]",
        b2="[0, 0]",
    ),
]
