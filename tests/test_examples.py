"""The examples run, as a user runs them."""

import re
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

DIGITS = Path(__file__).parents[1] / "examples" / "digits.py"


NETWORK = DIGITS.with_name("network.py")


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def digits():
    spec = util.spec_from_file_location("digits", DIGITS)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("sklearn")
    return run(DIGITS)


@pytest.mark.parametrize("loss", ["cross-entropy", "hinge"])
def test_digits_are_learnt_to_more_than_93_percent_held_out(trained, loss):
    assert trained.returncode == 0, trained.stderr
    told = re.search(rf"^{loss} .*held-out accuracy (0\.\d+)$", trained.stdout, re.MULTILINE)
    assert told is not None, trained.stdout
    assert float(told[1]) > 0.93


def test_digits_show_no_progress_bar_where_there_is_no_terminal(trained):
    assert trained.stderr == ""
    assert len(trained.stdout.splitlines()) == 3


def test_digits_are_learnt_the_same_way_for_the_same_seed():
    pytest.importorskip("sklearn")
    one, same, other = (run(DIGITS, "--epochs", "2", "--loss", "hinge", "--seed", seed) for seed in ("7", "7", "8"))
    assert one.returncode == 0, one.stderr
    assert "cross-entropy" not in one.stdout
    assert one.stdout == same.stdout
    assert one.stdout != other.stdout


def test_digits_without_scikit_learn_say_what_to_install():
    hidden = f"import sys, runpy; sys.modules['sklearn'] = None; runpy.run_path({str(DIGITS)!r}, run_name='__main__')"
    result = run("-c", hidden)
    assert result.returncode != 0
    assert 'pip install "chainrule[examples]"' in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("loss", ["loss", "hinge"])
def test_gradient_of_the_step_that_is_explained_matches_pytorch(digits, loss):
    torch = pytest.importorskip("torch")
    W, b = (torch.tensor(p, requires_grad=True) for p in (digits.W_STEP, digits.B_STEP))
    s = W @ torch.tensor(digits.X_STEP) + b
    if loss == "loss":
        expected = torch.nn.functional.cross_entropy(s, torch.tensor(digits.LABEL_STEP))
    else:
        expected = torch.clamp(s - s[digits.LABEL_STEP] + 1, min=0).sum() - 1  # the right class adds a margin of 1
    expected.backward()
    step = getattr(digits, loss)
    value, (dW, db) = cr.value_and_grad(step, ("W", "b"))(digits.W_STEP, digits.B_STEP)
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(dW, W.grad.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(db, b.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_scan_that_is_explained_is_one_of_the_data_set(digits):
    datasets = pytest.importorskip("sklearn.datasets")
    scans, labels = datasets.load_digits(return_X_y=True)
    assert any(np.array_equal(x, digits.SCAN.ravel()) for x in scans[labels == digits.LABEL_STEP])


# Many devices ----------------------------------------------------------------------------------------------------


def test_eight_devices_and_two_processes_have_the_gradients_of_one():
    pytest.importorskip("jax")
    pytest.importorskip("sklearn")
    done = run(DIGITS.with_name("data_parallel.py"))
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"^(.+): gradients within (\S+) of one device's; (.*)$", done.stdout, re.MULTILINE)
    titles = ["8 devices, data-parallel", "4 × 2 devices, tensor-parallel too", "process 0 of 2", "process 1 of 2"]
    assert sorted(title for title, _, _ in told) == sorted(titles)
    assert all(float(difference) < 1e-6 for _, difference, _ in told)
    assert all("'all-gather': 0" in sent for _, _, sent in told)
    first, last = re.search(r"(\S+) → (\S+)$", done.stdout, re.MULTILINE).groups()
    assert float(last) < 0.2 < 2 < float(first)


# A network of PyTorch ----------------------------------------------------------------------------------------------


def test_a_transformer_learns_digits_and_is_explained():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    done = run(NETWORK, "--epochs", "8")
    assert done.returncode == 0, done.stderr
    told = re.search(r"^training loss \S+, held-out accuracy (0\.\d+)$", done.stdout, re.MULTILINE)
    assert told is not None, done.stdout
    assert float(told[1]) > 0.7
    assert "block: TransformerEncoderLayer, self_attn: MultiheadAttention" in done.stdout
    assert "classify.weight" in done.stdout


def test_the_network_from_the_command_line():
    pytest.importorskip("torch")
    done = run("-m", "chainrule", "explain", f"{NETWORK}:loss")
    assert done.returncode == 0, done.stderr
    assert "∂L/∂block.self_attn.in_proj_weight" in done.stdout
