"""Optimizers against PyTorch's, step by step."""

import numpy as np
import pytest
import torch

import chainrule as cr

RNG = np.random.default_rng(8)
W, B, X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))

CASES = {
    "sgd": (cr.sgd(0.1), lambda ps: torch.optim.SGD(ps, lr=0.1)),
    "momentum": (cr.sgd(0.1, momentum=0.9), lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9)),
    "nesterov": (
        cr.sgd(0.1, momentum=0.9, nesterov=True),
        lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (cr.adam(0.05), lambda ps: torch.optim.Adam(ps, lr=0.05)),
    "adamw": (cr.adamw(0.05, weight_decay=0.1), lambda ps: torch.optim.AdamW(ps, lr=0.05, weight_decay=0.1)),
}


def loss(params, x, y):
    return np.mean((np.tanh(x @ params["W"] + params["b"]) - y) ** 2)


def of_pytorch(make, steps):
    w, b = torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)
    optimizer = make([w, b])
    for _ in range(steps):
        optimizer.zero_grad()
        torch.mean((torch.tanh(torch.tensor(X) @ w + b) - torch.tensor(Y)) ** 2).backward()
        optimizer.step()
    return w.detach().numpy(), b.detach().numpy()


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_pytorch(name, compiled):
    optimizer, make = CASES[name]

    def step(params, state, x, y):
        return optimizer.step(params, cr.grad(loss)(params, x, y), state)

    run = cr.compile(step) if compiled else step
    params = {"W": W, "b": B, "name": "layer"}
    state = optimizer.init(params)
    for _ in range(7):
        params, state = run(params, state, X, Y)
    w, b = of_pytorch(make, 7)
    np.testing.assert_allclose(params["W"], w, rtol=1e-10)
    np.testing.assert_allclose(params["b"], b, rtol=1e-10)
    assert params["name"] == "layer"
    assert state["t"] == 7


def test_a_schedule_gives_the_rate_of_each_step():
    optimizer = cr.sgd(lambda t: 0.5**t)
    w, state = 0.0, optimizer.init(0.0)
    for _ in range(3):
        w, state = optimizer.step(w, -1.0, state)
    assert w == 1 + 0.5 + 0.25


def test_adam_keeps_single_precision():
    optimizer = cr.adam(0.1)
    w = np.ones(3, np.float32)
    w, state = optimizer.step(w, cr.grad(lambda w: np.sum(w**2))(w), optimizer.init(w))
    assert w.dtype == state["m"].dtype == state["v"].dtype == np.float32


def test_a_learning_rate_is_learnt():
    """Steps are differentiable: dw₂/dη of two steps of gradient descent on w² is −4 w₀ (1 − 2η)."""

    def after_two_steps(rate):
        optimizer = cr.sgd(rate)
        w, state = 1.5, optimizer.init(1.5)
        for _ in range(2):
            w, state = optimizer.step(w, 2 * w, state)
        return w

    assert cr.grad(after_two_steps)(0.1) == pytest.approx(-4 * 1.5 * (1 - 0.2), rel=1e-13)


@pytest.mark.parametrize("bound", [0.3, 1e6])
def test_gradients_are_clipped_as_by_pytorch(bound):
    w, b = torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)
    w.grad, b.grad = torch.tensor(W), torch.tensor(B)
    torch.nn.utils.clip_grad_norm_([w, b], bound)
    found = cr.clip_by_global_norm({"W": W, "b": B}, bound)
    np.testing.assert_allclose(found["W"], w.grad, rtol=1e-5)
    np.testing.assert_allclose(found["b"], b.grad, rtol=1e-5)
    assert all(np.array_equal(g, 0 * W) for g in [cr.clip_by_global_norm(0 * W, bound)])
