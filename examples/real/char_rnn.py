"""A recurrent network that predicts the next letter; states in dicts, as in many short scripts."""

import numpy as np

data = "hello world, hello numbers"
chars = sorted(set(data))
data_size, vocab_size = len(data), len(chars)
char_to_ix = {ch: i for i, ch in enumerate(chars)}

hidden_size = 6
np.random.seed(0)
model = {
    "Wxh": np.random.randn(hidden_size, vocab_size) * 0.1,
    "Whh": np.random.randn(hidden_size, hidden_size) * 0.1,
    "Why": np.random.randn(vocab_size, hidden_size) * 0.1,
    "bh": np.zeros((hidden_size, 1)),
    "by": np.zeros((vocab_size, 1)),
}


def loss_fun(model, inputs, targets, hprev):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(model["Wxh"], xs[t]) + np.dot(model["Whh"], hs[t - 1]) + model["bh"])
        ys[t] = np.dot(model["Why"], hs[t]) + model["by"]
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    return loss, hs[len(inputs) - 1]


def total(model, text=data[:8]):
    """Cross-entropy of the next letters of a text, by all weights."""
    inputs = [char_to_ix[ch] for ch in text[:-1]]
    targets = [char_to_ix[ch] for ch in text[1:]]
    loss, _ = loss_fun(model, inputs, targets, np.zeros((hidden_size, 1)))
    return loss


LOSS, ARGS = total, (model,)
