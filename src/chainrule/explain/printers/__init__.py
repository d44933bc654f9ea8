"""Printers of formulas: Unicode for the terminal, LaTeX for documents, MathML for browsers.

All are the same walk over the tree (`walk.py`), each with its own table of how a kind of formula is written.
"""

from chainrule.explain.printers.as_latex import latex, latex_rows
from chainrule.explain.printers.as_mathml import mathml
from chainrule.explain.printers.as_unicode import unicode

__all__ = ["latex", "latex_rows", "mathml", "unicode"]
