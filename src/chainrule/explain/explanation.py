"""Explaining a recording, and what an explanation can be shown as."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from chainrule.argnums import Argnums, needs_function
from chainrule.array import Array, node_of
from chainrule.backward import backpropagate, find_path
from chainrule.display import chosen
from chainrule.errors import GradientError
from chainrule.escape import printable
from chainrule.explain.closed import ClosedForms
from chainrule.explain.data import Data
from chainrule.explain.handed_on import without_steps_that_hand_on
from chainrule.explain.notation import constant_formula
from chainrule.explain.passes import backward_steps, closed_forms_of, forward_nodes, forward_steps
from chainrule.explain.recorded import kept_call, recorded_with_names
from chainrule.explain.remarks import warnings_at_users_lines
from chainrule.explain.results import Result, jacobians_of, with_loss
from chainrule.explain.steps import Explained
from chainrule.explain.style import Shows, Style
from chainrule.formula import Formula, name, partial
from chainrule.imperative import sources_of
from chainrule.inputs import with_numpys_arrays
from chainrule.node import at_line, user_frame
from chainrule.pytorch import network_of
from chainrule.recording import Recording, record_call, scalar_loss
from chainrule.watching.locals import watch_locals
from chainrule.watching.names import Names, numbers_of, variables_of
from chainrule.watching.scopes import NO_SCOPES, Scopes, collect_scopes

if TYPE_CHECKING:
    from chainrule.explain.health import Health

__all__ = ["Explanation", "explain_recording", "explained_function"]


class Explanation(Explained):
    """The forward and the backward pass of a function at given inputs.

    `print` shows tables of 80 columns; `show()` prints them in colour if the terminal has colours; `latex()` and
    `markdown()` return documents, `svg()` and `dot()` pictures, `code()` source text, and `health()` findings about the
    numbers (NaN, vanishing gradients, …).
    """

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = 80, fold: bool = True) -> str:
        """The tables as plain text; in long functions the rounds of a loop are folded, unless `fold` is False."""
        from chainrule.explain.terminal import text

        return text(self, width, fold)

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The outputs for a notebook, in the form that IPython asks for."""
        from chainrule.explain.notebook import explanation_bundle

        return chosen(explanation_bundle(self), include, exclude)

    def _mime_(self) -> tuple[str, str]:
        """The same for marimo, which keeps frames but drops style sheets."""
        from chainrule.explain.notebook import frame, static

        return "text/html", frame(self) or static(self)

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from chainrule.explain.terminal import renderables

        yield from renderables(self, min(options.max_width, 100))

    def show(self, fold: bool = True) -> None:
        """Print in colour to a terminal that has colours; to a file or pipe with the width of the variable COLUMNS."""
        from rich.console import Console

        from chainrule.explain.terminal import UNBROKEN, columns_of_terminal, renderables

        console = Console(highlight=False, force_jupyter=False)
        if console.is_terminal:
            unbroken = Console(highlight=False, force_jupyter=False, width=UNBROKEN)
            for part in renderables(self, min(console.width, 100), fold):
                unbroken.print(part)
        else:
            print(self.text(columns_of_terminal(), fold))

    def latex(self, **style: Unpack[Shows]) -> str:
        """The derivation as a LaTeX document, which needs amsmath and graphicx.

        Parameters
        ----------
        title : the heading; the name of the function by default, "" for none.
        steps : False leaves out the backward pass step by step.
        symbols, numbers : False leaves out the formulas over names, or the numbers.
        local_gradients : False leaves out local gradients, and the chain rule written with them.
        digits : the significant digits of numbers; 4 by default.
        fold : False shows each round of a long loop, and each call of a function.

        Its steps, gradients and closed forms have a `latex()` each, for formulas to put elsewhere.

        >>> import chainrule as cr
        >>> print(cr.explain(lambda x: x**2)(3.0).closed_forms[0].latex())
        \\frac{\\partial L}{\\partial x} = 2 \\cdot x
        """
        from chainrule.explain.document import latex_document

        return latex_document(self, Style(**style))

    def svg(self, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
        """A picture of the computation graph: an SVG file with the value above and the gradient below each wire.

        Parameters
        ----------
        fold : False draws every step of a long function; else its functions, modules and loops are boxes.
        direction : where the wires lead, "right" or "down" (then values are left and gradients right of a wire). By
            default to the right, or downwards if the picture fits the width only in that way.
        width : in pixels. Boxes are closed until the picture fits; if it still does not, it is scaled down.
        """
        from chainrule.explain.picture import svg

        return svg(self, fold, direction, width)

    def dot(self, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
        """The same graph in Graphviz's language."""
        from chainrule.explain.picture import dot

        return dot(self, fold, direction, width)

    def tikz(self, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
        """The same picture for documents in LaTeX that load tikz and amsmath: a `tikzpicture`.

        Without a `width` in pixels it is as wide as the text of an article.
        """
        from chainrule.explain.picture import tikz

        return tikz(self, fold, direction, width)

    def frames(
        self, form: str = "svg", fold: bool = True, direction: str | None = None, width: float | None = None
    ) -> list[str]:
        """One picture for each step, for slides: first the forward pass, then the backward pass, all of the same size.

        `form` is "svg" or "tikz"; the rest as for `svg`.

        >>> import chainrule as cr
        >>> frames = cr.explain(lambda x, y: x * y)(2.0, 3.0).frames()
        >>> len(frames)  # the inputs, the product, and the gradients of the product, of x and of y
        5
        """
        from chainrule.explain.picture import frames

        if form not in ("svg", "tikz"):
            raise ValueError(f"form must be 'svg' or 'tikz', not {form!r}")
        return list(frames(self, form, fold, direction, width))

    def health(self) -> Health:
        """How large the values and gradients are, the first NaN or Inf, dead units, gradients that vanish or explode.

        >>> import numpy as np, chainrule as cr
        >>> health = cr.explain(lambda x: np.sum(np.sqrt(x)))(np.array([4.0, 0.0])).health()
        >>> health.findings[0].split(",")[0]
        'The first Inf of the backward pass: ∂L/∂x[1]'
        """
        from chainrule.explain.health import health_of

        return health_of(self)

    def html(self, check: Any = None) -> str:
        """The page: one HTML file that works offline, with the graph, each step, and the derivation.

        `check` is the report of `cr.check` for the same call; if given, the page shows what it found.

        >>> import chainrule as cr
        >>> square = lambda x: x * x
        >>> page = cr.explain(square)(3.0).html(check=cr.check(square)(3.0))
        >>> page[:15], "http://www.w3.org/" in page
        ('<!doctype html>', True)
        """
        from chainrule.explain.page import page

        return page(self, check)

    def code(self, library: str = "numpy") -> str:
        """The forward and the backward pass as source text: functions that need an array library, but not chainrule.

        Parameters
        ----------
        library : "numpy", for a forward and a backward function and one that returns value and gradient; "torch", for
            a `torch.autograd.Function` and a function that applies it; "jax", for a function with a `custom_vjp`.

        Loops are unrolled, branches are those that were taken, and Python's integers are part of the code, as are
        shapes. Plain arrays that the function takes from outside become arguments.

        Raises CodeError where a block cannot be written in that library; it names all of them.

        >>> import numpy as np, chainrule as cr
        >>> def loss(x):
        ...     return np.sum(x**2)
        >>> exec(cr.explain(loss)(np.array([1.0, 2.0])).code(), functions := {})
        >>> functions["loss_and_gradient"](np.array([1.0, 2.0]))
        (np.float64(5.0), array([2., 4.]))
        """
        from chainrule.code import code_of
        from chainrule.explain.derivation import derivation

        if self.call is None:
            raise GradientError(
                "code needs the function: explain it with cr.explain(f)(…), not from a variable's result"
            )
        return code_of(*self.call, library, lambda names: derivation(self, names))

    def markdown(self, **style: Unpack[Shows]) -> str:
        """The derivation as Markdown with formulas in LaTeX, for GitHub and Jupyter. Options as for `latex`."""
        from chainrule.explain.document import markdown_document

        return markdown_document(self, Style(**style))


def explained_function(f: Any, argnums: Argnums | None, gradient: Any) -> Any:
    """What `cr.explain(f, argnums, gradient=gradient)` returns: a function of f's arguments, or an explanation."""
    if type(f) is Array:
        return explain_variables(f, gradient)
    needs_function(f, "explain")

    def explained(*args: Any, **kwargs: Any) -> Explanation:
        with warnings_at_users_lines():
            return explained_call(args, kwargs)

    def explained_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Explanation:
        if (network := network_of(f, args, kwargs)) is not None:
            return explain_network(network, argnums)
        args, kwargs = with_numpys_arrays(args, kwargs)
        call = kept_call(f, args, kwargs)
        recording, plain, scopes = recorded_with_names(f, args, kwargs, argnums)
        taken = {*plain, *(node.name for node in (*recording.inputs, *recording.path.between))}
        recording, result = with_loss(without_steps_that_hand_on(recording), gradient, taken)
        title = getattr(f, "__name__", "f")
        return replace(explain_recording(recording, title, plain, variables_of(f), scopes, result), call=call)

    return explained


def explain_variables(y: Array, gradient: Any) -> Explanation:
    """Explain a result that was computed from variables, with the names of the calling frame."""
    node, frame = node_of(y), user_frame()
    if not node.differentiable:
        raise GradientError(
            "the result consists of integers or booleans, which have no gradient; explain a result of floats"
            + at_line()
        )
    inputs = sorted(sources_of(node), key=lambda source: source.order)
    found = {**frame.f_globals, **frame.f_locals}
    named = {label: x for label, x in found.items() if not label.startswith("_")}
    for label, x in named.items():
        if type(x) is Array and node_of(x).name is None:
            node_of(x).name = label
    plain = {label: data for label, x in named.items() if (data := numbers_of(x)) is not None}
    recording = Recording(inputs, [], [], [y], lambda leaves: leaves[0], find_path(inputs, [node]), recorded=False)
    recording, result = with_loss(without_steps_that_hand_on(recording), gradient, {*named})
    return explain_recording(recording, node.name or "the result", plain, named, result=result)


def explain_network(network: Any, argnums: Argnums | None = None) -> Explanation:
    """Explain a network of PyTorch (a `chainrule.pytorch.network.Network`): its inputs and all its parameters.

    `argnums` are names of some of these, to differentiate by them only.
    """
    plain = dict(network.named_arrays)
    with collect_scopes() as scopes, watch_locals(plain, network.calls(scopes), network.revealed):
        recording = record_call(network, _named(network, argnums), tuple(network.values), {})
    try:
        scalar_loss(recording, network.__name__)
    except GradientError as error:
        raise GradientError(
            f"{error}\n  as in cr.explain(lambda x: torch.nn.functional.cross_entropy(model(x), labels))(x)"
        ) from None
    shown = without_steps_that_hand_on(recording)
    return explain_recording(shown, network.__name__, plain, network.variables, scopes)


def _named(network: Any, argnums: Argnums | None) -> tuple[tuple[int, str], ...]:
    """The chosen arguments of a network, each by its position and its name."""
    names = list(network.names)
    if argnums is None:
        return tuple(enumerate(names))
    chosen = argnums if isinstance(argnums, tuple | list) else (argnums,)
    unknown = [which for which in chosen if which not in names]
    if unknown:
        raise GradientError(f"{network.__name__} has no {unknown[0]!r}; it has {', '.join(names)}" + at_line())
    return tuple((i, name) for i, name in enumerate(names) if name in chosen)


def explain_recording(
    recording: Recording,
    title: str,
    plain: Mapping[str, Any],
    reserved: Collection[str] = (),
    scopes: Scopes = NO_SCOPES,
    result: Result | None = None,
) -> Explanation:
    """Explain a recording whose one output is the loss.

    `plain` are the user's plain arrays by name, `reserved` names that unnamed nodes must not get, `scopes` the
    scopes collected during the recording, `result` is what the function returned if that is an array.
    """
    loss = scalar_loss(recording, title)
    if type(loss) is not Array:
        raise GradientError(f"{title} returned a plain number: it does not depend on its arguments" + at_line())
    end = node_of(loss)
    nodes = forward_nodes(recording, end)
    recorded = {node.name for node in nodes}
    plain = {label: x for label, x in plain.items() if label not in recorded}  # renamed, as by h = zeros(n)
    named = Names(nodes, end, set(plain), reserved)
    symbols = {node: name(named.of[node], np.shape(node.value)) for node in nodes}

    if result is not None:
        symbols[result.gradient] = partial(symbols[end], symbols[result.node])
    data = Data(plain)

    def constants(x: Any) -> Formula:
        return constant_formula(x, data)

    opened, innermost = scopes.of(nodes)
    forward = forward_steps(recording, nodes, symbols, constants, innermost)
    gradients = backpropagate(recording.path, {end: np.float64(1.0).astype(loss.dtype)}, recorded=True)
    backward = backward_steps(recording, end, nodes, symbols, constants, gradients)
    closed = ClosedForms(nodes, recording.inputs, symbols, constants, data)
    closed_forms = tuple(closed_forms_of(recording, end, gradients, symbols, closed, result))
    shown = Explanation(printable(title), symbols[end], forward, backward, closed_forms, opened, tuple(nodes), plain)
    if result is None:
        return shown
    found = tuple(jacobians_of(recording, result, gradients, symbols, closed))
    return replace(shown, result=symbols[result.node], jacobians=found)
