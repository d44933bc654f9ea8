"""cr.compile(f, engine="jax"): a function that XLA compiles, for processors, GPUs and TPUs, on one machine or many.

The steps of f run on JAX's tracers: each block's rule then is JAX's own operations (see `lifting`), and all of them
together one program of XLA. Nothing but shapes and dtypes is known while that program is made. So arrays may lie on
many machines, and a function that reads a value is refused.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from chainrule import array, blocks
from chainrule.argnums import name_of, needs_function, positions_of
from chainrule.array import Array
from chainrule.block import Block
from chainrule.blocks.integers import labels_fit
from chainrule.blocks.reductions import any_
from chainrule.bodies import Reads
from chainrule.compile.calls import SplitCall, call_of
from chainrule.compile.methods import CompiledFunction, MethodOfObject, as_method
from chainrule.compile.placing import Placing
from chainrule.compile.recorder import RecordedRun, copied, is_constant, run_recorded
from chainrule.compile.steady import Draws, refusal
from chainrule.errors import ChainruleError, RecordingError
from chainrule.forks import imported
from chainrule.graph import graph_between
from chainrule.libraries import PYTHON, is_inexact, is_jax, is_traced, jax_in_double_precision
from chainrule.node import Line, Node, at_line, is_internal, now
from chainrule.trees import flatten

__all__ = ["ByJax"]

P = ParamSpec("P")
R = TypeVar("R")

MANY = 8
"""The number of programs that differ only in an integer before a warning, and of paths of a program before an error."""
LONG = 20_000
"""A function of more steps than this brings a warning: XLA needs time to optimise each of them."""

INSTEAD = (
    "  for a branch write np.where(condition, a, b), for a bound np.clip(x, low, high), for a loop cr.scan;\n"
    "  give what decides about the path as a Python integer, a bool or a string: these are compiled in;\n"
    '  or leave out engine="jax": cr.compile(f) compiles each path, and checks its branches on each run'
)


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
            self.jitted = jax.jit(self._traced, donate_argnums=tuple(donated))
            once = _content(self.jitted.trace(*leaves).jaxpr)
        again = _content(jax.make_jaxpr(lambda *tracers: self._traced(*tracers))(*leaves))  # a new one, for JAX knows f
        if draws.seeded is not None or once != again:
            raise refusal(name_of(f), f, None, draws.happened(), draws.seeded)
        self.assumed = tuple(guard.assumed for guard in self.guards)
        self._check = jax.jit(lambda *tracers: self._traced(*tracers)[1:]) if donated and self.guards else None

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

    def _traced(self, *tracers: Any) -> tuple[list[Any], Any, list[Any]]:
        """What JAX traces: the steps of f on its tracers."""
        name, start, watcher = name_of(self._f), now(), _Unknown(name_of(self._f), self._given)
        try:
            run = run_recorded(self._f, list(tracers), self._rebuild, self._arguments, watcher)
        except imported("jax").errors.JAXTypeError as error:
            raise RecordingError(_unknown(name, "code that is not made of blocks", _line_of(error))) from error
        if run.writes:
            raise RecordingError(f"{name} writes into its argument, which XLA cannot change; write into x.copy()")
        if now() - start > LONG:
            warnings.warn(
                f"{name} has more than {LONG} steps, and XLA may take minutes to optimise them; a loop that is written "
                "as cr.scan(f, carry, xs) is one step",
                stacklevel=4,
            )
        values = [out.value if type(out) is Node else copied(out) for out in run.outputs]
        places = [i for i, x in enumerate(values) if not (is_constant(x) or type(x) in PYTHON)]
        results = [imported("jax.numpy").asarray(values[i]) for i in places]
        constants = [None if i in places else x for i, x in enumerate(values)]

        def rebuilt(results: Sequence[Any]) -> Any:
            full = list(constants)
            for i, z in zip(places, results, strict=True):
                full[i] = z
            return run.rebuild(full)

        self.rebuilt, self.places, self.dtypes = rebuilt, places, [z.dtype for z in results]
        self.short = [step for step in _dtypes_of_steps(run) if step[1] in SHORT]
        truths = [imported("jax.numpy").reshape(guard.truth, ()) for guard in watcher.guards]
        self.guards = [guard._replace(truth=None) for guard in watcher.guards]
        holds = [t if guard.assumed else ~t for t, guard in zip(truths, self.guards, strict=True)]
        return results, functools.reduce(operator.and_, holds, imported("jax.numpy").asarray(True)), truths


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


# Values that are not known -------------------------------------------------------------------------------------------


class Assumption(NamedTuple):
    """What a rule asked of a value while f was traced: each run checks that the answer is the assumed one."""

    truth: Any
    assumed: bool
    block: Block
    line: str


class _Unknown(Reads):
    """Called on each value that is read while f is traced: only constants are known.

    Blocks ask whether there is an exceptional case: a label out of range, a singular matrix, a norm of 0. The answer
    is no, or for the first questions what `assumed` says.
    """

    def __init__(self, name: str, assumed: Sequence[bool] = ()):
        super().__init__(name, 0, None)
        self.assumed = assumed
        self.guards: list[Assumption] = []

    def __call__(self, node: Node, how: str) -> Any:
        if not is_traced(node.value):
            return None
        if how != "truth" or not _asked_by_a_block():
            raise RecordingError(_unknown(self.title, _READS[how], at_line()))
        number = len(self.guards)
        answer = self.assumed[number] if number < len(self.assumed) else node.block is not any_
        self.guards.append(Assumption(node.value, answer, node.block, at_line()))
        return answer


def _asked_by_a_block() -> bool:
    """Whether a rule of chainrule's own asks for a truth, and not the user's code."""
    frame: Any = sys._getframe(1)
    while frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(_BLOCKS)


_BLOCKS = os.path.dirname(blocks.__file__) + os.sep
_BETWEEN = (__file__, array.__file__)
_READS = {
    "truth": "a branch, a loop or a comparison",
    "integer": "an integer that it computes, for int(x), range(x) or an index,",
    "value": "code that takes plain numbers, as x.value, float(x), print(x) or a set,",
}


def _unknown(name: str, who: str, line: str) -> str:
    return (
        f"{name} cannot be compiled by JAX: {who} asks for a value that depends on the arguments, "
        f"and only shapes and dtypes are known while XLA's program is made{line}\n{INSTEAD}"
    )


def _line_of(error: BaseException) -> str:
    """The line of the user's code where JAX raised an error, as the end of a message."""
    own = os.path.dirname(imported("jax").__file__)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        file = frame.f_code.co_filename
        if not is_internal(file) and not file.startswith(own):
            return f"\n  at {Line(file, frame.f_lineno)}"
    return ""


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
