"""The command `chainrule`: explain, check, blocks, notes.

Exit codes: 0 all is well, 1 a check failed or the user's function raised an error, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import os
import re
import sys
import tempfile
import unicodedata
import webbrowser
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

import chainrule
from chainrule.block.making import BLOCKS
from chainrule.errors import ChainruleError, ExpressionError, NoAnswer, asking_others
from chainrule.escape import printable
from chainrule.expression import parse, parse_value
from chainrule.expression.limits import shortened
from chainrule.libraries import is_inexact
from chainrule.node import hide_file

__all__ = ["main"]

EXAMPLES = """examples:
  chainrule explain "a = 2*x; b = 3*y; c = a + b; L = c*z" x=1 y=2 z=3
  chainrule explain "s = W @ x; p = softmax(s); L = cross_entropy_loss(p, 0)" W="[[1,2],[3,4]]" x="[1,-1]"
  chainrule explain train.py:loss --arg x=@batch.npy
  chainrule explain train.py:loss --html loss.html --open
  chainrule check "sum(tanh(x)**2)" x="[0.1, 0.2]"
  chainrule check layers.py:forward --against layers.py:backward --arg x=@x.npy
  chainrule blocks softmax
  chainrule play
  chainrule notes
"""


DOCUMENTS = {
    "latex": "a LaTeX document",
    "markdown": "Markdown",
    "svg": "a picture of the graph",
    "dot": "the graph for Graphviz",
    "tikz": "the picture for LaTeX",
    "health": "how large values and gradients are, and what stands out",
}
"""The output formats of an explanation: methods of `Explanation`."""
PICTURES = ("svg", "dot", "tikz")
FRAMES = {"svg": "svg", "tikz": "tex"}
"""The ending of the files of pictures of single steps."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    hide_file(sys._getframe(1).f_code.co_filename)  # the script that starts us is not user code
    if hasattr(sys.stdout, "reconfigure") and not (sys.stdout.encoding or "").lower().startswith("utf"):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        parser = _parser()
        if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions, through the package argcomplete
            importlib.import_module("argcomplete").autocomplete(parser)
        options = parser.parse_args(argv)
        code = options.run(options)
        print(end="", flush=True)
        return code
    except BrokenPipeError:  # the reading process (head, say) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except ExpressionError as error:
        return _fail(error, 2)
    except (OSError, ImportError, _UserError, ChainruleError) as error:
        return 130 if _is_interrupt(error) else _fail(error, 1)
    except RecursionError:
        return _fail("a formula is nested too deep to be written; give parts of it names: a = …; b = …", 1)
    except MemoryError:
        return _fail("there is not enough memory for this", 1)


_FUNCTION = re.compile(r"(.+\.py):([A-Za-z_]\w*)")
"""The form in which the command line names a function of a file."""


class _UserError(Exception):
    """An error in the user's own function, reported without a traceback through chainrule."""


def _is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C caused an error. During the import of a C library it shows as an ImportError."""
    seen: list[BaseException] = []  # errors may be each other's cause and context
    found: BaseException | None = error
    while found is not None and found not in seen:
        if isinstance(found, KeyboardInterrupt):
            return True
        seen.append(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return False


def _fail(error: BaseException | str, code: int) -> int:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    told = "\n".join(printable(line) for line in f"{error}{notes}".split("\n"))
    print(f"chainrule: {told}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one short, printable line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {shortened(printable(message), 300)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chainrule",
        description="Backpropagation you can see: explain and check the gradients of NumPy code.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chainrule {chainrule.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for add in (_add_explain, _add_check, _add_blocks, _add_play):
        add(commands)
    notes = commands.add_parser("notes", help="recompute the notes on backpropagation, each line checked")
    notes.set_defaults(run=_notes)
    return parser


def _add_explain(commands: Any) -> None:
    explain = commands.add_parser("explain", help="show the forward and the backward pass, step by step")
    _add_target(explain)
    form = explain.add_mutually_exclusive_group()
    for name, what in DOCUMENTS.items():
        form.add_argument(
            f"--{name}", dest="document", action="store_const", const=name, help=f"print {what} instead of tables"
        )
    form.add_argument("--html", metavar="file", help="write the page, one HTML file that works offline")
    explain.add_argument("--open", action="store_true", help="show the page in the browser")
    explain.add_argument("--check", action="store_true", help="check the gradients too, and show it on the page")
    form.add_argument(
        "--code", metavar="LIBRARY", choices=("numpy", "torch", "jax"), help="print code for numpy, torch or jax"
    )
    explain.add_argument("--by", metavar="x,y", help="differentiate by these arguments only; the others are data")
    explain.add_argument("--gradient", metavar="[…]", help="∂L/∂y where the result y is an array; ones by default")
    explain.add_argument("--all", action="store_true", help="show every step, also the equal rounds of a long loop")
    _add_style(explain)
    explain.set_defaults(run=_explain)


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="compare the gradients with PyTorch, JAX and finite differences")
    _add_target(check)
    check.add_argument(
        "--against", metavar="file.py:function", help="a gradient or a backward pass written by hand, to be checked"
    )
    check.set_defaults(run=_check)


def _add_blocks(commands: Any) -> None:
    blocks = commands.add_parser("blocks", help="list the library's blocks, or show some in full")
    names = blocks.add_argument(
        "names", nargs="*", metavar="name", help="a block, or what one answers for: softmax, np.exp"
    )
    names.completer = lambda **_: [*BLOCKS]  # type: ignore[attr-defined]
    form = blocks.add_mutually_exclusive_group()
    form.add_argument("--check", action="store_true", help="check every block (or those named) on its example")
    form.add_argument("--markdown", action="store_true", help="print the catalogue as Markdown")
    blocks.add_argument("--jax", action="store_true", help="with --check: JAX for every block that it can run")
    blocks.set_defaults(run=_blocks)


def _add_play(commands: Any) -> None:
    play = commands.add_parser("play", help="open a page in the browser where explanations follow as you type")
    play.add_argument("target", nargs="?", default="", help="an expression to start with, or a link that was shared")
    play.add_argument("values", nargs="*", metavar="name=value", help="the values of its inputs")
    play.add_argument("--port", type=int, help="the port to listen on; a free one if not given")
    play.add_argument("--no-open", dest="show", action="store_false", help="print the address, and open no browser")
    play.set_defaults(run=_play)


def _add_style(parser: argparse.ArgumentParser) -> None:
    """The options of documents; each is a field of `explain.style.Style`."""
    style = parser.add_argument_group("with --latex and --markdown")
    style.add_argument("--title", metavar="TEXT", help="the heading; the name of the function if not given")
    style.add_argument("--digits", metavar="N", type=int, choices=range(1, 18), help="how many digits a number has")
    for name, what in LEFT_OUT.items():
        style.add_argument(
            f"--no-{name.replace('_', '-')}", dest=name, action="store_const", const=False, help=f"leave out {what}"
        )

    picture = parser.add_argument_group("with --svg, --dot, --tikz and --frames")
    picture.add_argument("--width", metavar="PIXELS", type=int, help="functions are folded until the picture fits")
    picture.add_argument("--direction", choices=("right", "down"), help="where the wires lead")
    picture.add_argument(
        "--frames", metavar="FOLDER", help="write a picture for each step there: SVG, or TikZ with --tikz"
    )


LEFT_OUT = {
    "steps": "the backward pass, and keep the closed forms",
    "symbols": "formulas over names, and keep those over numbers",
    "numbers": "all numbers, and keep the symbols",
    "local_gradients": "local gradients, and the chain rule that is written with them",
}
"""The parts that a document may leave out."""


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="an expression such as 'L = (2*x + 3*y)*z', or file.py:function")
    parser.add_argument(
        "values",
        nargs="*",
        metavar="name=value",
        help="a value for a name: a number, a list as [[1,2],[3,4]], or @file.npy",
    )
    parser.add_argument("--arg", action="append", default=[], metavar="name=value", help="the same, as an option")


def _explain(options: argparse.Namespace) -> int:
    from chainrule.explain import explain

    by = None if options.by is None else tuple(options.by.replace(",", " ").split())
    gradient = None if options.gradient is None else parse_value(options.gradient)
    style = _style(options)
    explanation = _called(options, lambda f: explain(f, by, gradient=gradient))
    if options.html or options.open:
        _write_page(options, explanation)
    elif options.frames is not None:
        _write_frames(options, explanation, style)
    elif options.document or options.code:
        text = explanation.code(options.code) if options.code else str(getattr(explanation, options.document)(**style))
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        explanation.show(fold=not options.all)
    return 0


def _style(options: argparse.Namespace) -> dict[str, Any]:
    """The style options of a document or a picture; an error if they do not fit the output."""
    style = _given(options, ("title", "digits", *LEFT_OUT))
    picture = _given(options, ("width", "direction"))
    is_picture = options.frames is not None or options.document in PICTURES
    if style and options.document not in ("latex", "markdown"):
        name = next(iter(style))
        option = ("no-" if name in LEFT_OUT else "") + name.replace("_", "-")
        raise ExpressionError(f"--{option} goes with --latex or --markdown")
    if picture and not is_picture:
        raise ExpressionError(f"--{next(iter(picture))} goes with --svg, --dot, --tikz or --frames")
    if options.frames is not None and (options.html or options.code or options.document not in (None, "svg", "tikz")):
        raise ExpressionError("--frames writes pictures as --svg, or as --tikz with that option")
    shows_steps = is_picture or options.document in ("latex", "markdown")
    return {**style, **picture, "fold": not options.all} if shows_steps else {}


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _write_frames(options: argparse.Namespace, explanation: Any, style: dict[str, Any]) -> None:
    """Write numbered files into a folder, one for each step."""
    form = options.document or "svg"
    frames = explanation.frames(form, **style)
    os.makedirs(options.frames, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        path = os.path.join(options.frames, f"{number:0{len(str(len(frames)))}}.{FRAMES[form]}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(frame)
        print(path)


def _write_page(options: argparse.Namespace, explanation: Any) -> None:
    """Write the page to the named file or to a temporary one, and open it in the browser if asked."""
    from chainrule.check import check

    page = explanation.html(_called(options, check) if options.check else None)
    path = options.html
    if path is None:
        handle, path = tempfile.mkstemp(prefix="chainrule-", suffix=".html")
        os.close(handle)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
    print(path)
    if options.open:
        webbrowser.open(f"file://{os.path.abspath(path)}")


def _check(options: argparse.Namespace) -> int:
    from chainrule.check import check

    against = None if options.against is None else _against(options)
    report = _called(options, lambda f: check(f, against=against))
    print(report)
    return 0 if report.ok else 1


def _against(options: argparse.Namespace) -> Callable[..., Any]:
    """The function of --against. Without a file name it is looked up in the file of the target."""
    path, name = _FUNCTION.fullmatch(options.against), options.against
    if path is None and (target := _FUNCTION.fullmatch(options.target)) is not None and name.isidentifier():
        return _function(target[1], name)
    if path is None:
        raise ExpressionError(f"--against takes file.py:function, not {shortened(options.against)!r}")
    return _function(path[1], path[2])


def _blocks(options: argparse.Namespace) -> int:
    from chainrule.catalogue import command

    if options.check:
        return command.check(options.names, options.jax)
    return command.markdown(options.names) if options.markdown else command.blocks(options.names)


def _notes(options: argparse.Namespace) -> int:
    """Run the notes, which are in the library's folder in a wheel, and among the examples in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    files = (os.path.join(folder, "examples", "notes.py") for folder in (here, os.path.dirname(os.path.dirname(here))))
    return _loaded(next(filter(os.path.exists, files))).main(sys.stdout)


def _play(options: argparse.Namespace) -> int:
    from chainrule.play.server import linked, serve

    values = dict(_named(text) for text in options.values)
    serve(linked(options.target, values), options.port, options.show)
    return 0


def _called(options: argparse.Namespace, transform: Callable[..., Any]) -> Any:
    """The transform of the target function, called with the values given."""
    pairs = [_pair(text) for text in [*options.values, *options.arg]]
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        raise ExpressionError(f"{next(n for n in names if names.count(n) > 1)} is given twice")
    if options.target.endswith(".py"):
        raise ExpressionError(f"which function of {options.target}? Write {options.target}:name")
    if found := _FUNCTION.fullmatch(options.target):
        function = _function(found[1], found[2])
        arguments = _defaults(function, given)
    else:
        expression = parse(options.target)
        function, arguments = expression.function, expression.arguments(given)
    try:
        with asking_others():
            return transform(function)(**arguments)
    except NoAnswer as none:
        if isinstance(none.error, ChainruleError):
            raise none.error from None
        user = _UserError(f"{type(none.error).__name__}: {none.error}{_innermost(none.error)}")
        user.__notes__ = getattr(none.error, "__notes__", [])
        raise user from none.error


def _innermost(error: BaseException) -> str:
    """The last line of user code in a traceback."""
    from chainrule.node import Line, is_internal

    place, trace = None, error.__traceback__
    while trace is not None:
        if not is_internal(trace.tb_frame.f_code.co_filename):
            place = Line(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return f"\n  at {place}" if place and not getattr(error, "__notes__", ()) else ""


def _pair(text: str) -> tuple[str, Any]:
    name, value = _named(text)
    return name, parse_value(value)


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise ExpressionError(f"{shortened(text)!r} is not of the form name=value")
    return unicodedata.normalize("NFKC", name.strip()), value.strip()


def _function(path: str, name: str) -> Callable[..., Any]:
    """A function of the user's file."""
    if not os.path.exists(path):
        raise ExpressionError(f"there is no file {path}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        with asking_others():
            module = _loaded(path)
    except (NoAnswer, SystemExit) as none:
        error = none.error if isinstance(none, NoAnswer) else none
        raise _UserError(f"{path} cannot be run: {type(error).__name__}: {error}{_innermost(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        known = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
        raise ExpressionError(f"{path} has no function {name}" + (f"; it has {', '.join(known)}" if known else ""))
    return function


def _loaded(path: str) -> Any:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)  # dataclasses look up their module in sys.modules
    spec.loader.exec_module(module)
    return module


def _defaults(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Arguments for a user's function: the given values, and the defaults."""
    parameters = inspect.signature(function).parameters
    unknown = sorted(given.keys() - parameters.keys())
    if unknown:
        raise ExpressionError(
            f"{function.__name__} has no argument {', '.join(unknown)}; it has {', '.join(parameters)}"
        )
    arguments = {n: given.get(n, p.default) for n, p in parameters.items() if n in given or p.default is not p.empty}
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [n for n, p in parameters.items() if n not in arguments and p.kind not in fixed]
    if missing:
        raise ExpressionError(f"no value for {', '.join(missing)}; add {' '.join(f'--arg {n}=…' for n in missing)}")
    for name, value in arguments.items():
        if name in given and np.asarray(value).dtype.kind == "i" and is_inexact(parameters[name].default):
            arguments[name] = np.asarray(value, dtype=float)[()]
        elif name in given and np.ndim(value) and np.asarray(value).dtype.kind == "i":
            print(f"chainrule: {name} holds integers, so it has no gradient; write 1.0 for 1", file=sys.stderr)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
