"""Object code: the functions of a program, translated to LLVM IR and optimised for this processor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding.newpassmanagers import NewPassManager

from chainrule.compile import linear, vecmath
from chainrule.compile.entry import write_entry, write_kernel_entry
from chainrule.compile.failures import asking_llvm
from chainrule.compile.interface import TABLE
from chainrule.compile.loops import LoopFunction
from chainrule.compile.machine import LLVM, initialize, processor
from chainrule.compile.python_objects import POINTER
from chainrule.compile.signatures import Entry
from chainrule.compile.translate import Translator

__all__ = ["compiled"]


def compiled(
    name: str,
    functions: Sequence[LoopFunction],
    arrays: Mapping[str, np.ndarray],
    entries: Mapping[str, Entry],
    constants: int = 0,
) -> tuple[bytes, list[str]]:
    """The object code of a program's functions, and the names of the outside functions it calls.

    Parameters
    ----------
    name, functions : the program's name and functions.
    arrays : small constants, embedded in the code.
    entries : the entries through which Python calls the main function, if that is compiled too.
    constants : the number of constant arrays that are passed when the code is loaded.
    """
    llvm = initialize()
    with LLVM:
        return _compiled(llvm, name, functions, arrays, entries, constants)


def _compiled(
    llvm: Any,
    name: str,
    functions: Sequence[LoopFunction],
    arrays: Mapping[str, np.ndarray],
    entries: Mapping[str, Entry],
    constants: int,
) -> tuple[bytes, list[str]]:
    code = ir.Module(name)
    kind = ir.ArrayType(POINTER, len(TABLE) + constants)
    table = ir.GlobalVariable(code, kind, "chainrule.table")
    table.initializer = kind(None)
    scope = {"np": np, "math": math, "vm": vecmath, "la": linear, **arrays, **{f.name: f for f in functions}}
    translator = Translator(code, scope)
    for function in functions:
        if function.role == "program":
            for way, entry in entries.items():
                write_entry(translator, function.name, way, entry, table)
        elif function.role == "kernel" and function.may_be_called_by_python:
            write_kernel_entry(translator, function.name, function.takes, table)
    with asking_llvm():
        return _optimised(llvm, code)


def _optimised(llvm: Any, code: ir.Module) -> tuple[bytes, list[str]]:
    """The object code of LLVM's module, for this processor."""
    target = processor()
    code.triple, code.data_layout = llvm.get_process_triple(), str(target.target_data)
    made = llvm.parse_assembly(str(code), llvm.create_context())  # its types and constants are freed with the context
    settings = llvm.create_pipeline_tuning_options(speed_level=3)
    settings.loop_vectorization = settings.loop_interleaving = settings.loop_unrolling = True
    builder = llvm.create_pass_builder(target, settings)
    passes = builder.getModulePassManager()
    passes.run(made, builder)
    _let_go(passes)
    outside = [f.name for f in made.functions if f.is_declaration and not f.name.startswith("llvm.")]
    return target.emit_object(made), outside


def _let_go(passes: Any) -> None:
    """Free a pass manager (about 100 KB). llvmlite does not: it calls the empty one of two inherited `_dispose`."""
    if type(passes)._dispose is not NewPassManager._dispose:
        NewPassManager._dispose(passes)
        passes.detach()
    else:
        passes.close()
