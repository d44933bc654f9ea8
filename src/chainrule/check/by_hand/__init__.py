"""A backward pass written by hand: how it is called, which of its lines is wrong, and what is wrong with it.

`calling` calls it as it is written, `watched` notes what each of its statements assigns, `truth` has the right gradient
of everything that the forward pass computed. `mistakes` puts the two side by side and finds the first wrong line by
putting values right, one after the other; `diagnosis` says what is wrong with the value of that line.
"""

from chainrule.check.by_hand.calling import HandWritten
from chainrule.check.by_hand.mistakes import mistakes_in_values, mistakes_of
from chainrule.check.by_hand.repairs import Case
from chainrule.check.by_hand.returned import gradients_in, must_have_some, others_in
from chainrule.check.by_hand.truth import NamedValues, Truth

__all__ = [
    "Case",
    "HandWritten",
    "NamedValues",
    "Truth",
    "gradients_in",
    "mistakes_in_values",
    "mistakes_of",
    "must_have_some",
    "others_in",
]
