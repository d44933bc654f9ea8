"""A call of a function, seen as a function of the floating arrays among its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.argnums import Argnums, chosen_arguments, positions_of
from chainrule.array import Array, value_of
from chainrule.check.parts import widest
from chainrule.errors import GradientError
from chainrule.escape import printable
from chainrule.forks import imported
from chainrule.inputs import must_be_plain
from chainrule.layout import copied_as_it_lies, laid_out_as
from chainrule.libraries import is_foreign, is_inexact
from chainrule.node import at_line
from chainrule.operands import holds_numbers
from chainrule.transforms import name_of
from chainrule.trees import Rebuild, flatten

__all__ = ["CheckedArgument", "CheckedCall"]


@dataclass(frozen=True)
class CheckedArgument:
    """An argument as a tree of leaves, some of which are checked.

    Attributes
    ----------
    key : its position or its keyword.
    checked : the positions of the checked leaves.
    """

    key: int | str
    name: str
    leaves: tuple[Any, ...]
    labels: tuple[str, ...]
    rebuild: Rebuild
    checked: tuple[int, ...] = ()


@dataclass(frozen=True)
class CheckedCall:
    """`call(*xs)` calls f with xs in place of the checked leaves, and copies of all other arrays."""

    f: Callable[..., Any]
    arguments: tuple[CheckedArgument, ...]

    @classmethod
    def of(
        cls, f: Callable[..., Any], argnums: Argnums | None, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> CheckedCall:
        """The call f(*args, **kwargs). Without argnums every leaf of a floating type is checked."""
        names = positions_of(f, tuple(range(len(args))))
        arguments = [_argument(i, name or f"argument {i}", x) for (i, name), x in zip(names, args, strict=True)]
        arguments += [_argument(name, name, x) for name, x in kwargs.items()]
        for a in arguments:
            for leaf in a.leaves:
                must_be_plain(leaf, f, a.key)
        if argnums is None:
            chosen = [replace(a, checked=_floating(a.leaves)) for a in arguments]
            if not any(a.checked for a in chosen):
                raise GradientError(
                    f"no argument of {name_of(f)} is of a floating type, so there is no gradient to check" + at_line()
                )
        else:
            wanted = [i if 0 <= i < len(args) else name for i, name in positions_of(f, argnums)]
            if missing := [key for key in wanted if key not in {a.key for a in arguments}]:
                raise GradientError(f"{name_of(f)} was called without its argument {missing[0]!r}" + at_line())
            chosen = [
                replace(a, checked=_floating(a.leaves) or tuple(range(len(a.leaves)))) if a.key in wanted else a
                for a in arguments
            ]
        return cls(f, tuple(chosen))

    @classmethod
    def of_network(cls, network: Any, argnums: Argnums | None) -> CheckedCall:
        """The call of a network of PyTorch with its own values."""
        names = network.names
        wanted = names if argnums is None else chosen_arguments(argnums, "check")
        wanted = [names[which] if isinstance(which, int) else which for which in wanted]
        if missing := [name for name in wanted if name not in names]:
            raise GradientError(
                f"{name_of(network)} has no argument or parameter {missing[0]!r}; it has {', '.join(names)}" + at_line()
            )
        return cls(
            network,
            tuple(
                CheckedArgument(i, name, (value,), (name,), lambda leaves: leaves[0], (0,) if name in wanted else ())
                for i, (name, value) in enumerate(zip(names, network.values, strict=True))
            ),
        )

    def __str__(self) -> str:
        return f"{name_of(self.f)}({', '.join(a.name for a in self.arguments)})"

    @property
    def checked(self) -> tuple[CheckedArgument, ...]:
        """The arguments with a checked leaf."""
        return tuple(a for a in self.arguments if a.checked)

    @property
    def leaves(self) -> list[Any]:
        return [a.leaves[i] for a in self.arguments for i in a.checked]

    @property
    def labels(self) -> list[str]:
        return [a.labels[i] for a in self.arguments for i in a.checked]

    def with_leaves(self, leaves: Sequence[Any]) -> CheckedCall:
        """The same call with other values of the checked leaves."""
        new = iter(leaves)
        return replace(
            self,
            arguments=tuple(
                replace(a, leaves=tuple(next(new) if i in a.checked else x for i, x in enumerate(a.leaves)))
                for a in self.arguments
            ),
        )

    def __call__(self, *leaves: Any) -> Any:
        return self.run(leaves)

    def run(self, leaves: Sequence[Any], wide: bool = False) -> Any:
        """Call f; `wide` also turns the arrays that are not checked into double precision."""
        args, kwargs = self.trees(leaves, wide)
        return self.f(*args, **kwargs)

    def trees(self, leaves: Sequence[Any], wide: bool = False) -> tuple[list[Any], dict[str, Any]]:
        """The positional and keyword arguments for f."""
        new = iter(leaves)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for a in self.arguments:
            mine = [next(new) if i in a.checked else _copy(x, wide) for i, x in enumerate(a.leaves)]
            if isinstance(a.key, int):
                args.append(a.rebuild(mine))
            else:
                kwargs[a.key] = a.rebuild(mine)
        return args, kwargs


def _argument(key: int | str, name: str, tree: Any) -> CheckedArgument:
    leaves, rebuild = flatten(tree)
    labels: tuple[str, ...] = (printable(name),)
    if len(leaves) != 1 or leaves[0] is not tree:
        optree = imported("optree")

        labels = tuple(printable(a.codify(name)) for a in optree.tree_accessors(tree, namespace="chainrule"))
    return CheckedArgument(key, name, tuple(_plain(x) for x in leaves), labels, rebuild)


def _plain(leaf: Any) -> Any:
    """A leaf as a plain value, for differences."""
    leaf = value_of(leaf) if isinstance(leaf, Array) else leaf
    if holds_numbers(leaf) and not is_foreign(leaf):
        return leaf
    if is_inexact(leaf) and not isinstance(leaf, np.ndarray | np.generic | float | complex):
        return np.asarray(leaf)
    return leaf


def _floating(leaves: Sequence[Any]) -> tuple[int, ...]:
    return tuple(i for i, x in enumerate(leaves) if is_inexact(x))


def _copy(leaf: Any, wide: bool) -> Any:
    if not isinstance(leaf, np.ndarray):
        return leaf
    if wide and leaf.dtype.kind in "fc":
        return laid_out_as(leaf.astype(widest(leaf.dtype)), leaf)
    return copied_as_it_lies(leaf)
