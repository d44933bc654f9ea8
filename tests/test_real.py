"""The programs of `examples/real`: unmodified, they are differentiated, compiled, and run without chainrule."""

import contextlib
import io

import numpy as np
import pytest
from benchmarks.real import PROGRAMS, derivatives, differences, load

import chainrule as cr

SLOW = set(
    """
    american_put asian_option beam_fem bilateral_filter burgers camera cloth copula cavity climate edges equalizer
    euler_tube
    fdtd gray_scott heat_implicit heated_plate heston hodgkin_huxley kalman lattice_boltzmann lens_design lqr
    mixture molecular_dynamics motor_control nbody orbits photovoltaics power_flow predictive_control
    principal_components quantum_well registration risk_parity shallow_water solitons thin_film topology
    level_set particle_filter tight_binding traffic vincenty wavelets word2vec yield_curve
    """.split()
)
"""Programs that take long to compile: `python -m benchmarks.real` compiles them too."""


def test_there_are_programs_and_none_knows_chainrule():
    assert len(PROGRAMS) >= 30
    assert not [path.name for path in PROGRAMS if "chainrule" in path.read_text()]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_has_its_value_and_gradient_unmodified(path):
    program = load(path)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        plain = program.LOSS(*program.ARGS)
    told = printed.getvalue()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        value, gradient = cr.value_and_grad(program.LOSS)(*program.ARGS)
    assert value == pytest.approx(plain, rel=1e-12)
    assert type(value) is type(plain)
    assert printed.getvalue() == told
    with contextlib.redirect_stdout(io.StringIO()):
        np.testing.assert_allclose(derivatives(gradient), differences(program.LOSS, program.ARGS), rtol=1e-5, atol=1e-7)
        again = program.LOSS(*program.ARGS)  # nothing of the recording is left
    assert again == plain
    assert type(again) is type(plain)


@pytest.mark.parametrize("path", [p for p in PROGRAMS if p.stem not in SLOW], ids=lambda path: path.stem)
def test_a_program_compiles_to_the_same(path):
    program = load(path)
    with contextlib.redirect_stdout(io.StringIO()):
        value, gradient = cr.value_and_grad(program.LOSS)(*program.ARGS)
        compiled = cr.compile(cr.value_and_grad(program.LOSS))
        for _ in range(3):
            again, slopes = compiled(*program.ARGS)
            assert again == pytest.approx(value, rel=1e-11)
            np.testing.assert_allclose(derivatives(slopes), derivatives(gradient), rtol=1e-9, atol=1e-12)
