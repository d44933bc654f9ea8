"""The public interface is typed. `.ci/run` checks `typed/typical.py` with mypy and pyright, strictly; here it runs."""

import typing
from pathlib import Path

from tests.typed import transforms, typical

import chainrule as cr


def test_what_type_checkers_accept_runs(capsys):
    typical.main()
    transforms.main()
    assert "Forward pass of" in capsys.readouterr().out


def test_every_name_is_exported():
    """Strict checkers take only these as names of the package."""
    assert sorted(set(cr.__all__)) == sorted(cr.__all__)
    assert all(hasattr(cr, name) for name in cr.__all__)
    public = {name for name, x in vars(cr).items() if not name.startswith("_") and callable(x)}
    assert public - set(cr.__all__) <= {"name_hint"}


def test_transforms_keep_the_parameters_of_their_function():
    hints = typing.get_type_hints(cr.grad)
    assert typing.get_args(hints["f"])[0] is typing.get_args(hints["return"])[0]


def test_the_package_says_that_it_is_typed():
    assert (Path(cr.__file__).parent / "py.typed").exists()
