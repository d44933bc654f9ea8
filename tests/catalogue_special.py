"""Cases of scipy.special, for the catalogue.

PyTorch has few of these functions. The other side is then the definition (an integral by quadrature, a sum) written in
torch or, where that would be as long as the function itself, SciPy's values: a polynomial through those around each
point, which PyTorch differentiates. That is a finite difference of high order; it knows nothing of our derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import special

from cases import Case
from chainrule import special as ours
from chainrule.block import BLOCKS
from chainrule.blocks.special.table import FUNCTIONS, chance
from chainrule.domains import Example, Operand, above_one, far_from_zero, inside, normal, positive, probabilities

S = torch.special

# Numerical differentiation ---------------------------------------------------------------------------------------

POINTS = 17
CHEBYSHEV = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
TO_CHEBYSHEV = np.cos(np.pi * np.outer(np.arange(POINTS), np.arange(POINTS) + 0.5) / POINTS) * 2 / POINTS
TO_CHEBYSHEV[0] /= 2
CIRCLE = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
TO_TAYLOR = np.exp(-2j * np.pi * np.outer(np.arange(POINTS), np.arange(POINTS)) / POINTS) / POINTS


def by_values(f: Callable[..., Any], radius: float = 0.1, precise: Callable[..., Any] | None = None) -> Any:
    """f, as the polynomial through its values at points around each entry of its operands.

    The points are Chebyshev's on a line or, of complex operands, on a circle, where only the values of a holomorphic
    function give its derivatives. If f is not precise to all digits, the values are those of another definition of it.
    """

    def in_torch(*xs: torch.Tensor) -> torch.Tensor:
        xs = torch.broadcast_tensors(*xs)
        centres = [x.detach().numpy() for x in xs]
        is_complex = any(map(np.iscomplexobj, centres))
        offsets, to_coefficients = (CIRCLE, TO_TAYLOR) if is_complex else (CHEBYSHEV, TO_CHEBYSHEV)
        count = len(xs)
        points = [
            centre.reshape(centre.shape + (1,) * count) + radius * offsets.reshape((-1,) + (1,) * (count - 1 - i))
            for i, centre in enumerate(centres)
        ]
        values = (precise or f)(*np.broadcast_arrays(*points))
        for i in range(count):
            values = np.moveaxis(np.tensordot(values, to_coefficients, (i - count, 1)), -1, i - count)
        result = torch.tensor(np.ascontiguousarray(values))
        for x, centre in zip(reversed(xs), reversed(centres), strict=True):
            basis = _polynomials((x - torch.tensor(centre)) / radius, 1 if is_complex else 2)
            result = (result * basis.reshape(centre.shape + (1,) * (result.ndim - centre.ndim - 1) + (POINTS,))).sum(-1)
        return result if precise is None else result - result.detach() + torch.tensor(f(*centres))

    return in_torch


def _polynomials(t: torch.Tensor, factor: int) -> torch.Tensor:
    """Chebyshev's polynomials of t (factor 2), or its powers (factor 1)."""
    polynomials = [torch.ones_like(t), t]
    for _ in range(POINTS - 2):
        polynomials.append(factor * t * polynomials[-1] - (factor - 1) * polynomials[-2])
    return torch.stack(polynomials, -1)


# Definitions -----------------------------------------------------------------------------------------------------
NODES, WEIGHTS = (torch.tensor(a) for a in np.polynomial.legendre.leggauss(120))


def _integral(integrand: Callable[..., torch.Tensor], low: float, high: float) -> Any:
    """∫ integrand(t, x) dt by Gauss-Legendre quadrature, a function of x that autograd sees through."""
    t = (low + high) / 2 + (high - low) / 2 * NODES
    return lambda x: (integrand(t, x[..., None]) * (WEIGHTS * (high - low) / 2)).sum(-1)


def _torch_jv(v: float) -> Any:
    """DLMF 10.9.6."""
    near = _integral(lambda t, x: torch.cos(x * torch.sin(t) - v * t) / np.pi, 0, np.pi)
    far = _integral(lambda t, x: torch.exp(-x * torch.sinh(t) - v * t) * np.sin(v * np.pi) / np.pi, 0, 7)
    return lambda x: near(x) - (far(x) if v % 1 else 0)


def _torch_yv(v: int) -> Any:
    """DLMF 10.9.7, of integer order."""
    near = _integral(lambda t, x: torch.sin(x * torch.sin(t) - v * t) / np.pi, 0, np.pi)
    far = _integral(
        lambda t, x: (torch.exp(v * t) + (-1) ** v * torch.exp(-v * t)) * torch.exp(-x * torch.sinh(t)) / np.pi, 0, 6
    )
    return lambda x: near(x) - far(x)


def _torch_iv(v: int) -> Any:
    """DLMF 10.32.3, of integer order."""
    return _integral(lambda t, x: torch.exp(x * torch.cos(t)) * torch.cos(v * t) / np.pi, 0, np.pi)


def _torch_kv(v: float) -> Any:
    """DLMF 10.32.9."""
    return _integral(lambda t, x: torch.exp(-x * torch.cosh(t)) * torch.cosh(v * t), 0, 6)


def _scaled(f: Any, sign: int) -> Any:
    return lambda x: torch.exp(sign * abs(x)) * f(x)


def _torch_gammaln(x: torch.Tensor) -> torch.Tensor:
    """Stirling's series (DLMF 5.11.1) far out, and log Γ(x) = log Γ(x + 1) − log x back from there.

    PyTorch's own trigamma has 9 digits only.
    """
    shifted = x + 12
    bernoulli = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360]
    series = sum(b * shifted ** -(2.0 * k + 1) for k, b in enumerate(bernoulli))
    stirling = (shifted - 0.5) * torch.log(shifted) - shifted + np.log(2 * np.pi) / 2 + series
    return stirling - sum(torch.log(x + k) for k in range(12))


def _derivative(f: Any) -> Any:
    return lambda x: torch.func.grad(lambda x: f(x).sum())(x)


def _torch_beta(a: Any, b: Any) -> Any:
    return torch.exp(_torch_gammaln(a) + _torch_gammaln(b) - _torch_gammaln(a + b))


def _torch_expn(n: int) -> Any:
    """∫₁^∞ e^(−xt) / tⁿ dt, with t = e^s."""
    return _integral(lambda s, x: torch.exp(-x * torch.exp(s) + (1 - n) * s), 0, 6)


def _torch_incomplete_beta(x: torch.Tensor) -> torch.Tensor:
    """The regularized incomplete beta function of a = 2, b = 3, a polynomial."""
    return 6 * x**2 - 8 * x**3 + 3 * x**4


def negative(*shape: int) -> Operand:
    return Operand(shape, lambda rng, shape: -rng.uniform(0.3, 3.0, shape))


DEGREES = np.pi / 180

SPECIAL_UNARY: dict[str, tuple[Any, Any]] = {
    "erf": (torch.erf, normal),
    "erfc": (torch.erfc, normal),
    "erfcx": (S.erfcx, normal),
    "erfi": (_integral(lambda t, x: 2 / np.sqrt(np.pi) * x * torch.exp((x * t) ** 2), 0, 1), normal),
    "dawsn": (_integral(lambda t, x: x * torch.exp((x * t) ** 2 - x * x), 0, 1), normal),
    "erfinv": (torch.erfinv, inside),
    "erfcinv": (lambda x: torch.erfinv(1 - x), probabilities),
    "log_ndtr": (S.log_ndtr, normal),
    "ndtri": (S.ndtri, probabilities),
    "ndtri_exp": (lambda x: S.ndtri(torch.exp(x)), negative),
    "psi": (_derivative(_torch_gammaln), positive),
    "gamma": (lambda x: torch.exp(_torch_gammaln(x)), positive),
    "gammaln": (_torch_gammaln, positive),
    "loggamma": (_torch_gammaln, positive),
    "rgamma": (lambda x: torch.exp(-_torch_gammaln(x)), positive),
    "expit": (torch.sigmoid, normal),
    "logit": (torch.logit, probabilities),
    "log_expit": (torch.nn.functional.logsigmoid, normal),
    "entr": (S.entr, positive),
    "j0": (_torch_jv(0), normal),
    "j1": (_torch_jv(1), normal),
    "y0": (_torch_yv(0), positive),
    "y1": (_torch_yv(1), positive),
    "i0": (_torch_iv(0), normal),
    "i1": (_torch_iv(1), normal),
    "i0e": (_scaled(_torch_iv(0), -1), far_from_zero),
    "i1e": (_scaled(_torch_iv(1), -1), far_from_zero),
    "k0": (_torch_kv(0), positive),
    "k1": (_torch_kv(1), positive),
    "k0e": (_scaled(_torch_kv(0), 1), positive),
    "k1e": (_scaled(_torch_kv(1), 1), positive),
    "exp1": (_torch_expn(1), positive),
    "expi": (
        lambda x: np.euler_gamma + torch.log(x) + _integral(lambda t, x: torch.expm1(x * t) / t, 0, 1)(x),
        positive,
    ),
    "spence": (_integral(lambda t, x: -torch.log(1 - t * (1 - x)) / t, 0, 1), above_one),
    "exprel": (lambda x: torch.expm1(x) / x, far_from_zero),
    "exp10": (lambda x: torch.exp(x * np.log(10)), normal),
    "cosm1": (lambda x: torch.cos(x) - 1, normal),
    "sindg": (lambda x: torch.sin(x * DEGREES), normal),
    "cosdg": (lambda x: torch.cos(x * DEGREES), normal),
    "tandg": (lambda x: torch.tan(x * DEGREES), normal),
    "cotdg": (lambda x: 1 / torch.tan(x * DEGREES), above_one),
    "exp2": (torch.exp2, normal),
    "expm1": (torch.expm1, normal),
    "log1p": (torch.log1p, positive),
    "cbrt": (lambda x: x ** (1 / 3), positive),
}
"""Functions of scipy.special of one array: PyTorch's or the definition, and the domain."""


SPECIAL_BINARY: dict[str, tuple[Any, Any, Any]] = {
    "beta": (_torch_beta, positive, positive),
    "betaln": (lambda a, b: torch.log(_torch_beta(a, b)), positive, positive),
    "binom": (lambda n, k: 1 / ((n + 1) * _torch_beta(n - k + 1, k + 1)), above_one, inside),
    "poch": (lambda a, m: torch.exp(_torch_gammaln(a + m) - _torch_gammaln(a)), positive, positive),
    "xlogy": (torch.xlogy, normal, positive),
    "xlog1py": (S.xlog1py, normal, positive),
    "rel_entr": (lambda x, y: x * torch.log(x / y), positive, positive),
    "kl_div": (lambda x, y: x * torch.log(x / y) - x + y, positive, positive),
}
"""The same, of two arrays that broadcast."""

SPECIAL = [
    Case(
        f"scipy.special.{name} {args}",
        lambda x, name=name, args=args: getattr(special, name)(*args, x),
        g,
        (domain(2, 3),),
    )
    for name, args, g, domain in [
        ("zeta", (3.0,), lambda x: -S.polygamma(2, x) / 2, positive),
        ("gammainc", (2.5,), lambda x: S.gammainc(torch.tensor(2.5, dtype=x.dtype), x), positive),
        ("gammaincc", (2.5,), lambda x: S.gammaincc(torch.tensor(2.5, dtype=x.dtype), x), positive),
        ("gammaincinv", (1.0,), lambda p: -torch.log1p(-p), probabilities),
        ("gammainccinv", (1.0,), lambda q: -torch.log(q), probabilities),
        ("betainc", (2.0, 3.0), _torch_incomplete_beta, probabilities),
        ("betaincc", (2.0, 3.0), lambda x: 1 - _torch_incomplete_beta(x), probabilities),
        ("betaincinv", (1.0, 3.0), lambda p: 1 - (1 - p) ** (1 / 3), probabilities),
        ("jv", (2.5,), _torch_jv(2.5), above_one),
        ("jn", (3,), _torch_jv(3), normal),
        ("yn", (2,), _torch_yv(2), positive),
        ("yv", (2.0,), _torch_yv(2), positive),
        ("kn", (2,), _torch_kv(2), positive),
        ("iv", (2.0,), _torch_iv(2), normal),
        ("ive", (2.0,), _scaled(_torch_iv(2), -1), far_from_zero),
        ("kv", (1.5,), _torch_kv(1.5), positive),
        ("kve", (1.5,), _scaled(_torch_kv(1.5), 1), positive),
        ("expn", (3,), _torch_expn(3), positive),
    ]
]
SPECIAL += [
    Case(
        "exprel near 0",
        lambda x: special.exprel(0.1 * x),
        lambda x: sum((0.1 * x) ** k / float(special.factorial(k + 1)) for k in range(16)),
        (normal(2, 3),),
    ),
    Case("numpy.i0", np.i0, torch.i0, (normal(2, 3),)),
]


def _polygamma(x: torch.Tensor) -> torch.Tensor:
    return _derivative(_derivative(_torch_gammaln))(x)


ROOT = {"dtype": torch.float64}
SPECIAL += [
    Case(name, f, g, (domain(2, 3),))
    for name, f, g, domain in [
        ("special.polygamma", lambda x: ours.polygamma(1, x), _polygamma, positive),
        (
            "special.multigammaln",
            lambda x: ours.multigammaln(x, 3),
            lambda x: 1.5 * np.log(np.pi) + sum(_torch_gammaln(x - k / 2) for k in range(3)),
            above_one,
        ),
        ("special.factorial", ours.factorial, lambda x: torch.exp(_torch_gammaln(x + 1)), positive),
        ("special.spherical_jn", lambda x: ours.spherical_jn(0, x), lambda x: torch.sin(x) / x, positive),
        (
            "special.spherical_jn, derivative",
            lambda x: ours.spherical_jn(0, x, derivative=True),
            lambda x: torch.cos(x) / x - torch.sin(x) / x**2,
            positive,
        ),
        ("special.spherical_yn", lambda x: ours.spherical_yn(0, x), lambda x: -torch.cos(x) / x, positive),
        (
            "special.spherical_in",
            lambda x: ours.spherical_in(1, x),
            lambda x: torch.cosh(x) / x - torch.sinh(x) / x**2,
            positive,
        ),
        (
            "special.spherical_in, derivative",
            lambda x: ours.spherical_in(0, x, True),
            lambda x: torch.cosh(x) / x - torch.sinh(x) / x**2,
            positive,
        ),
        ("special.spherical_kn", lambda x: ours.spherical_kn(0, x), lambda x: np.pi / 2 * torch.exp(-x) / x, positive),
        (
            "special.spherical_kn, derivative",
            lambda x: ours.spherical_kn(0, x, True),
            lambda x: -np.pi / 2 * torch.exp(-x) * (1 / x + 1 / x**2),
            positive,
        ),
        ("special.diric", lambda x: ours.diric(x, 4), lambda x: torch.sin(2 * x) / (4 * torch.sin(x / 2)), above_one),
        ("special.logsumexp", lambda x: ours.logsumexp(x, axis=0), lambda x: torch.logsumexp(x, 0), normal),
        (
            "special.logsumexp with signs",
            lambda x: ours.logsumexp(x, b=np.array([1.0, -3.0, 0.0]), return_sign=True)[0],
            lambda x: torch.log(abs((torch.exp(x) * torch.tensor([1.0, -3.0, 0.0], **ROOT)).sum())),
            normal,
        ),
        ("special.softmax", ours.softmax, lambda x: torch.softmax(x.flatten(), 0).reshape(x.shape), normal),
        ("special.log_softmax", lambda x: ours.log_softmax(x, axis=1), lambda x: torch.log_softmax(x, 1), normal),
    ]
]
SPECIAL += [
    Case(
        "special.comb",
        ours.comb,
        lambda n, k: 1 / ((n + 1) * _torch_beta(n - k + 1, k + 1)),
        (above_one(2, 3), probabilities(2, 3)),
    ),
    Case(
        "special.perm",
        ours.perm,
        lambda n, k: torch.exp(_torch_gammaln(n + 1) - _torch_gammaln(n - k + 1)),
        (above_one(2, 3), probabilities(2, 3)),
    ),
    Case(
        "special.logsumexp with weights",
        lambda a, b: ours.logsumexp(a, axis=1, b=b, keepdims=True),
        lambda a, b: torch.log((b * torch.exp(a)).sum(1, keepdim=True)),
        (normal(2, 3), positive(2, 3)),
    ),
]

# Every block of the tables, with the operands of its example ----------------------------------------------------------

RADIUS = dict.fromkeys(["elliprd", "hankel1", "hankel2", "spherical_kn"], 0.05)
RADIUS |= {"smirnov": 0.04, "smirnovi": 0.01, "tklmbda": 0.2, "ellipj_cn": 0.2}
"""Where a pole or a kink is nearer to a point of the example than elsewhere, or SciPy has less than all digits."""


def _airy_integral(index: int, sign: int) -> Any:
    """∫₀ˣ of an Airy function of ±t, by quadrature: SciPy's itairy has 6 digits."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = (nodes + 1) / 2
    return lambda x: np.sum(weights / 2 * x[..., None] * special.airy(sign * x[..., None] * t)[index], axis=-1)


AIRY = {"Ai": (0, 1), "Bi": (2, 1), "Ai(−t)": (0, -1), "Bi(−t)": (2, -1)}
INTEGRALS = {f"itairy_∫{name}": _airy_integral(*where) for name, where in AIRY.items()}


def _radius(name: str, operands: tuple[Operand, ...]) -> float:
    near = any(o.sample is chance().sample for o in operands)
    return RADIUS.get(name, 0.05 if near else 0.1)


def _as_written(name: str) -> Any:
    """How a user calls the function of which a block is the result."""
    function, index = FUNCTIONS[name]
    f = getattr(ours, function)
    return f if index is None else lambda *xs: f(*xs)[index]


def _case_of(name: str) -> Case:
    """A block's case: integers of its example are plain numbers, for there is no derivative by them.

    A complex result is made real by a projection in which each part has its own weight.
    """
    operands = BLOCKS[name].example.operands
    kinds = Example(operands).arrays(name)
    as_plain = (
        np.asarray if name.startswith("bdtr") else int
    )  # SciPy's bdtr takes Python's 2 for a float if x is float32
    plain = [as_plain(x) if x.dtype.kind == "i" else None for x in kinds]
    written = _as_written(name)

    def f(*xs: Any) -> Any:
        given = iter(xs)
        return written(*(next(given) if p is None else p for p in plain))

    by_points = by_values(f, _radius(name, operands), INTEGRALS.get(name))
    free = tuple(o for o, p in zip(operands, plain, strict=True) if p is None)
    case = Case(f"values of scipy.special.{name}", f, by_points, free)
    if not np.iscomplexobj(f(*case.arrays())):
        return case
    return Case(
        case.name,
        lambda *xs: 2 * np.real(f(*xs)) + np.imag(f(*xs)),
        lambda *xs: 2 * torch.real(by_points(*xs)) + torch.imag(by_points(*xs)),
        free,
    )


def _has_definition(name: str) -> bool:
    return name in SPECIAL_UNARY or name in SPECIAL_BINARY or any(name in case.name.split(".") for case in SPECIAL)


BY_VALUES = [_case_of(name) for name in FUNCTIONS if BLOCKS[name].complex or not _has_definition(name)]
KELVIN = [
    Case(
        f"kelvin {i}",
        lambda x, i=i: 2 * np.real(special.kelvin(x)[i]) + np.imag(special.kelvin(x)[i]),
        by_values(lambda x, i=i: 2 * np.real(special.kelvin(x)[i]) + np.imag(special.kelvin(x)[i])),
        (positive(2, 3),),
    )
    for i in range(4)
]
SHORTER = [
    Case(f"scipy.special.{name}", f, by_values(f, 0.1), operands)
    for name, f, operands in [
        ("nrdtrimn", special.nrdtrimn, (chance(2, 3), positive(2, 3), normal(2, 3))),
        ("jvp", lambda x: special.jvp(2, x, 2), (positive(2, 3),)),
        ("yvp", lambda x: special.yvp(2, x), (positive(2, 3),)),
        ("ivp", lambda x: special.ivp(2, x), (positive(2, 3),)),
        ("kvp", lambda x: special.kvp(2, x), (positive(2, 3),)),
        ("zeta of Riemann", special.zeta, (above_one(2, 3),)),
        ("assoc_laguerre", lambda x: special.assoc_laguerre(x, 3, 1), (positive(2, 3),)),
        ("softplus", special.softplus, (normal(2, 3),)),
        ("sinc", special.sinc, (far_from_zero(2, 3),)),
    ]
    if hasattr(special, name.split()[0])
]

SPECIAL_ELEMENTWISE = [
    *(
        Case(f"scipy.special.{name}", getattr(special, name), g, (domain(2, 3),))
        for name, (g, domain) in SPECIAL_UNARY.items()
    ),
    *(
        Case(f"scipy.special.{name}", getattr(special, name), g, (dx(2, 3), dy(2, 3)))
        for name, (g, dx, dy) in SPECIAL_BINARY.items()
    ),
    *BY_VALUES,
    *KELVIN,
    *SHORTER,
]
"""Those that act entry by entry."""

SPECIAL_CASES = SPECIAL
"""The others."""
