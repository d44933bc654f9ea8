"""A worker process that answers requests one after the other, with a time limit for each and a memory limit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["Bounded", "CutOff", "Limits"]


@dataclass(frozen=True)
class Limits:
    """The limits of a request.

    Attributes
    ----------
    seconds : the time for one answer.
    megabytes : the memory of the process.
    letters : the size of a request and of an answer, in bytes.
    waiting : how many requests may wait for their turn.
    """

    seconds: float = 10.0
    megabytes: int = 3_000
    request: int = 300_000
    answer: int = 30_000_000
    waiting: int = 8


class CutOff(Exception):
    """A request was given up; the message says why."""


ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Threads of BLAS reserve memory that the process would be charged for."""
TO_START = 60.0
"""The seconds that a process may take until it is ready."""


class Bounded:
    """A worker process. One that takes too long is killed, and the next request gets a new one."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.turn = asyncio.Lock()
        self.waiting = 0
        self.process: asyncio.subprocess.Process | None = None
        self.starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start a process without waiting; `ask` waits until it is ready."""
        self.starting = asyncio.create_task(self._start())

    async def ask(self, request: dict[str, Any]) -> bytes:
        """The answer to a request, as JSON.

        Raises CutOff if it takes too long or too much memory, or if too many wait already.
        """
        if self.waiting >= self.limits.waiting:
            raise CutOff("too many requests at once; try again")
        self.waiting += 1
        try:
            async with self.turn:
                return await self._answer(request)
        finally:
            self.waiting -= 1

    async def stop(self) -> None:
        """End the process."""
        if self.starting is not None:
            self.starting.cancel()
            await asyncio.gather(self.starting, return_exceptions=True)
        await self._kill()

    async def _start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module is taken from the folder in which the command was given
            "-m",
            "chainrule.play.worker",
            str(self.limits.megabytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | ONE_THREAD,
            limit=self.limits.answer,
        )
        assert self.process.stdout is not None
        await self.process.stdout.readline()

    async def _answer(self, request: dict[str, Any]) -> bytes:
        if self.starting is None or (self.process is not None and self.process.returncode is not None):
            self.start()
        assert self.starting is not None
        answered = False
        try:
            await asyncio.wait_for(self.starting, TO_START)
            line = await asyncio.wait_for(self._exchange(request), self.limits.seconds)
            if not line.endswith(b"\n"):
                raise CutOff("the computation ended without an answer: it took too much memory, or met a mistake in it")
            answered = True
            return line
        except TimeoutError:
            raise CutOff(f"this takes more than {self.limits.seconds:g} seconds, and was stopped") from None
        except ValueError:  # the line is longer than the limit of the reader
            raise CutOff("the explanation is too large for a page") from None
        except ConnectionError:
            raise CutOff("the computation ended; try again") from None
        finally:
            if not answered:  # also if the request was cancelled: its answer must not go to the next request
                await self._kill()
                self.start()

    async def _exchange(self, request: dict[str, Any]) -> bytes:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        await self.process.stdin.drain()
        return await self.process.stdout.readline()

    async def _kill(self) -> None:
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
