"""A model of training on many devices: steps a second and bytes sent, from what one device takes.

    python -m benchmarks.scale            # measures one device, then prints the tables of docs/scale.md

Only the first table is measured. The second one is computed: with a batch that is divided among D devices, each does
1/D of the work, and then all sum up the gradients, in a ring: each sends 2 (D − 1) / D times their bytes.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np

import chainrule as cr

BATCH = 1024
WIDTHS = (256, 1024)
DEVICES = (1, 2, 8, 64)
NETWORKS = {"10 Gb/s": 10e9 / 8, "400 Gb/s": 400e9 / 8}
LATENCY = 20e-6
"""Seconds until a message arrives: that of an ordinary network of machines. Assumed, as the networks are."""


class Measured(NamedTuple):
    """One step of one device.

    Attributes
    ----------
    width, parameters : the width of the network's layers, and the number of its parameters.
    seconds : for one step with the whole batch.
    """

    width: int
    parameters: int
    seconds: float


def loss(params, X, y):
    h = np.tanh(X @ params["W1"])
    return np.mean((np.tanh(h @ params["W2"]) - y) ** 2)


def step(params, X, y):
    gradient = cr.grad(loss)(params, X, y)
    return {name: params[name] - np.float32(0.01) * gradient[name] for name in params}


def measured(width, batch=BATCH, repeats=5):
    """What one step takes on this device, the fastest of some."""
    import jax

    rng = np.random.default_rng(0)
    params = {name: jax.numpy.asarray(rng.normal(size=(width, width)) / width, "float32") for name in ("W1", "W2")}
    X, y = (jax.numpy.asarray(rng.normal(size=(batch, width)), "float32") for _ in range(2))
    fast = cr.compile(step, engine="jax", donate="params")
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        params = jax.block_until_ready(fast(params, X, y))
        times.append(time.perf_counter() - start)
    return Measured(width, sum(x.size for x in params.values()), min(times[1:]))


def sent(parameters, devices):
    """The bytes that each device sends in one step: the sum of gradients of 4 bytes, in a ring."""
    return 2 * (devices - 1) / devices * 4 * parameters


def steps_a_second(one, devices, bandwidth, latency=LATENCY):
    """The steps a second of many devices, by the model. They compute first, and then sum up: nothing overlaps."""
    messages = 2 * (devices - 1)
    return 1 / (one.seconds / devices + sent(one.parameters, devices) / bandwidth + messages * latency)


def tables(measurements, batch=BATCH):
    """The measurements, and what the model makes of them, as Markdown."""
    yield f"Measured, one device, batches of {batch}:\n"
    yield "| width | parameters | ms a step |"
    yield "|---|---|---|"
    for one in measurements:
        yield f"| {one.width} | {one.parameters:,} | {one.seconds * 1e3:.1f} |"
    yield "\nModel, not measured:\n"
    yield "| parameters | devices | MB sent by each | " + " | ".join(f"steps/s at {name}" for name in NETWORKS) + " |"
    yield "|---" * (3 + len(NETWORKS)) + "|"
    for one in measurements:
        for devices in DEVICES:
            cells = [f"{steps_a_second(one, devices, bandwidth):,.0f}" for bandwidth in NETWORKS.values()]
            megabytes = sent(one.parameters, devices) / 1e6
            yield f"| {one.parameters:,} | {devices} | {megabytes:.1f} | {' | '.join(cells)} |"


def main():
    argparse.ArgumentParser(description="A model of training on many devices.").parse_args()
    print(*tables([measured(width) for width in WIDTHS]), sep="\n")


if __name__ == "__main__":
    main()
