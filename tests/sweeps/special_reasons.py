"""Why a derivative has an error above the limit, or is NaN, at some of the points of the sweep of special functions."""

ROUNDED_SIGMOID = (
    "σ′ = σ (1 − σ) of the rounded σ, as in PyTorch and JAX: where 1 − σ rounds, the absolute error is 1e-16"
)
ROUNDED_TANH = "tanh′ = 1 − tanh² of the rounded tanh, as in PyTorch and JAX: the absolute error is 1e-16"
NEAR_ZERO = "near a zero of the derivative: the absolute error is that of SciPy's values"
NEAR_POLE = "the second derivative is the difference of two large numbers near a pole of Γ; a + m and n − k round there"
SCIPY = "SciPy's own values have no more digits"
ROOT = "1 − x² is (1 − x)(1 + x), exact near ±1; its derivative has an absolute error of 1e-16 near 0"

REASONS: dict[str, str] = {
    **dict.fromkeys(
        ["sigmoid", "softplus", "logsigmoid", "log_expit", "silu", "mish", "logaddexp", "logaddexp2"], ROUNDED_SIGMOID
    ),
    **dict.fromkeys(["tanh", "tanhshrink"], ROUNDED_TANH),
    **dict.fromkeys(["logsumexp", "log_softmax"], "1 − p of a rounded probability p: the absolute error is 1e-16"),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], ROOT),
    "hypot": "y²/z³ is the difference 1/z − x²/z³ by the chain rule: an absolute error of 1e-16/z where y is small",
    "pseudo_huber": "δ³/s³ is a difference by the chain rule: an absolute error of 1e-16 where r is large",
    "polygamma 2": NEAR_ZERO,
    **dict.fromkeys(["beta", "binom", "poch"], NEAR_POLE),
    **dict.fromkeys(["gammainc", "gammaincc"], "the second derivative by a, near its zero at a = x"),
    **dict.fromkeys(["cotdg", "hyperu", "beip", "pbdv_y", "pbdv_y′"], SCIPY),
    **dict.fromkeys(["pbvv_y", "pbvv_y′"], "SciPy's values are wrong where x is near −8"),
    "chndtr": "second derivatives by nc near their zero at x = nc",
    "agm": "second derivatives overflow where a/b is 10¹³⁰",
    "ive, whole order": "SciPy's own value is NaN from 10⁹ on",
    **dict.fromkeys(["pdtr", "pdtrc"], "SciPy rounds k down to a whole number, so nothing changes with it"),
    **dict.fromkeys(["kve", "ive", "hankel1e", "hankel2e"], "SciPy's own value is NaN from 10⁹ on"),
    **dict.fromkeys(
        ["ellipj_sn", "ellipj_cn", "ellipj_dn", "ellipj_am"], "second derivatives by m, where m rounds to 1"
    ),
    "voigt_profile": "the mixed second derivative by x and σ in the far wings, where it is 10⁻¹⁰ of its terms",
    **dict.fromkeys(
        ["gammaincinv", "gammainccinv", "chdtri", "pdtrik"], "the second derivative by a of a large a, near its zero"
    ),
    "betaincc": "the second derivative by a where x is 10⁻⁹ before 1: 10⁻⁹ of its terms",
    **dict.fromkeys(["eval_legendre", "eval_chebyc", "lpmv"], NEAR_ZERO),
}
