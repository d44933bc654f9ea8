"""Formulas in MathML Core, which browsers show without a library.

Names stay text (everything is escaped). Each has an attribute `data-name` (a gradient `data-gradient`), which
the page uses to highlight it or to show its number; `data-as="row"` says that a vector's numbers are drawn as a row.
"""

from __future__ import annotations

import re
from html import escape

from chainrule.explain.printers.walk import GREEK, Notation, rows_of, split_name, times_sign, written
from chainrule.formula import Formula

__all__ = ["mathml"]

TRANSPOSED = '<mi mathvariant="normal">⊤</mi>'
MINUS = '<mo form="prefix">−</mo>'


def mathml(f: Formula) -> str:
    """The formula as the inside of a `<math>` element.

    >>> from chainrule.formula import name
    >>> mathml(name("p") - 1)
    '<mrow><mi data-name="p">p</mi><mo>−</mo><mn>1</mn></mrow>'
    """
    return written(f, MATHML)


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
    return f"<mtable>{''.join(f'<mtr>{row}</mtr>' for row in cells)}</mtable>"


def _between(sign: str) -> str:
    return f"<mo>{sign}</mo>"


def _around(left: str, x: str, right: str) -> str:
    return _row(f'<mo form="prefix">{left}</mo>', x, f'<mo form="postfix">{right}</mo>')


def _name(text: str) -> str:
    """A name: Greek letters, and digits at the end as an index, as in `latex_name`."""
    stem, index = split_name(text)
    told = f' data-name="{escape(text)}"'
    shown = escape(GREEK.get(stem, stem))
    return f"<msub{told}><mi>{shown}</mi><mn>{index}</mn></msub>" if index else f"<mi{told}>{shown}</mi>"


def _function(head: Formula) -> str:
    if head.kind == "index":
        return f"<msub>{_function(head.parts[0])}<mtext>{escape(head.text)}</mtext></msub>"
    return f"<mi>{escape(GREEK.get(head.text, head.text))}</mi>"


def _number(text: str) -> str:
    if text.startswith("["):
        rows = (tuple(map(_number, row)) for row in rows_of(text))
        return _row("<mo>[</mo>", _table(*rows), "<mo>]</mo>")
    if found := re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", text):
        exponent = str(int(found[2])).replace("-", "−")
        return _row(_signed(found[1]), "<mo>×</mo>", f"<msup><mn>10</mn><mn>{exponent}</mn></msup>")
    return _signed({"inf": "∞", "-inf": "-∞", "nan": "NaN"}.get(text, text))


def _signed(text: str) -> str:
    if text[:1] in "-−" and text:
        return _row(MINUS, f"<mn>{escape(text[1:])}</mn>")
    return f"<mn>{escape(text)}</mn>"


def _gradient(f: Formula, x: str, y: str) -> str:
    above, below = _row("<mo>∂</mo>", x), _row("<mo>∂</mo>", y)
    return f'<mfrac data-gradient="{escape(f.parts[1].text)}">{above}{below}</mfrac>'


def _local(f: Formula, z: str, x: str) -> str:
    if f.text:
        x = f"<msup>{x}{_row('<mo>(</mo>', f'<mn>{escape(f.text)}</mn>', '<mo>)</mo>')}</msup>"
    return f"<mfrac>{_row('<mo>∂</mo>', '<mo>[</mo>', z, '<mo>]</mo>')}{_row('<mo>∂</mo>', x)}</mfrac>"


def _call(f: Formula, *xs: str) -> str:
    arguments = _row("<mo>(</mo>", "<mo>,</mo>".join(xs), "<mo>)</mo>")
    return _row(_function(f.parts[0]), "<mo>&#x2061;</mo>", arguments)


def _sum(f: Formula, x: str) -> str:
    return _row(f"<munder><mo>∑</mo><mtext>{escape(f.text)}</mtext></munder>" if f.text else "<mo>∑</mo>", x)


def _cases(f: Formula, condition: str, x: str, y: str) -> str:
    rows = (x, _row("<mtext>if </mtext>", condition)), (y, "<mtext>otherwise</mtext>")
    return _row('<mo form="prefix">{</mo>', _table(*rows))


MATHML = Notation(
    {
        "name": lambda f: _name(f.text),
        "number": lambda f: _number(f.text),
        "row": lambda f, x: f'<mrow data-as="row">{x}</mrow>',
        "partial": _gradient,
        "local": _local,
        "unit": lambda f: f"<msub><mi>e</mi><mn>{escape(f.text)}</mn></msub>",
        "add": lambda f, x, y: _row(x, _between("+"), y),
        "sub": lambda f, x, y: _row(x, _between("−"), y),
        "neg": lambda f, x: _row(MINUS, x),
        "mul": lambda f, x, y: _row(x, _between(times_sign(f)), y),
        "div": lambda f, x, y: f"<mfrac>{x}{y}</mfrac>",
        "pow": lambda f, x, n: f"<msup>{x}{_row(_between('∘'), n) if f.text else n}</msup>",
        "matmul": lambda f, x, y: _row(x, '<mspace width="0.2em"/>', y),
        "kron": lambda f, x, y: _row(x, _between("⊗"), y),
        "transpose": lambda f, x: f"<msup>{x}{TRANSPOSED}</msup>",
        "inverse transpose": lambda f, x: f"<msup>{x}{_row(MINUS, TRANSPOSED)}</msup>",
        "call": _call,
        "index": lambda f, x: f"<msub>{x}<mtext>{escape(f.text)}</mtext></msub>",
        "sum": _sum,
        "sqrt": lambda f, x: f"<msqrt>{x}</msqrt>",
        "abs": lambda f, x: _around("|", x, "|"),
        "norm": lambda f, x: _around("‖", x, "‖"),
        "relation": lambda f, x, y: _row(x, _between(escape(f.text)), y),
        "vector": lambda f, *xs: _row("<mo>[</mo>", "<mo>,</mo>".join(xs), "<mo>]</mo>"),
        "indicator": lambda f, x: _row("<mo>[</mo>", x, "<mo>]</mo>"),
        "cases": _cases,
    },
    parentheses=("<mrow><mo>(</mo>", "<mo>)</mo></mrow>"),
)
