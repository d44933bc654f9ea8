"""The expression language of the command line: a few lines of arithmetic, and nothing else.

A text such as `a = 2*x; L = a @ y` is parsed with `ast`, and translated to a function whose parameters are the names
that it does not assign. The translation knows assignments, arithmetic, comparisons, indexing, numbers, and calls of the
functions in `language.py`; every operation goes through a `Meter` (`limits.py`), which bounds its size and time.
"""

from chainrule.expression.parser import ParsedExpression, parse
from chainrule.expression.values import parse_value

__all__ = ["ParsedExpression", "parse", "parse_value"]
