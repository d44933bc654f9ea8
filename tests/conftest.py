"""What the tests share: the modules beside this file, such as `catalogue`, and a browser."""

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

CANDIDATES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

SMOKE = """
test_traps test_transforms test_block test_errors test_graph test_objects test_ufunc_methods test_bounds
test_simplified test_identities test_notes test_cli test_finite_differences test_explanation test_scopes
""".split()
"""The files of the smoke suite, `pytest -m smoke`: something of each room, in less than a minute."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in SMOKE:
            item.add_marker(pytest.mark.smoke)


def _name_of_older_jax() -> None:
    """Give JAX before 0.8 the name `jax.enable_x64`, which it has in `jax.experimental`."""
    if importlib.util.find_spec("jax") and tuple(map(int, importlib.metadata.version("jax").split(".")[:2])) < (0, 8):
        jax = importlib.import_module("jax")
        if not hasattr(jax, "enable_x64"):
            jax.enable_x64 = importlib.import_module("jax.experimental").enable_x64


_name_of_older_jax()


@pytest.fixture(scope="session")
def browser():
    """Chromium, or a skipped test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next((found for name in CANDIDATES if (found := shutil.which(name)) and os.access(found, os.X_OK)), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True, scope="module")
def _programs_of_jax_are_forgotten():
    """After each file: JAX keeps what it has compiled, some gigabytes for all tests."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture
def jax_in_double_precision():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


COMPILED = importlib.import_module("chainrule.compile.compiled")
COMPILED.STRICT = True  # a function that would run uncompiled is an error


@pytest.fixture
def may_run_uncompiled(monkeypatch):
    """For the tests in which it is none."""
    monkeypatch.setattr(COMPILED, "STRICT", False)
