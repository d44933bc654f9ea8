"""The checks of a block on its example: everything that must hold for every block, with the installed libraries.

The comparisons are those of `chainrule.check`: PyTorch and JAX run the forward rule on their own arrays and
differentiate it themselves; finite differences use the plain forward rule alone.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.block import Block, Elementwise
from chainrule.check.blame import roughness
from chainrule.check.compare import DIFFERENCES, compare_arrays, compare_gradients, compare_values
from chainrule.check.libraries import LIBRARIES, Unavailable
from chainrule.check.parts import dot, random_like, widest
from chainrule.check.problem import Problem, precision
from chainrule.check.report import Comparison
from chainrule.check.sample import Sample, sample_of
from chainrule.domains import Example, Operand
from chainrule.errors import DependsOnPhase, NoAnswer, asking_others
from chainrule.graph import Graph, graph_between
from chainrule.recording import record_call
from chainrule.transforms import jvp, vjp

__all__ = ["BlockReport", "ComparedNumbers", "check_block"]

EDGES: tuple[tuple[int, ...], ...] = ((), (0,), (2, 0, 3), (1, 1))
BROADCASTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((2, 3), (3,)), ((3,), (2, 1)), ((2, 3), ()))


@dataclass(frozen=True)
class ComparedNumbers:
    """One comparison.

    Attributes
    ----------
    dtype : the dtype of the operands.
    check : what was checked, such as "first derivative".
    operand : of which operand, or "" for all of them.
    against : the reference.
    comparison : the numbers; None if the check failed before.
    problem : the reason for that.
    """

    dtype: str
    check: str
    operand: str
    against: str
    comparison: Comparison | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.comparison is not None and self.comparison.ok

    @property
    def difference(self) -> float:
        return self.comparison.difference if self.comparison is not None else np.inf

    def __str__(self) -> str:
        what = f"{self.dtype}, {self.check}" + (f", operand {self.operand}" if self.operand else "")
        if self.comparison is None:
            return f"{what}: {self.problem}"
        c = self.comparison
        if c.problem:
            return f"{what}, against {self.against}: {c.problem}"
        place = f" at {c.place}" if c.place else ""
        return f"{what}, against {self.against}{place}: {c.ours:.6g}, should be {c.theirs:.6g}"


@dataclass(frozen=True)
class BlockReport:
    """The results of the checks of one block.

    Attributes
    ----------
    results : one for each comparison.
    missing : for each library or dtype that could not be compared, the reason.
    """

    block: Block
    results: tuple[ComparedNumbers, ...]
    missing: dict[str, str]

    @property
    def wrong(self) -> tuple[ComparedNumbers, ...]:
        return tuple(r for r in self.results if not r.ok)

    @property
    def ok(self) -> bool:
        return bool(self.results) and not self.wrong

    def largest(self, single: bool) -> float:
        """The largest relative difference, in single or in double precision."""
        chosen = [r.difference for r in self.results if (r.dtype == "float32") is single]
        return max(chosen, default=0.0)

    def compared_with(self, reference: str) -> bool:
        return any(r.against == reference for r in self.results)


def check_block(block: Block, libraries: Sequence[str] = tuple(LIBRARIES), sparing: bool = False) -> BlockReport:
    """Run every check of a block. A check that raises an error is a result that is not ok.

    `sparing` asks JAX only where PyTorch cannot run the block.
    """
    if block.example is None:
        return BlockReport(block, (ComparedNumbers("", "example", "", "", problem="the block has no example"),), {})
    missing: dict[str, str] = {}
    results: list[ComparedNumbers] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        dtypes: list[Any] = [np.float32, np.float64]
        if block.complex:
            if reason := _not_complex(block):
                missing["complex128"] = reason
            else:
                dtypes.append(np.complex128)
        for dtype in dtypes:
            # JAX compiles every function, which is slow, so it checks each block once.
            jax = dtype is dtypes[-1] and not (sparing and any(r.against == "PyTorch" for r in results))
            results += _Checks(block, dtype, [x for x in libraries if x != "JAX" or jax], missing).run()
    return BlockReport(block, tuple(results), missing)


def _not_complex(block: Block) -> str:
    """The reason why the example cannot be complex although the block may be; "" if it can."""
    try:
        with asking_others():
            _Task.of(sample_of(block, np.complex128), np.random.default_rng(0))
    except NoAnswer as none:
        if isinstance(none.error, DependsOnPhase):  # with a random ∂L/∂z the loss does
            return str(none.error).partition(":")[0]
        if isinstance(none.error, TypeError) and np.iscomplexobj(sample_of(block).node.value):
            return "its operands are real, its result is complex"
    return ""  # other errors show up in the checks


@dataclass(frozen=True)
class _Checks:
    """The checks of a block in one dtype."""

    block: Block
    dtype: Any
    libraries: Sequence[str]
    missing: dict[str, str]

    def run(self) -> Iterator[ComparedNumbers]:
        yield from self.guarded("value", self.values)
        if self.block.differentiable:
            yield from self.guarded("first derivative", self.derivatives)

    def guarded(self, label: str, check: Callable[[], Iterator[ComparedNumbers]]) -> Iterator[ComparedNumbers]:
        """The results of a check, with an error as a result."""
        try:
            with asking_others():
                yield from check()
        except NoAnswer as none:
            yield self.result(label, "", "", problem=str(none))

    def derivatives(self) -> Iterator[ComparedNumbers]:
        if not sample_of(self.block, self.dtype).places:
            yield self.result("first derivative", "", "", problem="no operand of the example has a derivative")
            return
        checks = {
            "first derivative": self.first,
            "second derivative": self.second,
            "leading axes": self.leading_axes,
            "forward mode": self.forward_mode,
            "memory layout": self.layouts,
        }
        if isinstance(self.block, Elementwise):
            checks["edge shapes"] = self.edges
        for label, check in checks.items():
            yield from self.guarded(label, check)

    def result(
        self, check: str, operand: str, against: str, comparison: Any = None, problem: str = ""
    ) -> ComparedNumbers:
        return ComparedNumbers(np.dtype(self.dtype).name, check, operand, against, comparison, problem)

    def told(self, check: str, comparisons: Sequence[Comparison]) -> Iterator[ComparedNumbers]:
        by_differences = {c.label for c in comparisons if c.reference == DIFFERENCES and c.ok and c.settled}
        for c in comparisons:
            operand = "" if c.label.startswith("value") else c.label
            if not c.ok and np.isnan(c.theirs) and np.isfinite(c.ours) and c.label in by_differences:
                self.missing.setdefault(c.reference, f"gives NaN for the {check}")  # and differences agree with ours
                continue
            yield self.result(check, operand, c.reference, c)
        if not any(c.settled for c in comparisons):
            yield self.result(check, "", "", problem="nothing could be compared")

    def same(self, check: str, operand: str, against: str, ours: Any, theirs: Any, rough: float) -> ComparedNumbers:
        """Two computations of the same numbers must agree up to rounding."""
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        tolerance = min(1e4 * rough, rough**0.5)
        floor = 1e3 * rough * float(np.max(np.abs(theirs), initial=1.0))
        comparison = compare_arrays(operand, against, ours, theirs, tolerance, floor)
        if ours.dtype != theirs.dtype:
            comparison = replace(comparison, problem=f"is of dtype {ours.dtype}, should be of {theirs.dtype}")
        return self.result(check, operand, against, comparison)

    # The block as a function --------------------------------------------------------------------------------

    @property
    def rng(self) -> np.random.Generator:
        """A generator with a fixed seed."""
        return np.random.default_rng(zlib.crc32(self.block.name.encode()))

    def task(self, arrays: Sequence[np.ndarray] | None = None) -> _Task:
        return _Task.of(sample_of(self.block, self.dtype, arrays), self.rng)

    # Values and derivatives -----------------------------------------------------------------------------------

    def values(self) -> Iterator[ComparedNumbers]:
        """The recorded value against that of plain arrays and of other libraries."""
        task = self.task()
        if not task.labels:  # integers, booleans, what has no derivative
            yield self.same("value", "", "plain NumPy", task.value, task.plain(), task.rough)
            return
        problem = task.problem(self.libraries)
        yield from self.told("value", compare_values(problem, [task.value], [task.plain()]))
        for library in self.libraries:
            if isinstance(why := problem.answer(library), Unavailable):
                self.missing.setdefault(library, str(why))

    def first(self) -> Iterator[ComparedNumbers]:
        task = self.task()
        problem = task.problem(self.libraries)
        yield from self.told("first derivative", compare_gradients(problem))
        for x, g, label in zip(task.inputs, task.gradients, task.labels, strict=True):
            if g.dtype != x.dtype:
                wrong = f"the gradient is of dtype {g.dtype}, should be of {x.dtype}"
                yield self.result("first derivative", label, "", problem=wrong)

    def second(self) -> Iterator[ComparedNumbers]:
        """The derivative of the recorded backward rule."""
        task = self.task()
        positions = tuple(enumerate(task.labels))
        recording = record_call(task.slopes, positions, tuple(task.inputs), {})
        graph = graph_between(recording.inputs, recording.outputs)
        seeds = [np.asarray(random_like(task.rng, g), dtype=g.dtype) for g in map(value_of, recording.outputs)]

        def f(leaves: Sequence[Any], wide: bool) -> Any:
            return task.slopes(*leaves, wide=wide)

        gradients = [np.asarray(value_of(g)) for g in recording.pull(seeds)]
        rough = max(task.rough, roughness(graph))
        libraries = [name for name in self.libraries if name != "JAX"]
        problem = Problem(task.labels, graph, f, task.inputs, seeds, gradients, rough, libraries)
        yield from self.told("second derivative", compare_gradients(problem))

    def leading_axes(self) -> Iterator[ComparedNumbers]:
        """A stack of cotangents gives the stack of gradients."""
        task = self.task()
        for lead in ((2, 3), (0,)):
            shape = (*lead, *np.shape(task.value))
            dz = np.asarray(random_like(task.rng, np.zeros(shape, task.dz.dtype)), dtype=task.dz.dtype)
            together = task.pullback(dz)
            apart = [task.pullback(dz[at]) for at in np.ndindex(lead)]
            for i, (x, label) in enumerate(zip(task.inputs, task.labels, strict=True)):
                rows = np.reshape(np.array([g[i] for g in apart], dtype=x.dtype), lead + x.shape)
                yield self.same("leading axes", label, "one by one", together[i], rows, task.rough)

    def forward_mode(self) -> Iterator[ComparedNumbers]:
        """⟨dz, J t⟩ = ⟨Jᵀ dz, t⟩: tangents pushed forward against gradients pulled back."""
        task = self.task()
        tangents = [np.asarray(random_like(task.rng, x), dtype=x.dtype) for x in task.inputs]
        pushed = jvp(task.sample.f, tuple(task.inputs), tuple(tangents))[1]
        back = sum(dot(g, t) for g, t in zip(task.gradients, tangents, strict=True))
        forth = np.asarray(dot(task.dz, pushed))
        yield self.same("forward mode", "", "the transpose", forth, np.asarray(back, dtype=forth.dtype), task.rough)

    # Memory and shapes ----------------------------------------------------------------------------------------

    def layouts(self) -> Iterator[ComparedNumbers]:
        """Fortran order, strides, reversed axes and read-only memory change nothing."""
        task = self.task()
        arrays = task.sample.values
        for label, lay in LAYOUTS.items():
            other = self.task([lay(np.asarray(x)) for x in arrays])
            yield self.same(label, "", "contiguous memory", other.value, task.value, task.rough)
            for ours, theirs, operand in zip(other.gradients, task.gradients, task.labels, strict=True):
                yield self.same(label, operand, "contiguous memory", ours, theirs, task.rough)

    def edges(self) -> Iterator[ComparedNumbers]:
        """Scalars, empty arrays, axes of length 1, and operands that broadcast against each other."""
        assert self.block.example is not None
        operands = self.block.example.operands
        shapes: list[tuple[tuple[int, ...], ...]] = [(shape,) * len(operands) for shape in EDGES]
        if len(operands) > 1:
            shapes += [(first, *(rest,) * (len(operands) - 1)) for first, rest in BROADCASTS]
        for of_operands in shapes:
            reshaped = tuple(Operand(shape, o.sample) for shape, o in zip(of_operands, operands, strict=True))
            arrays = Example(reshaped).arrays(self.block.name, self.dtype)
            if tuple(x.shape for x in arrays) != of_operands:
                continue  # an operand with fixed entries
            label = "shape " + " and ".join(dict.fromkeys(str(s).replace(",)", ")") for s in of_operands))
            task = self.task(arrays)
            plain = np.asarray(task.plain())
            yield self.same(label, "", "plain NumPy", task.value, plain, task.rough)
            for x, g, operand in zip(task.inputs, task.gradients, task.labels, strict=True):
                if (g.shape, g.dtype) != (x.shape, x.dtype):
                    wrong = f"the gradient is {g.dtype} {g.shape}, should be {x.dtype} {x.shape}"
                    yield self.result(label, operand, "", problem=wrong)
            for c in compare_gradients(task.problem(())) if self.dtype is np.float64 else ():
                yield self.result(label, c.label, c.reference, c)


@dataclass(frozen=True)
class _Task:
    """A block recorded on its operands, with a random cotangent dz and the resulting gradients."""

    sample: Sample
    rng: np.random.Generator
    graph: Graph
    value: Any
    dz: np.ndarray
    pullback: Callable[[Any], Any]
    gradients: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, sample: Sample, rng: np.random.Generator) -> _Task:
        if not sample.places:
            z = sample.node.value
            return cls(sample, rng, graph_between([], [sample.node]), z, np.zeros(np.shape(z)), lambda dz: (), ())
        labels = [sample.labels[i] for i in sample.places]
        recording = record_call(sample.f, tuple(enumerate(labels)), tuple(sample.inputs), {})
        graph = graph_between(recording.inputs, recording.outputs)
        z = value_of(recording.outputs[0])
        dz = np.asarray(random_like(rng, z), dtype=z.dtype)
        _, pullback = vjp(sample.f, *sample.inputs)
        return cls(sample, rng, graph, z, dz, pullback, tuple(map(np.asarray, pullback(dz))))

    @property
    def inputs(self) -> list[Any]:
        return self.sample.inputs

    @property
    def labels(self) -> list[str]:
        return [self.sample.labels[i] for i in self.sample.places]

    @property
    def rough(self) -> float:
        return precision([*self.sample.values, self.value])

    def plain(self) -> Any:
        """The result for plain arrays."""
        return self.sample.f(*self.inputs)

    def slopes(self, *inputs: Any, wide: bool = False) -> Any:
        """The gradients as a function of the inputs."""
        return vjp(self.sample.f, *inputs)[1](self.dz.astype(widest(self.dz.dtype)) if wide else self.dz)

    def problem(self, libraries: Sequence[str]) -> Problem:
        def f(leaves: Sequence[Any], wide: bool) -> Any:
            return self.graph.run(np, leaves, np.float64 if wide else None)

        return Problem(self.labels, self.graph, f, self.inputs, [self.dz], self.gradients, self.rough, libraries)


def _fortran(x: np.ndarray) -> np.ndarray:
    return np.array(x, order="F")


def _strided(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((*x.shape, 2), x.dtype)
    wide[..., 0] = x
    return wide[..., 0]


def _reversed(x: np.ndarray) -> np.ndarray:
    backwards = (slice(None, None, -1),) * x.ndim
    return x[backwards].copy()[backwards]


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {"Fortran order": _fortran, "strides": _strided, "reversed axes": _reversed, "read-only": _read_only}
