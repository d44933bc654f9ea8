"""Files of the cache: used only if no other user can write them, replaced atomically, removed when old or too many.

Machine code read from a file is executed. So a folder or file is used only if this user owns it and no other user may
write it, and links are not followed. Otherwise the cache is not used, as on a machine without a disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["own_folder", "prune", "read_own", "replace"]

MOST_BYTES = 256 << 20
"""The cache is cut back to this size."""
OLDEST = 90 * 86400.0
"""Programs that were not used for this many seconds are removed."""
ABANDONED = 3600.0
"""A temporary file of this age is taken to be left by a killed process."""
PAUSE = 3600.0
"""Seconds between two searches for files to remove."""
TEMPORARY = "unfinished-"
MARK = "pruned"
PROGRAM = re.compile(r"[0-9a-f]{32}")
OURS = re.compile(rf".*\.(py|code)|{TEMPORARY}.*")


def own_folder(folder: Path) -> Path:
    """The folder, made (for this user only) if missing. Raises OSError unless only this user may write it.

    Parent folders must not be writable by all either, because another user could then replace the folder; a sticky bit
    (as /tmp has) prevents that.
    """
    for missing in reversed([folder, *folder.parents]):
        if not os.path.lexists(missing):
            with contextlib.suppress(FileExistsError):  # another process made it in between
                os.mkdir(missing, 0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or not _is_own(found):
        raise PermissionError(f"{folder} is a link, or others own it or may write there")
    for above in Path(os.path.realpath(folder)).parents:
        mode = os.lstat(above).st_mode
        if hasattr(os, "geteuid") and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise PermissionError(f"others may replace what is in {above}")
    return folder


def _is_own(found: os.stat_result) -> bool:
    """Whether this user owns a file or folder, and no other user may write it."""
    if not hasattr(os, "geteuid"):  # Windows, where user folders are private
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_own(file: Path) -> bytes:
    """The content of a regular file of this user. Raises OSError for anything else; never waits for another process."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(file, flags), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode) or not _is_own(found):
            raise PermissionError(f"{file} is no file of this user alone")
        content = stream.read()
    if time.time() - found.st_mtime > OLDEST / 10:
        with contextlib.suppress(OSError):
            os.utime(file)  # it is in use
    return content


def replace(file: Path, content: bytes) -> None:
    """Write a file atomically: other processes see either the old or the new content."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=TEMPORARY, delete=False) as stream:
        try:
            stream.write(content)
            stream.close()
            os.replace(stream.name, file)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise


# Removing ------------------------------------------------------------------------------------------------------------


class _Kept(NamedTuple):
    """A program in the cache."""

    used: float
    size: int
    folder: Path


def prune(cache: Path) -> None:
    """Remove programs unused for long, the oldest of too many, and temporary files of killed processes."""
    mark, now = cache / MARK, time.time()
    try:
        if now - os.lstat(mark).st_mtime < PAUSE:
            return
    except FileNotFoundError:
        pass
    replace(mark, b"")
    programs = sorted(_programs(cache, now))
    size = sum(program.size for program in programs)
    for program in programs:
        if now - program.used <= OLDEST and size <= MOST_BYTES:
            break
        size -= program.size
        _remove(program.folder)


def _programs(cache: Path, now: float) -> list[_Kept]:
    """The programs in the cache, without unfinished ones."""
    found = []
    for entry in os.scandir(cache):
        if entry.name.startswith(TEMPORARY):
            _remove_abandoned(entry, now)
        elif PROGRAM.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            used, size = entry.stat(follow_symlinks=False).st_mtime, 0
            for file in os.scandir(entry.path):
                if not file.name.startswith(TEMPORARY) or not _remove_abandoned(file, now):
                    about = file.stat(follow_symlinks=False)
                    used, size = max(used, about.st_mtime), size + about.st_size
            found.append(_Kept(used, size, Path(entry.path)))
    return found


def _remove_abandoned(entry: os.DirEntry[str], now: float) -> bool:
    if now - entry.stat(follow_symlinks=False).st_mtime <= ABANDONED:
        return False
    os.unlink(entry.path)
    return True


def _remove(folder: Path) -> None:
    """Remove a program's folder; it stays if it holds files that are not the cache's."""
    with contextlib.suppress(OSError):  # another process is using or removing it
        for file in list(os.scandir(folder)):
            if OURS.fullmatch(file.name):
                os.unlink(file.path)
        os.rmdir(folder)
