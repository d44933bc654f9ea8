"""Writes of a few entries share the memory of the array that they write into, and change nothing that is recorded."""

import threading
import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule import versions
from chainrule.array import node_of
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph
from chainrule.versions import ArrayVersion, Versions

N = 100  # more entries than are copied


def random_program(rng, steps=30):
    """A function of (x, w) that reads, writes, takes views of and copies two arrays, in a random order."""
    choices = rng.integers(0, 12, steps)
    places = rng.integers(0, N, (steps, 4))
    cuts = np.sort(rng.integers(0, N // 8, (steps, 2)), axis=1) + rng.integers(0, N // 2, (steps, 1))
    rows = rng.integers(0, 10, (steps, 2))

    def program(x, w):
        a = x * w[2]
        b = np.reshape(x, (10, 10)) * w[0]
        kept, total = [], 0.0
        view, row = a[3:9], b[4]
        for kind, (i, j, k, m), (low, high), (r, s) in zip(choices, places, cuts, rows, strict=True):
            if kind == 0:
                a[i] = np.sin(a[j]) * w[k % 3]
            elif kind == 1:
                a[low:high] = a[low + 5 : high + 5] * 0.5
            elif kind == 2:
                b[r, s] = a[i] * b[s, r]
            elif kind == 3:
                b[r] = b[s] * w[1]
            elif kind == 4:
                a[np.array([i, j, k, i])] = np.stack([a[m], w[0], 2.0 * w[1], a[k]])
            elif kind == 5:
                kept.append(a[i] * a[j])
            elif kind == 6:
                kept.append(np.sum(a) if i % 2 else np.sum(b * b))
            elif kind == 7:
                a[i] += w[2] * a[j]
            elif kind == 8:
                view[i % 6] = w[0] * view[j % 6]
                row[j % 10] = view[k % 6]
            elif kind == 9:
                old = a.copy()
                a[j] = old[i] * 0.3
                kept.append(np.sum(old * a))
            elif kind == 10:
                b[:, r] = b[:, s] * 0.9
                kept.append(np.sum(np.ravel(b)[i : i + 4]))
            else:
                a[j] = 0.25
                total = total + view[0] * row[1]
        return total + np.sum(np.cos(a)) + np.sum(b * b) * 0.01 + sum(kept) * 0.1

    return program


@pytest.fixture
def copied(monkeypatch):
    """A switch that makes each write copy the whole array."""

    def switch():
        monkeypatch.setattr(versions, "SMALL", 10**9)

    return switch


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_of_writes_have_the_derivatives_of_copies(seed, copied):
    rng = np.random.default_rng(seed)
    f = random_program(rng)
    x, w = rng.normal(size=N), rng.normal(size=3)
    v = rng.normal(size=N)

    def asked():
        value, grads = cr.value_and_grad(f, (0, 1))(x, w)
        _, pullback = cr.vjp(f, x, w)
        once, twice = pullback(1.0), pullback(2.0)
        hessian = cr.hessian(f, "w")(x, w)
        pushed = cr.jvp(f, (x, w), (v, w))[1]
        third = cr.grad(lambda w: np.sum(cr.hessian(f, "w")(x, w) ** 2))(w)
        return [value, *grads, *once, *twice, hessian, cr.hvp(f)(x, w, v), pushed, third]

    shared = asked()
    assert shared[0] == f(x, w)
    copied()
    for a, b in zip(shared, asked(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_each_node_has_its_value_in_any_order(seed, copied):
    rng = np.random.default_rng(seed)
    f = random_program(rng)
    x, w = rng.normal(size=N), rng.normal(size=3)
    graph = record_graph(f, x, w)
    assert any(node.version is not None for node in graph.nodes)
    copied()
    nodes = record_graph(f, x, w).nodes
    assert all(node.version is None for node in nodes)
    for i in [*range(len(nodes)), *reversed(range(len(nodes))), *rng.permutation(len(nodes))]:
        np.testing.assert_array_equal(graph.nodes[i].value, nodes[i].value)


def test_a_value_that_was_handed_out_does_not_change():
    seen = []

    def f(x):
        y = x * 1.0
        y[0] = x[1]
        before = y.value
        part = y.value[1:3]
        y[1] = x[2] * 10.0
        y[2] = x[3] * 10.0
        seen.extend([before, part, y.value])
        return np.sum(y)

    x = np.arange(100.0)
    cr.grad(f)(x)
    np.testing.assert_array_equal(seen[0][:4], [1.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(seen[1], [1.0, 2.0])
    np.testing.assert_array_equal(seen[2][:4], [1.0, 20.0, 30.0, 3.0])


def test_two_writes_into_one_version_are_two_arrays():
    x = cr.variable(np.arange(100.0))
    y = x * 1.0
    y[0] = x[5]
    other = cr.Array(node_of(y))
    y[1] = 7.0
    other[1] = 8.0
    y[2] = 9.0
    assert (y.value[1], other.value[1], other.value[2], y.value[2]) == (7.0, 8.0, 2.0, 9.0)


def test_a_write_that_numpy_refuses_changes_nothing():
    x = cr.variable(np.arange(100.0))
    y = x * 1.0
    y[0] = x[5]
    for key, new in ((1000, x[1]), (slice(0, 3), x[:2])):
        with pytest.raises((IndexError, cr.errors.BlockError)):
            y[key] = new
    np.testing.assert_array_equal(y.value, [5.0, *range(1, 100)])


def test_a_cotangent_that_the_caller_holds_is_not_written_into():
    def f(x):
        y = x * 1.0
        y[3] = x[4] * x[5]
        return y

    _, pullback = cr.vjp(f, np.arange(100.0))
    dz = np.ones(100)
    first = pullback(dz)[0]
    np.testing.assert_array_equal(dz, np.ones(100))
    np.testing.assert_array_equal(pullback(dz)[0], first)


def test_the_gradients_of_all_steps_stay_their_own():
    x = cr.variable(np.arange(100.0))
    y = x * 1.0
    z = y * 1.0
    z[3] = x[4]
    z[5] = x[6]
    loss = np.sum(z * 2.0)
    loss.backward()
    np.testing.assert_array_equal(z.grad, np.full(100, 2.0))
    expected = np.full(100, 2.0)
    expected[[3, 5]] = 0.0
    np.testing.assert_array_equal(y.grad, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_other_dtypes_are_written_as_numpy_writes_them(dtype):
    def f(x, xp=np):
        y = x * 2
        y[3] = x[0] * x[1]
        y[4:6] = np.float64(0.1)
        y[5] = 3
        return y

    x = np.linspace(0, 1, 100).astype(dtype)
    value, pullback = cr.vjp(f, x)
    assert value.dtype == dtype
    np.testing.assert_array_equal(value, f(x))
    (dx,) = pullback(np.ones(100, dtype))
    expected = np.full(100, 2, dtype)
    expected[3:6] = 0
    expected[0] += x[1].conj()
    expected[1] += x[0].conj()
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, expected)


def test_threads_that_read_versions_get_the_right_ones():
    of = Versions(np.zeros(1000))
    known = [ArrayVersion(of, 0)]
    for i in range(1, 200):
        known.append(of.write(i - 1, lambda array, index, new: array.__setitem__(index, new), (i,), float(i)))
    wrong = []

    def read(seed):
        for i in np.random.default_rng(seed).integers(0, 200, 300):
            if of.get(i).sum() != i * (i + 1) / 2:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("order", [1, 2])
def test_memory_of_writes_grows_with_what_they_write(order):
    def f(a, n):
        x = np.zeros(n)
        x[0] = 0.3
        for t in range(1, n):
            x[t] = a * x[t - 1] * (1 - x[t - 1])
        return np.sum(x)

    def peak(n):
        g = cr.grad(f)
        g = cr.grad(g) if order == 2 else g
        tracemalloc.start()
        g(2.5, n)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    peak(100)
    least, most = peak(200), peak(800)
    assert most < 6 * least


def out_argument(a, x, t):
    np.multiply(a, x[t - 1 : t], out=x[t : t + 1])


def through_a_view(a, x, t):
    part = x[t - 1 : t + 1]
    part[1] = a * part[0]


WAYS = {
    "entry": lambda a, x, t: x.__setitem__(t, a * x[t - 1]),
    "in a tuple": lambda a, x, t: x.__setitem__((t, ...), a * x[t - 1]),
    "counted from the end": lambda a, x, t: x.__setitem__(-t, a * x[-t - 1]),
    "slice": lambda a, x, t: x.__setitem__(slice(t, t + 1), a * x[t - 1 : t]),
    "list": lambda a, x, t: x.__setitem__([t, t - 2], a * x[[t - 1, t]]),
    "array": lambda a, x, t: x.__setitem__(np.array([t]), a * x[t - 1]),
    "recorded index": lambda a, x, t: x.__setitem__(np.argmax(x[t - 1 : t]) + t, a * x[t - 1]),
    "flat": lambda a, x, t: x.flat.__setitem__(t, a * x.flat[t - 1]),
    "out=": out_argument,
    "view": through_a_view,
}


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS)
def test_each_way_to_write_an_entry_keeps_no_array(write):
    def f(a):
        x = np.zeros(200)
        x[:3] = a
        for t in range(3, 100):
            write(a, x, t)
        return np.sum(x[3:])

    nodes = record_graph(f, 0.9).nodes
    assert sum(np.size(node.value) for node in nodes if node.version is None) < 2000
    np.testing.assert_allclose(cr.grad(f)(0.9), (f(0.9 + 1e-6) - f(0.9 - 1e-6)) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize(
    "key",
    [(np.array([1, 3]), slice(1, 4)), (slice(2, 4), np.array([1, 1, 2])), (3, np.array([0, 2])), ([1, 2], [0, 0])],
)
def test_arrays_side_by_side_in_a_key_write_as_in_numpy(key, copied):
    x = np.random.default_rng(0).normal(size=(20, 10))
    new = np.random.default_rng(1).normal(size=np.shape(x[key]))

    def f(x, new):
        y = x * 2.0
        y[0, 0] = new.flat[0]
        y[key] = new * y[key]
        return np.sum(np.sin(y))

    shared = [f(x, new), *cr.grad(f, (0, 1))(x, new), cr.hessian(f, 1)(x, new)]
    assert cr.value_and_grad(f)(x, new)[0] == shared[0]
    copied()
    for a, b in zip(shared[1:], [*cr.grad(f, (0, 1))(x, new), cr.hessian(f, 1)(x, new)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    report = cr.check(f)(x, new)
    assert report.ok, str(report)


def test_a_simplified_graph_shares_the_memory_too():
    def f(a):
        x = np.zeros(200)
        for t in range(1, 100):
            x[t] = a * x[t - 1] + np.log(1 + np.exp(a * x[t - 1]))
        return np.sum(x)

    graph = record_graph(f, 0.5)
    simplified = simplify_graph(graph)
    assert len(simplified.nodes) < len(graph.nodes)
    assert sum(np.size(node.value) for node in simplified.nodes if node.version is None) < 2000
    for node, value in simplified.values(np, [0.5]).items():
        np.testing.assert_allclose(node.value, value, rtol=1e-12)
