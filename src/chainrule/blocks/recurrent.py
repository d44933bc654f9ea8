"""Cells of recurrent networks, composed of other blocks: one step in time, from input and state to the next state.

Weights are laid out as in PyTorch: the maps of all gates stacked in rows, (4H, D), (3H, D) or (H, D) for the input and
the same with H columns for the state.
"""

from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import tanh
from chainrule.blocks.layers import linear
from chainrule.blocks.rectifiers import relu
from chainrule.errors import BlockError
from chainrule.node import at_line


def rnn_cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None, nonlinearity="tanh"):
    """h′ = tanh(W_ih x + b_ih + W_hh h + b_hh): the next state.

    Parameters
    ----------
    x : the input, shape (N, D) or (D,).
    h : the state, shape (N, H) or (H,).
    w_ih, w_hh, b_ih, b_hh : shapes (H, D), (H, H), (H,), (H,); a bias may be None.
    nonlinearity : "tanh" or "relu".

    Returns the shape of h. Raises BlockError if the shapes do not fit.

    Source: J. L. Elman, Finding structure in time (1990).

    >>> import numpy as np, chainrule as cr
    >>> cr.rnn_cell(np.array([2.0]), np.array([1.0]), np.array([[1.0]]), np.array([[-2.0]]))
    array([0.])
    """
    if nonlinearity not in ("tanh", "relu"):
        raise BlockError(f'rnn_cell: nonlinearity is "tanh" or "relu", not {nonlinearity!r}' + at_line())
    _check_gates("rnn_cell", 1, h, w_ih, w_hh)
    z = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    return tanh(z) if nonlinearity == "tanh" else relu(z)


def lstm_cell(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    """A cell with a memory: c′ = σ(f) c + σ(i) tanh(g) and h′ = σ(o) tanh(c′).

    Parameters
    ----------
    x : the input, shape (N, D) or (D,).
    state : (h, c), the previous output and the cell state, both (N, H) or (H,).
    w_ih, w_hh, b_ih, b_hh : shapes (4H, D), (4H, H), (4H,), (4H,), the gates in the order i, f, g, o; a bias may be
        None.

    Returns (h′, c′). Raises BlockError if the shapes do not fit.

    Source: S. Hochreiter and J. Schmidhuber, Long short-term memory (1997); F. Gers et al., Learning to forget (2000).

    >>> import numpy as np, chainrule as cr
    >>> state = np.zeros(1), np.array([2.0])
    >>> h, c = cr.lstm_cell(np.zeros(1), state, np.zeros((4, 1)), np.zeros((4, 1)))
    >>> c
    array([1.])
    """
    h, c = state
    _check_gates("lstm_cell", 4, h, w_ih, w_hh)
    i, f, g, o = _gates(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
    """h′ = (1 − σ(z)) n + σ(z) h, with the new state n = tanh(W_in x + b_in + σ(r) (W_hn h + b_hn)).

    Parameters
    ----------
    x : the input, shape (N, D) or (D,).
    h : the state, shape (N, H) or (H,).
    w_ih, w_hh, b_ih, b_hh : shapes (3H, D), (3H, H), (3H,), (3H,), the gates in the order r, z, n; a bias may be None.

    Returns the shape of h. Raises BlockError if the shapes do not fit.

    Source: K. Cho et al., Learning phrase representations using RNN encoder-decoder (2014), in PyTorch's form.

    >>> import numpy as np, chainrule as cr
    >>> cr.gru_cell(np.zeros(1), np.array([2.0]), np.zeros((3, 1)), np.zeros((3, 1)))
    array([1.])
    """
    _check_gates("gru_cell", 3, h, w_ih, w_hh)
    r_x, z_x, n_x = _gates(linear(x, w_ih, b_ih), 3)
    r_h, z_h, n_h = _gates(linear(h, w_hh, b_hh), 3)
    z = sigmoid(z_x + z_h)
    new = tanh(n_x + sigmoid(r_x + r_h) * n_h)
    return (1 - z) * new + z * h


def _gates(z, count):
    """The parts of the last axis, one for each gate."""
    n = z.shape[-1] // count
    return (z[..., i * n : (i + 1) * n] for i in range(count))


def _check_gates(name, count, h, w_ih, w_hh):
    width = h.shape[-1] if h.ndim else 0
    if tuple(w_hh.shape) != (count * width, width) or w_ih.ndim != 2 or w_ih.shape[0] != count * width:
        raise BlockError(
            f"{name}: a state of shape {tuple(h.shape)} with weights {tuple(w_ih.shape)} and {tuple(w_hh.shape)}; "
            f"they should be ({count}H, D) and ({count}H, H)" + at_line()
        )
