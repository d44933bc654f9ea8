"""Twins of scipy.integrate.solve_ivp and odeint: solutions of differential equations, and their sensitivities.

SciPy's solver gives the value. The derivative is that of the exact solution, by one of two methods. The
equations of the sensitivities are solved forward in time together with the solution; if there are many, the adjoint
equation is solved backward in time from each cotangent. Both use small tolerances, and run when a gradient is taken.
L. S. Pontryagin et al., The mathematical theory of optimal processes (1962); R. T. Q. Chen et al., Neural ordinary
differential equations (2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from chainrule.array import Array, constant, node_of, value_of
from chainrule.backward import backpropagate, find_path
from chainrule.errors import GradientError, RecordingError
from chainrule.node import NO_PARAMS, Node, at_line
from chainrule.scipy._callbacks import Callback, as_recorded, frozen, known_step, pulled_step
from chainrule.scipy.arguments import by_name
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import holds_recorded_values, read_values, twin, with_value

__all__: list[str] = []

FORWARD = 24
"""Up to this many columns of sensitivities are solved forward; with more, the adjoint equation is solved."""
STIFF = ("Radau", "BDF", "LSODA")


class Flow:
    """The solutions of y' = f(t, y) from a start, with their derivatives.

    Attributes
    ----------
    f : the right side.
    start, y0 : the time at which the solution starts, and its value there: plain or recorded.
    """

    def __init__(self, name: str, f: Callback, start: Any, y0: Any, method: Any):
        self.name, self.f, self.start, self.y0 = name, f, start, y0
        self.t0, self.plain_y0 = float(value_of(start)), np.asarray(value_of(y0), float)
        self.n = self.plain_y0.size
        stiff = method in STIFF or getattr(method, "__name__", "") in STIFF
        small = {"rtol": 1e-9, "atol": 1e-10} if stiff else {"rtol": 1e-10, "atol": 1e-11}
        self.options: dict[str, Any] = {"method": "LSODA" if stiff else "DOP853", **small}
        self.at_start = np.asarray(f(self.t0, self.plain_y0), float)

    def states(self, times: Any, value: np.ndarray) -> Any:
        """The recorded solution at some times, a row for each; `value` is SciPy's."""
        f = copy.copy(self.f)
        f.f = frozen(f.f)
        plain_times = np.asarray(value_of(times), float)
        operands = [x for x in (self.y0, self.start, times) if type(x) is Array]
        outside = self.f.operands()
        y_size = self.n if type(self.y0) is Array or type(self.start) is Array else 0
        columns = y_size + sum(x.size for x in outside)
        path = [node_of(x) for x in outside]

        def jacobian() -> np.ndarray:
            with self._again(f):
                found = self._forward(f, path, plain_times, y_size)
                return self._arranged(f, found, plain_times, value, type(times) is Array)

        def pull(dz: np.ndarray) -> np.ndarray:
            with self._again(f):
                back = self._adjoint(f, path, plain_times, dz)
                return self._arranged_back(f, back, dz, plain_times, value, type(times) is Array)

        every = [*operands, *outside]
        if columns <= FORWARD:
            return known_step(self.name, value, every, jacobian)
        return pulled_step(self.name, value, every, pull)

    def _again(self, f: Callback) -> Any:
        return _Again(self, f)

    def _local(self, f: Callback, path: list[Node], t: float, y: np.ndarray, seeds: np.ndarray) -> tuple[Any, Any, Any]:
        """f(t, y), and the gradients of seeds · f by y and by the values from outside, one after the other."""
        node = Node(None, (), NO_PARAMS, constant(y))
        result = f.recorded(t, Array(node))
        lead = seeds.shape[:-1]
        size = sum(int(np.size(x.value)) for x in path)
        if type(result) is not Array:
            return np.asarray(result, float), np.zeros((*lead, y.size)), np.zeros((*lead, size))
        if any(x not in path for x in f.outside):
            raise GradientError(
                f"the function of {self.name} depends on recorded values only at some times, which SciPy's own steps "
                "have not met; pass them as args=" + at_line()
            )
        out = node_of(result)
        grads = backpropagate(
            find_path([node, *path], [out]), {out: np.reshape(seeds, lead + np.shape(out.value))}, False
        )

        def flat(x: Node) -> np.ndarray:
            g = grads[x]
            size = int(np.size(x.value))
            return np.zeros((*lead, size)) if g is None else np.reshape(np.asarray(value_of(g), float), (*lead, size))

        return np.asarray(out.value, float), flat(node), np.concatenate([*map(flat, path), np.zeros((*lead, 0))], -1)

    # By sensitivities ---------------------------------------------------------------------------------------------

    def _forward(self, f: Callback, path: list[Node], times: np.ndarray, y_size: int) -> np.ndarray:
        """∂y/∂(y0, outside) at the times."""
        n, size = self.n, y_size + sum(int(np.size(x.value)) for x in path)

        def together(t: float, state: np.ndarray) -> np.ndarray:
            y, s = state[:n], state[n:].reshape(n, size)
            value, by_y, by_outside = self._local(f, path, t, y, np.eye(n))
            change = by_y @ s
            change[:, y_size:] += by_outside
            return np.concatenate([np.reshape(value, (n,)), change.ravel()])

        s = np.zeros((n, size))
        s[:, :y_size] = np.eye(n)[:, :y_size]
        found = self._solved(together, np.concatenate([self.plain_y0, s.ravel()]), times)
        return found[:, n:].reshape(len(times), n, size)

    def _solved(self, f: Callable[..., Any], state: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The solution at times in any order, on either side of the start."""
        made = np.empty((len(times), state.size))
        for sign in (1.0, -1.0):
            ahead = np.unique(times[(times - self.t0) * sign > 0] * sign) * sign
            if ahead.size:
                result = scipy.integrate.solve_ivp(f, (self.t0, ahead[-1]), state, t_eval=ahead, **self.options)
                if not result.success:
                    raise GradientError(f"the sensitivities of {self.name}: {result.message}" + at_line())
                for t, row in zip(ahead, result.y.T, strict=True):
                    made[times == t] = row
        made[times == self.t0] = state
        return made

    def _arranged(self, f: Callback, found: np.ndarray, times: Any, value: np.ndarray, by_times: bool) -> np.ndarray:
        """The Jacobian: a row for each entry of the states, a column for each entry of the operands."""
        m, n = len(times), self.n
        y_size = n if type(self.y0) is Array or type(self.start) is Array else 0
        by_y0, by_outside = found[:, :, :y_size], found[:, :, y_size:]
        parts = []
        if type(self.y0) is Array:
            parts.append(by_y0)
        if type(self.start) is Array:
            parts.append(-(by_y0 @ np.reshape(self.at_start, (n, 1))))
        if by_times:
            by_time = np.zeros((m, n, m))
            for k in range(m):
                by_time[k, :, k] = np.reshape(f(times[k], value[k]), (n,))
            parts.append(by_time)
        return np.concatenate([*parts, by_outside], axis=-1).reshape(m * n, -1)

    # By the adjoint equation --------------------------------------------------------------------------------------

    def _adjoint(
        self, f: Callback, path: list[Node], times: np.ndarray, dz: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """∂L/∂y0 and ∂L/∂outside from the cotangents of the states."""
        n, size = self.n, sum(int(np.size(x.value)) for x in path)
        total_y, total_outside = np.zeros(n), np.zeros(size)
        for sign in (1.0, -1.0):
            ahead = np.unique(times[(times - self.t0) * sign > 0] * sign) * sign
            if not ahead.size:
                continue
            plain = scipy.integrate.solve_ivp(
                lambda t, y: np.reshape(np.asarray(f(t, y), float), (n,)),
                (self.t0, ahead[-1]),
                self.plain_y0,
                dense_output=True,
                **self.options,
            )

            def back(t: float, state: np.ndarray, y: Any = plain.sol) -> np.ndarray:
                _, by_y, by_outside = self._local(f, path, t, y(t), state[:n])
                return np.concatenate([-by_y, -by_outside])

            state = np.zeros(n + size)
            for k in range(len(ahead) - 1, -1, -1):
                state[:n] += dz[times == ahead[k]].sum(axis=0)
                before = ahead[k - 1] if k else self.t0
                result = scipy.integrate.solve_ivp(back, (ahead[k], before), state, **self.options)
                if not result.success:
                    raise GradientError(f"the adjoint equation of {self.name}: {result.message}" + at_line())
                state = result.y[:, -1].copy()
            total_y += state[:n]
            total_outside += state[n:]
        return total_y + dz[times == self.t0].sum(axis=0), total_outside

    def _arranged_back(
        self, f: Callback, back: Any, dz: np.ndarray, times: np.ndarray, value: np.ndarray, by_times: bool
    ) -> np.ndarray:
        by_y0, by_outside = back
        parts = []
        if type(self.y0) is Array:
            parts.append(by_y0)
        if type(self.start) is Array:
            parts.append(np.reshape(-(by_y0 @ np.reshape(self.at_start, (self.n,))), (1,)))
        if by_times:
            slopes = [np.reshape(np.asarray(f(t, y), float), (self.n,)) for t, y in zip(times, value, strict=True)]
            parts.append(np.array([row @ slope for row, slope in zip(dz, slopes, strict=True)]))
        return np.concatenate([*parts, by_outside])


class _Again:
    """Context in which the right side is called again after the recording; an error if its values have changed."""

    def __init__(self, flow: Flow, f: Callback):
        self.flow, self.context = flow, as_recorded(f.f)
        self.f = f

    def __enter__(self) -> None:
        self.context.__enter__()
        value = np.asarray(self.f(self.flow.t0, self.flow.plain_y0), float)
        if not np.array_equal(value, self.flow.at_start, equal_nan=True):
            self.context.__exit__(None, None, None)
            raise RecordingError(
                f"the function of {self.flow.name} gives other values now than when it was integrated: it reads what "
                "has changed since (a global, an attribute); pass it in args=" + at_line()
            )

    def __exit__(self, *failure: Any) -> None:
        self.context.__exit__(*failure)


# solve_ivp -----------------------------------------------------------------------------------------------------------


@twin(scipy.integrate.solve_ivp, adopts=False)
def solve_ivp(
    fun: Any,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    **options: Any,
) -> Any:
    y0, t_eval = (joined(x) if isinstance(x, list | tuple) else x for x in (y0, t_eval))
    t0, t1 = t_span
    if np.iscomplexobj(value_of(y0)):
        raise RecordingError("solve_ivp has a derivative for real states; join real and imaginary parts" + at_line())
    f = Callback((lambda t, y, *a: fun(t, y[:, None], *a)[:, 0]) if vectorized else fun, args or ())
    given = Callback(fun, args or ())
    plain_events, callbacks = _events(events, args or ())
    if callable(options.get("jac")):
        options["jac"] = Callback(options["jac"], args or ())
    result = scipy.integrate.solve_ivp(
        given,
        tuple(read_values([t0, t1])),
        read_values(y0),
        method,
        read_values(t_eval),
        dense_output,
        plain_events,
        vectorized,
        **read_values(options),
    )
    f.outside, f.fixed, f.start = given.outside, given.fixed, given.start
    flow = Flow("solve_ivp", f, t0, y0, method)
    if not (f.outside or any(type(x) is Array for x in (t0, t1, y0, t_eval)) or holds_recorded_values(events)):
        return result
    times = _times(result, t0, t1, t_eval)
    made = copy.copy(result)
    made["y"] = np.matrix_transpose(flow.states(times, np.ascontiguousarray(result.y.T)))
    if type(times) is Array:
        made["t"] = with_value(times, result.t)
    if events is not None:
        found = [_event(flow, g, *at) for g, *at in zip(callbacks, result.t_events, result.y_events, strict=True)]
        made["t_events"], made["y_events"] = [t for t, _ in found], [y for _, y in found]
        if result.status == 1 and t_eval is None:
            made = _with_end(made, callbacks, flow)
    if dense_output:
        made["sol"] = Dense(flow, result.sol)
    return made


def _times(result: Any, t0: Any, t1: Any, t_eval: Any) -> Any:
    """The times of the result: those that were given, or the solver's own between the two ends."""
    if type(t_eval) is Array:
        return t_eval[: result.t.size]
    if t_eval is not None or not any(type(x) is Array for x in (t0, t1)):
        return result.t
    parts = [np.reshape(t0, (1,)) * 1.0, result.t[1:-1], np.reshape(t1, (1,)) * 1.0]
    if result.status == 1:
        parts[2] = result.t[-1:]
    return np.concatenate(parts)


def _events(events: Any, args: Any) -> tuple[Any, list[Callback]]:
    """Events as SciPy takes them, with plain values."""
    if events is None:
        return None, []
    callbacks = [Callback(g, args) for g in ([events] if callable(events) else events)]
    return [_plain_event(g) for g in callbacks], callbacks


def _plain_event(g: Callback) -> Any:
    def event(t: Any, y: Any) -> Any:
        return g(t, y)

    for name in ("terminal", "direction"):
        if hasattr(g.f, name):
            setattr(event, name, getattr(g.f, name))
    return event


def _event(flow: Flow, g: Callback, times: np.ndarray, states: np.ndarray) -> tuple[Any, Any]:
    """The recorded times and states of an event: where g(t, y) = 0 for the solution."""
    if not len(times):
        return times, states
    before = flow.states(times, states)
    if type(before) is not Array and not g.outside:
        return times, states
    moved, reached = [], []
    for k, t in enumerate(times):
        slope = np.reshape(np.asarray(flow.f(t, states[k]), float), (flow.n,))
        value, step = g.recorded(t, before[k]), 1e-6 * max(1.0, abs(t))
        ahead, back = (float(g(t + s, states[k] + s * slope)) for s in (step, -step))
        time = t - np.reshape(value - value_of(value), ()) / ((ahead - back) / (2 * step))
        moved.append(time)
        reached.append(before[k] + slope * (time - t))
    g.operands()
    return with_value(np.stack(moved), times), with_value(np.stack(reached), states)


def _with_end(made: Any, callbacks: list[Callback], flow: Flow) -> Any:
    """A result whose last time is that of the event that ended it."""
    for t, y in zip(made["t_events"], made["y_events"], strict=True):
        if type(t) is Array and t.size and value_of(t)[-1] == value_of(made["t"])[-1]:
            made["t"] = np.concatenate([made["t"][:-1], t[-1:]])
            made["y"] = np.concatenate([made["y"][:, :-1], np.reshape(y[-1], (-1, 1))], axis=1)
    return made


class Dense:
    """The recorded solution between its times."""

    def __init__(self, flow: Flow, plain: Any):
        self._flow, self._plain = flow, plain

    def __call__(self, t: Any) -> Any:
        value = self._plain(value_of(t))
        times = np.reshape(t, (-1,)) * 1.0
        states = self._flow.states(times, np.reshape(value, (self._flow.n, -1)).T.copy())
        return np.reshape(np.matrix_transpose(states), np.shape(value))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


# odeint --------------------------------------------------------------------------------------------------------------


@twin(scipy.integrate.odeint, adopts=False)
def odeint(func: Any, y0: Any, t: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.integrate.odeint, 4, rest, options)
    tfirst = options.get("tfirst", False)
    y0, t = (joined(x) if isinstance(x, list | tuple) else x for x in (y0, t))
    f = Callback(func if tfirst else lambda t, y, *a: func(y, t, *a), args)
    if callable(options.get("Dfun")):
        options["Dfun"] = Callback(options["Dfun"], args)
    options["tfirst"] = True
    if options.get("Dfun") is not None and not tfirst:
        given = options["Dfun"]
        options["Dfun"] = lambda t, y: given(y, t)
    result = scipy.integrate.odeint(f, read_values(y0), read_values(t), (), **read_values(options))
    value = result[0] if options.get("full_output") else result
    start = t[0] if type(t) is Array else float(np.asarray(t)[0])
    flow = Flow("odeint", f, start, np.reshape(y0, (-1,)) if np.ndim(y0) == 0 else y0, "LSODA")
    made = flow.states(t if type(t) is Array else np.asarray(t, float), value)
    return (made, *result[1:]) if options.get("full_output") else made
