"""The disk cache: modules by the content of their source, next to the machine code that Numba makes of them.

A folder belongs to one source, on one processor, with one version of chainrule, Numba, NumPy and Python. Beside what
Numba writes there stands a digest of it, written last: files that do not match it (a crash, a full disk, another
process at work) are thrown away and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

__all__ = ["cache_folder", "load_module"]


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
    """What machine code depends on besides its source."""
    import llvmlite.binding as llvm
    import numba

    import chainrule

    parts = [
        chainrule.__version__,
        numba.__version__,
        np.__version__,
        platform.python_version(),
        llvm.get_host_cpu_name(),
    ]
    here = Path(__file__).parent
    parts += [(here / name).read_text() for name in ("vecmath.py", "runtime.py")]
    return "\n".join([*parts, str(sorted(llvm.get_host_cpu_features().items()))])


_identity_known: list[str] = []


def load_module(text: str, name: str) -> ModuleType:
    """The module of this source, its functions compiled; from the cache if it is there and whole."""
    if not _identity_known:
        _identity_known.append(_identity())
    digest = hashlib.sha256((_identity_known[0] + text).encode()).hexdigest()[:32]
    folder = cache_folder() / digest
    try:
        file = _written(folder, name, text)
        if not _is_whole(folder):
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
            (folder / "digest").unlink(missing_ok=True)
    except OSError:
        return _load_without_cache(text, name, digest)
    try:
        module = _load(file, f"{name}_{digest}")
    except Exception:  # whatever a damaged file may do to Numba
        shutil.rmtree(folder, ignore_errors=True)
        return _load_without_cache(text, name, digest)
    with contextlib.suppress(OSError):
        _seal(folder)
    return module


def _written(folder: Path, name: str, text: str) -> Path:
    """The source as a file, written in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    try:
        if file.read_text(encoding="utf-8") == text:
            return file
    except (OSError, UnicodeDecodeError):
        pass
    _replace(file, text)
    return file


def _replace(file: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _machine_code(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / "__pycache__").glob("*") if p.suffix in (".nbi", ".nbc"))


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in _machine_code(folder):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _is_whole(folder: Path) -> bool:
    try:
        sealed = (folder / "digest").read_text(encoding="utf-8")
        return bool(_machine_code(folder)) and sealed == _digest(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _seal(folder: Path) -> None:
    """Write the digest of what Numba wrote, if it is new."""
    if not _is_whole(folder):
        _replace(folder / "digest", _digest(folder))


def _load(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba looks functions up by their module's name, in what it has kept too
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def _load_without_cache(text: str, name: str, digest: str) -> ModuleType:
    """The same where nothing can be written, or what was written cannot be read."""
    module = ModuleType(f"{name}_{digest}")
    sys.modules[module.__name__] = module
    text = text.replace(
        "import OtherInputs, dense, kernel,", "import OtherInputs, dense, kernel_without_cache as kernel,"
    )
    exec(compile(text, f"<{name}>", "exec"), vars(module))
    return module
