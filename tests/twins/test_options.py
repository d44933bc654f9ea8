"""The twins of SciPy's filters heed every option: their own values are SciPy's."""

import pytest
from tests.sweeps import twin_options


@pytest.mark.filterwarnings("ignore")
def test_the_own_value_of_a_twin_is_scipys_with_every_option():
    assert twin_options.main() == 0
