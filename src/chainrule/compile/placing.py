"""Placement of the arguments of a function that JAX compiles: on one device, or divided among many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.argnums import name_of, positions_of
from chainrule.compile.calls import SplitCall
from chainrule.errors import EngineError
from chainrule.forks import imported
from chainrule.libraries import is_complex, is_jax, is_traced
from chainrule.node import at_line

__all__ = ["Placing"]


class Placing:
    """How arguments are divided among devices.

    Attributes
    ----------
    shardings : for some arguments, by name, a `PartitionSpec` or a `NamedSharding`, or a tree of these.
    mesh : the devices, with names for their axes; None if nothing is divided or each sharding has its own.
    """

    def __init__(self, f: Callable[..., Any], shardings: Mapping[str, Any] | None, mesh: Any):
        self.name = name_of(f)
        if shardings is not None and not isinstance(shardings, Mapping):
            raise EngineError(
                f"shardings is a dict of arguments, as {{'X': P('data')}}, not {type(shardings).__name__}" + at_line()
            )
        self.shardings = dict(shardings or {})
        positions_of(f, tuple(self.shardings), "compile")  # raises if there is no such argument
        self.mesh = None if mesh is None else _with_automatic_axes(mesh)
        for argument, tree in self.shardings.items():
            for spec in imported("jax").tree.leaves(tree, is_leaf=_is_spec):
                if not _is_spec(spec):
                    raise EngineError(
                        f"the sharding of {argument} is a PartitionSpec of axes of the mesh, as P('data'), or a tree "
                        f"of these, not {spec!r}" + at_line()
                    )
                if not hasattr(spec, "mesh"):
                    self._require_axes(argument, spec)

    @property
    def is_asked(self) -> bool:
        return self.mesh is not None or bool(self.shardings)

    def _require_axes(self, argument: str, spec: Any) -> None:
        if self.mesh is None:
            raise EngineError(
                f"shardings={{{argument!r}: {spec}}} divides an argument along axes of a mesh, and there is none; "
                "write mesh=jax.make_mesh((8,), ('data',)) for eight devices" + at_line()
            )
        for axis in (axis for axes in spec for axis in _several(axes)):
            if axis not in self.mesh.axis_names:
                names = ", ".join(self.mesh.axis_names)
                raise EngineError(
                    f"the sharding of {argument} names the axis {axis!r}; the mesh has {names}" + at_line()
                )

    def placed(self, call: SplitCall) -> list[Any]:
        """The arrays and numbers of a call, on their devices."""
        specs = self._specs(call)
        return [
            _on_devices(_in_jaxs_precision(x, argument, self.name), self._sharding(x, spec, argument))
            for x, argument, spec in zip(call.leaves, call.arguments, specs, strict=True)
        ]

    def _specs(self, call: SplitCall) -> list[Any]:
        """The requested sharding of each array and number; None without a request."""
        found: list[Any] = []
        for (argument, tree), places in zip(call.trees, call.places, strict=True):
            asked = self.shardings.get(argument)
            if asked is None or _is_spec(asked):
                found += [asked] * len(places)
                continue
            try:
                each = imported("optree").broadcast_prefix(asked, tree, is_leaf=_is_spec, namespace="chainrule")
            except ValueError as error:
                told = str(error).partition("; dict:")[0]
                raise EngineError(
                    f"the shardings of {argument} have another structure than the argument itself: {told}" + at_line()
                ) from error
            found += [each[i] for i in places]
        return found

    def _sharding(self, x: Any, spec: Any, argument: Any) -> Any:
        """The sharding of an array; None if it may stay where it is."""
        jax = imported("jax")
        if spec is None:
            where = getattr(x, "sharding", None)
            if isinstance(where, jax.sharding.NamedSharding) and not is_traced(x):
                return _of_mesh(_with_automatic_axes(where.mesh), where.spec)
            return None if self.mesh is None or is_traced(x) else _of_mesh(self.mesh, jax.sharding.PartitionSpec())
        mesh = _with_automatic_axes(spec.mesh) if hasattr(spec, "mesh") else self.mesh
        parts = spec.spec if hasattr(spec, "mesh") else spec
        _require_divisible(np.shape(x), parts, mesh, f"{argument} of {self.name}")
        return _of_mesh(mesh, parts)


def _is_spec(x: Any) -> bool:
    sharding = imported("jax").sharding
    return isinstance(x, sharding.PartitionSpec | sharding.NamedSharding)


def _several(axes: Any) -> tuple[Any, ...]:
    """The axes of the mesh along which one axis of an array is divided."""
    return () if axes is None else axes if isinstance(axes, tuple) else (axes,)


def _with_automatic_axes(mesh: Any) -> Any:
    """A mesh with automatic axes: XLA divides the steps, because NumPy code does not say where results lie."""
    return imported("jax").sharding.Mesh(mesh.devices, mesh.axis_names)


def _of_mesh(mesh: Any, spec: Any) -> Any:
    return imported("jax").sharding.NamedSharding(mesh, spec)


def _require_divisible(shape: tuple[int, ...], spec: Any, mesh: Any, what: str) -> None:
    if len(spec) > len(shape):
        raise EngineError(
            f"{what} has {len(shape)} axes, shape {shape}, and its sharding {spec} divides {len(spec)}" + at_line()
        )
    for axis, (length, axes) in enumerate(zip(shape, spec, strict=False)):
        parts = int(np.prod([mesh.shape[name] for name in _several(axes)], dtype=int))
        if length % parts:
            raise EngineError(
                f"{what} has shape {shape}: its axis {axis} cannot be divided into {parts} equal parts, along {axes!r} "
                f"of the mesh; leave out {length % parts} of its {length} entries, or add {parts - length % parts}"
                + at_line()
            )


def _in_jaxs_precision(x: Any, argument: Any, name: str) -> Any:
    """x, if JAX keeps its precision; an error if JAX would silently use fewer digits."""
    if imported("jax").config.jax_enable_x64 or is_jax(x) or not hasattr(x, "dtype") or x.dtype.itemsize < 8:
        return x
    told = f"argument {argument} of {name} is of {x.dtype}"
    if x.dtype.kind in "iu":
        limits = np.iinfo(np.int32 if x.dtype.kind == "i" else np.uint32)
        if x.size and (x.min() < limits.min or x.max() > limits.max):
            raise EngineError(f"{told} with numbers that 32 bits do not hold; {_DOUBLE}" + at_line())
        return x.astype(limits.dtype)
    if x.dtype.kind == "c" and x.dtype.itemsize == 8:
        return x
    single = "complex64" if is_complex(x) else "float32"
    raise EngineError(
        f"{told}, of which JAX would keep the digits of {single}; {_DOUBLE}, or give x.astype(np.{single})" + at_line()
    )


_DOUBLE = 'call jax.config.update("jax_enable_x64", True) first'


def _on_devices(x: Any, sharding: Any) -> Any:
    """An array on its devices. NumPy's arrays are copied, because JAX computes asynchronously."""
    jax = imported("jax")
    if is_jax(x):
        return x if sharding is None or sharding == x.sharding else jax.device_put(x, sharding)
    if sharding is None:
        return jax.numpy.array(x) if isinstance(x, np.ndarray) else x
    x = np.array(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda part: x[part])
