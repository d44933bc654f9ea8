"""The notes on backpropagation that chainrule comes from, recomputed.

Every section of the notes (Machine Learning Notes: Backpropagation, 7 May 2021) is a `Section`: a forward pass in plain
NumPy, its inputs, and what the notes say about it, as printed numbers, as formulas derived by hand, or both.
`chainrule notes` (or `python examples/notes.py`) runs all of them and sets chainrule's values beside the notes' and
beside PyTorch's.

The code cells of the notes are lost, their outputs are not. The inputs here are chosen so that the outputs come out:

- Cells 56 to 62 and 64 print few or whole numbers, and small inputs that give them are easily found by hand.
  In cell 62, ∂L/∂p = −(1 + e), −(1 + 1/e) is −1/p for the softmax p of scores that are 1 apart, so L = −Σ log p_i.
- Cell 63 prints p, L, ∂L/∂s, ∂L/∂W and ∂L/∂x with four decimals. They fix x and W x (up to a constant in all scores,
  which softmax ignores) and Wᵀ ∂L/∂s. Of all W that fit, the one of smallest norm is taken;
  tests/notes/test_inputs.py solves for it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

import chainrule as cr

__all__ = ["Line", "Result", "Section", "Step", "compute", "compute_with_torch", "main", "results", "sections"]

Values = dict[str, np.ndarray]
"""Everything computed in a section, by its label: "p" (forward), "∂L/∂p" (gradient), "J^p_s" (local gradient)."""


@dataclass(frozen=True)
class Line:
    """One value of the notes.

    Attributes
    ----------
    label : what it is, a key of `Values`.
    printed : the numbers as the notes print them, or None where they only give a formula.
    decimals : how many decimals they print; None where the printed numbers are exact.
    rule : the notes' formula, as text.
    derived : the same formula as a function of the other values of the section.
    """

    label: str
    printed: Any = None
    decimals: int | None = None
    rule: str = ""
    derived: Callable[[Values], Any] | None = None


@dataclass(frozen=True)
class Step:
    """A step z = f(x) of a section whose local gradient J^z_x the notes write out."""

    z: str
    x: str
    f: Callable[[Any], Any]

    @property
    def label(self) -> str:
        return f"J^{self.z}_{self.x}"


@dataclass(frozen=True)
class Section:
    """A section of the notes.

    Attributes
    ----------
    title : its heading.
    cell : the number of its code cell, or None where it is derived by hand alone.
    f : the forward pass: takes the inputs by name, returns all its values by name; the loss is "L".
    in_torch : the same forward pass, written for PyTorch; its first argument is the module `torch`.
    inputs : the inputs by name.
    lines : what the notes say.
    steps : the steps whose local gradients they write out.
    """

    title: str
    cell: int | None
    f: Callable[..., Mapping[str, Any]]
    in_torch: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, Any]
    lines: tuple[Line, ...]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Result:
    """A line of the notes, recomputed: chainrule's value, the notes' formula worked out, and PyTorch's value.

    `derived` and `torch` are None where there is no formula or no PyTorch.
    """

    line: Line
    value: np.ndarray
    derived: np.ndarray | None
    torch: np.ndarray | None

    @property
    def agrees_with_notes(self) -> bool:
        """Whether the value agrees with the printed numbers, to half a unit of the last digit, and with the formula."""
        printed = self.line.printed
        return (printed is None or agree(self.value, printed, self.line.decimals)) and (
            self.derived is None or agree(self.value, self.derived)
        )

    @property
    def agrees_with_torch(self) -> bool | None:
        """Whether the value agrees with PyTorch's; None without PyTorch."""
        return None if self.torch is None else agree(self.value, self.torch)


def agree(value: Any, expected: Any, decimals: int | None = None) -> bool:
    """Whether two arrays agree: to half a unit of the last decimal, or to rounding errors where `decimals` is None.

    >>> agree(0.96094, 0.9609, decimals=4), agree(0.96096, 0.9609, decimals=4)
    (True, False)
    """
    value, expected = np.asarray(value, dtype=float), np.asarray(expected, dtype=float)
    if value.shape != expected.shape:
        return False
    if decimals is not None:
        return bool(np.all(np.abs(value - expected) <= 0.5 * 10.0**-decimals + 1e-12))
    return np.allclose(value, expected, rtol=1e-12, atol=1e-12)


# Forward passes, each followed by the same in PyTorch --------------------------------------------------------


def scalars(x):
    y = x**2
    L = 3 * y[0]
    return {"y": y, "L": L}


def scalars_in_torch(torch, x):
    y = torch.square(x)
    return {"y": y, "L": 3 * y.sum()}


def two_of_three(x):
    return np.stack([x[0] * x[1], x[1] * x[2]])


def vectors(x):
    y = two_of_three(x)
    L = y[0] + 2 * y[1]
    return {"y": y, "L": L}


def vectors_in_torch(torch, x):
    y = x[:2] * x[1:]
    return {"y": y, "L": y @ torch.tensor([1.0, 2.0], dtype=x.dtype)}


def dot_product(x, y):
    z = x.T @ y
    return {"z": z, "L": z}


def dot_product_in_torch(torch, x, y):
    z = torch.dot(x, y)
    return {"z": z, "L": z}


def product_of_two(x, y):
    Z = x @ y
    return {"Z": Z, "L": np.sum(Z)}


def product_of_two_in_torch(torch, x, y):
    Z = torch.mm(x, y)
    return {"Z": Z, "L": Z.sum()}


def matrix_and_vector(W, x):
    return product_of_two(W, x)


def matrix_and_vector_in_torch(torch, W, x):
    return product_of_two_in_torch(torch, W, x)


def matrix_and_matrix(X, W):
    return product_of_two(X, W)


def matrix_and_matrix_in_torch(torch, X, W):
    return product_of_two_in_torch(torch, X, W)


def softmax_of_column(s):
    return cr.softmax(s, axis=0)


def softmax(s):
    p = softmax_of_column(s)
    L = -np.sum(np.log(p))
    return {"p": p, "L": L}


def softmax_in_torch(torch, s):
    p = torch.softmax(s, dim=0)
    return {"p": p, "L": -torch.log(p).sum()}


def computation_graph(x, y, z):
    a = 2 * x
    b = 3 * y
    c = a + b
    L = c * z
    return {"a": a, "b": b, "c": c, "L": L}


def computation_graph_in_torch(torch, x, y, z):
    a, b = torch.mul(x, 2), torch.mul(y, 3)
    c = torch.add(a, b)
    return {"a": a, "b": b, "c": c, "L": torch.mul(c, z)}


def cross_entropy(W, x):
    s = W @ x
    p = cr.softmax(s)
    p_s = p[0]
    L = -np.log(p_s)
    return {"s": s, "p": p, "p_s": p_s, "L": L}


def cross_entropy_in_torch(torch, W, x):
    s = torch.mv(W, x)
    p = torch.softmax(s, dim=0)
    p_s = p[0]
    return {"s": s, "p": p, "p_s": p_s, "L": -torch.log(p_s)}


def margins(s):
    wrong = np.array([False, True, True])  # the right class is 0
    return np.where(wrong, s - s[0] + 1, 0)


def hinge(W, x):
    s = W @ x
    t = margins(s)
    z = cr.relu(t)  # max(t, 0), whose derivative at t = 0 is 0, as in the notes
    L = z[1] + z[2]
    return {"s": s, "t": t, "z": z, "L": L}


def hinge_in_torch(torch, W, x):
    s = torch.mv(W, x)
    t = torch.cat([torch.zeros(1, dtype=s.dtype), s[1:] - s[0] + 1])
    z = torch.relu(t)
    return {"s": s, "t": t, "z": z, "L": z[1:].sum()}


# What the notes say ------------------------------------------------------------------------------------------


E_0 = np.array([1.0, 0.0, 0.0])  # the right class is 0


def softmax_jacobian(v: Values) -> np.ndarray:
    """−p_i p_j where i ≠ j, p_i (1 − p_i) otherwise."""
    p = np.ravel(v["p"])
    return np.where(np.eye(p.size, dtype=bool), p * (1 - p), -np.outer(p, p))


def active(v: Values) -> tuple[float, float]:
    """The notes' m and n: 1 where a margin is violated, 0 where not."""
    _, t_1, t_2 = v["t"]
    return float(t_1 > 0), float(t_2 > 0)


def max_jacobian(v: Values) -> np.ndarray:
    m, n = active(v)
    return np.diag([0.0, m, n])


def hinge_ds(v: Values) -> np.ndarray:
    m, n = active(v)
    return np.array([-(m + n), m, n])


def sections() -> tuple[Section, ...]:
    """The sections of the notes, in their order.

    >>> [section.cell for section in sections()]
    [56, 57, 58, 59, 60, 61, 62, None, 63, 64]
    """
    return (
        Section(
            "Chain rule, scalars",
            56,
            scalars,
            scalars_in_torch,
            {"x": [1.0]},
            (
                Line("∂L/∂L", rule="1", derived=lambda v: 1.0),
                Line("∂L/∂y", rule="∂f₂(y)/∂y", derived=lambda v: [3.0]),
                Line("∂L/∂x", [6.0], rule="∂L/∂y ∂f₁(x)/∂x", derived=lambda v: v["∂L/∂y"] * 2 * v["x"]),
            ),
        ),
        Section(
            "Chain rule, vectors",
            57,
            vectors,
            vectors_in_torch,
            {"x": [1.0, 1.0, 1.0]},
            (
                Line("∂L/∂y", rule="∂g(y)/∂y", derived=lambda v: [1.0, 2.0]),
                Line(
                    "J^y_x",
                    rule="∂f_j(x)/∂x_i",
                    derived=lambda v: [[v["x"][1], 0.0], [v["x"][0], v["x"][2]], [0.0, v["x"][1]]],
                ),
                Line("∂L/∂x", [1.0, 3.0, 2.0], rule="J^y_x ∂L/∂y", derived=lambda v: v["J^y_x"] @ v["∂L/∂y"]),
            ),
            (Step("y", "x", two_of_three),),
        ),
        Section(
            "Vector dot product z = xᵀy",
            58,
            dot_product,
            dot_product_in_torch,
            {"x": [1.0, 2.0, 3.0], "y": [3.0, 2.0, 1.0]},
            (
                Line("∂L/∂z", 1.0),
                Line("∂L/∂x", [3.0, 2.0, 1.0], rule="∂L/∂z y", derived=lambda v: v["∂L/∂z"] * v["y"]),
                Line("∂L/∂y", [1.0, 2.0, 3.0], rule="∂L/∂z x", derived=lambda v: v["∂L/∂z"] * v["x"]),
            ),
        ),
        Section(
            "Vector product Z = xy",
            59,
            product_of_two,
            product_of_two_in_torch,
            {"x": [[1.0], [2.0], [3.0]], "y": [[2.0, 3.0]]},
            (
                Line("∂L/∂Z", [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]),
                Line("∂L/∂x", [[5.0], [5.0], [5.0]], rule="∂L/∂Z yᵀ", derived=lambda v: v["∂L/∂Z"] @ v["y"].T),
                Line("∂L/∂y", [[6.0, 6.0]], rule="xᵀ ∂L/∂Z", derived=lambda v: v["x"].T @ v["∂L/∂Z"]),
            ),
        ),
        Section(
            "Vector & matrix product Z = Wx",
            60,
            matrix_and_vector,
            matrix_and_vector_in_torch,
            {"W": [[1.0, 2.0], [2.0, 1.0]], "x": [[1.0], [2.0]]},
            (
                Line("∂L/∂Z", [[1.0], [1.0]]),
                Line("∂L/∂x", [[3.0], [3.0]], rule="Wᵀ ∂L/∂Z", derived=lambda v: v["W"].T @ v["∂L/∂Z"]),
                # The cell prints it under the name dy, and so does cell 61.
                Line("∂L/∂W", [[1.0, 2.0], [1.0, 2.0]], rule="∂L/∂Z xᵀ", derived=lambda v: v["∂L/∂Z"] @ v["x"].T),
            ),
        ),
        Section(
            "Matrix & matrix product Z = XW",
            61,
            matrix_and_matrix,
            matrix_and_matrix_in_torch,
            {"X": [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], "W": [[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]]},
            (
                Line("∂L/∂Z", [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
                Line(
                    "∂L/∂X",
                    [[6.0, 6.0, 6.0], [6.0, 6.0, 6.0]],
                    rule="∂L/∂Z Wᵀ",
                    derived=lambda v: v["∂L/∂Z"] @ v["W"].T,
                ),
                Line(
                    "∂L/∂W",
                    [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0], [4.0, 4.0, 4.0]],
                    rule="Xᵀ ∂L/∂Z",
                    derived=lambda v: v["X"].T @ v["∂L/∂Z"],
                ),
            ),
        ),
        Section(
            "Softmax",
            62,
            softmax,
            softmax_in_torch,
            {"s": [[1.0], [2.0]]},
            (
                Line("p", rule="e^{s_i} / Σ e^{s_i}", derived=lambda v: np.exp(v["s"]) / np.sum(np.exp(v["s"]))),
                Line("∂L/∂p", [[-3.7183], [-1.3679]], 4),
                Line("J^p_s", rule="−p_i p_j, p_i(1 − p_i)", derived=softmax_jacobian),
                Line("∂L/∂s", [[-0.4621], [0.4621]], 4, rule="J^p_s ∂L/∂p", derived=lambda v: v["J^p_s"] @ v["∂L/∂p"]),
            ),
            (Step("p", "s", softmax_of_column),),
        ),
        Section(
            "Computation graph L = (2x + 3y)z",
            None,
            computation_graph,
            computation_graph_in_torch,
            {"x": 1.0, "y": 2.0, "z": 3.0},
            (
                Line("a", 2.0, rule="2x", derived=lambda v: 2 * v["x"]),
                Line("b", 6.0, rule="3y", derived=lambda v: 3 * v["y"]),
                Line("c", 8.0, rule="a + b", derived=lambda v: v["a"] + v["b"]),
                Line("L", 24.0, rule="cz", derived=lambda v: v["c"] * v["z"]),
                # The notes write the local gradient of the block L = cz as ∂L/∂z too; here it is ∂(cz)/∂z.
                Line("∂L/∂L", 1.0),
                Line("∂L/∂z", 8.0, rule="∂L/∂L ∂(cz)/∂z", derived=lambda v: v["∂L/∂L"] * v["c"]),
                Line("∂L/∂c", 3.0, rule="∂L/∂L ∂(cz)/∂c", derived=lambda v: v["∂L/∂L"] * v["z"]),
                Line("∂L/∂a", 3.0, rule="∂(a + b)/∂a ∂L/∂c", derived=lambda v: 1 * v["∂L/∂c"]),
                Line("∂L/∂b", 3.0, rule="∂(a + b)/∂b ∂L/∂c", derived=lambda v: 1 * v["∂L/∂c"]),
                Line("∂L/∂x", 6.0, rule="∂(2x)/∂x ∂L/∂a", derived=lambda v: 2 * v["∂L/∂a"]),
                Line("∂L/∂y", 9.0, rule="∂(3y)/∂y ∂L/∂b", derived=lambda v: 3 * v["∂L/∂b"]),
            ),
        ),
        Section(
            "Cross-entropy loss, right class 0",
            63,
            cross_entropy,
            cross_entropy_in_torch,
            {"W": [[-1.46786, 0.52126], [0.99545, -0.34773], [0.47242, -0.17353]], "x": [1.03054, -0.25443]},
            (
                Line("s", rule="Wx", derived=lambda v: v["W"] @ v["x"]),
                Line(
                    "p",
                    [0.0391, 0.6168, 0.3442],
                    4,
                    rule="softmax(s)",
                    derived=lambda v: np.exp(v["s"]) / np.sum(np.exp(v["s"])),
                ),
                Line("p_s", rule="[1, 0, 0] p", derived=lambda v: E_0 @ v["p"]),
                Line("L", 3.2429, 4, rule="−log p_s", derived=lambda v: -np.log(v["p_s"])),
                Line("∂L/∂L", rule="1", derived=lambda v: 1.0),
                Line("∂L/∂p_s", rule="−1/p_s", derived=lambda v: -1 / v["p_s"]),
                Line("∂L/∂p", rule="[−1/p_s, 0, 0]", derived=lambda v: -1 / v["p_s"] * E_0),
                Line("J^p_s", rule="−p_i p_j, p_i(1 − p_i)", derived=softmax_jacobian),
                Line(
                    "∂L/∂s",
                    [-0.9609, 0.6168, 0.3442],
                    4,
                    rule="J^p_s ∂L/∂p",
                    derived=lambda v: v["J^p_s"] @ v["∂L/∂p"],
                ),
                Line(
                    "∂L/∂s",
                    [-0.9609, 0.6168, 0.3442],
                    4,
                    rule="[p_0 − 1, p_1, p_2]",
                    derived=lambda v: v["p"] - E_0,
                ),
                Line(
                    "∂L/∂W",
                    [[-0.9903, 0.2445], [0.6356, -0.1569], [0.3547, -0.0876]],
                    4,
                    rule="∂L/∂s xᵀ",
                    derived=lambda v: np.outer(v["∂L/∂s"], v["x"]),
                ),
                Line("∂L/∂x", [2.1871, -0.7751], 4, rule="Wᵀ ∂L/∂s", derived=lambda v: v["W"].T @ v["∂L/∂s"]),
            ),
            (Step("p", "s", cr.softmax),),
        ),
        Section(
            "Hinge loss, right class 0",
            64,
            hinge,
            hinge_in_torch,
            {"W": [[1.0, 1.0], [2.0, 3.0], [2.0, 2.0]], "x": [2.0, 1.0]},
            (
                Line("s", rule="Wx", derived=lambda v: v["W"] @ v["x"]),
                Line(
                    "t",
                    rule="[0, s_i − s_0 + 1]",
                    derived=lambda v: [0.0, v["s"][1] - v["s"][0] + 1, v["s"][2] - v["s"][0] + 1],
                ),
                Line("z", rule="[0, m t_1, n t_2]", derived=lambda v: [0.0, *np.array(active(v)) * v["t"][1:]]),
                Line("L", 9.0, 4, rule="z_1 + z_2", derived=lambda v: v["z"][1] + v["z"][2]),
                Line("∂L/∂L", rule="1", derived=lambda v: 1.0),
                Line("∂L/∂z", rule="[0, 1, 1]", derived=lambda v: [0.0, 1.0, 1.0]),
                Line("J^z_t", rule="diag(0, m, n)", derived=max_jacobian),
                Line("∂L/∂t", rule="J^z_t ∂L/∂z", derived=lambda v: v["J^z_t"] @ v["∂L/∂z"]),
                Line("∂L/∂t", rule="[0, m, n]", derived=lambda v: [0.0, *active(v)]),
                Line("J^t_s", [[0.0, -1.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
                Line("∂L/∂s", [-2.0, 1.0, 1.0], rule="J^t_s ∂L/∂t", derived=lambda v: v["J^t_s"] @ v["∂L/∂t"]),
                Line("∂L/∂s", [-2.0, 1.0, 1.0], rule="[−(m + n), m, n]", derived=hinge_ds),
                Line(
                    "∂L/∂W",
                    [[-4.0, -2.0], [2.0, 1.0], [2.0, 1.0]],
                    rule="∂L/∂s xᵀ",
                    derived=lambda v: np.outer(v["∂L/∂s"], v["x"]),
                ),
                Line("∂L/∂x", [2.0, 3.0], rule="Wᵀ ∂L/∂s", derived=lambda v: v["W"].T @ v["∂L/∂s"]),
            ),
            (Step("z", "t", cr.relu), Step("t", "s", margins)),
        ),
    )


# Recomputing them --------------------------------------------------------------------------------------------


def compute(section: Section) -> Values:
    """Every value of a section by chainrule: inputs, forward values, gradients and the local gradients of its steps."""
    inputs = {name: cr.variable(value, name=name) for name, value in section.inputs.items()}
    recorded = inputs | dict(section.f(**inputs))
    recorded["L"].backward()
    values = {name: np.asarray(x.value) for name, x in recorded.items()}
    values |= {f"∂L/∂{name}": np.asarray(x.grad) for name, x in recorded.items()}
    for step in section.steps:
        x = values[step.x]
        values[step.label] = np.reshape(cr.local_gradient(step.f, x), (x.size, -1))
    return values


def compute_with_torch(section: Section) -> Values | None:
    """The same by PyTorch's autograd, from a forward pass written for PyTorch; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    tensors = {k: torch.tensor(x, dtype=torch.float64, requires_grad=True) for k, x in section.inputs.items()}
    tensors |= section.in_torch(torch, **tensors)
    gradients = torch.autograd.grad(tensors["L"], list(tensors.values()), retain_graph=True)
    values = {name: t.detach().numpy() for name, t in tensors.items()}
    values |= {f"∂L/∂{name}": g.numpy() for name, g in zip(tensors, gradients, strict=True)}
    for step in section.steps:
        z, x = tensors[step.z].ravel(), tensors[step.x]
        columns = [torch.autograd.grad(z_j, x, retain_graph=True)[0].ravel().numpy() for z_j in z]
        values[step.label] = np.stack(columns, axis=1)
    return values


def results(section: Section) -> tuple[Result, ...]:
    """Every line of a section, recomputed.

    >>> first, *_ = results(sections()[2])
    >>> first.line.label, first.value, first.agrees_with_notes
    ('∂L/∂z', array(1.), True)
    """
    values = compute(section)
    torch = compute_with_torch(section)
    return tuple(
        Result(
            line,
            values[line.label],
            None if line.derived is None else np.asarray(line.derived(values)),
            None if torch is None else torch[line.label],
        )
        for line in section.lines
    )


# Printing them -----------------------------------------------------------------------------------------------

LABELS, VALUES = 32, 30  # widths of the first two columns; the third holds the checks


def main(stream: TextIO) -> int:
    """Print every section with its checks on the stream; 0 if every line agrees, 1 if one does not."""
    count = wrong = 0
    compared = True
    for section in sections():
        cell = "derived by hand" if section.cell is None else f"cell [{section.cell}]"
        print(f"{section.title:<64}{cell:>15}", file=stream)
        for name, value in section.inputs.items():
            print_row(stream, name, text_of(value), "")
        for result in results(section):
            count += 1
            wrong += not result.agrees_with_notes or result.agrees_with_torch is False
            compared = compared and result.torch is not None
            print_result(stream, result)
        print(file=stream)
    print(f"{count} lines, {wrong or 'none'} of them wrong.", file=stream)
    if not compared:
        print("PyTorch is not installed: not compared", file=stream)
    return 1 if wrong else 0


def print_result(stream: TextIO, result: Result) -> None:
    """A line and its checks; where it is wrong, what was expected below it."""
    line = result.line
    checks = f"notes {'✓' if result.agrees_with_notes else '✗'}"
    if result.torch is not None:
        checks += f" torch {'✓' if result.agrees_with_torch else '✗'}"
    label = f"{line.label} = {line.rule}" if line.rule else line.label
    print_row(stream, label, text_of(result.value), checks)
    if not result.agrees_with_notes:
        if line.printed is not None:
            print_row(stream, "  the notes print", text_of(line.printed), "")
        if result.derived is not None:
            print_row(stream, "  the notes' formula gives", text_of(result.derived), "")
    if result.agrees_with_torch is False:
        print_row(stream, "  PyTorch gives", text_of(result.torch), "")


def print_row(stream: TextIO, label: str, value: list[str], checks: str) -> None:
    first, *rest = value
    print(f"  {label:<{LABELS}}{first:<{VALUES}}{checks}".rstrip(), file=stream)
    for row in rest:
        print(f"  {'':<{LABELS}}{row}", file=stream)


def text_of(value: Any) -> list[str]:
    """The rows of an array, with four decimals as in the notes, or none where all entries are whole numbers.

    >>> text_of([[1.0, 2.0], [3.0, 4.0]])
    ['[1 2]', '[3 4]']
    >>> text_of(0.96094)
    ['0.9609']
    """
    value = np.asarray(value, dtype=float)
    whole = bool(np.all(value == np.round(value)))
    entries = [f"{entry:.0f}" if whole else f"{entry:.4f}" for entry in value.ravel() + 0.0]  # + 0.0: no -0
    if value.ndim == 0:
        return entries
    width = max(map(len, entries))
    columns = value.shape[-1]
    return [
        "[" + " ".join(f"{entry:>{width}}" for entry in entries[i : i + columns]) + "]"
        for i in range(0, len(entries), columns)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.stdout))
