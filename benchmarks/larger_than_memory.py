"""The gradient over data that do not fit into memory: Dask's arrays, a part at a time, and the most memory it takes.

    python -m benchmarks.larger_than_memory                     # 1 GB of data
    python -m benchmarks.larger_than_memory --gigabytes 20

The data are made part by part as they are needed, as they would be read from a file. The peak is that of the process,
less what it had before; it is compared with the size of the data, and the gradient with its formula.
"""

import argparse
import resource
import time

import numpy as np

import chainrule as cr

FEATURES = 32
PART = 2**17  # rows


def loss(w, X, y):
    """Logistic regression: the mean of log(1 + eˢ) − y s."""
    s = X @ w
    return np.mean(np.logaddexp(0, s) - y * s)


def by_formula(w, X, y):
    return X.T @ (1 / (1 + np.exp(-(X @ w))) - y) / len(X)


def peak():
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(gigabytes):
    """The bytes of the data, those of memory that the gradient took, seconds, and how far it is from its formula."""
    import dask
    import dask.array as da

    rows = max(1, round(gigabytes * 1e9 / (8 * FEATURES * PART))) * PART
    X = da.random.default_rng(0).normal(size=(rows, FEATURES), chunks=(PART, FEATURES))
    y = (X[:, 0] > X[:, 1]).astype(float)
    w = da.from_array(np.linspace(-1, 1, FEATURES))
    with dask.config.set(scheduler="synchronous"):
        _ = cr.grad(loss)(w, X[:PART], y[:PART]).compute()  # what is imported on first use
        before, start = peak(), time.perf_counter()
        gradient = cr.grad(loss)(w, X, y)  # a recipe: nothing is computed yet
        gradient = gradient.compute()
        seconds, taken = time.perf_counter() - start, peak() - before
        difference = np.max(np.abs(gradient - by_formula(w, X, y).compute()))
    return X.nbytes, taken, seconds, difference


def main():
    parser = argparse.ArgumentParser(description="The gradient over data that do not fit into memory.")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of data (default: %(default)s)")
    size, taken, seconds, difference = measured(parser.parse_args().gigabytes)
    print(f"data        {size / 1e6:8.0f} MB, in parts of {PART * FEATURES * 8 / 1e6:.0f} MB")
    print(f"memory      {taken / 1e6:8.0f} MB more than for one part, at most")
    print(f"time        {seconds:8.1f} s")
    print(f"difference  {difference:8.0e} from the formula")


if __name__ == "__main__":
    main()
