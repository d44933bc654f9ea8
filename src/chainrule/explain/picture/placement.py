"""Positions of the boxes and wires of a picture: by graphlay; in columns without it, or for very large graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from typing import Any, NamedTuple

__all__ = ["Placed", "placed"]

Point = tuple[float, float]
Edges = Sequence[tuple[int, int]]

COLUMN_GAP, ROW_GAP = 34.0, 22.0

MOST_BOXES, MOST_CROSSED, MOST_WIRES = 500, 5000, 100
"""Limits within which graphlay takes about a second: boxes, columns that wires cross, wires of one box. Its time
grows with the fourth power of the last one."""


class Placed(NamedTuple):
    """The middle of each box, the points of each wire, and two opposite corners of the whole."""

    centers: list[Point]
    wires: list[list[Point]]
    low: Point
    high: Point


def placed(sizes: Sequence[Point], edges: Edges) -> Placed:
    """Place boxes of these widths and heights, with a wire for each edge (from an earlier to a later box)."""
    columns = _columns(len(sizes), edges)
    crossed = sum(columns[target] - columns[source] - 1 for source, target in edges)
    wires = max(Counter(box for edge in edges for box in edge).values(), default=0)
    if find_spec("graphlay") and len(sizes) <= MOST_BOXES and crossed <= MOST_CROSSED and wires <= MOST_WIRES:
        return _by_graphlay(sizes, edges)
    return _in_columns(sizes, edges, columns)


def _columns(count: int, edges: Edges) -> list[int]:
    """The column of each box: left of all boxes that its wires lead to, as near to them as possible."""
    targets: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        targets[source].append(target)
    from_right = [0] * count
    for box in reversed(range(count)):
        from_right[box] = max((from_right[target] + 1 for target in targets[box]), default=0)
    last = max(from_right, default=0)
    return [last - steps for steps in from_right]


def _by_graphlay(sizes: Sequence[Point], edges: Edges) -> Placed:
    import graphlay

    graph = graphlay.Graph()
    for i, (width, height) in enumerate(sizes):
        graph.node(i, width=width, height=height)
    for source, target in edges:
        graph.edge(source, target)
    made = graphlay.layout(graph, options={"spacing": {"layer_gap": COLUMN_GAP, "node_gap": ROW_GAP}})

    def point(p: Any) -> Point:
        return p["x"], p["y"]

    return Placed(
        [point(node["center"]) for node in made.nodes],
        [[point(p) for p in edge["points"]] for edge in made.edges],
        point(made.bounds["min"]),
        point(made.bounds["max"]),
    )


def _in_columns(sizes: Sequence[Point], edges: Edges, columns: Sequence[int]) -> Placed:
    """Boxes stacked in their columns, with straight wires; takes linear time."""
    widths = [0.0] * (max(columns) + 1)
    for column, (width, _) in zip(columns, sizes, strict=True):
        widths[column] = max(widths[column], width)
    lefts = [0.0, *accumulate(width + COLUMN_GAP for width in widths)]
    bottoms = [0.0] * len(widths)
    centers = []
    for column, (width, height) in zip(columns, sizes, strict=True):
        centers.append((lefts[column] + width / 2, bottoms[column] + height / 2))
        bottoms[column] += height + ROW_GAP
    wires = []
    for source, target in edges:
        (x, y), (to_x, to_y) = centers[source], centers[target]
        wires.append([(x + sizes[source][0] / 2, y), (to_x - sizes[target][0] / 2, to_y)])
    return Placed(centers, wires, (0.0, 0.0), (lefts[-1] - COLUMN_GAP, max(bottoms) - ROW_GAP))
