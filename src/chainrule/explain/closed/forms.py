"""Choosing the closed form to show: the shortest of those over the user's names and over the inputs."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.index_rules import simpler
from chainrule.explain.closed.kronecker import KroneckerFactor, as_kronecker
from chainrule.explain.closed.matrices import Writing
from chainrule.explain.closed.named import Definition, folded
from chainrule.explain.closed.parts import Part
from chainrule.explain.closed.products import added, scaled
from chainrule.explain.closed.read import GraphReading
from chainrule.explain.closed.terms import Expr, Index, Term, UnwritableError, without
from chainrule.explain.data import NO_DATA, Data
from chainrule.explain.notation import formula_of
from chainrule.formula import Formula, kron, name
from chainrule.libraries import is_complex
from chainrule.node import Node
from chainrule.simplify import simplify

__all__ = ["ClosedForms", "pieces"]

FAR = 80
"""With more blocks than this between a gradient and the leaves, no short formula is expected."""
LONGEST = 60
"""A formula with more pieces than this is left out as unreadable."""
WORTH = 7
"""The name of the loss is used if it shortens a formula by at least this many pieces."""


class ClosedForms:
    """Writes gradients over the names of a forward pass.

    Parameters
    ----------
    nodes : the nodes of the forward pass, oldest first, the loss last. A node with a name is written by its name.
    inputs : the inputs of the function.
    symbols : the formula of each node's name.
    constants : a function that returns the formula of a constant.
    data : the user's plain arrays.
    """

    def __init__(
        self,
        nodes: list[Node],
        inputs: list[Node],
        symbols: Mapping[Node, Formula],
        constants: Callable[[Any], Formula],
        data: Data = NO_DATA,
    ):
        self.symbols = symbols
        self.constants = constants
        self.data = data
        self.atoms = Atoms(rules=simpler)
        self.inputs = set(inputs) | {node for node in nodes if node.block is None}
        self.named = {node for node in nodes[:-1] if node.name} | self.inputs
        self.is_short = len(nodes) <= FAR
        self.computed = [n for n in nodes[:-1] if n in self.named - self.inputs] if self.is_short else []
        self.from_inputs = self._reading(self.inputs, symmetric=False)
        self.from_names = self._reading(self.named)
        self.from_loss = self._reading(self.named | {nodes[-1]})
        self.from_all = self._reading(set(symbols))
        self.definitions = {self.from_names: tuple(self._definitions(self.named))}
        few = self.named.difference(self._multiples())
        if few != self.named:
            self.definitions[self._reading(few)] = tuple(self._definitions(few))
        readings = (self.from_inputs, self.from_loss, self.from_all, *self.definitions)
        self.far: dict[GraphReading, set[Node]] = {reading: set() for reading in readings}
        self.far_from_all: set[Node] = set()
        self.names: dict[Any, Formula] = {}
        for node in self.computed:
            self._remember(node)

    def _reading(self, leaves: Container[Node], symmetric: bool = True) -> GraphReading:
        is_symmetric = self._is_symmetric if symmetric else lambda node: False
        return GraphReading(self.atoms, leaves, is_symmetric, self.data)

    def _remember(self, node: Node) -> None:
        """Note the value of a named node, so that it is written by its name wherever it occurs."""
        try:
            value = self.from_inputs.of(node)
        except UnwritableError:
            return
        if value.terms and set(value.used()) == set(value.free()):
            self.names.setdefault((self.atoms.key(value), value.shape), self.symbols[node])

    def _value(self, node: Node, leaves: Container[Node]) -> Expr | None:
        try:
            return self._reading(leaves).of(node)
        except UnwritableError:
            return None

    def _multiples(self) -> Iterator[Node]:
        """Named values that are a multiple of another value or of its sum (a mean): then more cancels."""
        for node in self.computed:
            value = self._value(node, self.named - {node})
            if value is not None and len(value.terms) == 1:
                factors = value.terms[0].factors
                if len(factors) == 1 and all(atom.kind == "leaf" and e == 1 for (atom, _), e in factors.items()):
                    yield node

    def _definitions(self, leaves: set[Node]) -> Iterator[Definition]:
        """The definitions of named values over the leaves, latest first, since these cover most."""
        for node in reversed(self.computed):
            value = self._value(node, leaves - {node})
            if value is None:
                continue
            for opened in (value, *self.atoms.opened(value)):
                yield Definition(self.from_names.of(node), opened)

    def _is_symmetric(self, node: Node) -> bool:
        if np.ndim(node.value) != 2 or node in self.inputs or not self.is_short:
            return False
        try:
            value = self.from_inputs.of(node)
        except UnwritableError:
            return False
        free = value.free()
        square = len(free) == 2 and free[0].size == free[1].size
        return square and self.atoms.key(value) == self.atoms.key(value, free[::-1])

    def of(self, gradient: Any) -> Formula | None:
        """A gradient (a node or a constant) as a formula; None if there is no short one."""
        if type(gradient) is not Node:
            return self._of_constant(gradient)
        found = [self._over(self.from_names, gradient, {})]
        if self.is_short:
            found.append(self._over(self.from_inputs, gradient, self.names))
        found += (f for reading in self.definitions for f in self._by_definitions(reading, gradient))
        best = min((f for f in found if f is not None), key=pieces, default=None)
        with_loss = self._over(self.from_loss, gradient, {})
        if with_loss is not None and (best is None or pieces(with_loss) + WORTH <= pieces(best)):
            best = with_loss
        if best is None or pieces(best) > LONGEST:
            best = self._over(self.from_all, gradient, {}) or self._plainly(gradient)
        return None if best is None or pieces(best) > LONGEST else best

    def jacobian(self, gradient: Any, seed: Node) -> Formula | None:
        """The matrix J of a gradient J v, v being a vector, a leaf; None if there is no short formula for it."""
        if type(gradient) is not Node or np.ndim(gradient.value) != 1 or np.ndim(seed.value) != 1:
            return None
        found = (self._over_seed(reading, gradient, seed) for reading in (self.from_names, self.from_inputs))
        best = min((f for f in found if f is not None), key=pieces, default=None)
        return None if best is None or pieces(best) > LONGEST else best

    def kronecker(self, gradient: Any, seed: Node) -> Formula | None:
        """The matrix of a gradient that is linear in a matrix, a leaf, as a sum of Kronecker products.

        Its rows and columns are the entries of the matrices, row by row. None if it is no such sum, or not a short one.
        """
        if type(gradient) is not Node or np.ndim(gradient.value) != 2 or np.ndim(seed.value) != 2:
            return None
        found = (self._products_over_seed(reading, gradient, seed) for reading in (self.from_names, self.from_inputs))
        best = min((f for f in found if f is not None), key=pieces, default=None)
        return None if best is None or pieces(best) > LONGEST else best

    def _products_over_seed(self, reading: GraphReading, gradient: Node, seed: Node) -> Formula | None:
        if _is_far(gradient, reading.leaves, self.far[reading]):
            return None
        try:
            value = reading.of(gradient)
            matrices = (as_kronecker(self.atoms, x, seed) for x in (value, *self.atoms.opened(value)))
            found = next((m for m in matrices if m is not None), None)
            if found is None:
                return None
            writing = Writing(self.atoms, self._leaf, self.names if reading is self.from_inputs else {})
            return added([_product(writing, *pair) for pair in found]).of_shape((np.size(seed.value),) * 2)
        except UnwritableError:
            return None

    def _over_seed(self, reading: GraphReading, gradient: Node, seed: Node) -> Formula | None:
        if _is_far(gradient, reading.leaves, self.far[reading]):
            return None
        try:
            value = reading.of(gradient)
            matrices = (self._without(x, seed) for x in (value, *self.atoms.opened(value)))
            found = next((m for m in matrices if m is not None), None)
            names = self.names if reading is self.from_inputs else {}
            return None if found is None else Writing(self.atoms, self._leaf, names).matrix(*found)
        except UnwritableError:
            return None

    def _without(self, x: Expr, seed: Node) -> tuple[Expr, Expr] | None:
        """J from J v, if v is a factor of each term: an entrywise factor, and a matrix.

        In the matrix the index of v becomes that of the columns.
        """
        (row,), column = x.axes, Index(np.size(seed.value))
        diagonal, terms = [], []
        for term in x.terms:
            seeds = [(f, e) for f, e in term.factors.items() if f[0].content is seed]
            if len(seeds) != 1 or seeds[0][1] != 1 or row is None:
                return None
            factor = seeds[0][0]
            rest = Term(term.number, without(term.factors, factor))
            if factor[1][0] is row:
                diagonal.append(rest)
            else:
                terms.append(rest.renamed({factor[1][0]: column}))
        return self.atoms.collected(diagonal, (row,)), self.atoms.collected(terms, (row, column))

    def _of_constant(self, c: Any) -> Formula:
        try:
            return Writing(self.atoms, self._leaf).formula(self.from_names.of(c))
        except UnwritableError:
            return self.constants(c)

    def _over(self, reading: GraphReading, gradient: Node, names: Mapping[Any, Formula]) -> Formula | None:
        if _is_far(gradient, reading.leaves, self.far[reading]):
            return None
        try:
            return Writing(self.atoms, self._leaf, names).formula(reading.of(gradient))
        except UnwritableError:
            return None

    def _by_definitions(self, reading: GraphReading, gradient: Node) -> Iterator[Formula | None]:
        """The formulas in which a multiple of a named value is written by its name."""
        if reading is not self.from_names:
            yield self._over(reading, gradient, {})
        if not self.definitions[reading] or _is_far(gradient, reading.leaves, self.far[reading]):
            return
        try:
            value = reading.of(gradient)
            for opened in (value, *self.atoms.opened(value)):
                found = folded(self.atoms, opened, self.definitions[reading])
                if found is not opened:
                    yield Writing(self.atoms, self._leaf).formula(found)
        except UnwritableError:
            return

    def _plainly(self, gradient: Node) -> Formula | None:
        """A gradient that index notation cannot write: block by block over all names; a complex one also over fewer."""
        if _is_far(gradient, self.symbols, self.far_from_all):
            return None
        leaves = [self.symbols]
        if self.is_short and is_complex(gradient.value):  # real gradients were read over these before
            leaves += (
                {node: f for node, f in self.symbols.items() if node in few} for few in (self.named, self.inputs)
            )
        return min((self._block_by_block(gradient, symbols) for symbols in leaves), key=pieces)

    def _block_by_block(self, gradient: Node, symbols: Mapping[Node, Formula]) -> Formula:
        simple = simplify(Array(gradient), symbols)
        if type(simple) is not Array:
            return self._of_constant(simple)
        return formula_of(node_of(simple), symbols, self.constants)

    def _leaf(self, x: Any) -> Formula:
        if isinstance(x, Part):
            return x.formula({f.text for f in self.symbols.values()})
        return self.symbols[x] if type(x) is Node and x in self.symbols else self.constants(x)


def _product(writing: Writing, a: KroneckerFactor, b: KroneckerFactor) -> tuple[Any, Formula]:
    """A ⊗ B as a term of a sum, with its sign; a number is written once, I ⊗ I as I."""
    (c, a), (d, b) = a.without_number(), b.without_number()
    made = kron(writing.matrix(*a), writing.matrix(*b))
    if a.is_identity and b.is_identity:
        made = name("I", made.shape)
    return c * d, scaled(abs(c * d), (), (), made)


def _is_far(gradient: Node, leaves: Container[Node], far: set[Node]) -> bool:
    """Whether there are too many blocks between a gradient and the leaves for a short formula.

    `far` are the gradients known to be so; all that is computed from them is, too.
    """
    seen = {gradient}
    stack = [gradient]
    while stack:
        node = stack.pop()
        if node in far or len(seen) > FAR:
            far.add(gradient)
            return True
        new = () if node in leaves else [i for i in node.inputs if type(i) is Node and i not in seen]
        seen.update(new)
        stack.extend(new)
    return False


def pieces(f: Formula) -> int:
    """The number of pieces of a formula, counted up to a limit."""
    count = 0
    stack = [f]
    while stack and count < 10 * LONGEST:
        stack.extend(stack.pop().parts)
        count += 1
    return count
