"""A sample of the random calls and programs of `python -m tests.fuzz`."""

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


@pytest.mark.parametrize("kind", ["nested transforms", "own blocks", "written afterwards"])
def test_random_programs_are_right_however_they_are_asked(kind):
    ran = 0
    with interpreted():
        for index in range(30):
            program = KINDS[kind].make(7, index)
            try:
                error = KINDS[kind].failure(program)
            except Refused:
                continue
            ran += 1
            assert error is None, f"{index}: {error}\n{program}"
    assert ran > 10
