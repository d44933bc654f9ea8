"""A third printer over the tree of formulas: MathML Core, which browsers show without a library.

Names stay text (everything is escaped), and each carries `data-name` (a gradient `data-gradient`), by which
a page can light it up or put a number in its place.
"""

from __future__ import annotations

import re
from html import escape

from chainrule.explain.printers import (
    DIGITS,
    GREEK,
    POWER,
    PRODUCT,
    SUM,
    _all_numbers,
    _base,
    _factor,
    _in,
    _is_inverse,
    _is_scalar_product,
    _left,
    _times,
)
from chainrule.formula import Formula

__all__ = ["mathml", "mathml_rows"]

LETTERS = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        strict=True,
    )
)
assert LETTERS.keys() == GREEK
PARENTHESES = ("<mrow><mo>(</mo>", "<mo>)</mo></mrow>")


def mathml(f: Formula) -> str:
    """The formula as the inside of a `<math>` element.

    >>> from chainrule.formula import name
    >>> mathml(name("p") - 1)
    '<mrow><mi data-name="p">p</mi><mo>−</mo><mn>1</mn></mrow>'
    """
    p = f.parts

    def inside(part: Formula, place: int) -> str:
        return _in(part, place, mathml, *PARENTHESES)

    def base(part: Formula) -> str:
        return _base(part, mathml, *PARENTHESES)

    match f.kind:
        case "name":
            return _name(f.text)
        case "number":
            return _number(f.text)
        case "partial":
            above, below = _row("<mo>∂</mo>", mathml(p[0])), _row("<mo>∂</mo>", mathml(p[1]))
            return f'<mfrac data-gradient="{escape(p[1].text)}">{above}{below}</mfrac>'
        case "local":
            block = _row("<mo>∂</mo>", "<mo>[</mo>", mathml(p[0]), "<mo>]</mo>")
            return f"<mfrac>{block}{_row('<mo>∂</mo>', mathml(p[1]))}</mfrac>"
        case "unit":
            return f"<msub><mi>e</mi><mn>{escape(f.text)}</mn></msub>"
        case "add":
            return _row(inside(p[0], SUM), "<mo>+</mo>", inside(p[1], SUM + 1))
        case "sub":
            return _row(inside(p[0], SUM), "<mo>−</mo>", inside(p[1], SUM + 1))
        case "neg":
            return _row('<mo form="prefix">−</mo>', inside(p[0], PRODUCT))
        case "mul":
            sign = "⊙" if not _is_scalar_product(f) else "×" if _all_numbers(f) else "·"
            return _row(_left(p[0], PRODUCT, mathml, *PARENTHESES), f"<mo>{sign}</mo>", inside(p[1], _times(f)))
        case "div":
            return f"<mfrac>{mathml(p[0])}{mathml(p[1])}</mfrac>"
        case "pow":
            exponent = _row("<mo>∘</mo>", mathml(p[1])) if f.text else mathml(p[1])
            return f"<msup>{base(p[0])}{exponent}</msup>"
        case "matmul":
            left, right = (_factor(p[0], PRODUCT, mathml, *PARENTHESES), _factor(p[1], POWER, mathml, *PARENTHESES))
            return _row(left, '<mspace width="0.2em"/>', right)
        case "transpose":
            if _is_inverse(p[0]):
                inverted = _row('<mo form="prefix">−</mo>', '<mi mathvariant="normal">⊤</mi>')
                return f"<msup>{base(p[0].parts[0])}{inverted}</msup>"
            return f'<msup>{base(p[0])}<mi mathvariant="normal">⊤</mi></msup>'
        case "call":
            return _row(_function(p[0]), "<mo>&#x2061;</mo>", _arguments(p[1:]))
        case "index":
            return f"<msub>{base(p[0])}<mtext>{escape(f.text)}</mtext></msub>"
        case "sum":
            sign = f"<munder><mo>∑</mo><mtext>{escape(f.text)}</mtext></munder>" if f.text else "<mo>∑</mo>"
            return _row(sign, inside(p[0], PRODUCT))
        case "sqrt":
            return f"<msqrt>{mathml(p[0])}</msqrt>"
        case "abs":
            return _row('<mo form="prefix">|</mo>', mathml(p[0]), '<mo form="postfix">|</mo>')
        case "norm":
            return _row('<mo form="prefix">‖</mo>', mathml(p[0]), '<mo form="postfix">‖</mo>')
        case "relation":
            return _row(mathml(p[0]), f"<mo>{escape(f.text)}</mo>", mathml(p[1]))
        case "indicator":
            return _row("<mo>[</mo>", mathml(p[0]), "<mo>]</mo>")
        case "cases":
            rows = f"{_cells(mathml(p[1]), _row('<mtext>if </mtext>', mathml(p[0])))}"
            rows += f"{_cells(mathml(p[2]), '<mtext>otherwise</mtext>')}"
            return _row('<mo form="prefix">{</mo>', f"<mtable>{rows}</mtable>")
    raise ValueError(f"no way to print a formula of kind {f.kind!r}")


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _cells(*cells: str) -> str:
    return f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in cells)}</mtr>"


def _arguments(parts: tuple[Formula, ...]) -> str:
    return _row("<mo>(</mo>", "<mo>,</mo>".join(mathml(part) for part in parts), "<mo>)</mo>")


def _name(text: str) -> str:
    """A name: Greek letters, digits at the end as an index, as `latex_name` has it."""
    stem, index = re.fullmatch(r"(.*?)_?([0-9₀-₉]*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    index = index.translate(DIGITS)
    told = f' data-name="{escape(text)}"'
    shown = escape(LETTERS.get(stem, stem))
    return f"<msub{told}><mi>{shown}</mi><mn>{index}</mn></msub>" if index else f"<mi{told}>{shown}</mi>"


def _function(head: Formula) -> str:
    if head.kind == "index":
        return f"<msub>{_function(head.parts[0])}<mtext>{escape(head.text)}</mtext></msub>"
    return f"<mi>{escape(LETTERS.get(head.text, head.text))}</mi>"


def _number(text: str) -> str:
    if text.startswith("["):
        return mathml_rows(text)
    if found := re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", text):
        exponent = str(int(found[2])).replace("-", "−")
        return _row(_signed(found[1]), "<mo>×</mo>", f"<msup><mn>10</mn><mn>{exponent}</mn></msup>")
    return _signed({"inf": "∞", "-inf": "-∞", "nan": "NaN"}.get(text, text))


def _signed(text: str) -> str:
    if text[:1] in "-−" and text:
        return _row('<mo form="prefix">−</mo>', f"<mn>{escape(text[1:])}</mn>")
    return f"<mn>{escape(text)}</mn>"


def mathml_rows(text: str) -> str:
    """The text of a small array, as "[1 2]" or "[[1 2] [3 4]]", as a matrix in brackets; a vector is a column."""
    rows = [row.split() for row in re.findall(r"\[([^\[\]]*)\]", text)]
    if not text.startswith("[["):
        rows = [[entry] for entry in rows[0]] if rows else []
    table = "".join(_cells(*(_number(entry) for entry in row)) for row in rows)
    return _row("<mo>[</mo>", f"<mtable>{table}</mtable>", "<mo>]</mo>")
