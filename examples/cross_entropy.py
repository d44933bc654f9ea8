"""The notes' first classifier, three classes and two inputs: s = W x, softmax, cross-entropy.

chainrule explain examples/cross_entropy.py:loss
chainrule explain examples/cross_entropy.py:loss --html ce.html
python examples/cross_entropy.py
"""

import numpy as np

import chainrule as cr

W = np.array([[-1.46786, 0.52126], [0.99545, -0.34773], [0.47242, -0.17353]])
X = np.array([1.03054, -0.25443])


def loss(W=W, x=X, label=0):
    """Cross-entropy of one sample: −log of the probability that softmax gives to the right class."""
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, label)


if __name__ == "__main__":
    cr.explain(loss)(W, X).show()
