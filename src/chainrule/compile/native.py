"""Object code: the functions of a generated module in LLVM's language, optimised for this processor."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from llvmlite import ir
from llvmlite.binding.newpassmanagers import NewPassManager

from chainrule.compile import vecmath
from chainrule.compile.entry import write_entry, write_kernel_entry
from chainrule.compile.failures import asking_llvm
from chainrule.compile.interface import TABLE
from chainrule.compile.machine import LLVM, initialize, processor
from chainrule.compile.python_objects import POINTER
from chainrule.compile.signatures import Entry
from chainrule.compile.translate import Translator

__all__ = ["compiled"]


def compiled(
    module: ModuleType, text: str, main: str, entries: Mapping[str, Entry], constants: int = 0
) -> tuple[bytes, list[str]]:
    """The object code of a module's functions, and the names of what it calls outside.

    Parameters
    ----------
    module, text : the generated module, and its source; its names are what the functions see.
    main, entries : the main function of a native program, and an Entry for each way in which Python calls it.
    constants : how many arrays the code reads that come with it.
    """
    llvm = initialize()
    with LLVM:
        return _compiled(llvm, module, text, main, entries, constants)


def _compiled(
    llvm: Any, module: ModuleType, text: str, main: str, entries: Mapping[str, Entry], constants: int
) -> tuple[bytes, list[str]]:
    scope = vars(module) | {"vm": vecmath}
    code = ir.Module(module.__name__)
    kind = ir.ArrayType(POINTER, len(TABLE) + constants)
    table = ir.GlobalVariable(code, kind, "chainrule.table")
    table.initializer = kind(None)
    translator = Translator(code, text, scope)
    for name, function in list(scope.items()):
        if name == main and entries:
            for way, entry in entries.items():
                write_entry(translator, main, way, entry, table)
        elif getattr(function, "takes", None):
            write_kernel_entry(translator, name, function.takes, table)
    with asking_llvm():
        return _optimised(llvm, code)


def _optimised(llvm: Any, code: ir.Module) -> tuple[bytes, list[str]]:
    """The object code of LLVM's module, for this processor."""
    target = processor()
    code.triple, code.data_layout = llvm.get_process_triple(), str(target.target_data)
    made = llvm.parse_assembly(str(code), llvm.create_context())  # its types and constants go with the context
    settings = llvm.create_pipeline_tuning_options(speed_level=3)
    settings.loop_vectorization = settings.loop_interleaving = settings.loop_unrolling = True
    builder = llvm.create_pass_builder(target, settings)
    passes = builder.getModulePassManager()
    passes.run(made, builder)
    _let_go(passes)
    outside = [f.name for f in made.functions if f.is_declaration and not f.name.startswith("llvm.")]
    return target.emit_object(made), outside


def _let_go(passes: Any) -> None:
    """Free a pass manager, some 100 KB: llvmlite inherits two ways to do so, and takes the one that does nothing."""
    if type(passes)._dispose is not NewPassManager._dispose:
        NewPassManager._dispose(passes)
        passes.detach()
    else:
        passes.close()
