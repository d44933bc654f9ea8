"""Programs as source: one function that runs the kernels, the matrix products and the calls in order.

A small program is compiled as a whole, so that a call costs about a microsecond. A large one stays a Python function,
which is then a small part of its time; NumPy does its matrix products, and all that has no kernel.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compile.blas import WORTH_THREADS, is_worth_threads
from chainrule.compile.buffers import Lifetime, Workspace, share
from chainrule.compile.failures import CallFailed
from chainrule.compile.kernels import number_text, over_pieces, write_kernel
from chainrule.compile.operations import COMPUTED
from chainrule.compile.schedule import Kernel, ProgramStep, is_for_kernels, needed, schedule
from chainrule.compile.signatures import Entry, Parameter
from chainrule.compile.threads import PIECES
from chainrule.compile.values import REDUCTIONS, Value, axes_of, size_of
from chainrule.compile.windows import WINDOWS, Text, samples_of, work_of, write_windows
from chainrule.forks import imported

__all__ = ["Program", "write_program"]

SMALL = 40_000
"""Programs that compute fewer numbers than this are compiled as a whole."""
WORTH_THREADS_WINDOWS = 1_000_000
"""Entries of windows from which on their samples are shared between threads."""
FEW_STEPS = 60
FEW_ENTRIES = 64
"""Constants of so many entries are written into small programs; larger ones would not always fit on the stack."""
RESERVED = frozenset(
    "np math vm kernel program read written scratch dense one_thread all_threads shared work buffers".split()
    + "OtherInputs results cuts turns parts piece first last count start full i j k z total".split()
) | frozenset(name for name in dir(builtins) if name.islower())
"""Names that the text itself uses."""
SUFFIXES = ("out", "all", "out_all", "row", "part", "here", "there")
"""What kernels append to the name of a value."""


def _of_pieces(sums: int) -> list[str]:
    """The first parameters of a kernel that threads share: cuts, turns and parts, with a column for each sum."""
    return [f'read("int64", ({PIECES + 1},))', 'written("int64", (2,))', f'written("float64", ({PIECES}, {sums}))']


class Program:
    """A program as text, and what it needs from outside.

    Attributes
    ----------
    text : the module.
    name : the function in it.
    inputs : the inputs that it takes, in order.
    outputs : what it computes.
    outside : what the module's names stand for that cannot be written: blocks' rules, large constants.
    native : whether it is compiled as a whole.
    parameters : of the function, if it is: where its inputs, results and buffers come from.
    lifetimes : of the arrays that it uses in between.
    overwritten : the donated inputs that hold results afterwards.
    work : the numbers that it computes, roughly.
    """

    def __init__(self, name: str, native: bool):
        self.name, self.native = name, native
        self.text = ""
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.outside: dict[str, Any] = {}
        self.parameters: list[Parameter] = []
        self.lifetimes: list[Lifetime] = []
        self.overwritten: list[Value] = []
        self.work = 0

    def memory(self) -> int:
        """The most bytes that it takes for what it computes in between."""
        return sum(share(self.lifetimes)[1])

    def load(self, entries: Mapping[str, Entry]) -> dict[str, Callable[..., Any]]:
        """The program, compiled: by the names of its entries if it is native, else by its own."""
        load_module = imported("chainrule.compile.cache").load_module
        constants = [np.ascontiguousarray(array) for array in self.outside.values()] if self.native else []
        module, functions = load_module(self.text, self.name, entries, constants)
        if self.native:
            return functions
        vars(module).update(functions)
        vars(module).update(self.outside)
        return {self.name: getattr(module, self.name)}


def write_program(
    title: str,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    native: bool | None = None,
    donated: Sequence[Value] = (),
    guards: Sequence[tuple[Value, bool]] = (),
) -> Program:
    """The program that computes the outputs from the inputs.

    Results may be written into the donated inputs. So that a run that takes another path has not yet overwritten
    anything, the guards (with the truth that is expected of each) are then computed first, and refuse it.
    """
    return _Writer(title, inputs, outputs, native, donated, guards).program


def _cost(value: Value) -> int:
    if value.op == "matmul":
        x = value.args[0]
        inner = x.shape[-2 if value.params["turned"][0] and len(x.shape) > 1 else -1]
        return size_of(value) * inner
    return max([size_of(value), *(size_of(a) for a in value.args)])


class _Writer:
    def __init__(
        self,
        title: str,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        native: bool | None,
        donated: Sequence[Value],
        guards: Sequence[tuple[Value, bool]],
    ):
        self.names: dict[Value, str] = {}
        self.taken: set[str] = set(RESERVED)
        self.tried: dict[tuple[str, tuple[str, ...]], int] = {}
        self.outputs = list(outputs)
        self.escaping = {base_of(v) for v in outputs}
        steps = schedule(self.outputs)
        values = needed(self.outputs)
        if native is None:
            native = (
                sum(_cost(v) for v in values) <= SMALL
                and len(steps) <= FEW_STEPS
                and all(v.dtype in COMPUTED for v in values)
                and all(_is_native(s.value) for s in steps if isinstance(s, ProgramStep))
            )
        self.native = native
        self.title = _identifier(title) or "program"
        if keyword.iskeyword(self.title) or self.title in RESERVED:
            self.title = f"{self.title}_".replace("lambda_", "unnamed")
        self.taken.add(self.title)
        self.program = Program(self.title, native)
        self.program.work = sum(_cost(v) for v in values)
        self.program.outputs = self.outputs
        used = set(values)
        self.program.inputs = [v for v in inputs if v in used]
        for v in self.program.inputs:
            self.name_of(v)
        self.functions: list[str] = []
        self.written: set[Value] = set()
        self.alike: dict[str, str] = {}
        self.several = True
        self.seen: dict[str, str] = {}
        self.body: list[str] = []
        checked = 0
        if any(isinstance(step, ProgramStep) and step.value.op == "call" for step in steps):
            donated = ()  # a call may refuse what it is given, when something has been overwritten already
        if donated and not native:
            steps, checked = _needed_first(steps, [value for value, _ in guards])
        users: dict[Value, set[int]] = {}
        for i, step in enumerate(steps):
            for v in step.values():
                for a in v.args:
                    users.setdefault(a, set()).add(i)
        for v in self.outputs:
            users.setdefault(v, set()).add(len(steps))  # they are handed out at the end
        self.last = _last_uses(values, users)
        self.buffers: list[str] = []
        self.allocated: list[Value] = []
        self.donated = [] if native else [v for v in donated if v in self.program.inputs and v not in self.escaping]
        self.may_overwrite = False
        for self.at, step in enumerate(steps):
            i = self.at
            if i == checked and self.donated:
                self._check(guards)
                self.may_overwrite = True
            if isinstance(step, Kernel):
                wanted = {v for v in step.values() if users.get(v, set()) - {i} or v in self.outputs}
                self._kernel(step, wanted)
            else:
                self._step(step.value)
        self._finish()

    # Names ------------------------------------------------------------------------------------------------

    def name_of(self, value: Value) -> str:
        if value not in self.names:
            base = _identifier(value.name or "") or _identifier(str(value.params.get("text", ""))) or value.op
            base = base if base not in ("input", "constant") else {"input": "x", "constant": "c"}[base]
            if re.fullmatch(r"i\d*", base):  # loops are i0, i1, …, and a second i would be i2
                base += "_"
            self.names[value] = self._unused(base, SUFFIXES)
        return self.names[value]

    def _free(self, name: str) -> str:
        return self._unused(name, ())

    def _unused(self, base: str, suffixes: tuple[str, ...]) -> str:
        """The name, or the first of name2, name3, … that is not taken, nor is it with a suffix; it is taken then.

        What is taken stays taken, so the search goes on where the last one ended.
        """
        i = self.tried.get((base, suffixes), 0)
        while True:
            i += 1
            name = f"{base}{i}" if i > 1 else base
            wanted = {name, *(f"{name}_{suffix}" for suffix in suffixes)}
            if not keyword.iskeyword(name) and not wanted & self.taken:
                break
        self.tried[base, suffixes] = i
        self.taken |= wanted
        return name

    # Operands ---------------------------------------------------------------------------------------------

    def text(self, value: Value) -> str:
        """A value in the program: a variable, or a constant."""
        if value.op == "none":
            return "None"
        if base_of(value) is not value or (value.shape and _is_held_as_number(value)):
            return self.shaped(value, value.shape)
        if value.op != "constant":
            return self.name_of(value)
        if "number" in value.params:
            number = value.params["number"]
            if not value.shape:
                return repr(number.item()) if value.weak and np.isfinite(number) else _number(number)
            if not self.native or size_of(value) > FEW_ENTRIES:
                return self._outside(value, np.full(value.shape, number, value.dtype))
            return f"np.full({value.shape}, {number_text(number)})"
        array = value.params["array"]
        few = self.native and array.size <= FEW_ENTRIES
        if few and value not in self.written:
            self.written.add(value)
            numbers = re.sub("nan|inf", r"np.\g<0>", str(array.tolist()))
            self.functions.insert(0, f"{self.name_of(value)} = np.array({numbers}, {_dtype(value)})")
        return self.name_of(value) if few else self._outside(value, array)

    def _outside(self, value: Value, array: Any) -> str:
        name = self.name_of(value)
        self.program.outside[name] = array
        return name

    def shaped(self, value: Value, shape: tuple[int, ...]) -> str:
        base = base_of(value)
        if base.op == "constant" and "number" in base.params and shape != base.shape:
            return number_text(base.params["number"]) if not shape else f"{self.text(base)}.reshape({shape})"
        if _is_held_as_number(base):
            text = self.name_of(base) if base.op != "constant" else self.text(base)
            return text if not shape else f"np.full({shape}, {text}, {_dtype(base)})"
        text = self.text(base)
        if not shape and base.shape:
            return f"{text}[{', '.join('0' * len(base.shape))}]"
        return text if base.shape == shape else f"{text}.reshape({shape})"

    # Steps ------------------------------------------------------------------------------------------------

    def _kernel(self, kernel: Kernel, wanted: set[Value]) -> None:
        aliases = [v for v in kernel.values() if v in wanted and v.op == "view"]
        for v in aliases:  # the same entries: stored once
            wanted.discard(v)
            if base_of(v) in kernel.loops:
                wanted.add(base_of(v))
        roots = [v for v in kernel.values() if v in wanted]
        if not roots:
            return
        name = self._free(f"{self.title}_{_words(roots[0] if roots else next(iter(kernel.values())), self.name_of)}")
        in_place = self._in_place(kernel, roots)
        source = write_kernel(kernel, wanted, name, self.name_of, not self.native, in_place)
        arguments = [self.shaped(v, source.shapes.get(v, ())) for v in source.arrays]
        targets = {result: v for v, result in in_place.items()}
        for v in source.stored:
            self._allocate(v, targets.get(v))
            arguments.append(self.shaped(v, source.shapes[v]))
        if self.native:
            decorator = "@kernel()"
            for own, dtype, shape in source.scratch:
                arguments.append(self._free(own))
                self.program.lifetimes.append(Lifetime(shape, dtype, self.at, self.at))
                self.buffers.append(arguments[-1])
        else:
            kinds = [f'read("{v.dtype.name}", {source.takes.get(v, ())})' for v in source.arrays]
            kinds += [f'written("{v.dtype.name}", {source.takes[v]})' for v in source.stored]
            kinds += [f'scratch("{dtype.name}", {shape})' for _, dtype, shape in source.scratch]
            kinds = [*_of_pieces(len(source.returned)), *kinds] if source.shared is not None else kinds
            decorator = f"@kernel({', '.join(kinds)})"
        text = f"{decorator}\n{source.text}"
        alike = self.alike.setdefault(_canonical(text), name)
        if alike == name:
            self.functions.append(text)
        name = alike
        results = ", ".join(self.name_of(v) for v in source.returned)
        if source.shared is None:
            call = f"{name}({', '.join(arguments)})"
        else:
            numbers = map(str, (source.shared, source.step, len(source.returned)))
            call = f"shared({', '.join([name, *numbers, *arguments])})"
        self.body.append(f"{results} = {call}" if results else call)
        if not self.native:
            self._typed(source.returned)

    def _typed(self, values: Sequence[Value]) -> None:
        """Compiled code returns Python's numbers; elsewhere they count as NumPy's."""
        for v in values:
            if (not v.weak and v.dtype != np.float64) or v.dtype.kind != "f":
                name = self.name_of(v)
                self.body.append(f"{name} = {_dtype(v)}({name})")

    def _check(self, guards: Sequence[tuple[Value, bool]]) -> None:
        tests = dict.fromkeys(f"{'not ' if truth else ''}{self.text(value)}" for value, truth in guards)
        if tests:
            self.body += [f"if {' or '.join(tests)}:", "    raise OtherInputs"]

    def _in_place(self, kernel: Kernel, roots: Sequence[Value]) -> dict[Value, Value]:
        """The donated input that a kernel overwrites, and its result: where that is all that the kernel computes.

        With another result, or a second pass over the row, the input could be read after it has been overwritten.
        """
        (result, *others), values = roots, list(kernel.values())
        if not self.may_overwrite or others or any(v.op in REDUCTIONS or v.op == "one_hot" for v in values):
            return {}
        if not kernel.along[result] or self.outputs.count(result) != 1:
            return {}
        for v in self.donated:
            fits = (v.shape, v.dtype) == (result.shape, result.dtype) and self.last.get(v, -1) == self.at
            if fits and kernel.required(v) == kernel.along[result]:
                return {v: result}
        return {}

    def _allocate(self, value: Value, target: Value | None = None) -> None:
        """An array to be written: a donated one or a fresh one for a result, else a buffer."""
        name = self.name_of(value)
        if target is None and self.may_overwrite and self.outputs.count(value) == 1:  # one that nobody reads any more
            dead = [v for v in self.donated if (v.shape, v.dtype) == (value.shape, value.dtype)]
            target = next((v for v in dead if self.last.get(v, -1) < self.at), None)
        if target is not None:
            self.donated.remove(target)
            self.body.append(f"{name} = {self.name_of(target)}")
            self.program.overwritten.append(target)
            return
        if value not in self.escaping:
            self.program.lifetimes.append(Lifetime(value.shape, value.dtype, self.at, self.last.get(value, self.at)))
            self.buffers.append(name)
        elif self.native:
            self.allocated.append(value)
        else:
            self.body.append(f"{name} = np.empty({value.shape}, {_dtype(value)})")

    def _step(self, value: Value) -> None:
        getattr(self, f"_{value.op}")(value)

    def _reshape(self, value: Value) -> None:
        """Nothing to do: who reads it reads the same entries in the other shape."""

    def _slice(self, value: Value) -> None:
        key = _key_text(value.params["key"], len(value.args[0].shape))
        text = f"{self.text(value.args[0])}[{key}]"
        if value.shape:
            self._allocate(value)
            self.body.append(f"{self.name_of(value)}[...] = {text}")
        else:
            self.body.append(f"{self.name_of(value)} = {text}")

    def _place(self, value: Value) -> None:
        name = self.name_of(value)
        self._allocate(value)
        self.body.append(f"{name}[...] = 0")
        self.body.append(f"{name}[{_key_text(value.params['key'], len(value.shape))}] = {self._filling(value.args[0])}")

    def _set(self, value: Value) -> None:
        name = self.name_of(value)
        self._allocate(value)
        self.body.append(f"{name}[...] = {self._filling(value.args[0])}")
        self.body.append(f"{name}[{_key_text(value.params['key'], len(value.shape))}] = {self._filling(value.args[1])}")

    def _concatenate(self, value: Value) -> None:
        name, axis = self.name_of(value), value.params["axis"]
        self._allocate(value)
        if not self.native:
            self.body.append(f"np.concatenate(({', '.join(self.text(a) for a in value.args)},), {axis}, out={name})")
            return
        start = 0
        for a in value.args:
            stop = start + a.shape[axis]
            self.body.append(f"{name}[{', '.join([':'] * axis + [f'{start}:{stop}'])}] = {self._filling(a)}")
            start = stop

    def _call(self, value: Value) -> None:
        block, params = value.params["block"], value.params["block_params"]
        name = self._free(f"numpy_{_identifier(block.name) or 'block'}")
        self.program.outside[name] = _bound(block, params)
        operands = ", ".join(self._plain(a) for a in value.args)
        dtype = f"np.dtype({value.dtype.name!r})"
        result = f"{name}({operands})"
        self._threads(max(map(size_of, [value, *value.args])) >= WORTH_THREADS)
        if not value.weak:
            result = f"dense({result}, {dtype}, {value.shape})"
        self.body.append(f"{self.name_of(value)} = {result}")

    def _plain(self, value: Value) -> str:
        """An operand as NumPy's own rule takes it: its numbers are NumPy's."""
        text = self.text(value)
        if value.shape or value.op in ("none", "call", "constant") or value.weak:
            return text
        return f"{_dtype(value)}({text})"

    def _matmul(self, value: Value) -> None:
        x, y = value.args
        turned_x, turned_y = value.params["turned"]
        name = self.name_of(value)
        if self.native:
            self._product_in_loops(value)
            return
        left = self.text(x) + (_turned(x) if turned_x else "")
        right = self.text(y) + (_turned(y) if turned_y else "")
        if value.shape:
            self._allocate(value)
            inner = x.shape[-2 if turned_x and len(x.shape) > 1 else -1]
            if len(value.shape) <= 2 or len(x.shape) == 1:
                rows = size_of(x) // inner
                columns = size_of(value) // rows
            else:
                rows, columns = x.shape[-1 if turned_x else -2], 1
            self._threads(is_worth_threads(rows, inner, columns))
            self.body.append(f"np.matmul({left}, {right}, out={name})")
        else:
            self.body.append(f"{name} = {_dtype(value)}(np.dot({left}, {right}))")

    def _windows(self, value: Value) -> None:
        """Columns and pooling: loops of their own."""
        name = self._free(f"{self.title}_{self.name_of(value)}")
        shares = not self.native and work_of(value) >= WORTH_THREADS_WINDOWS
        kinds = [*(f'read("{v.dtype.name}", {v.shape})' for v in value.args), self._written(value)]
        own, parameters, rows = self._free(f"{name}_piece"), [*WINDOWS[value.op][0], "out"], samples_of(value)
        if shares:
            kinds = [*_of_pieces(0), *kinds]
            driver = over_pieces(name, parameters, str(rows), [f"{own}(first, last, {', '.join(parameters)})"])
        else:
            driver = [f"def {name}({', '.join(parameters)}):", f"    {own}(0, {rows}, {', '.join(parameters)})"]
        kernel = "@kernel()" if self.native else f"@kernel({', '.join(kinds)})"
        text = "\n".join([f"@kernel()\n{write_windows(value, own)}\n\n", kernel, *driver])
        alike = self.alike.setdefault(_canonical(text), name)
        if alike == name:
            self.functions.append(text)
        self._allocate(value)
        arguments = ", ".join([*(self.text(a) for a in value.args), self.name_of(value)])
        if shares:
            self.body.append(f"shared({alike}, {rows}, 1, 0, {arguments})")
        else:
            self.body.append(f"{alike}({arguments})")

    _columns = _from_columns = _max_pool = _max_pool_transpose = _max_pool_tangent = _windows

    @staticmethod
    def _written(value: Value) -> str:
        return f'written("{value.dtype.name}", {value.shape})'

    def _threads(self, several: bool) -> None:
        """Say how many threads NumPy's own functions have from here on."""
        if several != self.several:
            self.body.append("all_threads()" if several else "one_thread()")
            self.several = several

    def _product_in_loops(self, value: Value) -> None:
        """The innermost loop goes along what lies next to each other: the columns of y, or else what is summed over."""
        x, y = value.args
        turned_x, turned_y = value.params["turned"]
        name, function = self.name_of(value), self._free(f"{self.title}_{self.name_of(value)}")
        a, b = self.name_of(x) if x.op != "constant" else "x", self.name_of(y) if y.op != "constant" else "y"
        b = b if b != a else f"{b}_"
        inner = x.shape[-1] if len(x.shape) == 1 else x.shape[0 if turned_x else 1]
        lengths = {"i": 0 if len(x.shape) == 1 else x.shape[1 if turned_x else 0], "k": inner}
        lengths["j"] = 0 if len(y.shape) == 1 else y.shape[0 if turned_y else 1]
        at_x = "k" if not lengths["i"] else "k, i" if turned_x else "i, k"
        at_y = "k" if not lengths["j"] else "j, k" if turned_y else "k, j"
        place = [letter for letter in "ij" if lengths[letter]]
        product, kind = f"{a}[{at_x}] * {b}[{at_y}]", _dtype(value)
        text = Text()
        text.open(f"def {function}({a}, {b}{', z' if place else ''}):")
        if lengths["j"] and not turned_y:
            along, around = "j", place[:-1]
        elif turned_x and not lengths["j"]:
            along, around = "i", []
        else:
            along, around = "k", place
        for letter in around:
            text.open(f"for {letter} in range({lengths[letter]}):")
        if along == "k":
            text.add(f"total = {kind}(0)")
            text.open(f"for k in range({inner}):")
            text.add(f"total += {product}")
            text.close()
            text.add(f"z[{', '.join(place)}] = total" if place else "return total")
        else:
            text.open(f"for {along} in range({lengths[along]}):")
            text.add(f"z[{', '.join(place)}] = {kind}(0)")
            text.close()
            text.open(f"for k in range({inner}):")
            text.open(f"for {along} in range({lengths[along]}):")
            text.add(f"z[{', '.join(place)}] += {product}")
        self.functions.append("@kernel()\n" + "\n".join(text.lines))
        if place:
            self._allocate(value)
            self.body.append(f"{function}({self.text(x)}, {self.text(y)}, {name})")
        else:
            self.body.append(f"{name} = {function}({self.text(x)}, {self.text(y)})")

    # The whole --------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        main = self._native_main() if self.native else self._python_main()
        head = f'"""{self.title}, written by chainrule.compile."""\n\nimport math\n\nimport numpy as np\n\n'
        head += "from chainrule.compile.blas import all_threads, one_thread\n"
        head += "from chainrule.compile.failures import OtherInputs\n"
        head += "from chainrule.compile.runtime import dense, kernel, program, read, scratch, vm, written\n"
        head += "from chainrule.compile.threads import shared\n\n\n"
        self.program.text = head + "\n\n\n".join([*self.functions, main]) + "\n"

    def _python_main(self) -> str:
        results: list[str] = []
        given: set[Value] = set()
        for out in self.outputs:
            text, base = self.text(out), base_of(out)
            if out.shape and base.shape and (base in given or base.op in ("input", "constant", "call")):
                text = f"{text}.copy()"
            given.add(base)
            results.append(text)
        lines = [*self.body, f"return ({', '.join(results)},)"]
        if self.buffers:
            self.program.outside["work"] = Workspace(self.program.lifetimes)
            names = ", ".join(self.buffers) + ("," if len(self.buffers) == 1 else "")
            take = ["buffers = work.take()", f"{names} = buffers"]
            lines = [*take, *self.body, f"results = ({', '.join(results)},)", "work.give(buffers)", "return results"]
        if "one_thread()" in self.body:  # whatever interrupts it, the threads are given back
            lines = ["try:", *(f"    {line}" for line in lines), "finally:", "    all_threads()"]
        return self._function(list(map(self.name_of, self.program.inputs)), lines)

    def _native_main(self) -> str:
        """It is handed over the memory that it writes into, and returns the results that are numbers."""
        program = self.program
        names, kinds = [], []

        def parameter(name: str, role: str, index: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
            program.parameters.append(Parameter(role, index, dtype.name, shape))
            names.append(name)
            kinds.append(f'{"read" if role in ("input", "constant") else "written"}("{dtype.name}", {shape})')

        results: dict[int, tuple[str, Value]] = {}
        numbers: list[str] = []
        for k, out in enumerate(self.outputs):
            base = base_of(out)
            if not out.shape:
                numbers.append(self.text(out))
            elif base in self.allocated and all(v is not base for _, v in results.values()):
                results[k] = (self.name_of(base), base)
            else:
                name = self._free(f"{_words(out, self.name_of)}_result")
                self.body.append(f"{name}[...] = {self._filling(out)}")
                results[k] = (name, out)
        for v in self.allocated:  # of which only an entry comes out, as a number
            if all(v is not base for _, base in results.values()):
                program.lifetimes.append(Lifetime(v.shape, v.dtype, 0, self.at))
                self.buffers.append(self.name_of(v))
        for i, v in enumerate(program.inputs):
            parameter(self.name_of(v), "input", i, v.dtype, v.shape)
        for k, (name, v) in results.items():
            parameter(name, "result", k, v.dtype, v.shape)
        chosen, sizes = share(program.lifetimes)
        for name, life, slot in zip(self.buffers, program.lifetimes, chosen, strict=True):
            parameter(name, "buffer", sum(sizes[:slot]), life.dtype, life.shape)
        for i, (name, array) in enumerate(program.outside.items()):
            parameter(name, "constant", i, array.dtype, array.shape)
        lines = [*self.body, f"return ({', '.join(numbers)},)" if numbers else "return"]
        return f"@program({', '.join(kinds)})\n{self._function(names, lines)}"

    def _filling(self, value: Value) -> str:
        """What is written into the memory of a result: an array, or the number that all its entries are."""
        base = base_of(value)
        if base.op == "constant" and "number" in base.params:
            return number_text(base.params["number"])
        return self.name_of(base) if _is_held_as_number(base) else self.text(value)

    def _function(self, parameters: list[str], lines: list[str]) -> str:
        return f"def {self.title}({', '.join(parameters)}):\n" + "\n".join(f"    {line}" for line in lines)


def _needed_first(steps: list[Kernel | ProgramStep], values: Sequence[Value]) -> tuple[list[Kernel | ProgramStep], int]:
    """The steps with those first that the values need, and how many those are."""
    made = {v: i for i, step in enumerate(steps) for v in step.values()}
    wanted: set[int] = set()
    stack = [made[v] for v in values if v in made]
    while stack:
        i = stack.pop()
        if i not in wanted:
            wanted.add(i)
            stack += [made[a] for v in steps[i].values() for a in v.args if a in made]
    first = [step for i, step in enumerate(steps) if i in wanted]
    return first + [step for i, step in enumerate(steps) if i not in wanted], len(first)


def _last_uses(values: Sequence[Value], users: dict[Value, set[int]]) -> dict[Value, int]:
    """The last step that reads each value, or what shares its memory."""
    last: dict[Value, int] = {}
    for value in reversed(values):
        last[value] = max([*users.get(value, ()), last.get(value, -1)])
        if value.op in ("view", "reshape", "call"):  # a call may return a view of what it is given
            for operand in value.args:
                last[operand] = max(last.get(operand, -1), last[value])
    return last


def _is_held_as_number(value: Value) -> bool:
    """Whether a kernel returns a value as a number: it has one entry, whatever its shape."""
    return not value.shape or (is_for_kernels(value) and not axes_of(value.shape))


def base_of(value: Value) -> Value:
    """The value whose memory this one is."""
    while value.op in ("view", "reshape"):
        value = value.args[0]
    return value


def _is_native(value: Value) -> bool:
    if value.op == "call":
        return False
    return value.op != "matmul" or (len(value.shape) <= 2 and all(len(a.shape) <= 2 for a in value.args))


def _bound(block: Any, params: dict[str, Any]) -> Callable[..., Any]:
    from chainrule.libraries import NUMPY_NAMESPACE

    def call(*operands: Any) -> Any:
        with _FOREIGN:
            return block.forward(NUMPY_NAMESPACE, *operands, **params)

    return call


class _Foreign:
    """Within this a rule runs: whatever it raises, the function itself will tell, if it comes this way at all."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, Exception):
            raise CallFailed from error


_FOREIGN = _Foreign()


def _turned(x: Value) -> str:
    return ".T" if len(x.shape) == 2 else ".swapaxes(-1, -2)"


def _dtype(value: Value) -> str:
    return f"np.{'bool_' if value.dtype == bool else value.dtype.name}"


def _number(number: Any) -> str:
    text = number_text(number)
    return text if text.startswith("np.") or isinstance(number, np.bool_) else f"np.float64({text})"


def _key_text(key: tuple[Any, ...], ndim: int) -> str:
    used = sum(part is not None for part in key)
    return ", ".join([":"] * (ndim - used) + [_part_text(part) for part in key])


def _part_text(part: Any) -> str:
    if isinstance(part, slice):
        start, stop, step = ("" if p is None else str(int(p)) for p in (part.start, part.stop, part.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "None" if part is None else str(int(part))


def _canonical(text: str) -> str:
    """The text of a function with its names numbered, so that functions that do the same can be told to be equal."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        name = match[0]
        return name if name in RESERVED or keyword.iskeyword(name) else numbers.setdefault(name, f"_{len(numbers)}")

    return re.sub(r"(?<![.\w\"])[A-Za-z_]\w*", number, text)


def _identifier(text: str) -> str:
    text = re.sub(r"\W+", "_", text).strip("_")
    text = text.encode("ascii", "ignore").decode()
    return text if text and not text[0].isdigit() else ""


def _words(value: Value, name_of: Callable[[Value], str]) -> str:
    return _identifier(name_of(value))
