"""A sample of the random calls of `python -m tests.fuzz`, recorded and compiled."""

import pytest

from compile.interpreted import interpreted
from fuzz.kinds import KINDS, Refused

CHUNK = 200


@pytest.mark.parametrize("kind", ["calls", "compiled calls"])
@pytest.mark.parametrize("start", range(0, 800, CHUNK))
def test_random_calls_are_numpys(kind, start):
    ran, failed = 0, []
    with interpreted():
        for index in range(start, start + CHUNK):
            call = KINDS[kind].make(7, index)
            try:
                error = KINDS[kind].failure(call)
            except Refused:
                continue
            ran += 1
            if error is not None:
                failed.append(f"{index}: {call}: {error}")
    assert not failed, "\n".join(failed)
    assert ran > CHUNK / 4
