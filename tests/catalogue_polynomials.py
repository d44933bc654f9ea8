"""Cases of polynomials and of ranges with recorded end points; the references are their definitions in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import Operand, above_one, apart, far_from_zero, normal, positive

KNOTS = np.array([-1.0, -0.3, 0.2, 0.9, 1.4])


def _torch_convolve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    rows = [torch.cat([a.new_zeros(i), a * b[i], a.new_zeros(len(b) - 1 - i)]) for i in range(len(b))]
    return sum(rows)


def _torch_poly(roots: torch.Tensor) -> torch.Tensor:
    p = torch.ones_like(roots[:1])
    for root in roots:
        p = _torch_convolve(p, torch.stack([torch.ones_like(root), -root]))
    return p


def _torch_companion(p: torch.Tensor) -> torch.Tensor:
    return torch.cat([(-p[1:] / p[0])[None], torch.eye(len(p) - 1, dtype=p.dtype)[:-1]])


def _torch_vander(x: torch.Tensor, n: int) -> torch.Tensor:
    return torch.stack([torch.ones_like(x), x, x * x, x * x * x, x**4][:n], -1)


def _torch_fit(x: torch.Tensor, y: torch.Tensor, degree: int, w: Any = 1.0) -> torch.Tensor:
    """The normal equations; w are weights of the residuals."""
    w = torch.as_tensor(w, dtype=x.dtype) * torch.ones_like(x)
    v = _torch_vander(x, degree + 1).flip(-1) * w[:, None]
    return torch.linalg.solve(v.T @ v, v.T @ (y * (w[:, None] if y.ndim == 2 else w)))


def roots_apart(*shape: int) -> Operand:
    """Coefficients of a polynomial whose roots are far from each other."""
    return Operand(shape, lambda rng, shape: np.poly(np.array([-2.0, 0.5, 1.4, 3.1])[: shape[0] - 1]) * 1.3)


POLYNOMIALS = [
    Case("polyval", np.polyval, lambda p, x: p[0] * x**2 + p[1] * x + p[2], (normal(3), normal(2, 2))),
    Case(
        "polyadd",
        np.polyadd,
        lambda p, q: torch.cat([p[:2], p[2:] + q]),
        (normal(4), normal(2)),
    ),
    Case("polysub", np.polysub, lambda p, q: torch.cat([-q[:1], p - q[1:]]), (normal(2), normal(3))),
    Case("polymul", np.polymul, _torch_convolve, (normal(3), normal(2))),
    Case(
        "polymul without leading zeros",
        lambda p: np.polymul(np.concatenate([[0.0, 0.0], p]), [2.0, 1.0]),
        lambda p: _torch_convolve(p, torch.tensor([2.0, 1.0])),
        (normal(3),),
    ),
    Case(
        "polydiv, the quotient",
        lambda u, v: np.polydiv(u, v)[0],
        lambda u, v: torch.stack([u[0] / v[0], (u[1] - u[0] / v[0] * v[1]) / v[0]]),
        (normal(3), far_from_zero(2)),
    ),
    Case(
        "polydiv, the remainder",
        lambda u, v: np.polydiv(u, v)[1],
        lambda u, v: (u[2] - (u[1] - u[0] / v[0] * v[1]) / v[0] * v[1])[None],
        (normal(3), far_from_zero(2)),
    ),
    Case("polyder", lambda p: np.polyder(p, 2), lambda p: torch.stack([6 * p[0], 2 * p[1]]), (normal(4),)),
    Case(
        "polyint",
        lambda p, k: np.polyint(p, 2, k),
        lambda p, k: torch.stack([p[0] / 6, p[1] / 2, k[0], k[1]]),
        (normal(2), normal(2)),
    ),
    Case("poly", np.poly, _torch_poly, (normal(3),)),
    Case(
        "roots",
        lambda p: abs(np.roots(p) - 3j),
        lambda p: abs(torch.linalg.eigvals(_torch_companion(p)) - 3j),
        (roots_apart(5),),
    ),
    Case(
        "roots that are not real",
        lambda p: abs(np.roots(np.concatenate([[0.0, 1.0], p])) - 0.7),
        lambda p: abs(torch.linalg.eigvals(_torch_companion(torch.cat([torch.ones_like(p[:1]), p]))) - 0.7),
        (positive(2),),
    ),
]


def _real(name: str, f: Any, g: Any, operands: tuple[Operand, ...]) -> Case:
    """A case of real numbers: complex ones give their real parts."""
    return Case(name, lambda *xs: f(*(np.real(x) for x in xs)), lambda *xs: g(*(x.real for x in xs)), operands)


POLYNOMIALS += [
    _real("polyfit", lambda x, y: np.polyfit(x, y, 2), lambda x, y: _torch_fit(x, y, 2), (apart(5), normal(5))),
    _real(
        "polyfit with weights",
        lambda y, w: np.polyfit(KNOTS, y, 1, w=w),
        lambda y, w: _torch_fit(tensor(KNOTS), y, 1, w),
        (normal(5), positive(5)),
    ),
    _real(
        "polyfit of columns",
        lambda y: np.polyfit(KNOTS, y, 3),
        lambda y: _torch_fit(tensor(KNOTS), y, 3),
        (normal(5, 2),),
    ),
    _real(
        "polyfit, the sum of squares",
        lambda y: np.polyfit(KNOTS, y, 1, full=True)[1],
        lambda y: ((_torch_vander(tensor(KNOTS), 2).flip(-1) @ _torch_fit(tensor(KNOTS), y, 1) - y) ** 2).sum()[None],
        (normal(5),),
    ),
    _real(
        "polyfit, the covariance",
        lambda x, y: np.polyfit(x, y, 1, cov=True)[1],
        lambda x, y: _torch_fit_covariance(x, y),
        (apart(5), normal(5)),
    ),
]


def _torch_fit_covariance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    v = _torch_vander(x, 2).flip(-1)
    return torch.linalg.inv(v.T @ v) * ((v @ _torch_fit(x, y, 1) - y) ** 2).sum() / (len(x) - 2)


SHARES = torch.arange(5) / 4

RANGES = [
    Case(
        "linspace",
        lambda a, b: np.linspace(a, b, 5),
        lambda a, b: a + (b - a) * SHARES.to(a.real.dtype),
        (normal(), normal()),
    ),
    Case(
        "linspace of arrays, without its end",
        lambda a, b: np.linspace(a, b, 4, endpoint=False, axis=1),
        lambda a, b: torch.stack([a + (b - a) * i / 4 for i in range(4)], 1),
        (normal(2, 3), normal(3)),
    ),
    Case(
        "linspace to a number, and its step",
        lambda a: np.multiply(*np.linspace(a, 2.0, 3, retstep=True)),
        lambda a: torch.stack([a, (a + 2) / 2, a * 0 + 2]) * (2 - a) / 2,
        (normal(),),
    ),
    Case(
        "logspace",
        lambda a, b: np.logspace(a, b, 5),
        lambda a, b: 10.0 ** (a + (b - a) * SHARES.to(a.real.dtype)),
        (normal(), normal()),
    ),
    Case(
        "logspace with a recorded base",
        lambda a, base: np.logspace(a, 1.0, 3, base=base),
        lambda a, base: torch.stack([base**a, base ** ((a + 1) / 2), base ** (a * 0 + 1)]),
        (normal(), positive(2)),
    ),
    Case(
        "geomspace",
        lambda a, b: np.geomspace(a, b, 5),
        lambda a, b: torch.stack([a * (b / a) ** (i / 4) for i in range(5)]),
        (positive(2), above_one(2)),
    ),
    Case(
        "geomspace of negative numbers",
        lambda a: np.geomspace(-a, -1.0, 3, endpoint=False),
        lambda a: torch.stack([-a * (1 / a) ** (i / 3) for i in range(3)]),
        (above_one(),),
    ),
]

POLYNOMIAL_CASES = [*POLYNOMIALS, *RANGES]
"""All cases of this family."""
