"""Escapes names for each kind of output, so that a name cannot be read as markup or code.

Names come from anywhere: a function's `__name__`, a key of a dictionary, a module of PyTorch, a file. `printable` is
applied to all of them when they enter: a control character could move a terminal's cursor, and one that changes the
writing direction could hide text. Each other function is for one syntax. HTML has `html.escape`.
"""

from __future__ import annotations

import re

__all__ = ["docstring", "dot", "latex_index", "latex_math", "latex_text", "markdown", "markdown_code", "printable"]


def printable(text: str) -> str:
    r"""Text on one line, with unprintable characters as Python's escapes.

    >>> printable("a\x1b[31m"), printable("a\nb"), printable("\u202ecba")
    ('a\\x1b[31m', 'a\\nb', '\\u202ecba')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# LaTeX ---------------------------------------------------------------------------------------------------------------

_BOTH = {"_": r"\_", "&": r"\&", "#": r"\#", "%": r"\%", "$": r"\$", "{": r"\{", "}": r"\}"}
_MATH = {
    **_BOTH,
    "\\": r"{\backslash}",
    "^": r"{\wedge}",
    "~": r"{\sim}",
    "'": r"{'}",
    "`": r"{\grave{\ }}",
    "<": r"{<}",
    ">": r"{>}",
    "|": r"{\vert}",
    " ": r"\ ",
    '"': r"{''}",
}
_TEXT = {
    **_BOTH,
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "'": r"'{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''{}",
    "-": r"-{}",
}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        strict=True,
    )
)
_SIGNS = {"∂": r"\partial", "×": r"\times", "≠": r"\ne", "…": r"\dots", "−": "-", "·": r"\cdot", "∞": r"\infty"}
_SIGNS |= {"≤": r"\le", "≥": r"\ge", "→": r"\to", "√": r"\surd", "∫": r"\int", "ℱ": r"\mathcal{F}"}
_SIGNS |= {high: f"{{}}^{{{c}}}" for high, c in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀ", "0123456789+-()T", strict=True)}
_SIGNS |= {low: f"{{}}_{{{c}}}" for low, c in zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎", "0123456789+-()", strict=True)}
_SIGNS["′"] = r"{}^{\prime}"  # the empty braces, because LaTeX refuses two of these in a row


def latex_math(text: str) -> str:
    r"""A name in a formula. A character that LaTeX lacks is given by its code point.

    >>> latex_math("a_b^c"), latex_math("\\input"), latex_math("é"), latex_math("θx")
    ('a\\_b{\\wedge}c', '{\\backslash}input', '\\text{U+00E9}', '\\theta x')
    """
    shown = "".join(_MATH.get(c) or (c if c.isascii() else f"{_sign(c)}\0") for c in printable(text))
    return re.sub(r"(\\[a-zA-Z]+)\0(?=[a-zA-Z])", r"\1 ", shown).replace("\0", "")  # a command ends at a letter


def latex_text(text: str) -> str:
    r"""A name in running text.

    >>> latex_text("f_1 & θ")
    'f\\_1 \\& $\\theta$'
    """
    shown = (_TEXT.get(c) or (c if c.isascii() else f"${_sign(c)}$") for c in printable(text))
    return "".join(shown)


def latex_index(text: str) -> str:
    r"""An index: its letters, digits and signs.

    >>> latex_index("i≠j, 1"), latex_index("[0 2]")
    ('i\\ne j, 1', '[0\\,2]')
    """
    keep = {" ": " ", "'": "'"}
    text = re.sub(r"(?<=\d) +(?=[\d-])", "\0", printable(text).replace("->", "→"))
    keep["\0"] = r"\,"
    shown = "".join(keep.get(c) or _MATH.get(c) or (c if c.isascii() else _sign(c) + " ") for c in text)
    return shown.replace("  ", " ")


def _sign(c: str) -> str:
    """A letter or sign beyond ASCII, in a formula."""
    if c in _GREEK:
        return rf"\{_GREEK[c]}"
    return _SIGNS.get(c) or rf"\text{{U+{ord(c):04X}}}"


# Markdown, Graphviz, Python ------------------------------------------------------------------------------------------


def markdown(text: str) -> str:
    r"""Text in Markdown, with every special character escaped.

    >>> markdown("a_b|<c>")
    'a\\_b\\|&lt;c>'
    """
    return re.sub(r"([\\`*_\[\]{}()#!|~$])", r"\\\1", printable(text)).replace("&", "&amp;").replace("<", "&lt;")


def markdown_code(text: str) -> str:
    r"""Text as code in Markdown, in tables too. A backtick would end it, so it becomes an accent that looks like one.

    >>> markdown_code("a|b`c")
    '`a\\|bˋc`'
    """
    return "`" + printable(text).replace("`", "ˋ").replace("|", r"\|") + "`"


def dot(text: str) -> str:
    r"""A line inside the quotes of Graphviz's language.

    >>> dot('a"b\\c')
    'a\\"b\\\\c'
    """
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def docstring(line: str) -> str:
    r"""A line of a docstring.

    >>> print(docstring('say "' + "x\\\\y" + '"'))
    say \"x\\\\y\"
    """
    text = printable(line).replace("\\", "\\\\")
    return text.replace('"', r"\"") if '"""' in text or text.endswith('"') else text
