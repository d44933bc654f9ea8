"""What `cr.check` does: run the function, compare its gradients with the references, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chainrule.argnums import Argnums, chosen_arguments, needs_function
from chainrule.check.against_hand import Written, findings_by_hand, judged
from chainrule.check.by_hand import HandWritten
from chainrule.check.call import CheckedCall
from chainrule.check.compare import compare_values
from chainrule.check.custom_rules import as_numpy, custom_rule
from chainrule.check.functions import name_of_function, report_of, reports_of, verdict
from chainrule.check.notes import notes_on, other_reasons
from chainrule.check.report import BY_HAND, Blame, Mistake, Report
from chainrule.check.run import Run, run_twice
from chainrule.escape import printable
from chainrule.inputs import with_numpys_arrays
from chainrule.pytorch import function_call, network_of
from chainrule.transforms import derived_from

__all__ = ["checked_function"]


def checked_function(
    f: Callable[..., Any], argnums: Argnums | None, against: Callable[..., Any] | None
) -> Callable[..., Report]:
    """The function of f's arguments that `cr.check(f, argnums, against)` returns."""
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
            findings += [_in_backward(report, text) for text in report.findings]
            mistakes += [replace(mistake, function=name_of_function(report)) for mistake in report.mistakes]
    notes = [*remarks, *notes_on(problem, slopes, run.stopped, steady, run.weighted)]
    reports = tuple(report for report, _ in functions)
    rows = (*values, *slopes)
    return Report(printable(str(call)), rows, blame, tuple(findings), tuple(notes), tuple(mistakes), reports)


def _in_backward(report: Report, text: str) -> str:
    """A finding about the `backward` of a Function, beside those about others: with the name of the Function."""
    name = name_of_function(report)
    return text if text.startswith(f"vmap of {name} ") else f"In `backward` of {name}: {text}"
