"""Recorded numbers in texts and files: writing them is free; reading them back is an error, never a lost gradient."""

import io
import json
import pickle

import numpy as np
import pytest

import chainrule as cr

X = np.array([0.1, 2.0, 3.0])


def saved(save, load):
    def f(x, folder):
        path = str(folder / "numbers")
        save(path, x)
        return load(path)

    return f


def loaded_by_savez(path):
    with np.load(path + ".npz") as file:
        return file["a"]


READ_BACK = {
    "str": lambda x, _: float(str(x[0])),
    "f-string": lambda x, _: float(f"{x[0]}"),
    "f-string of a text": lambda x, _: float(f"{x[0]!s}".strip()),
    "%": lambda x, _: float("%s" % x[0]),  # noqa: UP031
    "format": lambda x, _: float(format(x[0], ".17g")),
    "complex": lambda x, _: abs(complex(str(x[0]))),
    "np.float64": lambda x, _: np.float64(str(x[0])),
    "map": lambda x, _: sum(map(float, [str(v) for v in x])),
    "a Python number": lambda x, _: float(str(x.tolist()[0])),
    "save": saved(lambda path, x: np.save(path + ".npy", x), lambda path: np.load(path + ".npy")),
    "savez": saved(lambda path, x: np.savez(path, a=x), loaded_by_savez),
    "savetxt": saved(np.savetxt, np.loadtxt),
    "savetxt, genfromtxt": saved(np.savetxt, np.genfromtxt),
    "tofile": saved(lambda path, x: x.tofile(path), np.fromfile),
    "dump": saved(lambda path, x: x.dump(path), lambda path: np.load(path, allow_pickle=True)),
    "tobytes": lambda x, _: np.frombuffer(x.tobytes()),
    "pickle": lambda x, _: pickle.loads(pickle.dumps(x)),
}


@pytest.mark.parametrize("read", READ_BACK.values(), ids=READ_BACK)
def test_numbers_that_are_read_back_from_a_text_or_a_file(read, tmp_path):
    def f(x):
        return x[1] * np.sum(read(x, tmp_path))

    assert np.isfinite(f(X))
    for transform in (cr.grad(f), cr.compile(f)):
        with pytest.raises(cr.errors.RecordingError, match=r"lose.*|pickled") as told:
            transform(X)
    assert "test_texts.py" in str(told.value) or "pickled" in str(told.value)


def printing(x, folder):
    print(x, x[0], f"{x[0]}: {x[1]:.3f}", str(x), repr(x[0]), file=io.StringIO())
    log = {"loss": float(f"{x[0]:.3f}"), "text": str(x[0]), "json": json.dumps(str(x[0]))}
    np.save(folder / "x.npy", x)
    assert log["text"].startswith("0.")
    assert type(pickle.loads(pickle.dumps(log["text"]))) is str
    return np.sum(x**2)


def reading_others(x, folder):
    np.save(folder / "weights.npy", np.array([2.0, 3.0, 4.0]))
    np.save(folder / "x.npy", x)
    return np.sum(x**2 * np.load(folder / "weights.npy")) + x[0] * float("0.1")


def rounding(x, folder):
    return x[1] * float(f"{x[0]:.1f}")


@pytest.mark.parametrize("f", [printing, reading_others, rounding])
def test_writing_is_free_and_other_numbers_may_be_read(f, tmp_path):
    value, slopes = cr.value_and_grad(f)(X, tmp_path)
    assert value == f(X, tmp_path)
    h = 1e-6 * np.eye(3)
    expected = [(f(X + step, tmp_path) - f(X - step, tmp_path)) / 2e-6 for step in h]
    np.testing.assert_allclose(slopes, expected, rtol=1e-8)


def test_a_text_is_a_number_again_after_the_recording():
    texts = []

    def f(x):
        texts.append(str(x[0]))
        return np.sum(np.array([x[0], 1.0]))

    cr.grad(f)(X)
    assert float(texts[0]) == X[0]
