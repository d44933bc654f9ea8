"""cr.compile(f, engine="jax"): a function that XLA compiles, for processors, GPUs and TPUs, on one machine or many.

The steps of f run on JAX's tracers: each block's rule then is JAX's own operations (see `lifting`), and all of them
together one program of XLA. Nothing but shapes and dtypes is known while that program is made. So arrays may lie on
many machines, and a function that reads a value is refused.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.argnums import name_of, needs_function, positions_of
from chainrule.array import WATCHER, Array
from chainrule.block import Block
from chainrule.blocks.integers import labels_fit
from chainrule.compile.calls import SplitCall, call_of
from chainrule.compile.forms import Replay, replay_of
from chainrule.compile.methods import CompiledFunction, MethodOfObject, as_method
from chainrule.compile.placing import Placing
from chainrule.compile.recorder import RecordedRun, copied, is_constant, run_recorded
from chainrule.compile.steady import Draws, refusal
from chainrule.compile.unknown import Assumption, Unknown, line_of, unknown
from chainrule.errors import ChainruleError, RecordingError
from chainrule.forks import imported
from chainrule.graph import graph_between
from chainrule.libraries import PYTHON, is_inexact, is_jax, is_traced, jax_in_double_precision
from chainrule.node import Node, now
from chainrule.trees import flatten

__all__ = ["ByJax"]

P = ParamSpec("P")
R = TypeVar("R")

MANY = 8
"""The number of programs that differ only in an integer before a warning, and of paths of a program before an error."""
LONG = 20_000
"""A function of more steps than this brings a warning: XLA needs time to optimise each of them."""


class ByJax(CompiledFunction[P, R]):
    """What `cr.compile(f, engine="jax")` returns. Call it like the function."""

    def __init__(
        self,
        f: Callable[..., Any],
        donate: Sequence[int | str] = (),
        shardings: Mapping[str, Any] | None = None,
        mesh: Any = None,
    ):
        needs_function(f, "compile")
        if importlib.util.find_spec("jax") is None:
            raise ImportError('cr.compile(f, engine="jax") needs JAX: pip install "chainrule[jax]"')
        super().__init__()
        self.__wrapped__ = f
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__
        self._donate = (donate,) if isinstance(donate, int | str) else tuple(donate)
        self._donated = {name or position for position, name in positions_of(f, self._donate, "compile")}
        self._placing = Placing(f, shardings, mesh)
        self._given = shardings, mesh
        self._programs: dict[Any, list[_Program]] = {}
        self._families: dict[Any, int] = {}
        self._latest: tuple[_Program, list[Any], bool] | None = None

    def __repr__(self) -> str:
        return f"<{self.__name__}, compiled by JAX: {sum(map(len, self._programs.values()))} program(s)>"

    def __reduce__(self) -> Any:
        """A copy, also in another process, compiles anew."""
        return ByJax, (self.__wrapped__, self._donate, *self._given)

    def _as_method(self) -> _MethodByJax:
        return _MethodByJax(self.__wrapped__, self._donate, *self._given)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        call = call_of(self.__wrapped__, args, kwargs)
        if any(type(x) is Array for x in call.leaves):  # an outer function of chainrule's records it
            return self.__wrapped__(*args, **kwargs)
        of_jax = self._placing.is_asked or any(map(is_jax, call.leaves))
        with nullcontext() if of_jax else jax_in_double_precision():
            leaves = self._placing.placed(call) if of_jax else call.leaves
            found = self._run(call, leaves, of_jax)
            if found is None:  # a label is out of range: the uncompiled function raises the right error
                return self.__wrapped__(*args, **kwargs)
            program, results = found
            if not of_jax:
                results = [np.array(z)[()] for z in results]
        return program.rebuilt(results)

    def _run(self, call: SplitCall, leaves: list[Any], of_jax: bool) -> tuple[_Program, list[Any]] | None:
        """Run the program of the path that these values take; it is compiled when it is first taken.

        Returns None if a block has been given labels that are out of range.
        """
        forms = tuple((np.shape(x), str(x.dtype) if hasattr(x, "dtype") else type(x)) for x in leaves)
        key = call.key, forms, of_jax, imported("jax").config.jax_enable_x64
        programs = self._programs.get(key) or self._first(key, call, leaves, of_jax)
        program = programs[-1]
        while True:
            self._latest = program, [_form(x) for x in leaves], of_jax
            answers, results = program(leaves)
            if answers is None:
                return program, results
            if program.guards[len(answers) - 1].block is labels_fit:
                return None
            with self._lock:
                known = [p for p in programs if p.assumed[: len(answers)] == answers]
                program = known[0] if known else self._another(programs, call, leaves, answers)
                programs[:] = [*(p for p in programs if p is not program), program]

    def _first(self, key: Any, call: SplitCall, leaves: list[Any], of_jax: bool) -> list[_Program]:
        with self._lock:
            if key not in self._programs:
                self._programs[key] = [self._made(call, leaves, ())]
                if not of_jax:
                    _require_numpys_dtypes(self.__wrapped__, call, self._programs[key][0])
                    _require_numpys_precision(self.__wrapped__, call, self._programs[key][0])
                self._warn_of_integers(call)
        return self._programs[key]

    def _another(
        self, programs: list[_Program], call: SplitCall, leaves: list[Any], answers: tuple[bool, ...]
    ) -> _Program:
        if len(programs) == MANY:
            lines = sorted({guard.line for guard in programs[-1].guards[: len(answers)]})
            raise RecordingError(
                f"{self.__name__} has taken {MANY} different paths, each a program of its own, by what blocks ask "
                f'about values (is a label ignored, is a norm 0):{"".join(lines)}\n  leave out engine="jax"'
            )
        return self._made(call, leaves, answers)

    def _made(self, call: SplitCall, leaves: list[Any], assumed: tuple[bool, ...]) -> _Program:
        donated = [i for i, argument in enumerate(call.arguments) if argument in self._donated]
        return _Program(self.__wrapped__, call, leaves, donated, assumed)

    def _warn_of_integers(self, call: SplitCall) -> None:
        self._families[call.family] = self._families.get(call.family, 0) + 1
        if call.family != call.key and self._families[call.family] == MANY:
            warnings.warn(
                f"{self.__name__} has been compiled for {MANY} values of an integer, once for each; give it as an "
                "array, np.asarray(n), if only arithmetic depends on it",
                stacklevel=4,
            )

    def source(self) -> str:
        """The text of the program that ran last, as XLA has optimised it: with the collectives between devices."""
        return self._compiled().as_text()

    def memory(self) -> int:
        """The bytes that the program that ran last takes for intermediate results, on each device."""
        return int(self._compiled().memory_analysis().temp_size_in_bytes)

    def _compiled(self) -> Any:
        if self._latest is None:
            raise ChainruleError(f"{self.__name__} has not been called yet, so there is nothing to show")
        program, forms, of_jax = self._latest
        with nullcontext() if of_jax else jax_in_double_precision():
            return program.jitted.lower(*forms).compile()


class _MethodByJax(MethodOfObject, ByJax[..., Any]):
    def __init__(self, f: Callable[..., Any], *others: Any):
        super().__init__(as_method(f), *others)

    def __reduce__(self) -> Any:
        return _MethodByJax, (self.__wrapped__.__wrapped__, self._donate, *self._given)


# One program ---------------------------------------------------------------------------------------------------------


class _Program:
    """A function as one program of XLA, for one set of constants, shapes and dtypes, and one path.

    Attributes
    ----------
    jitted : takes the leaves of the arguments, and returns the arrays of the results, and whether all guards hold.
    check : takes them too, and returns whether the guards hold; needed where the arguments are overwritten.
    rebuilt : the result of the function, from these arrays.
    places, dtypes : of these arrays among the results, and their dtypes.
    short : the steps of f in less than double precision, each with its block, its dtype and its line.
    guards, assumed : the questions that were asked about values, and the answers that tracing assumed.
    """

    rebuilt: Callable[[Sequence[Any]], Any]
    places: list[int]
    dtypes: list[Any]
    short: list[tuple[Block, str, str]]
    guards: list[Assumption]

    def __init__(
        self,
        f: Callable[..., Any],
        call: SplitCall,
        leaves: Sequence[Any],
        donated: Sequence[int],
        assumed: tuple[bool, ...],
    ):
        jax = imported("jax")
        self._f, self._rebuild, self._arguments = f, call.rebuild, [str(name) for name in call.arguments]
        self._given = assumed
        draws = Draws(f)
        with draws.watched():
            traced, again = self._ways_to_trace(leaves)
            self.jitted = jax.jit(traced, donate_argnums=tuple(donated))
            once = _content(self.jitted.trace(*leaves).jaxpr)
        if draws.seeded is not None or once != _content(jax.make_jaxpr(again)(*leaves)):
            raise refusal(name_of(f), f, None, draws.happened(), draws.seeded)
        self.assumed = tuple(guard.assumed for guard in self.guards)
        self._check = jax.jit(lambda *tracers: traced(*tracers)[1:]) if donated and self.guards else None

    def __call__(self, leaves: Sequence[Any]) -> tuple[tuple[bool, ...] | None, list[Any]]:
        """Run it. Returns None if all guards hold, else the answers up to the first wrong one; and the results."""
        if self._check is not None:
            holds, truths = self._check(*leaves)
            if not holds:
                return self._answers(truths), []
        results, holds, truths = self.jitted(*leaves)
        if self._check is None and self.guards:
            if is_traced(holds):
                return None, _nan_unless(holds, results)
            if not holds:
                return self._answers(truths), []
        return None, results

    def _answers(self, truths: Sequence[Any]) -> tuple[bool, ...]:
        answers = tuple(map(bool, truths))
        wrong = next(i for i, (a, b) in enumerate(zip(answers, self.assumed, strict=True)) if a != b)
        return answers[: wrong + 1]

    def _ways_to_trace(self, leaves: Sequence[Any]) -> list[Callable[..., Any]]:
        """Two functions for JAX to trace, each from a run of f of its own; both must lead to the same program."""
        replays: list[Callable[..., Any]] = []
        for _ in range(2):
            replay = replay_of(self._f, leaves, self._rebuild, self._arguments, self._given)
            if replay is None:  # no loops
                return [self._traced, lambda *tracers: self._traced(*tracers)]  # JAX does not trace a function twice
            replays.append(functools.partial(self._replayed, replay))
        return replays

    def _traced(self, *tracers: Any) -> tuple[list[Any], Any, list[Any]]:
        """What JAX traces: the steps of f on its tracers."""
        name, start, watcher = name_of(self._f), now(), Unknown(name_of(self._f), self._given)
        try:
            run = run_recorded(self._f, list(tracers), self._rebuild, self._arguments, watcher)
        except imported("jax").errors.JAXTypeError as error:
            raise RecordingError(unknown(name, "code that is not made of blocks", line_of(error))) from error
        if run.writes:
            raise RecordingError(f"{name} writes into its argument, which XLA cannot change; write into x.copy()")
        if now() - start > LONG:
            warnings.warn(
                f"{name} has more than {LONG} steps, and XLA may take minutes to optimise them; a loop that is written "
                "as cr.scan(f, carry, xs) is one step",
                stacklevel=4,
            )
        values = [out.value if type(out) is Node else copied(out) for out in run.outputs]
        return self._finished(run, values, watcher.guards, [guard.node.value for guard in watcher.guards])

    def _replayed(self, replay: Replay, *tracers: Any) -> tuple[list[Any], Any, list[Any]]:
        """What JAX traces instead if f has loops: the steps that are left."""
        token = WATCHER.set(None)
        try:
            of = replay(tracers)
        finally:
            WATCHER.reset(token)
        values = [of.get(out, out.value) if type(out) is Node else copied(out) for out in replay.run.outputs]
        return self._finished(replay.run, values, replay.guards, [of[guard.node] for guard in replay.guards])

    def _finished(
        self, run: RecordedRun, values: Sequence[Any], guards: Sequence[Assumption], truths: Sequence[Any]
    ) -> tuple[list[Any], Any, list[Any]]:
        """The results of a trace, whether its guards hold, and the answers; what is known of them is kept."""
        jnp = imported("jax.numpy")
        places = [i for i, x in enumerate(values) if not (is_constant(x) or type(x) in PYTHON)]
        results = [jnp.asarray(values[i]) for i in places]
        constants = [None if i in places else x for i, x in enumerate(values)]

        def rebuilt(results: Sequence[Any]) -> Any:
            full = list(constants)
            for i, z in zip(places, results, strict=True):
                full[i] = z
            return run.rebuild(full)

        self.rebuilt, self.places, self.dtypes = rebuilt, places, [z.dtype for z in results]
        self.short = [step for step in _dtypes_of_steps(run) if step[1] in SHORT]
        truths = [jnp.reshape(truth, ()) for truth in truths]
        self.guards = [guard._replace(node=None) for guard in guards]
        holds = [t if guard.assumed else ~t for t, guard in zip(truths, self.guards, strict=True)]
        return results, functools.reduce(operator.and_, holds, jnp.asarray(True)), truths


def _nan_unless(holds: Any, results: list[Any]) -> list[Any]:
    """The results of a program that an outer program of JAX's contains: NaN where another path should be taken."""
    jnp = imported("jax.numpy")
    return [jnp.where(holds, z, np.nan).astype(z.dtype) if is_inexact(z) else z for z in results]


def _content(jaxpr: Any) -> tuple[Any, ...]:
    """The text of a program, and the arrays in it, to be compared with another one's."""
    text = re.sub("0x[0-9a-f]+", "", str(jaxpr))
    return text, [(x.shape, np.asarray(x).tobytes()) for x in jaxpr.consts if not is_traced(x)]


def _form(x: Any) -> Any:
    """An argument without its values."""
    if not hasattr(x, "dtype"):
        return x
    known = is_jax(x) and not is_traced(x) and x.committed
    return imported("jax").ShapeDtypeStruct(np.shape(x), x.dtype, sharding=x.sharding if known else None)


# Dtypes ---------------------------------------------------------------------------------------------------------------

SAME = ("float64", "complex128")
"""If all arrays have these dtypes, JAX's results have NumPy's dtypes."""

SHORT = ("float16", "float32", "bfloat16", "complex64")


def _dtypes_of_steps(run: RecordedRun) -> list[tuple[Block, str, str]]:
    """The blocks of the steps that the results of a run depend on, with the dtypes and the lines of these steps."""
    nodes = graph_between(run.inputs, [out for out in run.outputs if type(out) is Node]).nodes
    lines = [f"\n  at {node.line}" if node.line else "" for node in nodes]
    return [(node.block, str(getattr(node.value, "dtype", "")), line) for node, line in zip(nodes, lines, strict=True)]


def _require_numpys_precision(f: Callable[..., Any], call: SplitCall, program: _Program) -> None:
    """Raise if JAX computes a step in less precision than NumPy (the mean of booleans, for example)."""
    if not program.short:
        return
    leaves = [x.copy() if isinstance(x, np.ndarray) else x for x in call.leaves]
    with np.errstate(all="ignore"):
        run = run_recorded(f, leaves, call.rebuild, [str(name) for name in call.arguments], lambda node, how: None)
    by_numpy: dict[Block, set[str]] = {}
    for block, dtype, _ in _dtypes_of_steps(run):
        by_numpy.setdefault(block, set()).add(dtype)
    for block, dtype, line in program.short:
        if dtype not in by_numpy.get(block, {dtype}):
            raise RecordingError(
                f"{name_of(f)} computes {block.name} in {' or '.join(sorted(by_numpy[block]))} by NumPy, and in "
                f"{dtype} by JAX, where truths and short integers become single precision, and constants that of the "
                f"arrays beside them. Write their dtype, as (x > 0).astype(float) or np.float32(0.5){line}"
            )


def _require_numpys_dtypes(f: Callable[..., Any], call: SplitCall, program: _Program) -> None:
    """Raise if a result is not of the dtype that NumPy gives it. NumPy runs f once, to tell."""
    if all(not hasattr(x, "dtype") or x.dtype in SAME for x in call.leaves):
        return
    args, kwargs = call.rebuild([x.copy() if isinstance(x, np.ndarray) else x for x in call.leaves])
    with np.errstate(all="ignore"):
        results = flatten(f(*args, **kwargs))[0]
    for place, by_jax in zip(program.places, program.dtypes, strict=True):
        by_numpy = np.asarray(results[place]).dtype
        if by_numpy != by_jax:
            raise RecordingError(
                f"{name_of(f)} has a result of {by_numpy} by NumPy, and of {by_jax} by JAX, in which constants and "
                "integers take the precision of the floating arrays beside them. Write the constants in that "
                "precision, as np.float32(0.5) or np.zeros(3, dtype=x.dtype), and n.astype(np.float32) for integers; "
                "or give JAX's arrays, jnp.asarray(x), which are understood like this"
            )
