"""Runs the random programs in a process of their own.

Hypothesis draws on the constants of whatever modules are loaded, so beside other tests it would make other programs.
"""

import subprocess
import sys
from pathlib import Path


def test_random_programs_agree_with_pytorch_and_jax():
    command = [sys.executable, "-m", "pytest", "-q", str(Path(__file__).with_name("random_programs.py"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:]
