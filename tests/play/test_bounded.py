"""The process that computes is bounded in time and memory, and another one takes over."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from chainrule.play.bounded import Bounded, CutOff, Limits


def in_a_loop(coroutine):
    """What a coroutine returns, run in a thread of its own: another test may have left its loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def asking(limits, *requests):
    """The answers to requests, one after the other; for one that was cut off its message."""

    async def run():
        bounded = Bounded(limits)
        answers = []
        for request in requests:
            try:
                answers.append(json.loads(await bounded.ask({"do": "explain", "given": {}, "offered": {}, **request})))
            except CutOff as error:
                answers.append(str(error))
        await bounded.stop()
        return answers

    return in_a_loop(run())


LONG = "a0 = tanh(x)\n" + "\n".join(f"a{i + 1} = tanh(a{i}*w + a{i // 2})" for i in range(2500)) + "\nL = a2500"


def test_what_takes_too_long_is_stopped_and_the_next_request_is_answered():
    long, short = asking(Limits(seconds=2), {"text": LONG}, {"text": "L = 2*x"})
    assert "takes more than 2 seconds" in long
    assert short["values"] == {"x": "1"}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_what_takes_too_much_memory_is_refused_and_the_next_request_is_answered():
    large = "X = ones(1000000) * x\n" + "\n".join(f"X = X * {i}.5 + sin(X)" for i in range(5)) + "\nL = sum(X)"
    much, little = asking(Limits(seconds=60, megabytes=900), {"text": large, "given": {"x": "2"}}, {"text": "L = 2*x"})
    assert "memory" in (much if isinstance(much, str) else much["error"])
    assert little["values"] == {"x": "1"}


def test_an_answer_that_is_too_large_is_refused():
    large, little = asking(Limits(answer=20_000), {"text": "L = sum(softmax(W @ x) * tanh(W @ x))"}, {"text": "x +"})
    assert "too large" in large
    assert "cannot read" in little["error"]


def test_too_many_at_once_are_refused():
    async def run():
        bounded = Bounded(Limits(waiting=2))
        request = {"do": "explain", "given": {}, "offered": {}, "text": "L = 2*x"}
        answers = await asyncio.gather(*(bounded.ask(request) for _ in range(4)), return_exceptions=True)
        await bounded.stop()
        return answers

    answers = in_a_loop(run())
    assert [isinstance(a, CutOff) for a in answers] == [False, False, True, True]


def test_the_answer_to_a_cancelled_request_is_not_given_to_the_next_one():
    async def run():
        bounded = Bounded(Limits())
        request = {"do": "explain", "given": {}, "offered": {}}
        first = asyncio.create_task(bounded.ask({**request, "text": "L = 2*x"}))
        while bounded.process is None:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = json.loads(await bounded.ask({**request, "text": "L = 5*y"}))
        await bounded.stop()
        return second

    assert in_a_loop(run())["values"] == {"y": "1"}
