"""The source text of a function's forward and backward pass."""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.code.conditions import BRANCH, GIVEN, checks, early_and_late, holding, of_others
from chainrule.code.expressions import literal, written
from chainrule.code.libraries import LIBRARIES, ArgumentArray, Library, Parts
from chainrule.code.program import RecordedProgram, program_of
from chainrule.code.sizes import Sizes, required
from chainrule.code.source import FunctionBody, as_numpy_numbers, closure, free_name, is_name
from chainrule.code.tape import ARGUMENT, CONSTANT, TracedValue
from chainrule.code.tidy import tidied
from chainrule.code.tracing import CodeError, Traces, trace
from chainrule.code.trees import leaves_of, tree_text
from chainrule.code.verifying import verify
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import Node
from chainrule.trees import flatten
from chainrule.watching.arguments import bound_arguments

__all__ = ["code_of"]

SIZES = "this was written for other sizes"

MOST = 100
"""Plain arrays with more entries than this are not written into the code."""


def code_of(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    library: str,
    derivation: Callable[[Collection[str]], Sequence[str]] = lambda names: (),
) -> str:
    """Source text: functions that compute f and its gradient in a library, without chainrule.

    Parameters
    ----------
    args, kwargs : the arguments with which f is recorded. Their shapes, the branches that f takes and the number of its
        loop iterations are part of the code.
    library : "numpy", "torch" or "jax".
    derivation : a function that returns the lines of the backward pass's docstring, given names that need no
        explanation.

    Raises
    ------
    CodeError : the rules of some blocks cannot be written as calls of that library. It names all of them.
    ImportError : the library is not installed; its calls can be recorded only by running it.
    ValueError : another library.
    """
    if library not in LIBRARIES:
        raise ValueError(f"code can be written for {', '.join(LIBRARIES)}, not for {library!r}")
    if importlib.util.find_spec(library) is None:
        raise ImportError(f'code for {library} is written with its help: pip install "chainrule[{library}]"')

    kind = LIBRARIES[library]

    def draft(
        program: RecordedProgram, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Draft, Callable[[Parts], None]]:
        known = {**program.captured, **bound_arguments(f, args, dict(kwargs))}
        writer = _CodeWriter(program, trace(program.graph, library), kind)
        made = writer.draft(derivation)
        known |= {parameter: known[label] for parameter, label in writer.renamed.items()}
        return made, lambda parts: verify(parts, _preamble(parts, kind), program, known, kind)

    first, verify_first = draft(program_of(f, args, kwargs), args, kwargs)
    parts = None
    with contextlib.suppress(NoAnswer, CodeError), np.errstate(all="ignore"):  # if f does not accept other sizes
        args, kwargs = _enlarged(args, kwargs)
        with asking_others():
            larger = program_of(f, args, kwargs)
        second, verify_second = draft(larger, args, kwargs)
        parts = _of_any_sizes(first, second)
        if parts is not None:
            verify_second(parts)
    if parts is None:
        parts = _of_these_sizes(first)
    verify_first(parts)
    return _preamble(parts, kind) + "\n\n".join(kind.write(parts))


class Draft(NamedTuple):
    """Code for the recorded sizes.

    Attributes
    ----------
    given, passed : the shapes of the inputs of the forward pass and of the backward pass, by name.
    alike : shapes for which `*_like` was called on another array.
    """

    parts: Parts
    given: dict[str, tuple[int, ...]]
    passed: dict[str, tuple[int, ...]]
    alike: list[tuple[int, ...]]


def _of_any_sizes(first: Draft, second: Draft) -> Parts | None:
    """The code for all sizes, with lengths of axes in place of numbers; derived from the code for two sets of sizes."""
    a, b = first.parts, second.parts
    if (a.saved, a.gradients, a.loss) != (b.saved, b.gradients, b.loss) or len(first.alike) != len(second.alike):
        return None
    sizes = Sizes(_pairs(first.given, second.given))
    forward = sizes.lines(a.forward, b.forward, _pairs(first.given, second.given))
    backward = sizes.lines(a.backward, b.backward, _pairs(first.passed, second.passed))
    if forward is None or backward is None:
        return None
    for x, y in zip(first.alike, second.alike, strict=True):
        sizes.used += [(m, n) for m, n in zip(x, y, strict=True) if m != n]
    said = a.derivation
    if sizes.used and len(said) > 1:
        said = [said[0], "", "In the sizes that this was written with:", *said[2:]]
    return a._replace(forward=[*sizes.checks(), *forward], backward=backward, derivation=said)


def _pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (shape, second[name]) for name, shape in first.items()}


def _of_these_sizes(draft: Draft) -> Parts:
    """The code with a check of the shapes, because some of its numbers are right for these shapes only."""
    arrays = {name: shape for name, shape in draft.given.items() if shape}
    names, shapes = ", ".join(f"{name}.shape" for name in arrays), ", ".join(map(str, arrays.values()))
    check = [required(f"({names}) == ({shapes})", SIZES)]
    if len(arrays) < 2 or "\n" in check[0]:
        check = [required(f"{name}.shape == {shape}", SIZES) for name, shape in arrays.items()]
    said = textwrap.wrap(f"Written for {', '.join(f'{name} {shape}' for name, shape in arrays.items())}.", 90)
    parts = draft.parts
    summary = [*parts.summary, "", *said] if arrays else parts.summary
    return parts._replace(forward=[*check, *parts.forward], summary=summary)


def _preamble(parts: Parts, library: Library) -> str:
    """The text before the functions: imports, and the function that checks a condition."""
    text = "\n\n".join(library.write(parts))
    used = [line for word, line in library.imports.items() if re.search(rf"(?<![\w.]){word}\b", text)]
    imports = "\n".join(used) + "\n" * 3 * bool(used)
    return imports + (f"{REQUIRE}\n\n" if re.search(r"^ +require\(", text, re.MULTILINE) else "")


REQUIRE = '''def require(condition, otherwise):
    """Raise unless a condition holds on which this code relies."""
    if not condition:
        raise ValueError(otherwise)
'''


def _enlarged(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with every axis longer by one. Equal entries are made distinct: values identify names."""
    leaves, rebuild = flatten((args, dict(kwargs)))
    larger: Any = rebuild([_enlarged_array(x) if isinstance(x, np.ndarray) else x for x in leaves])
    return larger


def _enlarged_array(x: np.ndarray) -> np.ndarray:
    larger = np.resize(x, [n + (n > 1) for n in x.shape])
    if x.dtype.kind == "f" and larger.size:
        larger = larger * (1 + 0.01 * np.sin(np.arange(larger.size).reshape(larger.shape))).astype(x.dtype)
    return larger


RESERVED = ("saved", "ctx", "require")
"""Names that the code itself uses."""


class _ByEntries:
    """Looks up nodes by the entries of their values, up to rounding."""

    def __init__(self, nodes: Iterable[Node]):
        self.nodes = list(nodes)
        self.places: dict[Any, list[int]] = {}
        for place, node in enumerate(self.nodes):
            self.places.setdefault(self._key(np.asarray(node.value)), []).append(place)

    def find(self, content: np.ndarray) -> Node | None:
        """The first node with this value."""
        shape, size = self._key(content)
        near = sorted(place for step in (-1, 0, 1) for place in self.places.get((shape, size + step), ()))
        values = ((place, self.nodes[place].value) for place in near)
        found = (place for place, value in values if np.allclose(value, content, rtol=1e-9, atol=0))
        return next((self.nodes[place] for place in found), None)

    @staticmethod
    def _key(x: np.ndarray) -> tuple[tuple[int, ...], float]:
        """The shape, and the log of a weighted sum in steps of 1e-6: keys of equal values are equal or adjacent."""
        with np.errstate(all="ignore"):
            total = np.sum(np.abs(x) * (1 + 0.618 * np.arange(x.size).reshape(x.shape) % 1))
            size = float(np.floor(np.log(total) * 1e6))
        return x.shape, 0.0 if np.isnan(size) else size  # NaN equals nothing


class _CodeWriter:
    def __init__(self, program: RecordedProgram, traces: Traces, library: Library):
        self.program, self.traces, self.library = program, traces, library
        self.taken = {*library.imports, *dir(builtins), program.name, *RESERVED}
        self.names: dict[TracedValue, str] = {}
        self.renamed: dict[str, str] = {}  # parameter → argument's name, if that cannot be a parameter
        self._name_values()
        asked = traces.tape.asked
        self.loss, *others = tidied(traces.tape, [*traces.outputs, *(condition for condition, _ in asked)])
        out = program.graph.outputs[0]
        self.loss = self._of_dtype(self.loss, np.asarray(out.value if type(out) is Node else out).dtype)
        n = len(program.inputs)
        self.gradients = [self._gradient(node, g) for node, g in zip(program.inputs, others[:n], strict=True)]
        outcomes = [*program.outcomes, *(np.asarray(answer) for _, answer in asked)]
        seed = traces.arguments[program.graph.inputs[-1]]
        self.early, late = early_and_late(others[n:], outcomes, seed)
        self.late = late if library.checks_values else {}

    def _name_values(self) -> None:
        """Give values the names that they have in the user's function, and their gradients names from these."""
        traces, graph = self.traces, self.program.graph
        for node in graph.nodes:
            value = traces.values[node]
            if isinstance(value, TracedValue) and node.name and value.function not in (ARGUMENT, CONSTANT):
                value.name = value.name or node.name
        for node, out in zip(self.program.inputs, traces.outputs[1:], strict=False):
            if isinstance(out, TracedValue) and not out.name:
                out.hint = f"d{node.name}"
        backward = set(_depending_on(graph.inputs[-1], graph.nodes))
        forward = _ByEntries(node for node in graph.nodes if node not in backward)
        pulled = _ByEntries(node for node in graph.nodes if node in backward)
        for name, content, gradient in reversed(self.program.gradients):
            x, dx = self._value_equal_to(content, forward), self._value_equal_to(gradient, pulled)
            if dx is None or dx.gradient_of or dx.function == ARGUMENT:
                continue
            if name and dx.name is None:
                dx.name = f"d{name}"
            dx.gradient_of = x

    def _gradient(self, node: Node, gradient: Any) -> TracedValue:
        """A gradient as an array: zeros if an argument has no influence."""
        x, tape = self.traces.arguments[node], self.traces.tape
        gradient = self._of_dtype(gradient, np.asarray(node.value).dtype)
        is_read_only = isinstance(gradient, TracedValue) and gradient.function == "np.broadcast_to"
        if is_read_only:
            copy = tape.call(".copy", (gradient,), {}, gradient.shape, gradient.dtype)
            copy.hint, gradient.hint = f"d{node.name}", None
            return copy
        if isinstance(gradient, TracedValue) and not (gradient.function == CONSTANT and not gradient.content.any()):
            return gradient
        zeros = tape.call(f"{tape.prefix}.zeros_like", (x,), {}, x.shape, x.dtype)
        zeros.hint = zeros.hint or f"d{node.name}"
        return zeros

    def _value_equal_to(self, content: np.ndarray, nodes: _ByEntries) -> TracedValue | None:
        """The traced value with these entries, whichever rule computed it; None if there is none."""
        node = nodes.find(content)
        value = None if node is None else self.traces.values[node]
        return value if isinstance(value, TracedValue) else None

    def draft(self, derivation: Callable[[Collection[str]], Sequence[str]]) -> Draft:
        """The functions, for the sizes of the recording."""
        self._constants()
        parameters, leaves = self._parameters()
        seed = self.traces.arguments[self.program.graph.inputs[-1]]
        cotangent = self.names[seed] = free_name("dL", self.taken)
        forward, backward, passed = self._bodies(seed)
        places = {node: place for place, node in enumerate(self.program.inputs)}
        gradient_of = {
            node: self._shown(backward, g) for node, g in zip(self.program.inputs, self.gradients, strict=True)
        }
        given = {name: self.traces.arguments[node] for node, name, _ in leaves if node is not None}
        used = closure([self.loss, *self.gradients, *self.early, *self.late])
        numbers = as_numpy_numbers(given, used) if self.library.keeps_numpys_dtypes else []
        forward_lines, loss = [*numbers, *forward.lines], self._shown(forward, self.loss)
        if not loss.isidentifier():
            name = free_name("L", self.taken)
            forward_lines, loss = [*forward_lines, f"{name} = {loss}"], name
        if self._needs_dtype(cotangent, [*backward.lines, *gradient_of.values()]):
            dtype = self.program.graph.inputs[-1].value.dtype
            backward.lines.insert(0, f"{cotangent} = np.{dtype.name}({cotangent})")
        trees = {p: self.program.arguments.get(label) for label, p in self._labels(parameters)}
        others = of_others(trees, self.library.dialect, self.traces.tape.prefix)
        early, late, holds = self._checks(forward, backward, loss, cotangent, others)
        gradients = [
            None if self.library.gradients_of_arrays else tree_text(tree, gradient_of, p, self.library)
            for p, tree in trees.items()
        ]
        saved = [forward.names[v] for v in passed]
        for p, text in zip(parameters, gradients, strict=True):
            saved += [p] if p not in saved and re.search(rf"(?<!\w){p}[.\[)]", text or "") else []
        parts = Parts(
            self.program.name,
            parameters,
            [ArgumentArray(name, access, gradient_of.get(node), places.get(node)) for node, name, access in leaves],
            gradients,
            [*forward_lines, *early],
            [*backward.lines, *late],
            loss,
            cotangent,
            [*saved, *holds],
            self._summary(),
            ["The gradient of each argument, given that of the result.", *_spaced(derivation(()))],
            [required(text, GIVEN) for text in others] if self.library.checks_values else [],
        )
        found = {name: tuple(v.shape) for v, name in self.names.items() if v is not seed}
        in_order = [name for _, name, _ in leaves if name in found]
        shapes = {name: found[name] for name in dict.fromkeys([*in_order, *found])}
        passed_shapes = {forward.names[v]: tuple(v.shape) for v in passed}
        return Draft(parts, shapes, passed_shapes, forward.alike + backward.alike)

    def _bodies(self, seed: TracedValue) -> tuple[FunctionBody, FunctionBody, list[TracedValue]]:
        """The statements of the forward and of the backward pass, and the values passed between them."""
        given, loss, dialect = self.names, self.loss, self.library.dialect
        first = [v for v in closure([loss, *self._parts_of_tuples(), *self.early]) if v not in given]
        computed = {v for v in first if v.function != CONSTANT and not _is_transposed(v)}
        last = [v for v in closure([*self.gradients, *self.late], computed) if v not in given]
        read = {x for v in last for x in v.operands} | (wanted := _values(self.gradients))
        if isinstance(loss, TracedValue) and loss not in given:
            loss.name = loss.name or "L"
        forward = FunctionBody(first, dict(given), (read & computed) | _values([loss]), self.taken, dialect)
        passed = [v for v in sorted(read & (computed | given.keys()), key=lambda v: v.order) if v is not seed]
        names = {v: forward.names[v] for v in [*passed, seed]}
        backward = FunctionBody(last, names, wanted, self.taken | {forward.names.get(loss, "L")}, dialect)
        return forward, backward, passed

    def _checks(
        self, forward: FunctionBody, backward: FunctionBody, loss: str, cotangent: str, given: list[str]
    ) -> tuple[list[str], list[str], list[str]]:
        """Lines for both passes that check the conditions, and the name that one of them passes to the other."""
        dialect, prefix = self.library.dialect, self.traces.tape.prefix
        if self.library.checks_values:
            return checks(self.early, forward, dialect, prefix), checks(self.late, backward, dialect, prefix), []
        if not self.early and not given:
            return [], [], []
        holds = free_name("holds", self.taken)
        backward.lines.insert(0, f"{cotangent} = jnp.where({holds}, {cotangent}, jnp.nan)")
        early = holding(self.early, forward, dialect, holds, given)
        return [*early, f"{loss} = jnp.where({holds}, {loss}, jnp.nan)  # NaN: {BRANCH}"], [], [holds]

    def _shown(self, body: FunctionBody, x: Any) -> str:
        """The expression of a value in the statements of a pass."""
        return written(literal(x, body.show, self.library.dialect))

    def _needs_dtype(self, cotangent: str, lines: list[str]) -> bool:
        """Whether ∂L/∂L needs a dtype: its default is a Python number, which may change a result's dtype."""
        *inputs, seed = (np.asarray(node.value).dtype for node in self.program.graph.inputs)
        used = any(re.search(rf"\b{cotangent}(\.|\[)", line) for line in lines)
        return self.library.keeps_numpys_dtypes and (used or seed != np.float64 or any(x != seed for x in inputs))

    def _of_dtype(self, x: Any, dtype: np.dtype) -> Any:
        """A value cast to its recorded dtype, if the library's promotion gives another one."""
        if not isinstance(x, TracedValue) or not self.library.keeps_numpys_dtypes or x.dtype == dtype:
            return x
        return self.traces.tape.call(".astype", (x, dtype), {}, x.shape, dtype)

    def _parts_of_tuples(self) -> list[TracedValue]:
        """The factors of decompositions in the forward pass, which are passed to the backward pass one by one."""
        tuples = {v for v in closure([self.loss]) if v.shape is None}
        return [v for v in closure(self.gradients) if v.function == "[]" and v.args[0] in tuples]

    def _constants(self) -> None:
        """Handle plain arrays: the user's own become arguments; other arrays raise an error if they are too large."""
        values = [v for v in closure([self.loss, *self.gradients]) if v.function == CONSTANT]
        for value in values:
            for label, array in self.program.captured.items():
                if value.shape == array.shape and np.array_equal(value.content, array):
                    value.function, value.name = ARGUMENT, label
                    self.names[value] = free_name(label, self.taken)
        large = [v for v in values if v.function == CONSTANT and v.content.size > MOST and not _is_regular(v)]
        if large:
            raise CodeError(
                "the function has plain arrays inside that are too large to be written out, of shape "
                + ", ".join(str(v.shape) for v in large)
                + "; give them as arguments"
            )

    def _labels(self, parameters: Iterable[str]) -> list[tuple[str, str]]:
        """For each parameter, the argument that it stands for, whose name may not be an identifier."""
        return [(self.renamed.get(p, p), p) for p in parameters]

    def _parameters(self) -> tuple[list[str], list[tuple[Any, str, str]]]:
        """The parameters, and for each array in them its node, its name, and the expression that reaches it."""
        parameters, leaves = [], []
        outside = list(self.names.values())
        for label, tree in self.program.arguments.items():
            may_stay = is_name(label) and label not in {*self.library.imports, *RESERVED}
            root = label if may_stay else free_name(label, self.taken)
            found = list(leaves_of(tree, root))
            if not found:
                continue
            parameters.append(root)
            self.renamed |= {} if root == label else {root: label}
            self.taken.add(root)
            for node, access in found:
                value = self.traces.arguments[node]
                name = root if access == root else free_name(node.name or label, self.taken)
                self.names[value] = name
                leaves.append((node, name, access))
        if missing := {*self.program.inputs} - {node for node, _, _ in leaves}:
            names = ", ".join(sorted(str(node.name) for node in missing))
            raise CodeError(
                f"{names} is in an argument of a class of which code cannot tell the parts; give it in a dict, a list, "
                "a tuple, a named tuple or a dataclass"
            )
        for name in outside:
            parameters.append(name)
            leaves.append((None, name, name))
        return parameters, leaves

    def _summary(self) -> list[str]:
        """The first docstring: what the code computes, for which fixed arguments."""
        fixed = [
            f"{label} = {value!r}"
            for label, value in self.program.arguments.items()
            if not list(leaves_of(value, label))
        ]
        lines = [f"The value of {self.program.name}" + (f" at {', '.join(fixed)}" if fixed else "") + "."]
        if self.program.outcomes:
            lines += ["", "Branches are those that were taken when this was written."]
        return lines


def _spaced(lines: Sequence[str]) -> list[str]:
    return ["", *lines] if lines else []


def _is_transposed(value: TracedValue) -> bool:
    """Whether a value is a transpose. It costs nothing to make again, so it is not passed to the backward pass."""
    return value.function == ".T property" and (value.args[0].function == ARGUMENT or bool(value.args[0].name))


def _values(xs: list[Any]) -> set[TracedValue]:
    return {x for x in xs if isinstance(x, TracedValue)}


def _is_regular(value: TracedValue) -> bool:
    x = value.content
    return bool((x == x.flat[0]).all()) or (x.ndim == 1 and bool(np.all(np.diff(x) == x[1] - x[0])))


def _depending_on(start: Node, nodes: Sequence[Node]) -> list[Node]:
    """The nodes that depend on one, in their order."""
    found = {start: None}
    for node in nodes:
        if any(type(x) is Node and x in found for x in node.inputs):
            found[node] = None
    return [node for node in found if node is not start]
