"""Arrays that are divided among devices: gradients are one device's, and little is sent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")
SCRIPT = Path(__file__).with_name("on_eight_devices.py")


@pytest.fixture(scope="module")
def found():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", ["data-parallel", "step", "arrays that lie there"])
def test_data_parallel_gradients_are_those_of_one_device(found, case):
    difference, reduced, gathered = found[case]
    assert difference < 1e-6
    assert 1 <= reduced <= 2
    assert gathered == 0


def test_tensor_parallel_gradients_are_those_of_one_device(found):
    difference, reduced, gathered = found["tensor-parallel"]
    assert difference < 1e-6
    assert 1 <= reduced <= 3
    assert gathered == 0


def test_second_derivatives_and_steps(found):
    assert found["second derivative"][0] < 1e-4
    assert found["three steps"] < 1e-6
    assert "1 program(s)" in found["programs"]
    assert "model" in found["divided"]


def test_what_jax_lacks_is_computed_by_numpy(found):
    assert found["by NumPy"] < 1e-6


def test_labels_are_checked_on_all_devices(found):
    for right, ignored, error in found["labels"]:
        assert abs(right) < 1e-6
        assert abs(ignored) < 1e-6
        assert error.startswith("BlockError: label 9 is not one of the 8 classes")


def test_errors_of_shardings_name_argument_axis_and_remedy(found):
    not_divisible, structure, precision = found["errors"]
    assert "X of grad(perceptron) has shape (12, 6): its axis 0 cannot be divided into 8 equal parts" in not_divisible
    assert "leave out 4 of its 12 entries, or add 4" in not_divisible
    assert "the shardings of params have another structure" in structure
    assert "argument X of grad(perceptron) is of float64" in precision
