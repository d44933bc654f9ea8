"""The disk cache: programs by the content of their source, next to the machine code that was made of them.

A folder belongs to one source, on one processor, with one version of chainrule, llvmlite, NumPy and Python. The
machine code is one file, replaced in one step, that begins with a digest of the rest and of the folder's name: a file
that does not match it (a crash, a full disk, a copy from elsewhere) is made again, and nothing of it is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.compile.machine import Entry, initialize, load

__all__ = ["cache_folder", "load_module"]

OURS = "vecmath/*.py typed.py arithmetic.py indexing.py translate.py native.py entry.py machine.py".split()
"""What machine code depends on besides its source."""


def cache_folder() -> Path:
    """Where compiled programs are kept: `CHAINRULE_CACHE_DIR`, or the user's cache folder."""
    chosen = os.environ.get("CHAINRULE_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "chainrule"


def _identity() -> str:
    """What machine code depends on besides the source of its program."""
    import chainrule

    llvm = initialize()
    versions = [chainrule.__version__, np.__version__, platform.python_version(), sys.abiflags]
    versions += [str(llvm.llvm_version_info), sys.modules["llvmlite"].__version__]
    processor = [llvm.get_host_cpu_name(), str(sorted(llvm.get_host_cpu_features().items()))]
    here = Path(__file__).parent
    ours = [file for pattern in OURS for file in sorted(here.glob(pattern))]
    return "\n".join([*versions, *processor, *(file.read_text("utf-8") for file in ours)])


_identity_known: list[str] = []


def load_module(
    text: str, name: str, entries: Mapping[str, Entry], constants: Sequence[np.ndarray]
) -> tuple[ModuleType, dict[str, Callable[..., Any]]]:
    """The module of this source, and its compiled functions: from the cache if they are there and whole.

    Parameters
    ----------
    text : the source.
    name : of the program.
    entries : the ways in which Python calls the main function of a native program, by name.
    constants : arrays that it reads.
    """
    if not _identity_known:
        _identity_known.append(_identity())
    content = "\n".join([_identity_known[0], repr(sorted(entries.items())), text])
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    folder = cache_folder() / digest
    file = folder / f"{name}.code"
    module = ModuleType(f"{name}_{digest}")
    exec(compile(text, str(folder / f"{name}.py"), "exec"), vars(module))
    kernels = [
        n for n, f in vars(module).items() if getattr(f, "takes", None) is not None and not (entries and n == name)
    ]
    names = [*kernels, *entries]
    kept = _read(file, digest)
    if kept is not None:
        with contextlib.suppress(Exception):  # made again, then
            return module, _loaded(kept, names, constants)
    from chainrule.compile.native import compiled

    code, outside = compiled(module, text, name, entries, len(constants))
    made = ",".join(outside).encode() + b"\0" + code
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{name}.py", text.encode())
        _replace(file, _seal(made, digest) + made)
    return module, _loaded(made, names, constants)


def _loaded(kept: bytes, names: Sequence[str], constants: Sequence[np.ndarray]) -> dict[str, Callable[..., Any]]:
    outside, code = kept.split(b"\0", 1)
    llvm = initialize()
    missing = [name for name in outside.decode().split(",") if name and llvm.address_of_symbol(name) is None]
    if missing:  # LLVM would end the process
        raise ImportError(f"compiled code calls {', '.join(missing)}, which is nowhere")
    return load(code, names, constants)


def _seal(content: bytes, digest: str) -> bytes:
    return hashlib.sha256(digest.encode() + content).digest()


def _read(file: Path, digest: str) -> bytes | None:
    """What is in a file of the cache, if it is whole."""
    try:
        found = file.read_bytes()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    return found[size:] if len(found) > size and found[:size] == _seal(found[size:], digest) else None


def _replace(file: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
