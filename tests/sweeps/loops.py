"""Random loops, compiled and not: value and gradient must agree, and a second derivative now and then.

python -m tests.sweeps.loops --count 1000 --seed 0     (about 0.6 s each)

Each program is a loop of 40 to 70 steps over random lines: arrays and numbers that are carried, rows that are read
forwards, backwards and some steps before, lists that grow, arrays that are filled entry by entry, numbers that differ
from step to step, branches. Bodies are so long that compilation rolls the loop.
"""

from __future__ import annotations

import argparse
import math
import random

import numpy as np

import chainrule as cr

__all__ = ["disagreement", "main", "program"]

OF_ARRAYS = [
    "np.tanh({a})",
    "np.sin({a})",
    "np.exp(-np.abs({a}))",
    "{a} + {b}",
    "{a} - 0.5 * {b}",
    "{a} * {b}",
    "{a} / (1 + {b}**2)",
    "W @ {a}",
    "{a} @ W",
    "np.where({a} > {b}, {a}, 0.3 * {b})",
    "np.maximum({a}, {b})",
    "np.log(1 + np.exp({a}))",
    "{a} * {s}",
    "{s} - {a}",
    "np.roll({a}, 1)",
    "np.stack([{a}[1], {s}, {b}[0]])",
    "np.concatenate(({a}[1:], {b}[:1]))",
    "{a}[::-1]",
    "np.outer({a}, {b})[1]",
    "({a}[:, None] * W).sum(axis=0)",
    "{a} - np.mean({b})",
    "np.cumsum({a}) * 0.3",
    "np.exp({a}) / np.sum(np.exp({a}))",
    "np.linalg.solve(W @ W.T + np.eye(3), {a})",
    "np.sqrt({a}**2 + 1)",
    "np.sort({a})",
    "({a} > {b}) * {a} + 0.1 * {b}",
    "np.abs({a} + 1j * {b})",
    "np.real(np.exp(1j * {a}) * {b})",
    "{a} * np.std({b})",
    "{a} / np.linalg.norm({b} + 2)",
    "np.maximum.accumulate({a})",
]
OF_NUMBERS = [
    "np.sum({a})",
    "{a}[1]",
    "{a} @ {b}",
    "np.max({a})",
    "{s} * {r}",
    "{s} + {r}",
    "np.cos({s})",
    "{s} / (1 + {r} * {r})",
    "0.9 * {s} + 0.01",
    "np.tanh({s})",
    "math.sin(0.1 * t) * {s}",
    "{s} / (t + 3)",
    "(t % 2) * {s} * 0.5 + 0.1",
    "np.log(np.sum(np.exp({a})))",
    "max({s}, {r})",
    "np.maximum({s}, {r})",
    "np.std({a})",
    "np.var({a}) * {s}",
    "({s} if t != 7 else {r})",
    "({s} if t < n - 3 else 0.5 * {r})",
]
WRITES = [
    (["B[t] = {s}"], ["B[t]", "B[t - 1]", "B[3]"], []),
    (["B[t] += {s}", "B[t] *= 0.5"], ["B[t]", "B[t - 2]"], []),
    (["B[t - 1] = {s}", "B[t] = 0.5 * B[t - 1]"], ["B[t]"], []),
    (["B[n - 1 - t] = {s}"], ["B[n - 1 - t]"], []),
    (["B[t] = {s} + np.sum(B[t - 3 : t])"], ["B[t]"], []),
    (["U[t] = {a}"], ["U[t, 1]", "U[t - 1, -1]"], ["U[t]", "U[t - 1] * 0.5"]),
    (["U[t, :] += {a}"], ["np.sum(U[t, 1:])"], ["U[t]"]),
    (["V[:, t] = {a}"], ["V[0, t]"], ["V[:, t]", "V[:, t - 1]"]),
    (["for i in range(3):", "    U[t, i] = {a}[i] * {s}"], ["U[t, 0]"], ["U[t]"]),
    (["for i in range(2):", "    V[i, t] = {a}[i + 1] + {s}"], ["V[1, t]"], []),
    (["S[0] = np.tanh(S[1] + {s})", "S[1] = 0.5 * S[2]", "S[2] = S[0] * 0.9"], ["S[1]"], ["S", "W @ S"]),
    (["S[1] = np.tanh({s})"], ["S[1]"], ["S * {s}"]),
]
"""Lines that write into arrays, and numbers and arrays that are read then."""
LOOPS = [
    ["for t in range(3, n):"],
    ["for t in range(n - 1, 2, -1):"],
    ["t = 2", "while t < n - 1:", "    t += 1"],
    ["for t in range(4, n, 2):"],
]
ROWS = ["xs[t]", "xs[t - 1]", "xs[n - 1 - t]", "xs[t - 2]", "xs[2]"]
NUMBERS = ["ys[t]", "ys[t - 1]", "ys[-t]", "ys[1]"]


def program(seed: int) -> str:
    """The text of a function `f(W, xs, ys, p)`."""
    rng = random.Random(seed)
    lines = ["def f(W, xs, ys, p):", "    n = xs.shape[0]", "    h, g, u, v = xs[0], 0.1 * xs[1], p, 0.5"]
    lines.append("    B, U, V, S = np.zeros(n), np.ones((n, 3)), np.zeros((3, n)), np.ones(3)")
    lines.append("    found, rows = [ys[0], ys[1], ys[2]], [xs[0], xs[1], xs[2]]")
    for _ in range(rng.choice([1, 1, 1, 2])):
        lines += [*("    " + line for line in rng.choice(LOOPS)), *("        " + line for line in _body(rng))]
    lines.append("    z = np.sum(B * np.cos(B)) + np.sum(np.sin(U) * U) + np.sum(V**2 @ np.ones(n)) + np.sum(S)")
    lines.append(
        "    z = z + np.sum(h**2) + np.sum(g) + u * v + np.mean(np.stack(found)) + np.sum(np.stack(rows) ** 2)"
    )
    lines.append("    return z")
    return "\n".join(lines)


def _body(rng: random.Random) -> list[str]:
    arrays, numbers, lines = ["h", "g"], ["u", "v"], []

    def expression(of_array: bool) -> str:
        form = rng.choice(OF_ARRAYS if of_array else OF_NUMBERS)
        take_array = lambda: rng.choice(ROWS) if rng.random() < 0.25 else rng.choice(arrays)  # noqa: E731
        take_number = lambda: rng.choice(NUMBERS) if rng.random() < 0.25 else rng.choice(numbers)  # noqa: E731
        return form.format(a=take_array(), b=take_array(), s=take_number(), r=take_number())

    for k in range(rng.randint(4, 9)):
        if rng.random() < 0.6:
            lines.append(f"a{k} = {expression(True)}")
            arrays.append(f"a{k}")
        else:
            lines.append(f"s{k} = {expression(False)}")
            numbers.append(f"s{k}")
    for written, read_numbers, read_arrays in rng.sample(WRITES, rng.choice([0, 0, 1, 1, 2])):
        given = {"a": rng.choice(arrays), "s": f"np.tanh({rng.choice(numbers)})"}
        lines += [line.format(**given) for line in written]
        numbers += [number.format(**given) for number in read_numbers]
        arrays += [array.format(**given) for array in read_arrays]
        lines.append(f"k{len(lines)} = {expression(rng.random() < 0.5)}")
    if rng.random() < 0.3:
        lines.append(f"rows.append(np.tanh({rng.choice(arrays)}) * 0.5 + 0.1 * rows[-{rng.randint(1, 3)}])")
        arrays.append("rows[-1]")
    if rng.random() < 0.3:
        lines.append(f"found.append(np.tanh({rng.choice(numbers)}) + 0.2 * found[-{rng.randint(1, 3)}])")
        numbers.append("found[-1]")
    if rng.random() < 0.15:
        lines += [f"if {rng.choice(numbers)} > {rng.choice([0.3, -100.0])}:", "    g = 0.5 * h"]
    old, new = rng.sample(["h", "g"], 2)
    lines.append(f"{old} = np.tanh({rng.choice(arrays[1:])})")
    if rng.random() < 0.5:
        lines.append(f"{new} = 0.5 * {new} + 0.1 * np.cos({rng.choice(arrays)})")
    if rng.random() < 0.7:
        other = rng.choice(["u", "v", "0.5 * v + 0.1", "np.tanh(u)"])
        lines.append(f"u, v = 0.9 * np.tanh({rng.choice(numbers)}), {other}")
    return lines


def arguments(seed: int, k: int) -> tuple:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(45, 70))
    moved = 1 + 0.001 * k
    return rng.normal(size=(3, 3)) / 2 * moved, rng.normal(size=(n, 3)), rng.normal(size=n) * moved, 0.3 * moved


def disagreement(seed: int) -> str:
    """What is wrong with the program of this seed; empty if nothing is."""
    text = program(seed)
    scope = {"np": np, "math": math}
    exec(compile(text, f"<loop {seed}>", "exec"), scope)
    f = cr.value_and_grad(scope["f"], (0, 1, 2, 3))
    compiled = cr.compile(f)
    with np.errstate(all="ignore"):
        if seed % 2:  # what the first call computes is compared with later ones
            W, xs, *others = arguments(seed, 0)
            compiled(W, np.where(np.arange(len(xs))[:, None] == 5, np.nan, xs), *others)
        for k in (0, 0, 1, 2):
            try:
                wanted = f(*arguments(seed, k))
            except np.linalg.LinAlgError:
                return ""
            flat = [wanted[0], *wanted[1]]
            if not all(np.all(np.isfinite(x)) and np.all(np.abs(x) < 1e6) for x in flat):
                return ""  # chaotic: digits mean nothing
            value, gradients = compiled(*arguments(seed, k))
            for name, x, y in zip(("value", "W", "xs", "ys", "p"), flat, (value, *gradients), strict=True):
                if type(x) is not type(y) or not np.allclose(x, y, rtol=1e-6, atol=1e-6 * (1 + np.max(np.abs(x)))):
                    return f"call {k}, {name}: {x!r} and compiled {y!r}\n{text}\n"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Random loops, compiled and not.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failures = 0
    for seed in range(options.seed, options.seed + options.count):
        wrong = disagreement(seed)
        if wrong:
            failures += 1
            print(f"seed {seed}: {wrong}", flush=True)
    print(f"{options.count} loops, {failures} failures")
    return int(failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
