"""check: compare a gradient with PyTorch, JAX and finite differences, and name the block that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.argnums import Argnums, chosen_arguments, needs_function
from chainrule.check.against_hand import Written, findings_by_hand, judged
from chainrule.check.by_hand import HandWritten
from chainrule.check.call import CheckedCall
from chainrule.check.compare import compare_values
from chainrule.check.custom_rules import as_numpy, custom_rule
from chainrule.check.functions import report_of, reports_of, verdict
from chainrule.check.notes import notes_on, other_reasons
from chainrule.check.report import BY_HAND, Blame, Comparison, Mistake, Report
from chainrule.check.run import Run, run_twice
from chainrule.escape import printable
from chainrule.inputs import with_numpys_arrays
from chainrule.pytorch import function_call, network_of
from chainrule.transforms import derived_from

__all__ = ["Blame", "Comparison", "Mistake", "Report", "check"]


def check(
    f: Callable[..., Any], argnums: Argnums | None = None, against: Callable[..., Any] | None = None
) -> Callable[..., Report]:
    """A function of f's arguments that checks f's value and gradients, and returns a `Report`.

    The references are PyTorch and JAX, where they are installed (the recorded graph, run on their arrays under their
    own autodiff, in double precision), and finite differences of f itself on plain NumPy values. An array of up to 200
    entries is differenced entry by entry, a larger one along 10 random directions. Where a gradient is wrong, every
    block's backward rule is checked by itself, from the loss backwards; the first wrong one is named with its line.

    Of complex arrays the real and the imaginary parts are compared: their gradient is ∂L/∂Re x + i ∂L/∂Im x, as in
    PyTorch, and the conjugate of JAX's.

    Parameters
    ----------
    f : a function that returns a scalar, or an array or tree of arrays; or one of PyTorch's tensors, as in `explain`,
        whose own backward pass is a reference too; or a `torch.autograd.Function`, whose `backward` is checked. Those
        that a network uses are checked each on its own: `report.functions`. A result that is not a real scalar is
        reduced to one by fixed random weights. Of a `jax.custom_vjp`, or a primitive of HIPS autograd, the rule is
        checked that its author gave it. A block's rule is also checked for being linear in dz.
    argnums : the position or name of the argument, or a tuple of them; by default all of a floating type. Parameters of
        a PyTorch network have their dotted names.
    against : a gradient written by hand, called as its parameters' names say: `against(*args)`, with the arguments of
        f; `against(dout, cache)` if f returns `out, cache`, or `bwd(res, g)`; `against(dout, *args)`; or a method
        `backward(dout)` beside a method f. Of PyTorch's functions it takes tensors. It returns the gradient of the
        first checked argument, or a tuple with one for each, in the structure of the arguments, or a dict by names, as
        `locals()`. If a gradient is wrong, `report.mistakes` has the first wrong line of it.

    Raises
    ------
    GradientError : no argument is of a floating type, or there is no such argument.

    >>> import numpy as np, chainrule as cr
    >>> report = cr.check(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.5, 1.0]))
    >>> report.ok
    True
    >>> wrong = cr.check(lambda x: x**2, against=lambda x: x)(3.0)
    >>> wrong.findings[0].split(";")[0]
    'The gradient written by hand is wrong for x: it gives 3, chainrule 6'
    """

    needs_function(f, "check")
    chosen_arguments(() if argnums is None else argnums, "check")

    def checked(*args: Any, **kwargs: Any) -> Report:
        if not kwargs and against is None and (rule := custom_rule(f)) is not None:
            args = tuple(as_numpy(x) for x in args)
            if (hand := rule.by_hand(args, argnums)) is not None:
                return _report(hand.call, hand)
            return _report(CheckedCall.of(rule.block(), argnums, args, {}), None)
        if not kwargs and (of_torch := function_call(f, args)) is not None:
            return report_of(of_torch, argnums, _report)
        if (network := network_of(f, args, kwargs)) is not None:
            call, args, kwargs = CheckedCall.of_network(network, argnums), tuple(network.values), {}
        else:
            args, kwargs = with_numpys_arrays(args, kwargs)
            call = CheckedCall.of(f, argnums, args, kwargs)
        written = None if against is None else HandWritten.of(against, call, network, argnums is not None)
        return _report(call if written is None else written.call, written, network)

    return derived_from(checked, f, "check")


NETWORK = "autograd"
"""The reference that every network of PyTorch has: its own backward pass, in its own precision."""


def _report(call: CheckedCall, hand: HandWritten | None, network: Any = None) -> Report:
    run = Run.of(call, hand, network)
    gradients = run.gradients()
    if isinstance(gradients, Blame):
        return Report(printable(str(call)), (), gradients, (str(gradients),))
    plain, steady = run_twice(call)
    problem = run.problem(gradients, steady)
    values = compare_values(problem, run.outputs, plain if steady else None)
    others: dict[str, Sequence[Any]] = {}
    written = None if hand is None else Written.by(hand, run)
    if written is not None:
        others[BY_HAND] = written.gradients
    if network is not None:
        own = network.gradients(run.seeds)
        others[NETWORK] = [own[argument.key] for argument in call.checked]
    slopes = run.compare(problem, others)

    wrong = [c for c in (*values, *slopes) if not c.ok and c.reference != BY_HAND]
    blame = run.blame(problem, wrong)
    findings = ([] if blame is None else [str(blame)]) + findings_by_hand(slopes)
    mistakes: list[Mistake] = []
    remarks: list[str] = []
    if hand is not None and written is not None and not wrong:
        between, mistakes, remarks = judged(hand, run, written, slopes, network)
        findings += [*findings_by_hand(between), *map(str, mistakes)]
        slopes += between
    if wrong and blame is None:
        findings += other_reasons(call, wrong)
    functions = [] if network is None or not network.functions else reports_of(network, _report)
    for report, line in functions:
        remarks.append(f"{report.title}: `backward` is {verdict(report)}." + (f"\n  at {line}" if line else ""))
        if verdict(report) == "WRONG":
            findings += [text for text in report.findings if text not in findings]
            mistakes += report.mistakes
    notes = [*remarks, *notes_on(problem, slopes, run.stopped, steady, run.weighted)]
    reports = tuple(report for report, _ in functions)
    rows = (*values, *slopes)
    return Report(printable(str(call)), rows, blame, tuple(findings), tuple(notes), tuple(mistakes), reports)
