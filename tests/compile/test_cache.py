"""The disk cache trusts nobody else, needs no home, leaves nothing behind, and is pruned."""

from __future__ import annotations

import importlib
import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import kept
from chainrule.compile.cache import cache_folder
from compile.test_compile import versions

X = np.arange(3.0)

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and modes as POSIX has them")


def compile_one(k=2.0):
    """Compile a function, and run it; two of the same k are the same program."""
    compiled = cr.compile(lambda x: np.exp(x) * k)
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), np.exp(X) * k, rtol=1e-14)
    assert versions(compiled) == 1


@pytest.fixture
def native(monkeypatch):
    """How often machine code is made."""
    made = []
    module = importlib.import_module("chainrule.compile.native")
    compiled = module.compiled
    monkeypatch.setattr(module, "compiled", lambda *args: made.append(args[2]) or compiled(*args))
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


def test_what_is_made_is_for_its_user_only(cache, native):
    before = os.umask(0)
    try:
        compile_one()
        compile_one()
    finally:
        os.umask(before)
    assert len(native) == 1
    for path in (cache.parent, cache, *cache.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def spoiled_by_mode(path):
    path.chmod(path.stat().st_mode | stat.S_IWOTH)


def spoiled_by_group(path):
    path.chmod(path.stat().st_mode | stat.S_IWGRP)


def spoiled_by_owner(path):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(path, 65534, 65534, follow_symlinks=False)


def spoiled_by_link(path):
    moved = path.with_name("elsewhere")
    path.rename(moved)
    path.symlink_to(moved)


SPOIL = [spoiled_by_mode, spoiled_by_group, spoiled_by_owner, spoiled_by_link]


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("what", ["cache", "program", "code"])
def test_what_others_own_or_may_write_is_not_loaded_and_nothing_is_written_there(cache, native, what, spoil):
    compile_one()
    (code,) = cache.rglob("*.code")
    path = {"cache": cache, "program": code.parent, "code": code}[what]
    spoil(path)
    content = code.read_bytes()
    code_before = code.lstat()
    compile_one()
    assert len(native) == 2
    if what == "code":  # it is replaced, in a folder that is our own
        assert not code.is_symlink()
        assert code.stat().st_uid == os.geteuid()
        assert not code.stat().st_mode & 0o022
    else:
        assert (code.read_bytes(), code.lstat().st_mtime_ns) == (content, code_before.st_mtime_ns)
        assert code.lstat().st_ino == code_before.st_ino


def test_a_cache_of_another_user_is_not_loaded(cache, native, monkeypatch):
    compile_one()
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    compile_one()
    assert len(native) == 2


def test_a_link_in_the_place_of_a_program_does_not_lead_elsewhere(cache, tmp_path, native):
    compile_one()
    (code,) = cache.rglob("*.code")
    target = tmp_path / "precious"
    target.mkdir(mode=0o700)
    for name in (code.name, code.with_suffix(".py").name):
        (target / name).write_text("precious")
    for file in list(code.parent.iterdir()):
        file.unlink()
    code.parent.rmdir()
    code.parent.symlink_to(target)
    compile_one()
    assert {file.read_text() for file in target.iterdir()} == {"precious"}


@pytest.mark.parametrize(("mode", "is_used"), [(0o777, False), (0o1777, True), (0o775, True)])
def test_a_folder_in_which_others_may_replace_the_cache_is_not_used(cache, native, mode, is_used):
    cache.parent.mkdir()
    cache.parent.chmod(mode)
    compile_one()
    compile_one()
    assert len(native) == (1 if is_used else 2)
    assert bool(list(cache.rglob("*.code"))) is is_used


def test_a_pipe_in_the_cache_does_not_block(cache, native):
    compile_one()
    (code,) = cache.rglob("*.code")
    source = code.with_suffix(".py")
    signal.alarm(60)
    try:
        for path in (code, source):
            path.unlink()
            os.mkfifo(path)
        compile_one()
        assert code.is_file()
        for folder in (code.parent, cache):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
            os.mkfifo(folder)
            compile_one()
            folder.unlink()
    finally:
        signal.alarm(0)


# Where it is -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="XDG is Linux's")
@pytest.mark.parametrize("given", ["", "cache", "./cache", "../cache", "~"])
def test_a_cache_home_that_is_empty_or_relative_counts_as_unset(monkeypatch, tmp_path, given):
    monkeypatch.delenv("CHAINRULE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "chainrule"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other" / "chainrule"


@pytest.mark.parametrize("home", ["", ".", "home", "/nonexistent/home", "/proc/home", "/dev/null/home"])
def test_without_a_home_it_compiles_and_writes_nothing(monkeypatch, tmp_path, home):
    for name in ("CHAINRULE_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    if home.startswith("/nonexistent"):
        monkeypatch.setattr(os, "mkdir", unwritable)
    monkeypatch.chdir(tmp_path)
    compile_one()
    assert list(tmp_path.iterdir()) == []


def unwritable(path, mode=0o777):
    raise PermissionError(path)


def test_a_user_without_an_entry_compiles_without_a_cache(monkeypatch, tmp_path):
    for name in ("CHAINRULE_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    pwd = importlib.import_module("pwd")

    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    assert cache_folder() is None
    compile_one()
    assert list(tmp_path.iterdir()) == []


# What is removed ----------------------------------------------------------------------------------------------------


def programs(cache):
    return {path for path in cache.iterdir() if path.is_dir()}


def test_old_programs_are_removed(cache, native):
    compile_one(2.0)
    (old,) = programs(cache)
    compile_one(3.0)
    past = time.time() - kept.OLDEST - 100
    for path in (*old.iterdir(), old, cache / kept.MARK):
        os.utime(path, (past, past))
    compile_one(4.0)
    assert not old.exists()
    assert len(programs(cache)) == 2


def test_a_program_that_is_used_does_not_grow_old(cache, native):
    compile_one(2.0)
    (old,) = programs(cache)
    past = time.time() - kept.OLDEST - 100
    for path in (*old.iterdir(), old, cache / kept.MARK):
        os.utime(path, (past, past))
    compile_one(2.0)
    assert len(native) == 1
    compile_one(3.0)
    assert old.exists()


def test_the_cache_is_cut_back_to_its_size(cache, monkeypatch):
    monkeypatch.setattr(kept, "PAUSE", 0.0)
    compile_one(1.5)
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    monkeypatch.setattr(kept, "MOST_BYTES", size * 3)
    for k in range(2, 9):
        for path in programs(cache):  # of distinct ages, whatever the clock's steps are
            for file in path.iterdir():
                os.utime(file, (file.stat().st_mtime - 10,) * 2)
            os.utime(path, (path.stat().st_mtime - 10,) * 2)
        compile_one(k + 0.5)
        newest = max(programs(cache), key=lambda path: path.stat().st_mtime)
    assert newest in programs(cache)
    assert 2 <= len(programs(cache)) <= 3


def test_what_a_killed_process_left_is_removed_and_what_is_not_ours_stays(cache, monkeypatch):
    monkeypatch.setattr(kept, "PAUSE", 0.0)
    compile_one(2.0)
    (program,) = programs(cache)
    left = [cache / f"{kept.TEMPORARY}a", program / f"{kept.TEMPORARY}b"]
    for file in (*left, program / f"{kept.TEMPORARY}fresh", cache / "notes.txt", program / "notes.txt"):
        file.write_text("left")
    past = time.time() - kept.OLDEST - 100
    for path in (*left, *program.iterdir(), program):
        if not path.name.endswith("fresh"):
            os.utime(path, (past, past))
    compile_one(3.0)
    assert not any(file.exists() for file in left)
    assert (cache / "notes.txt").exists()
    assert (program / "notes.txt").exists()


def test_a_failed_write_leaves_no_file(cache, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fails)
    compile_one()
    assert [path for path in cache.rglob("*") if path.is_file()] == []


KILLED = """
import os, sys, numpy as np, chainrule as cr
from chainrule.compile import kept
replace = os.replace
def killed(*args):
    os._exit(9)
os.replace = killed
f = cr.compile(lambda x: np.exp(x) * 2)
f(np.arange(3.0)); f(np.arange(3.0))
"""


def test_a_process_that_is_killed_while_it_writes_does_no_harm(cache, native):
    run = subprocess.run([sys.executable, "-c", KILLED], env=os.environ | {"CHAINRULE_CACHE_DIR": str(cache)})
    assert run.returncode == 9
    compile_one()
    compile_one()
    assert len(native) == 1
