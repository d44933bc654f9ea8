"""A perceptron learns handwritten digits on many devices: 8 virtual ones of this machine, and 2 processes of their own.

    pip install "chainrule[examples,jax]"
    python examples/data_parallel.py                       # all of it, compared with one device
    python examples/data_parallel.py --on devices          # 8 virtual devices in one process
    python examples/data_parallel.py --on processes        # 2 processes that find each other by jax.distributed

The loss is plain NumPy, and the same for each of these: `shardings` says how its arguments are divided, and XLA places
the sums over devices. On a cluster each machine runs the last part, with the address of the first one.
"""

import argparse
import os
import re
import socket
import subprocess
import sys

import numpy as np

import chainrule as cr

HIDDEN, DEVICES, PROCESSES = 32, 8, 2
ROWS = 1792  # of the 1797 scans: devices take equal parts


def loss(params, X, label):
    """Cross-entropy, the mean over all scans."""
    hidden = np.tanh(X @ params["W1"] + params["b1"])
    return np.mean(cr.softmax_cross_entropy(hidden @ params["W2"] + params["b2"], label))


def step(params, X, label, rate):
    """One step of gradient descent."""
    value, gradient = cr.value_and_grad(loss)(params, X, label)
    return value, {name: params[name] - rate * gradient[name] for name in params}


def first_parameters(seed=0):
    rng = np.random.default_rng(seed)
    W1, W2 = rng.normal(size=(64, HIDDEN)) / 8, rng.normal(size=(HIDDEN, 10)) / 6
    params = {"W1": W1, "b1": np.zeros(HIDDEN), "W2": W2, "b2": np.zeros(10)}
    return {name: x.astype(np.float32) for name, x in params.items()}


def digits():
    """The scans as rows of 64 numbers from 0 to 1, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('The digits come with scikit-learn: pip install "chainrule[examples]"')
    X, label = load_digits(return_X_y=True)
    return (X[:ROWS] / 16).astype(np.float32), label[:ROWS].astype(np.int32)


def compared(title, mesh, shardings):
    """Print how far the gradient of many devices is from that of one, and what the devices send to each other."""
    arguments = first_parameters(), *digits()
    both = cr.value_and_grad(loss)
    many = cr.compile(both, engine="jax", mesh=mesh, shardings=shardings)
    _, gradient = many(*arguments)
    _, expected = both(*arguments)  # NumPy, on one processor
    difference = max(np.max(np.abs(_whole(gradient[name]) - expected[name])) for name in expected)
    sent = {name: len(re.findall(rf" {name}(-start)?\(", many.source())) for name in ("all-reduce", "all-gather")}
    print(f"{title}: gradients within {difference:.0e} of one device's; {sent}", flush=True)
    if not difference < 1e-6:
        sys.exit("these are other gradients")


def _whole(x):
    """An array that is divided among the devices of several processes as NumPy's."""
    if x.is_fully_addressable or x.is_fully_replicated:
        return np.asarray(x)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(x, tiled=True)


def on_devices():
    """8 devices: first each with a part of the scans, then 4 × 2, where pairs have parts of the hidden layer too."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={DEVICES}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    from jax.sharding import PartitionSpec as P

    mesh = jax.make_mesh((DEVICES,), ("data",))
    data = {"X": P("data"), "label": P("data")}
    compared(f"{DEVICES} devices, data-parallel", mesh, data)
    square = jax.make_mesh((DEVICES // 2, 2), ("data", "model"))
    parts = {"W1": P(None, "model"), "b1": P("model"), "W2": P("model", None), "b2": P()}
    compared(f"{DEVICES // 2} × 2 devices, tensor-parallel too", square, {**data, "params": parts})

    fast = cr.compile(step, engine="jax", mesh=mesh, shardings=data, donate="params")
    params, (X, label) = first_parameters(), digits()
    values = []
    for _ in range(60):
        value, params = fast(params, X, label, np.float32(1.0))
        values.append(float(value))
    print(f"the loss after {len(values)} steps: {values[0]:.2f} → {values[-1]:.2f}")


def on_processes():
    """Two processes of this script, each with one device and its part of the scans."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, __file__, "--address", address, "--process"]
    started = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in range(PROCESSES)
    ]
    for process in started:  # one after the other, so that their lines do not mix
        print(process.communicate(timeout=240)[0], end="", flush=True)
    if any(process.returncode for process in started):
        sys.exit("a process has failed")


def one_process(address, number):
    """What each machine of a cluster runs."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.pop("XLA_FLAGS", None)
    import jax
    from jax.sharding import PartitionSpec as P

    jax.distributed.initialize(address, num_processes=PROCESSES, process_id=number)
    mesh = jax.make_mesh((PROCESSES,), ("data",))
    title = f"process {number} of {jax.process_count()}"
    compared(title, mesh, {"X": P("data"), "label": P("data")})
    jax.distributed.shutdown()


def main():
    parser = argparse.ArgumentParser(description="Train a perceptron on scikit-learn's digits, on many devices.")
    parser.add_argument("--on", choices=["devices", "processes", "both"], default="both", help="(default: %(default)s)")
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.address:
        one_process(options.address, options.process)
        return
    if options.on != "processes":
        on_devices()
    if options.on != "devices":
        on_processes()


if __name__ == "__main__":
    main()
