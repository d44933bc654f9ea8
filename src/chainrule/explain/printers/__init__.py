"""Printers of formulas: Unicode for the terminal, LaTeX for documents, MathML for browsers.

All share one walk over the tree (`walk.py`); each has its own table with a function for each kind of formula.
"""

from chainrule.explain.printers.as_latex import BREAK, breakable, breakable_terms, latex, latex_number, latex_rows
from chainrule.explain.printers.as_mathml import mathml
from chainrule.explain.printers.as_unicode import unicode, unicode_terms
from chainrule.explain.printers.lines import broken, width

__all__ = [
    "BREAK",
    "breakable",
    "breakable_terms",
    "broken",
    "latex",
    "latex_number",
    "latex_rows",
    "mathml",
    "unicode",
    "unicode_terms",
    "width",
]
