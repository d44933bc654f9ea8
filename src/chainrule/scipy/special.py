"""Twins of the functions of scipy.special that are written in Python: `chainrule.special` has them."""

from __future__ import annotations

import scipy.special

from chainrule import special
from chainrule.standins.scipy_functions import twin

for _name in special.__all__:
    twin(getattr(scipy.special, _name))(getattr(special, _name))
