"""A class of scalars whose operations keep a closure that goes backwards."""

import numpy as np

import chainrule as cr


class Value:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = set(children)

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        t = np.tanh(self.data)
        out = Value(t, (self,))

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()


def f(a, b, c):
    d = a * b
    e = d + c
    g = e * a
    return np.tanh(g)


def gradient(a, b, c):
    a, b, c = Value(a), Value(b), Value(c)
    d = a * b
    e = d + c
    g = e * a
    L = g.tanh()
    L.backward()
    return a.grad, b.grad, c.grad


def check():
    return cr.check(f, against=gradient)(0.3, -0.7, 1.1)


MISTAKES = [
    ("overwritten", "self.grad += other.data * out.grad", "self.grad = other.data * out.grad"),
    ("self for other", "self.grad += other.data * out.grad", "self.grad += self.data * out.grad"),
    ("sign", "other.grad += self.data * out.grad", "other.grad -= self.data * out.grad"),
    ("tanh", "self.grad += (1 - t**2) * out.grad", "self.grad += (1 - t) * out.grad"),
]
