"""What docs/scale.md says of Dask, of PyTorch's DTensor, and of the model of many devices."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.scale import Measured, sent, steps_a_second, tables

ROOT = Path(__file__).parents[2]


def test_gradients_of_dtensors_are_those_of_one_process():
    pytest.importorskip("torch.distributed.tensor")
    script = Path(__file__).with_name("on_two_processes.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"difference (\S+)", done.stdout)
    assert len(told) == 4
    assert all(float(x) < 1e-6 for x in told)


def test_the_gradient_over_dasks_arrays_takes_a_part_of_their_memory():
    pytest.importorskip("dask")
    command = [sys.executable, "-m", "benchmarks.larger_than_memory", "--gigabytes", "0.4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    size, memory = (float(re.search(rf"^{name} +(\d+) MB", done.stdout, re.M)[1]) for name in ("data", "memory"))
    assert size > 350
    assert memory < size / 2
    assert float(re.search(r"^difference +(\S+)", done.stdout, re.M)[1]) < 1e-12


def test_the_model_of_many_devices():
    one = Measured(width=10, parameters=1000, seconds=0.5)
    assert steps_a_second(one, 1, 1e9) == 2
    assert sent(1000, 2) == 4000  # a ring of two: half of the sums there, half of the totals back
    assert 3.9 < steps_a_second(one, 2, 1e9) < 4
    assert steps_a_second(one, 2, 1e3) == pytest.approx(1 / (0.25 + 4.0 + 4e-5))
    assert "Model, not measured" in "\n".join(tables([one]))
