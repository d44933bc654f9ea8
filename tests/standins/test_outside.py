"""Arrays that were made before a function is recorded: it may write into them and call their methods, as in NumPy."""

import collections
import copy
import threading
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError
from chainrule.standins import outside

X = np.array([1.5, -0.5])

field = np.zeros((2, 3))
inner = field[:, 1:]
table = {"weights": np.eye(2), "list": [np.ones(2)]}
layers = [(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))]
Pair = collections.namedtuple("Pair", "a b")
pair = Pair(np.zeros(2), np.ones(2))
whole = np.arange(6.0)
stretched = whole.reshape(2, 3)
backwards = whole[::-1]
waves = np.zeros(2, complex)
parts = waves.view(float)


class Model:
    shared = np.zeros(2)

    def __init__(self):
        self.state = np.ones(2)
        self.W = np.array([[0.5, -1.0], [2.0, 1.0]])


model = Model()


@dataclass
class Slotted:
    __slots__ = ("memory",)
    memory: np.ndarray


slotted = Slotted(np.zeros(2))


def everything():
    return [
        *(field, table["weights"], table["list"][0], *layers[0], *pair, whole, stretched),
        *(Model.shared, model.state, model.W, slotted.memory),
    ]


def write_into_a_global(x):
    field[0, :2] = x
    field[1] += x[1]
    return np.sum(field**2)


def write_into_a_view_of_a_global(x):
    inner[:] = x
    inner[0] *= 2
    return np.sum(field**2) + field[0, 1] * x[0]


def write_into_a_reshaped_global(x):
    stretched[1, :2] = x
    backwards[-1] *= x[0]
    whole[1:3] += x
    return np.sum(stretched**2) + backwards[0] * x[1] + stretched.T[2, 0]


def write_into_containers(x):
    table["weights"][0] = x
    table["list"][0] += x[0]
    return np.linalg.det(table["weights"]) * np.prod(table["list"][0])


def write_into_tuples(x):
    for W, b in layers:
        b += x
        W[0, 1] = x[1]
        x = W.dot(x) + b
    pair.a[:] = x
    return np.sum(x * pair.b) + pair.a[0] * pair.a[1]


def write_into_attributes(x):
    model.state *= x
    Model.shared[1] = x[0]
    slotted.memory[:] = model.state + model.shared
    return np.sum(slotted.memory**2)


def methods_of_plain_arrays(x):
    return np.sum(model.W.dot(x) ** 2) + np.sum(layers[0][0].T.dot(x)) + model.W.clip(x[0] - 3, 5).sum() * x[1]


def write_by_functions(x):
    np.exp(x, out=pair.a)
    np.add.at(pair.b, [0, 0], x[1])
    np.copyto(model.state, x)
    np.fill_diagonal(table["weights"], x)
    return pair.a[0] * pair.b[0] + np.sum(model.state * pair.a) + np.trace(table["weights"])


def read_before_and_after(x):
    before = float(model.state.sum())
    model.state[0] = x[0]
    return before * model.state.sum()


FUNCTIONS = [
    *(
        write_into_a_global,
        write_into_a_view_of_a_global,
        write_into_a_reshaped_global,
        write_into_containers,
        write_into_tuples,
    ),
    *(write_into_attributes, methods_of_plain_arrays, write_by_functions, read_before_and_after),
]


@pytest.fixture(autouse=True)
def as_before():
    arrays = everything()
    before = copy.deepcopy(arrays)
    yield
    for now, kept, then in zip(everything(), arrays, before, strict=True):
        assert now is kept
        now[...] = then


def run(f, x, call):
    """The result of a call, and the arrays as it leaves them; they are put back."""
    before = copy.deepcopy(everything())
    result = call(f)(x)
    after = copy.deepcopy(everything())
    for now, then in zip(everything(), before, strict=True):
        assert type(now) is np.ndarray
        now[...] = then
    return result, after


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_value_gradient_and_arrays_are_those_of_numpy(f):
    plain, expected = run(f, X, lambda f: f)
    (value, gradient), left = run(f, X, cr.value_and_grad)
    assert value == pytest.approx(plain, rel=1e-14)
    for mine, numpys in zip(left, expected, strict=True):
        np.testing.assert_array_equal(mine, numpys)
    for i, slope in enumerate(gradient):
        step = np.zeros(2)
        step[i] = 1e-6
        difference = run(f, X + step, lambda f: f)[0] - run(f, X - step, lambda f: f)[0]
        assert slope == pytest.approx(difference / 2e-6, rel=1e-6, abs=1e-8)


def test_an_argument_that_is_not_differentiated_is_written_into():
    def f(x, buffer, options):
        buffer[0] = x[0]
        options["out"][:] = x
        return buffer.sum() * options["out"].sum()

    buffer, options = np.ones(2), {"out": np.zeros(2)}
    np.testing.assert_allclose(cr.grad(f)(X, buffer, options=options), [3.5, 2.5])
    np.testing.assert_array_equal(buffer, [1.5, 1.0])
    np.testing.assert_array_equal(options["out"], X)


def test_an_array_of_a_closure_is_written_into():
    kept = np.zeros(2)

    def f(x):
        kept[:] = x * 2
        return kept @ kept

    np.testing.assert_allclose(cr.grad(f)(X), 8 * X)
    np.testing.assert_array_equal(kept, 2 * X)


def test_arrays_are_as_the_function_left_them_after_an_error():
    def f(x):
        model.state[0] = x[0]
        raise KeyError("no")

    with pytest.raises(KeyError):
        cr.grad(f)(X)
    np.testing.assert_array_equal(model.state, [1.5, 1.0])


def test_a_write_that_another_array_would_not_see_is_an_error():
    def f(x):
        waves[0] = x[0]
        return parts.sum()

    with pytest.raises(RecordingError, match="shares"):
        cr.grad(f)(X)


def test_a_recorded_write_into_the_memory_of_a_differentiated_argument_is_an_error():
    def f(x):
        whole[0] = 5 * x[1]
        return x.sum()

    for argument in (whole, whole[:3]):
        with pytest.raises(RecordingError, match="shares"):
            cr.grad(f)(argument)
    np.testing.assert_array_equal(cr.grad(f)(whole.copy()), np.ones(6))


def test_a_read_only_array_stays_read_only():
    fixed = np.zeros(2)
    fixed.flags.writeable = False

    def f(x):
        fixed[0] = x[0]
        return fixed.sum()

    with pytest.raises(ValueError, match="read-only"):
        cr.grad(f)(X)


def test_buffers_that_a_function_leaves_behind_are_plain_arrays():
    def f(x):
        model.scratch = np.zeros(2)
        scratch = np.zeros(2)
        scratch[:] = x
        return scratch.sum() + model.state.dot(x)

    cr.grad(f)(X)
    assert type(model.scratch) is np.ndarray
    del model.scratch


def test_nested_recordings_share_an_array():
    def inner_loss(y):
        model.state[0] = y[0]
        return model.state[0] ** 2 + y[1]

    def f(x):
        model.state[1] = x[1]
        return np.sum(cr.grad(inner_loss)(x) * x) + model.state[1]

    np.testing.assert_allclose(cr.grad(f)(X), [4 * X[0], 2.0])


def test_threads_write_into_arrays_of_their_own():
    results = []

    def run_one(k):
        kept = np.zeros(1)

        def f(x):
            kept[0] = x[0] * k
            return kept[0] * model.W.dot(x)[0]

        for _ in range(20):
            results.append(cr.grad(f)(X)[1] + k * X[0])

    threads = [threading.Thread(target=run_one, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert max(map(abs, results)) < 1e-14


def test_a_compiled_function_uses_arrays_from_outside_as_they_are():
    compiled = cr.compile(cr.value_and_grad(methods_of_plain_arrays))
    value, gradient = cr.value_and_grad(methods_of_plain_arrays)(X)
    for _ in range(3):
        again, slopes = compiled(X)
        assert again == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-13)


class Closed(type):
    """Its classes refuse that an attribute is set."""

    def __setattr__(cls, name, value):
        raise AttributeError("closed")


class Constants(metaclass=Closed):
    u = np.zeros(2)


class Frozen(dict):
    def __setitem__(self, key, value):
        raise TypeError("frozen")


frozen = Frozen(u=np.zeros(2))


def test_arrays_in_objects_that_refuse_other_values():
    def f(x):
        Constants.u[0] = x[0] ** 2
        frozen["u"][1] = x[1] ** 3
        return Constants.u.sum() + frozen["u"].sum()

    before = Constants.u, frozen["u"]
    np.testing.assert_allclose(cr.grad(f)(X), [2 * X[0], 3 * X[1] ** 2])
    assert Constants.u is before[0]
    assert frozen["u"] is before[1]
    np.testing.assert_array_equal(before, [[X[0] ** 2, 0], [0, X[1] ** 3]])


class Empty:
    pass


class Slot:
    __slots__ = ("u",)


def of_key(holder, u):
    holder["u"] = u


def of_attribute(holder, u):
    holder.u = u


LEFT = {
    "dict": (dict, of_key, lambda holder: holder["u"]),
    "defaultdict": (lambda: collections.defaultdict(int, a=1), of_key, lambda holder: holder["u"]),
    "OrderedDict": (lambda: collections.OrderedDict(u=1), of_key, lambda holder: holder["u"]),
    "list": (list, lambda holder, u: holder.append(u), lambda holder: holder[0]),
    "deque": (collections.deque, lambda holder, u: holder.append(u), lambda holder: holder[0]),
    "list in a dict": (dict, lambda holder, u: of_key(holder, [u]), lambda holder: holder["u"][0]),
    "tuple": (dict, lambda holder, u: of_key(holder, (u, 1)), lambda holder: holder["u"][0]),
    "object": (Empty, of_attribute, lambda holder: holder.u),
    "slot": (Slot, of_attribute, lambda holder: holder.u),
    "class": (lambda: type("Made", (), {"__module__": __name__}), of_attribute, lambda holder: holder.u),
}


@pytest.mark.parametrize("kind", LEFT)
def test_wherever_a_function_leaves_a_buffer_it_becomes_a_plain_array(kind):
    make, put, get = LEFT[kind]
    holder = make()

    def f(x):
        u = np.zeros(2)
        u[0] = 1.0
        put(holder, u)
        return x[0] * u[0]

    cr.grad(f)(X)
    assert type(get(holder)) is np.ndarray


def test_a_variable_of_a_closure_has_a_plain_array_afterwards():
    u = None

    def f(x):
        nonlocal u
        u = np.zeros(2)
        u[0] = 1.0
        return x[0] * u[0]

    cr.grad(f)(X)
    assert type(u) is np.ndarray


def test_looking_for_shared_memory_is_linear_in_the_number_of_arrays(monkeypatch):
    many = [np.ones(2) for _ in range(60)]
    calls = []

    def f(x):
        many[0][0] = x[0]
        return many[0].sum()

    owner = outside.owner_of_memory
    monkeypatch.setattr(outside, "owner_of_memory", lambda x: calls.append(x) or owner(x))
    cr.grad(f)(X)
    assert 60 <= len(calls) < 5 * 60
