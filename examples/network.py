"""A small transformer of PyTorch reads handwritten digits, and chainrule explains what it does.

    pip install "chainrule[examples,torch]"
    python examples/network.py                             # train it, then explain one step
    chainrule explain examples/network.py:loss             # the step before training: every value and gradient
    chainrule check examples/network.py:loss               # compared with PyTorch, JAX and differences

A scan of 8×8 pixels is cut into 16 patches of 2×2, each patch is a token; one block of attention lets them look at each
other; the mean over the tokens is classified. PyTorch trains it; chainrule records one step and derives every gradient.
"""

import argparse
import sys

import torch
import torch.nn.functional as F
from torch import nn

import chainrule as cr

CLASSES, PATCH, TOKENS, WIDTH = 10, 2, 16, 16

# One of the scans that come with scikit-learn, ink from 0 to 16, and the digit that it shows.
SCAN = torch.tensor(
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
X_STEP, LABEL_STEP = SCAN[None] / 16, torch.tensor([3])


class Reader(nn.Module):
    """Scores of the ten digits for scans of shape (N, 8, 8)."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(PATCH * PATCH, WIDTH)
        self.place = nn.Parameter(0.1 * torch.randn(TOKENS, WIDTH))
        self.block = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True)
        self.classify = nn.Linear(WIDTH, CLASSES)

    def forward(self, scans):
        patches = scans.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH)  # (N, 4, 4, 2, 2)
        tokens = self.embed(patches.flatten(3).flatten(1, 2)) + self.place
        return self.classify(self.block(tokens).mean(dim=1))


def untrained(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Reader()


model = untrained()


def loss(x=X_STEP, label=LABEL_STEP):
    """Cross-entropy, the mean over a batch of scans."""
    scores = model(x)
    return F.cross_entropy(scores, label)


def digits(seed):
    """The scans and their labels, shuffled: for training, and held out."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('The digits come with scikit-learn: pip install "chainrule[examples]"')
    scans, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(scans), generator=torch.Generator().manual_seed(seed))
    x, label = torch.tensor(scans, dtype=torch.float32).view(-1, 8, 8)[order] / 16, torch.tensor(labels)[order]
    held_out = len(x) // 4
    return (x[held_out:], label[held_out:]), (x[:held_out], label[:held_out])


def train(x, label, epochs, seed, batch=32):
    """PyTorch's Adam over `epochs`; returns the mean loss of the last one."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(epochs):
        values = []
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            value = loss(x[rows], label[rows])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            values.append(value.item())
    return sum(values) / len(values)


def main():
    parser = argparse.ArgumentParser(description="Train a small transformer on scikit-learn's digits, and explain it.")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the data (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the batches (default: %(default)s)")
    options = parser.parse_args()

    training, (x, label) = digits(options.seed)
    value = train(*training, options.epochs, options.seed)
    accuracy = (model(x).argmax(dim=-1) == label).float().mean().item()
    print(f"training loss {value:.3f}, held-out accuracy {accuracy:.3f}")

    explanation = cr.explain(loss)(x[:8], label[:8])
    print(f"{len(explanation.forward)} steps in {len(explanation.scopes)} modules: ", end="")
    print(", ".join(scope.name for scope in explanation.scopes))
    print(explanation.health())


if __name__ == "__main__":
    main()
