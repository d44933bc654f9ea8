"""Object code: the functions of a generated module, compiled by Numba into one library, with their entries.

Numba's own dispatchers and wrappers are left out: one library is compiled faster than a dozen functions, and what is
kept of it needs no Numba to run.
"""

# Numba has no types.
# mypy: ignore-errors

from __future__ import annotations

import sys

import numpy as np

from chainrule.compile.machine import TABLE

__all__ = ["KERNEL", "compiled"]

KERNEL = {"error_model": "numpy", "fastmath": {"reassoc", "contract"}, "nogil": True}
"""Sums may be reassociated and products added in one step; NaN, Inf and the sign of zero keep their meaning."""


def compiled(module, main, entries, constants=0):
    """The object code of a module's functions, and the names of what it calls outside.

    Parameters
    ----------
    module : the generated module; its names are what the functions see.
    main, entries : the main function of a native program, and an Entry for each way in which Python calls it.
    constants : how many arrays the code reads that come with it.
    """
    from numba import from_dtype, njit, types
    from numba.core import compiler
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    from chainrule.compile import vecmath
    from chainrule.compile.entry import write_entry, write_kernel_entry

    def kind(a):
        number = from_dtype(np.dtype(a.dtype))
        return types.Array(number, a.ndim, "C", readonly=not a.written) if a.ndim else number

    scope = vars(module)
    scope["vm"] = vecmath
    functions = {name: f for name, f in scope.items() if hasattr(f, "takes")}
    sys.modules[module.__name__] = module  # where Numba looks for a function's module
    for name, f in functions.items():
        scope[name] = njit(**KERNEL, no_cpython_wrapper=True, no_cfunc_wrapper=True)(f)
    length = len(TABLE) + constants
    with global_compiler_lock:
        typing, context = cpu_target.typing_context, cpu_target.target_context
        typing.refresh()
        context.refresh()
        library = context.codegen().create_library(module.__name__)
        library._finalize_final_module = lambda: (
            None
        )  # it is linked and optimised, but does not run in Numba's own engine
        for name, f in functions.items():
            if f.takes is None:
                continue
            flags = compiler.Flags()
            dispatcher = scope[name]
            dispatcher.targetdescr.options.parse_as_flags(flags, dispatcher.targetoptions)
            flags.no_compile = True
            takes = tuple(map(kind, f.takes))
            made = compiler.compile_internal(typing, context, library, f, takes, None, flags, {})
            with context.push_code_library(library):
                if name == main and entries:
                    modules = [write_entry(context, made.fndesc, way, entry, length) for way, entry in entries.items()]
                else:
                    modules = [write_kernel_entry(context, made.fndesc, name, f.takes, length)]
            for each in modules:
                library.add_ir_module(each)
        library.add_ir_module(_table(context, length))
        optimize = library._optimize_final_module
        library._optimize_final_module = lambda: (_keep_entries(library._final_module), optimize())
        library.finalize()
        del sys.modules[module.__name__]
        outside = [f.name for f in library._final_module.functions if f.is_declaration]
        code = context.codegen()._tm.emit_object(library._final_module)
    return code, [name for name in outside if not name.startswith("llvm.")]


def _keep_entries(module):
    """Only entries are called from outside: what is compiled into them, or not used at all, goes."""
    for thing in [*module.functions, *module.global_variables]:
        if not thing.is_declaration and not thing.name.startswith("chainrule."):
            thing.linkage = "internal"


def _table(context, length):
    from llvmlite import ir

    module = context.create_module("table")
    kind = ir.ArrayType(ir.IntType(8).as_pointer(), length)
    ir.GlobalVariable(module, kind, "chainrule.table").initializer = kind(None)
    return module
