"""The disk cache: programs, keyed by their source text, with their machine code.

A folder belongs to one source, on one processor, with one version of chainrule, llvmlite, NumPy and Python. The
machine code is one file, replaced atomically, that begins with a digest of its content and the folder's name. A file
that does not match its digest (after a crash, a full disk, a copy from elsewhere) is never loaded but made again.
Files that another user owns or may write are not loaded either; `kept.py` checks that, and removes old files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.compile import fortran
from chainrule.compile.failures import CannotCompile
from chainrule.compile.kept import own_folder, prune, read_own, replace
from chainrule.compile.loops import LoopFunction
from chainrule.compile.machine import initialize, load
from chainrule.compile.signatures import Entry
from chainrule.forks import imported
from chainrule.version import __version__

__all__ = ["cache_folder", "keep_content", "kept_content", "load_program"]


def cache_folder() -> Path | None:
    """The folder of compiled programs: `CHAINRULE_CACHE_DIR`, or the user's cache folder; None if there is none.

    A variable that is empty or names a relative folder counts as unset, as the XDG specification says.
    """
    chosen = os.environ.get("CHAINRULE_CACHE_DIR")
    if chosen:
        return Path(chosen).absolute()
    if sys.platform == "win32":
        base = _absolute(os.environ.get("LOCALAPPDATA")) or _home("AppData", "Local")
    elif sys.platform == "darwin":
        base = _home("Library", "Caches")
    else:
        base = _absolute(os.environ.get("XDG_CACHE_HOME")) or _home(".cache")
    return base / "chainrule" if base is not None else None


def _absolute(text: str | None) -> Path | None:
    return Path(text) if text and os.path.isabs(text) else None


def _home(*parts: str) -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:  # no home
        return None
    return home.joinpath(*parts) if home.is_absolute() else None


def _identity() -> str:
    """Everything that machine code depends on besides the source of its program."""
    llvm = initialize()
    versions = [__version__, np.__version__, platform.python_version(), sys.abiflags]
    versions += [str(llvm.llvm_version_info), sys.modules["llvmlite"].__version__]
    versions += [f"BLAS {fortran.is_available()}"]  # code that calls BLAS looks up its addresses in each process
    processor = [llvm.get_host_cpu_name(), str(sorted(llvm.get_host_cpu_features().items()))]
    ours = sorted(Path(__file__).parent.rglob("*.py"))  # the translator, its checks, the vector math
    return "\n".join([*versions, *processor, *(file.read_text("utf-8") for file in ours)])


_identity_known: list[str] = []


def load_program(
    name: str,
    text: str,
    functions: Sequence[LoopFunction],
    arrays: Mapping[str, np.ndarray],
    entries: Mapping[str, Entry],
    constants: Sequence[np.ndarray],
) -> tuple[str, dict[str, Callable[..., Any]]]:
    """The compiled functions of a program, from the cache if it has them intact, and the path of its source file.

    Parameters
    ----------
    name, text : the program's name and its source.
    functions, arrays : its functions and small constants: the content of the source. Without functions it must be in
        the cache.
    entries : the entries through which Python calls the main function of a native program, by name.
    constants : arrays that it reads.
    """
    if not _identity_known:
        _identity_known.append(_identity())
    content = "\n".join([_identity_known[0], repr(sorted(entries.items())), text])
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    folder = _opened(digest)
    file = str(folder / f"{name}.py") if folder is not None else f"<{name}>"
    names = [*(f.name for f in functions if f.role == "kernel" and f.may_be_called_by_python), *entries]
    kept = _read(folder / f"{name}.code", digest) if folder is not None else None
    if kept is not None:
        with contextlib.suppress(CannotCompile):  # it is compiled again instead
            return file, _loaded(kept, names, constants)
    if not functions:
        raise CannotCompile(f"the machine code of {name} is not in the cache any more")
    code, outside = imported("chainrule.compile.native").compiled(
        f"{name}_{digest}", functions, arrays, entries, len(constants)
    )
    made = ",".join(outside).encode() + b"\0" + code
    if folder is not None:
        with contextlib.suppress(OSError):
            replace(folder / f"{name}.py", text.encode())
            replace(folder / f"{name}.code", _seal(made, digest) + made)
            prune(folder.parent)
    return file, _loaded(made, names, constants)


def kept_content(digest: str, name: str) -> bytes | None:
    """The content stored under a digest and a name; None if there is none, or it is damaged."""
    cache = cache_folder()
    if cache is None:
        return None
    try:
        return _read(own_folder(cache / digest) / f"{name}.code", digest) if (cache / digest).is_dir() else None
    except OSError:
        return None


def keep_content(digest: str, name: str, content: bytes) -> None:
    """Store content in the cache, if there is one."""
    folder = _opened(digest)
    if folder is not None:
        replace(folder / f"{name}.code", _seal(content, digest) + content)
        prune(folder.parent)


def _opened(digest: str) -> Path | None:
    """The folder of a program, made if missing; None if it cannot, or should not, be used."""
    cache = cache_folder()
    if cache is None:
        return None
    try:
        return own_folder(own_folder(cache) / digest)
    except OSError:
        return None


def _loaded(kept: bytes, names: Sequence[str], constants: Sequence[np.ndarray]) -> dict[str, Callable[..., Any]]:
    outside, code = kept.split(b"\0", 1)
    llvm = initialize()
    missing = [name for name in outside.decode().split(",") if name and llvm.address_of_symbol(name) is None]
    if missing:  # LLVM would end the process
        raise CannotCompile(f"compiled code calls {', '.join(missing)}, which is nowhere")
    return load(code, names, constants)


def _seal(content: bytes, digest: str) -> bytes:
    return hashlib.sha256(digest.encode() + content).digest()


def _read(file: Path, digest: str) -> bytes | None:
    """The content of a cache file if it matches its digest, else None."""
    try:
        found = read_own(file)
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    return found[size:] if len(found) > size and found[:size] == _seal(found[size:], digest) else None
