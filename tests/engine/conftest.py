"""JAX computes in its usual precision here, whatever other tests have asked for."""

import pytest

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def in_jaxs_usual_precision():
    with jax.enable_x64(False):
        yield
