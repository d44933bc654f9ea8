"""The programs of the benchmarks, small: their gradients are PyTorch's, compiled and not."""

import jax
import numpy as np
import pytest
import torch
from benchmarks import plain
from benchmarks.programs import RUNS

import chainrule as cr
from chainrule.compile import loops

SMALL = {
    "rnn": lambda: plain.rnn(5, 4, 3),
    "heat": lambda: plain.heat(6, 7),
    "kalman": lambda: plain.kalman(4),
    "lstm": lambda: plain.lstm(5, 3, 4),
    "rk4": lambda: plain.rk4(3),
    "lotka": lambda: plain.lotka(10),
    "garch": lambda: plain.garch(9),
    "nbody": lambda: plain.nbody(3, 4),
    "euler": lambda: plain.euler(20),
    "burgers": lambda: plain.burgers(8, 2),
    "arm": lambda: plain.arm(5),
    "arguments": lambda: plain.arguments(12),
    "mixture": lambda: plain.mixture(10, 3),
    "bundle": lambda: plain.bundle(5),
    "one observation": plain.one_observation,
    "einsum": lambda: plain.einsum(2, 3, 4, 5),
    "gaussian process": lambda: plain.gaussian_process(6),
    "attention": lambda: plain.attention(2, 5, 3),
    "layer norm": lambda: plain.layer_norm(4, 6),
    "black_scholes": lambda: plain.black_scholes(10),
}


def _close(found, expected, tolerance):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(np.max(np.abs(e), initial=0.0))
        np.testing.assert_allclose(f, e, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", SMALL)
def test_the_gradient_of_a_plain_program_is_pytorchs(name, monkeypatch):
    problem = SMALL[name]()
    expected = RUNS["PyTorch eager"](problem)()
    torch.set_default_dtype(torch.float32)
    tolerance = 1e-5 if name == "attention" else 1e-9
    made = cr.jacobian if problem.jacobian else cr.value_and_grad
    _close(made(problem.loss, problem.which)(*problem.arrays), expected, tolerance)
    for most in (loops.LONG_PROGRAM, 0):  # as calls, and as a table of steps
        monkeypatch.setattr(loops, "LONG_PROGRAM", most)
        compiled = cr.compile(made(problem.loss, problem.which))
        for _ in range(3):
            _close(compiled(*problem.arrays), expected, tolerance)


@pytest.mark.parametrize("name", ["rnn", "heat", "kalman", "lstm", "lotka", "garch", "nbody"])
def test_a_loop_as_a_scan_is_the_same_loss(name):
    problem = SMALL[name]()
    with jax.enable_x64(True):
        _close(problem.scan(jax)(*problem.arrays), problem.loss(*problem.arrays), 1e-9)
