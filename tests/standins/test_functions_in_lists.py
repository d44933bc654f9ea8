"""Functions that a closure holds in a list, a dict or an object are found on each call, not only on the first one."""

import types

import numpy as np
import pytest

import chainrule as cr


def plain(x):
    return np.sin(x)


def writing(x):
    out = np.zeros(3)
    out[0] = x[1]
    out[1:] = x[:2] ** 2
    return out


@pytest.mark.parametrize(
    "held",
    [
        lambda f: [f],
        lambda f: (f, plain),
        lambda f: {"f": f},
        lambda f: [[f]],
        lambda f: types.SimpleNamespace(f=f),
        lambda f: types.SimpleNamespace(steps=[types.SimpleNamespace(f=f)]),
    ],
)
def test_the_same_code_with_other_functions(held):
    def chain(holder):
        def f(x):
            holders = [holder]
            while holders:
                found = holders.pop()
                if callable(found):
                    x = found(x)
                elif isinstance(found, list | tuple):
                    holders += found
                else:
                    holders += (found if isinstance(found, dict) else vars(found)).values()
            return np.sum(x)

        return f

    x = np.array([1.0, 2.0, 3.0])
    cr.grad(chain(held(plain)))(x)
    value, gradient = cr.value_and_grad(chain(held(writing)))(x)
    assert value == chain(held(writing))(x)
    np.testing.assert_allclose(cr.grad(chain([writing]))(x), [2.0, 5.0, 0.0])
    assert gradient.shape == (3,)
