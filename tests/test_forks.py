"""A fork while another thread is in the middle of something: the new process has all that it needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")

FORKED = """
import os, signal, sys, threading, time
import numpy as np
import chainrule as cr

begun = threading.Event()


class Slow:
    '''Finds no module, but takes its time over one.'''

    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            begun.set()
            time.sleep(0.3)
        return None


def tree():
    cr.grad(lambda p: np.sum(p["a"] ** 2))({"a": np.ones(3)})


def matrices():
    cr.expm(np.eye(2))


def compiled():
    f = cr.compile(lambda x: np.exp(x) * 2)
    for _ in range(3):
        f(np.ones(3))


sys.meta_path.insert(0, Slow())
use = globals()[sys.argv[2]]
thread = threading.Thread(target=use)
thread.start()
assert begun.wait(30)
child = os.fork()
if not child:
    signal.alarm(30)
    use()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join()
"""

FIRST_USES = {
    "optree": "tree",
    "scipy.linalg": "matrices",
    "llvmlite.binding": "compiled",
    "chainrule.compile.lowering": "compiled",
    "chainrule.compile.machine": "compiled",
    "chainrule.compile.cache": "compiled",
    "chainrule.compile.native": "compiled",
}


@pytest.mark.parametrize(("module", "use"), FIRST_USES.items())
def test_while_another_thread_imports_a_module_for_the_first_time(module, use, tmp_path):
    environment = os.environ | {"CHAINRULE_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", FORKED, module, use]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["0"], run.stderr
    assert "chainrule" not in run.stderr  # no lock is released that was not taken


SAME_FUNCTION = """
import importlib, os, signal, threading, time
import numpy as np
import chainrule as cr

lowering = importlib.import_module("chainrule.compile.lowering")
begun, lower = threading.Event(), lowering.lower


def slow(*args):
    begun.set()
    time.sleep(0.3)
    return lower(*args)


f = cr.compile(lambda x: np.exp(x) * 2)
f(np.ones(3))
lowering.lower = slow
thread = threading.Thread(target=lambda: f(np.ones(3)))
thread.start()
assert begun.wait(30)
child = os.fork()
if not child:
    signal.alarm(30)
    for _ in range(3):
        np.testing.assert_allclose(f(np.ones(3)), np.exp(np.ones(3)) * 2)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
thread.join()
"""


def test_while_another_thread_compiles_the_same_function(tmp_path):
    environment = os.environ | {"CHAINRULE_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", SAME_FUNCTION]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["0"], run.stderr
