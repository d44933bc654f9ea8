"""A value that is only printed, logged or plotted decides nothing, so it is compiled in as no branch."""
# ruff: noqa: UP031, UP032

import contextlib
import io
import logging
import sys

import numpy as np
import pytest
from scipy.signal import lfilter

import chainrule as cr

log = logging.getLogger("chainrule.tests.printed")
NAMES = ("a", "b")


def a_text(x):
    print(f"{x:.3f} and {x}")
    return x * x


def a_text_in_several_lines(x):
    print(
        f"first {x:.1f} "
        f"second {x * 2:.2f}",
        f"third {np.sqrt(x)}", end="\n", flush=True,
    )  # fmt: skip
    return x * x


def a_remainder(x):
    print("%.3f and %s" % (x, x))
    return x * x


def a_format(x):
    print("{:.3f} and {name}".format(x, name=x))
    return x * x


def numbers(x):
    print("x =", x, np.round(x, 2), sep=" ")
    return x * x


def a_list(x):
    print([x, x + 1], f"{x!r}", repr(x))
    return x * x


def a_joined_text(x):
    print(", ".join(f"{name} {v:.2f}" for name, v in zip(NAMES, (x, x * 2), strict=True)) + " " + str(x))
    return x * x


def a_log(x):
    log.info("loss %.3f of %s", x, x)
    log.debug(f"loss {x}")
    return x * x


def a_stream(x):
    sys.stdout.write(f"{x:.3f}\n")
    return x * x


class Trainer:
    def __init__(self):
        self.logger = log

    def __call__(self, x):
        if x > 0:
            self.logger.warning("{:.2f}".format(x))
        return x * x


def a_vector(x):
    v = np.zeros(2)
    v[:] = x
    print(v, f"{v}", "%s" % v, v.round(2))
    return np.sum(v * x) - x * x


def a_plot(x):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.plot([0.0, 1.0], np.stack([x, 2 * x]), label=f"{x:.3f}")
    pyplot.close("all")
    return x * x


ONLY_PRINTED = [
    *(a_text, a_text_in_several_lines, a_remainder, a_format, numbers, a_joined_text, a_log, a_stream, Trainer()),
    *(a_vector, a_plot),
]
RECORDED_IS_TOLD = [a_list]
"""The text for a programmer, `repr`, says what is recorded."""


def recordings(f, points):
    """How often f runs while its compiled derivative is called; each value is compared with f's own."""
    runs = [0]

    def counted(x):
        runs[0] += 1
        return f(x)

    compiled = cr.compile(cr.value_and_grad(counted))
    with contextlib.redirect_stdout(io.StringIO()):
        for x in points:
            value, slope = compiled(x)
            np.testing.assert_allclose(value, f(x))
            if slope is not None:
                np.testing.assert_allclose(slope, cr.grad(f)(x))
    return runs[0]


@pytest.mark.parametrize("f", [*ONLY_PRINTED, *RECORDED_IS_TOLD], ids=lambda f: getattr(f, "__name__", "Trainer"))
def test_a_value_that_is_only_shown_makes_no_path(f):
    assert recordings(f, [1.5, 1.5, 1.6, 1.7, 1.8]) == 2


@pytest.mark.parametrize("f", ONLY_PRINTED, ids=lambda f: getattr(f, "__name__", "Trainer"))
def test_what_is_printed_while_recording_is_what_numpy_prints(f, monkeypatch):
    logged = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logged])
    monkeypatch.setattr(root, "level", logging.DEBUG)

    def told(call):
        logged.setStream(io.StringIO())
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            call(1.5)
        return printed.getvalue(), logged.stream.getvalue()

    plain = told(f)
    assert told(cr.grad(f)) == plain
    assert told(cr.compile(cr.grad(f))) == plain


def a_text_that_decides(x):
    return x * x if f"{x:.1f}" == "1.5" else x


def a_text_that_is_kept(x):
    text = f"{x:.1f}"
    print(text)
    return x * x if text == "1.5" else x


def a_text_that_is_asked_for_its_length(x):
    print("=" * len(f"{x:.1f}"))
    return x * x if len(f"{x:.1f}") == 3 else x


def a_walrus(x):
    print(text := f"{x:.1f}")
    return x * x if text == "1.5" else x


def print_of_the_users_own(x):
    seen = []

    def print(text):
        seen.append(text)

    print(f"{x:.1f}")
    return x * x if seen[0] == "1.5" else x


def a_key(x):
    sizes = {"1.5": 2.0}
    return x * sizes.get(f"{x:.1f}", 1.0)


def a_text_in_a_condition(x):
    seen = []
    print("round" if f"{x:.1f}" == "1.5" and not seen.append(1) else "not")
    return x * x if seen else x


DECIDE = [
    *(a_text_that_decides, a_text_that_is_kept, a_text_that_is_asked_for_its_length, a_walrus, print_of_the_users_own),
    *(a_key, a_text_in_a_condition),
]


@pytest.mark.parametrize("f", DECIDE)
def test_a_text_that_may_decide_is_still_looked_at(f):
    recordings(f, [1.5, 1.5, 1.5, 2.0, 2.0, 2.0, 10.0, 10.0, 1.5])


def test_a_text_in_code_without_a_source_is_looked_at():
    scope = {"np": np}
    exec("def f(x):\n    print(f'{x:.1f}')\n    return x * x", scope)
    assert recordings(scope["f"], [1.5, 1.5, 1.6, 1.7]) > 2


def test_numbers_that_are_at_hand_where_others_are_joined_make_no_path():
    def f(x):
        y = x * 3
        return np.asarray(lfilter([1.0, -y], [1.0, 0.5], [x, 1.0, 2.0])).sum() * x.real

    assert recordings(f, [1.5, 1.5, 1.6, 1.7]) == 2
