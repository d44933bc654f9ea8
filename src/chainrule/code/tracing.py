"""Traces the calls of an array library that the blocks of a graph make.

The rules of the blocks are run again, on arrays that record the operations on them. So the written code
consists of the library calls that the rules make.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.array import WATCHER
from chainrule.blocks.integers import of_values
from chainrule.code.proxies import Namespace, Traced, is_array, traced_call
from chainrule.code.tape import Tape, TracedValue
from chainrule.errors import ChainruleError, NoAnswer, RecordingError, asking_others
from chainrule.graph import Graph, inside
from chainrule.libraries import jax_in_double_precision
from chainrule.node import Node

__all__ = ["CodeError", "trace"]


class CodeError(ChainruleError):
    """No code can be written for a function."""


class Tracer:
    """Runs rules on NumPy arrays and records the calls."""

    prefix = "np"

    def __init__(self) -> None:
        self.tape = Tape(self.prefix)
        self.xp: Any = Namespace(self.tape, np, "np")
        self.tape.namespace = self.xp
        self.xp.special_functions = Namespace(self.tape, importlib.import_module("scipy.special"), "special")
        self.running: Any = contextlib.nullcontext()

    def argument(self, name: str, array: Any) -> Any:
        array = np.array(array)
        return Traced(self.tape, self.tape.argument(name, array.shape, array.dtype), array)

    def constant(self, x: Any) -> Any:
        """A plain operand of a block. A number stays a number."""
        if isinstance(x, np.ndarray) and x.ndim:
            return Traced(self.tape, self.tape.constant(x), x)
        return plain_number(x)

    def value(self, x: Any) -> Any:
        return x.value if isinstance(x, Traced) else x

    def dtype(self, dtype: np.dtype) -> Any:
        return dtype

    def named(self, function: Any) -> tuple[str, Any] | None:
        """The library's function for one of NumPy or SciPy, and its name in code."""
        name = _path_of(function)
        return None if name is None else (name, function)

    def computing(self) -> Any:
        """Context in which the library computes numbers."""
        return contextlib.nullcontext()


class JaxTracer(Tracer):
    """Runs rules on JAX arrays and records the calls.

    Within `jax.eval_shape` only shapes and dtypes are computed.
    """

    prefix = "jnp"

    def __init__(self) -> None:
        import jax

        super().__init__()
        self.xp = self.tape.namespace = Namespace(self.tape, jax.numpy, "jnp")
        self.xp.special_functions = Namespace(self.tape, importlib.import_module("jax.scipy.special"), "special")
        self.running = jax_in_double_precision()

    def argument(self, name: str, array: Any) -> Any:
        import jax.numpy as jnp

        array = jnp.asarray(array)
        return Traced(self.tape, self.tape.argument(name, array.shape, array.dtype), array)

    def constant(self, x: Any) -> Any:
        import jax.numpy as jnp

        if isinstance(x, np.ndarray) and x.ndim:
            return Traced(self.tape, self.tape.constant(x), jnp.asarray(x))
        return plain_number(x)

    def named(self, function: Any) -> tuple[str, Any] | None:
        name = _path_of(function)
        if name is None:
            return None
        name = name.replace("np.", "jnp.", 1) if name.startswith("np.") else name
        *path, last = name.split(".")
        found: Any = importlib.import_module({"jnp": "jax.numpy"}.get(path[0], f"jax.scipy.{path[0]}"))
        for part in (*path[1:], last):
            found = getattr(found, part, None)
        return None if found is None else (name, found)

    def computing(self) -> Any:
        import jax

        return jax.ensure_compile_time_eval()


class TorchTracer(Tracer):
    """Runs rules on PyTorch tensors, and records the functions that array_api_compat calls."""

    prefix = "torch"

    def __init__(self) -> None:
        from array_api_compat import torch as xp

        from chainrule.code.torch_calls import TorchCalls

        self.tape = Tape(self.prefix)
        self.xp = xp
        self.running = self.calls = TorchCalls(self.tape)

    def argument(self, name: str, array: Any) -> Any:
        return self.calls.argument(name, array)

    def constant(self, x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.ndim:
            import torch

            tensor = torch.tensor(np.array(x))
            self.calls.know(tensor, self.tape.constant(x))
            return tensor
        return plain_number(x)

    def value(self, x: Any) -> Any:
        return self.calls.values.get(id(x), x)

    def dtype(self, dtype: np.dtype) -> Any:
        return getattr(self.xp, dtype.name)

    def named(self, function: Any) -> tuple[str, Any] | None:
        return None


def plain_number(x: Any) -> Any:
    """A plain operand without axes as a Python number, which leaves the precision to the other operands."""
    return x.item() if isinstance(x, np.ndarray | np.generic) else x


TRACERS = {"numpy": Tracer, "torch": TorchTracer, "jax": JaxTracer}


class Traces:
    """The outputs of a program on a tape."""

    def __init__(self, tape: Tape, arguments: dict[Node, TracedValue], values: dict[Node, Any], outputs: list[Any]):
        self.tape, self.arguments, self.values, self.outputs = tape, arguments, values, outputs


def trace(graph: Graph, library: str) -> Traces:
    """Run a graph, and record the calls."""
    if library == "jax":
        # Each call that computes numbers costs a compilation. So they are computed only if a rule asks for them.
        with contextlib.suppress(CodeError):
            return _of_shapes(graph)
    return _trace(graph, library, TRACERS[library]())


def _of_shapes(graph: Graph) -> Traces:
    """Run a graph in JAX, which computes shapes and dtypes only."""
    import jax

    traces: list[Traces] = []

    def run() -> None:
        traces.append(_trace(graph, "jax", JaxTracer()))

    with jax_in_double_precision():
        jax.eval_shape(run)
    return traces[0]


def _trace(graph: Graph, library: str, tracer: Tracer) -> Traces:
    made: dict[Node, Any] = {}
    failed: dict[str, str] = {}
    with tracer.running, np.errstate(all="ignore"):
        for node in graph.inputs:
            if library != "numpy" and (dtype := np.asarray(node.value).dtype).char in "gG":
                raise CodeError(f"{library} has no numbers of {dtype}; give {node.name} in double precision")
            made[node] = tracer.argument(node.name or "x", node.value)
        arguments = {node: tracer.value(made[node]) for node in graph.inputs}
        for node in graph.nodes:
            operands = [_operand(tracer, made, x) for x in node.inputs]
            if any(x is FAILED for x in operands):
                made[node] = FAILED
                continue
            try:
                with asking_others():
                    made[node] = _traced(tracer, node, operands)
            except NoAnswer as none:
                failed.setdefault(_title(node), str(none))
                made[node] = FAILED
        if failed:
            raise CodeError(
                f"no code for {library} can be written of "
                + "; ".join(f"{title} ({why})" for title, why in failed.items())
            )
        outputs = [_operand(tracer, made, out) for out in graph.outputs]
        values = {node: tracer.value(x) for node, x in made.items()}
        return Traces(tracer.tape, arguments, values, [tracer.value(x) for x in outputs])


def _title(node: Node) -> str:
    """The block of a step; or, if it is a function of values, which has no name, the user's line."""
    return f"what follows from values at {node.line}" if node.block is of_values else f"block {node.block.name}"


FAILED = object()


def _operand(tracer: Tracer, made: dict[Node, Any], x: Any) -> Any:
    if type(x) is Node:
        if x in made:
            return made[x]
        x = x.value
    return tracer.constant(x)


def _traced(tracer: Tracer, node: Node, operands: list[Any]) -> Any:
    """A block as calls of the library: its rule, an equal single function, or the blocks inside it."""
    block = node.block
    params = {k: tracer.dtype(p) if isinstance(p, np.dtype) else p for k, p in node.params.items()}
    before = len(tracer.tape.values)
    result: Any = None
    error: Exception | None = None
    if block.takes_xp:
        try:
            with asking_others(), _named_locals(tracer):
                result = block.forward(tracer.xp, *operands, **params)
        except NoAnswer as none:
            error = none.error
        if result is not None and len(tracer.tape.values) - before <= 1:
            return result
    if (direct := _direct(tracer, node, operands)) is not None:
        return direct
    if result is not None:
        return result
    try:
        graph = _inside(node)
    except RecordingError as problem:
        raise error or problem from None
    if any(step.block is block for step in graph.nodes):
        raise error or RecursionError(block.name)
    made = dict(
        zip(graph.inputs, [x for x, i in zip(operands, node.inputs, strict=True) if type(i) is Node], strict=True)
    )
    for step in graph.nodes:
        made[step] = _traced(tracer, step, [_operand(tracer, made, x) for x in step.inputs])
    return _operand(tracer, made, graph.outputs[0])


def _inside(node: Node) -> Graph:
    """The blocks inside a block, if they are the same for other values of its operands."""
    reads: list[str] = []
    token = WATCHER.set(lambda node, how: reads.append(how))
    try:
        graph = inside(node)
    finally:
        WATCHER.reset(token)
    if any(how != "truth" for how in reads):
        raise RecordingError("its rule takes an array as plain numbers")
    return graph


def _direct(tracer: Tracer, node: Node, operands: list[Any]) -> Any:
    """The block as one call of a function that it implements, if that returns the block's value."""
    params = {k: p for k, p in node.params.items() if not _same(p, node.block.defaults.get(k))}
    for function, handler in ANSWERS.items():
        if handler is not node.block or not callable(function) or (call := tracer.named(function)) is None:
            continue
        try:
            with asking_others():
                result = traced_call(tracer.tape, *call, operands, params)
                with tracer.computing():
                    numbers = np.asarray(call[1](*(x.value if type(x) is Node else x for x in node.inputs), **params))
        except NoAnswer:
            continue
        if (
            type(result) is Traced
            and numbers.shape == np.shape(node.value)
            and np.allclose(numbers, node.value, equal_nan=True)
        ):
            return result
    return None


def _same(x: Any, y: Any) -> bool:
    return type(x) is type(y) and repr(x) == repr(y)


def _path_of(function: Any) -> str | None:
    """The name of a NumPy or SciPy function in code: np.linalg.inv."""
    name = getattr(function, "__name__", "")
    for module, prefix in (
        ("numpy", "np"),
        ("numpy.linalg", "np.linalg"),
        ("numpy.fft", "np.fft"),
        ("scipy.special", "special"),
        ("scipy.linalg", "linalg"),
    ):
        if getattr(importlib.import_module(module), name, None) is function:
            return f"{prefix}.{name}"
    return None


@contextlib.contextmanager
def _named_locals(tracer: Tracer) -> Iterator[None]:
    """Context for a rule: the values of its variables get the variables' names as hints."""

    def look(frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "return" and "chainrule" in frame.f_code.co_filename and "blocks" in frame.f_code.co_filename:
            parameters = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            for name, x in frame.f_locals.items():
                if name in parameters:
                    continue
                value = tracer.value(x) if is_array(x) or isinstance(x, Traced) else None
                if isinstance(value, TracedValue) and value.hint is None and (len(name) > 1 or name == "e"):
                    value.hint = name

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
