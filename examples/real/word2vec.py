"""Word vectors by skip-gram with negative sampling: a Counter of words, drawn negatives, rows updated in place."""

import re
from collections import Counter, defaultdict

import numpy as np

corpus = "the cat sat on the mat and the dog sat on the log"


class Word2Vec:
    def __init__(self, dim=3, window=1, negatives=2, lr=0.1, seed=0):
        self.dim, self.window, self.k, self.lr = dim, window, negatives, lr
        self.rng = np.random.RandomState(seed)
        tokens = re.findall(r"\w+", corpus.lower())
        counts = Counter(tokens)
        self.vocab = {w: i for i, (w, _) in enumerate(counts.most_common())}
        freq = np.array([counts[w] for w in self.vocab], dtype=float) ** 0.75
        self.probs = freq / freq.sum()
        self.tokens = [self.vocab[t] for t in tokens]
        self.W = self.rng.uniform(-0.5, 0.5, (len(self.vocab), dim))
        self.C = np.zeros((len(self.vocab), dim))

    def pairs(self):
        for i, c in enumerate(self.tokens):
            for j in range(max(0, i - self.window), min(len(self.tokens), i + self.window + 1)):
                if i != j:
                    yield c, self.tokens[j]

    def train_pair(self, c, o):
        neg = self.rng.choice(len(self.vocab), size=self.k, p=self.probs)
        v = self.W[c]
        grad_v = np.zeros(self.dim)
        loss = 0.0
        for idx, label in [(o, 1.0)] + [(n, 0.0) for n in neg]:
            p = 1.0 / (1.0 + np.exp(-np.dot(v, self.C[idx])))
            loss += -np.log(p if label else 1 - p)
            g = self.lr * (label - p)
            grad_v += g * self.C[idx]
            self.C[idx] += g * v
        self.W[c] += grad_v
        return loss


def final_loss(lr):
    model = Word2Vec(lr=lr)
    stats = defaultdict(list)
    for c, o in model.pairs():
        stats[c].append(model.train_pair(c, o))
    norms = np.linalg.norm(model.W, axis=1, keepdims=True)
    sim = (model.W / norms) @ (model.W / norms).T
    best = int(np.argsort(-sim[model.vocab["cat"]])[1])
    return np.mean([np.mean(v) for v in stats.values()]) + sim[model.vocab["cat"], best] * 0.1


LOSS, ARGS = final_loss, (0.8,)
