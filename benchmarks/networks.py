"""A small convolutional network on 8×8 images, batch 64; a transformer block, 8 × 64 tokens of 128 numbers, 4 heads."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch, torch_runs, with_jax


def convolutional(rounds: int) -> None:
    rng = np.random.default_rng(0)
    f32 = np.float32
    x, labels = rng.normal(size=(64, 1, 8, 8)).astype(f32), rng.integers(0, 10, 64)
    K = (0.3 * rng.normal(size=(16, 1, 3, 3))).astype(f32)
    M = (0.1 * rng.normal(size=(32, 16, 3, 3))).astype(f32)
    W = (0.1 * rng.normal(size=(128, 10))).astype(f32)
    rows = np.arange(64)

    def loss(K, M, W, x, labels):
        h = cr.max_pool2d(cr.relu(cr.conv2d(x, K, padding=1)), 2)
        g = cr.max_pool2d(cr.relu(cr.conv2d(h, M, padding=1)), 2)
        return np.mean(cr.softmax_cross_entropy(np.reshape(g, (64, 128)) @ W, labels))

    compiled = cr.compile(cr.value_and_grad(loss, (0, 1, 2)))
    arrays = (K, M, W, x, labels)
    runs = {"chainrule, compiled": lambda: compiled(*arrays)}
    if jax:
        jnp, lax = jax.numpy, jax.lax

        def in_jax(K, M, W, x, labels):
            def layer(x, K):
                z = jax.nn.relu(lax.conv(x, K, (1, 1), "SAME"))
                return lax.reduce_window(z, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

            s = layer(layer(x, K), M).reshape(64, 128) @ W
            return -jnp.mean(jax.nn.log_softmax(s)[rows, labels])

        runs["JAX jit"] = with_jax(in_jax, (0, 1, 2), arrays)
    if torch:
        F = torch.nn.functional

        def in_torch(K, M, W, x, labels):
            h = F.max_pool2d(torch.relu(F.conv2d(x, K, padding=1)), 2)
            g = F.max_pool2d(torch.relu(F.conv2d(h, M, padding=1)), 2)
            return F.cross_entropy(g.reshape(64, 128) @ W, labels)

        runs |= torch_runs(in_torch, (0, 1, 2), arrays)
    print(measure("convolutional network on 8×8 images, batch 64, float32", runs, {}, "ms", rounds, 1e-3), "\n")


def transformer(rounds: int) -> None:
    rng = np.random.default_rng(0)
    batch, tokens, d, heads = 8, 64, 128, 4
    x = rng.normal(size=(batch, tokens, d)).astype(np.float32)
    shapes = {"Q": (d, d), "K": (d, d), "V": (d, d), "O": (d, d), "U": (d, 4 * d), "D": (4 * d, d)}
    parameters = {k: (rng.normal(size=s) / np.sqrt(s[0])).astype(np.float32) for k, s in shapes.items()}

    def block(xp: Any, normalised: Any, softmax: Any, relu: Any, p: Any, x: Any) -> Any:
        def split(z):
            return xp.transpose(xp.reshape(z, (batch, tokens, heads, d // heads)), (0, 2, 1, 3))

        z = normalised(x)
        q, k, v = split(z @ p["Q"]), split(z @ p["K"]), split(z @ p["V"])
        a = softmax((q @ xp.swapaxes(k, -1, -2)) / np.float32(np.sqrt(d // heads))) @ v
        x = x + xp.reshape(xp.transpose(a, (0, 2, 1, 3)), (batch, tokens, d)) @ p["O"]
        x = x + relu(normalised(x) @ p["U"]) @ p["D"]
        return xp.mean(x * x)

    compiled = cr.compile(cr.value_and_grad(lambda p, x: block(np, cr.layer_norm, cr.softmax, cr.relu, p, x)))
    runs = {"chainrule, compiled": lambda: compiled(parameters, x)}
    if jax:
        jnp = jax.numpy

        def normalised(x):
            centred = x - jnp.mean(x, axis=-1, keepdims=True)
            return centred / jnp.sqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)

        in_jax = lambda p, x: block(jnp, normalised, jax.nn.softmax, jax.nn.relu, p, x)  # noqa: E731
        runs["JAX jit"] = with_jax(in_jax, 0, (parameters, x))
    if torch:

        class Names:
            transpose = staticmethod(torch.permute)
            reshape, swapaxes, mean = torch.reshape, torch.swapaxes, torch.mean

        def in_torch() -> Any:
            p = {k: torch.from_numpy(v).requires_grad_() for k, v in parameters.items()}
            norm = lambda x: torch.nn.functional.layer_norm(x, (d,))  # noqa: E731
            L = block(Names, norm, lambda s: torch.softmax(s, -1), torch.relu, p, torch.from_numpy(x))
            L.backward()
            return L.detach().numpy(), {k: v.grad.numpy() for k, v in p.items()}

        runs["PyTorch eager"] = in_torch
    title = "transformer block, d=128, 4 heads, 64 tokens, batch 8, float32"
    print(measure(title, runs, {}, "ms", rounds, 1e-3), "\n")


def main(rounds: int) -> None:
    convolutional(rounds)
    transformer(rounds)
