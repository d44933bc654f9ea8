"""The notes' linear classifier, s = Wx + b, learns handwritten digits from chainrule's gradients.

    pip install "chainrule[examples]"
    python examples/digits.py                              # cross-entropy and hinge loss, one after the other
    python examples/digits.py --loss hinge --epochs 10
    chainrule explain examples/digits.py:loss              # one step: its forward and backward pass
    chainrule explain examples/digits.py:hinge

The data are the 1797 scans of 8×8 pixels that come with scikit-learn; a quarter of them is held out.
"""

import argparse
import sys

import numpy as np

import chainrule as cr

CLASSES, PIXELS = 10, 64

# One of the scans, ink from 0 to 16, and the digit that it shows: what a step is explained on.
SCAN = np.array(
    [
        [0, 0, 7, 15, 13, 1, 0, 0],
        [0, 8, 13, 6, 15, 4, 0, 0],
        [0, 2, 1, 13, 13, 0, 0, 0],
        [0, 0, 2, 15, 11, 1, 0, 0],
        [0, 0, 0, 1, 12, 12, 1, 0],
        [0, 0, 0, 0, 1, 10, 8, 0],
        [0, 0, 8, 4, 5, 14, 9, 0],
        [0, 0, 7, 13, 13, 9, 0, 0],
    ]
)
X_STEP, LABEL_STEP = SCAN.ravel() / 16, 3


def first_parameters(seed=0):
    """W and b before the first step: small random numbers, and zeros."""
    return 0.01 * np.random.default_rng(seed).normal(size=(CLASSES, PIXELS)), np.zeros(CLASSES)


W_STEP, B_STEP = first_parameters()


def loss(W=W_STEP, b=B_STEP, x=X_STEP, label=LABEL_STEP):
    """Cross-entropy, the mean over a batch: x is (N, 64) with N labels, or one scan (64,) with its label."""
    s = x @ W.T + b  # s = W x + b for each row x
    return np.mean(cr.softmax_cross_entropy(s, label))


def hinge(W=W_STEP, b=B_STEP, x=X_STEP, label=LABEL_STEP):
    """Hinge loss, the mean over a batch."""
    s = x @ W.T + b
    return np.mean(cr.hinge_loss(s, label))


LOSSES = {"cross-entropy": loss, "hinge": hinge}


def digits(seed):
    """The scans as rows of 64 numbers from 0 to 1 and their labels, shuffled: for training, and held out."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('The digits come with scikit-learn: pip install "chainrule[examples]"')
    x, label = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, train = np.split(order, [len(x) // 4])
    return (x[train] / 16, label[train]), (x[held_out] / 16, label[held_out])


def train(loss, x, label, epochs, seed, rate=0.05, momentum=0.9, batch=32):
    """Stochastic gradient descent with momentum over `epochs`; returns W, b and the mean loss of the last epoch."""
    rng = np.random.default_rng(seed)
    parameters = first_parameters(seed)
    velocity = [np.zeros_like(p) for p in parameters]
    value_and_grad = cr.value_and_grad(loss, ("W", "b"))
    values = []
    for _ in epochs:
        values = []
        for rows in np.array_split(rng.permutation(len(x)), len(x) // batch):
            value, gradients = value_and_grad(*parameters, x[rows], label[rows])
            values.append(value)
            for p, v, dp in zip(parameters, velocity, gradients, strict=True):
                v *= momentum
                v -= rate * dp
                p += v
    return *parameters, np.mean(values)


def accuracy(W, b, x, label):
    """The share of scans whose right class has the highest score."""
    return np.mean(np.argmax(x @ W.T + b, axis=-1) == label)


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main():
    parser = argparse.ArgumentParser(description="Train a linear classifier on scikit-learn's digits.")
    parser.add_argument("--epochs", type=positive, default=30, help="passes over the data (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, W and the batches (default: %(default)s)")
    parser.add_argument("--loss", choices=[*LOSSES, "both"], default="both", help="(default: %(default)s)")
    options = parser.parse_args()

    from rich.console import Console
    from rich.progress import Progress

    training, held_out = digits(options.seed)
    print(f"{len(training[0])} scans for training, {len(held_out[0])} held out")
    console = Console(stderr=True)
    for name in LOSSES if options.loss == "both" else [options.loss]:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            epochs = progress.track(range(options.epochs), description=name)
            W, b, value = train(LOSSES[name], *training, epochs, options.seed)
        print(f"{name:<14} training loss {value:.3f}, held-out accuracy {accuracy(W, b, *held_out):.3f}")


if __name__ == "__main__":
    main()
