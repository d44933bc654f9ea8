"""A sample of the sweep over structured constants; `python -m tests.sweeps.structure` runs the whole."""

from tests.sweeps import structure
from tests.sweeps.memory import poisoned


def test_products_with_structured_constants_compiled_are_numpys():
    with poisoned():
        found = {case.name: structure.fault(case) for case in structure.cases(start=11, every=3001)}
    assert {name: told for name, told in found.items() if told not in (None, structure.REFUSED)} == {}
    assert sum(told is None for told in found.values()) > 80
