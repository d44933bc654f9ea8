"""Closed forms as mathematicians write them, and that each printed one is right.

The expected texts are from the literature, named beside each function: MC is K. B. Petersen and M. S. Pedersen, The
Matrix Cookbook (2012), by the numbers of its equations; BV is S. Boyd and L. Vandenberghe, Convex Optimization (2004);
B is C. M. Bishop, Pattern Recognition and Machine Learning (2006); GBC is I. Goodfellow, Y. Bengio and A. Courville,
Deep Learning (2016); by chapter or equation. n, the number of samples, is 4 in the examples, and stands as that number.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import latex, unicode
from explain.functions import FUNCTIONS
from explain.read_formula import UnknownNotationError, value_of_formula

# fmt: off
LITERATURE = [
    # Traces, MC section 2.5
    ("trace", "X", "I", "MC 99"),
    ("trace_of_product", "X", "Aᵀ", "MC 100"),
    ("trace_of_product", "A", "Xᵀ", "MC 100"),
    ("trace_of_three", "X", "Aᵀ Bᵀ", "MC 101"),
    ("trace_of_square", "X", "2·Xᵀ", "MC 106"),
    ("trace_of_quadratic_form", "X", "(B + Bᵀ) X", "MC 108"),
    ("trace_of_quadratic_form", "B", "X Xᵀ", "MC 109, by B"),
    ("symmetric_trace", "X", "2·B X", "MC 108 with B symmetric"),
    ("trace_of_gram", "X", "2·X", "MC 115"),
    ("gram_by_einsum", "X", "2·X", "MC 115"),
    ("square_of_norm", "X", "2·X", "MC 132"),
    ("sum_of_squares", "X", "2·X", "MC 132"),
    ("squared_frobenius_norm", "X", "2·X", "MC 132"),
    ("trace_of_cube", "X", "3·(X²)ᵀ", "MC 121"),
    ("einsum", "A", "Cᵀ Bᵀ", "MC 101: tr(ABC) written by its letters"),
    ("einsum", "B", "Aᵀ Cᵀ", "MC 101"),
    # Determinants, MC section 2.1
    ("determinant", "X", "det(X)·X⁻ᵀ", "MC 49"),
    ("determinant_of_product", "X", "det(A X B)·X⁻ᵀ", "MC 51"),
    ("log_determinant", "X", "X⁻ᵀ", "MC 57"),
    ("log_of_determinant", "X", "X⁻ᵀ", "MC 57"),
    ("determinant_of_gram", "X", "2·X (Xᵀ X)⁻¹", "MC 55: 2 (X⁺)ᵀ, with X⁺ = (XᵀX)⁻¹Xᵀ"),
    # Inverses, MC section 2.2
    ("inverse_between_vectors", "X", "−X⁻ᵀ a bᵀ X⁻ᵀ", "MC 61"),
    ("solved_between_vectors", "X", "−X⁻ᵀ a bᵀ X⁻ᵀ", "MC 61"),
    ("solved_between_vectors", "b", "X⁻ᵀ a", "MC 69 with X⁻¹ b"),
    ("trace_of_inverse", "X", "−X⁻ᵀ Aᵀ Bᵀ X⁻ᵀ", "MC 63"),
    ("trace_with_inverse", "X", "−X⁻ᵀ Aᵀ X⁻ᵀ", "MC 124"),
    ("trace_with_inverse", "A", "X⁻ᵀ", "MC 100"),
    # Vectors and quadratic forms, MC sections 2.4 and 2.6
    ("inner_product", "x", "a", "MC 69"),
    ("bilinear_form", "X", "a bᵀ", "MC 70"),
    ("same_vector_twice", "X", "a aᵀ", "MC 72"),
    ("bilinear_form_of_gram", "X", "X (b cᵀ + c bᵀ)", "MC 77"),
    ("quadratic_form", "x", "(B + Bᵀ) x", "MC 81"),
    ("quadratic_form", "B", "x xᵀ", "MC 72"),
    ("symmetric_quadratic_form", "x", "2·A x", "MC 97 with A symmetric"),
    ("quadratic_function", "x", "1/2·(A + Aᵀ) x − b", "BV A.4.1, A not assumed symmetric"),
    ("weighted_residual", "s", "−Aᵀ (W + Wᵀ) r", "MC 84, W not assumed symmetric"),
    ("weighted_residual", "x", "(W + Wᵀ) r", "MC 86"),
    ("weighted_residual", "A", "−(W + Wᵀ) r sᵀ", "MC 88"),
    ("graph_smoothness", "x", "2·Dᵀ D x", "MC 97 with DᵀD"),
    # Norms, MC sections 2.6 and 2.7
    ("vector_norm", "x", "x/‖x‖", "MC 129 at a = 0"),
    ("norm_by_hand", "x", "x/‖x‖", "MC 129 at a = 0"),
    ("distance", "x", "(x − a)/‖x − a‖", "MC 129"),
    ("squared_distance", "x", "2·(x − y)", "MC 131"),
    ("frobenius_norm", "X", "X/‖X‖", "MC 132, by the chain rule"),
    ("one_norm", "x", "sign(x)", "BV 3.1.5"),
    ("arctangents", "x", "1/(x² + 1)", "DLMF 4.24.15"),
    ("lengths", "x", "x/√(x² + y²)", "the chain rule"),
    ("angles", "y", "x/(y² + x²)", "the chain rule"),
    ("spectral_norm", "X", "u₁ v₁ᵀ", "G. A. Watson, Subdifferential of some matrix norms (1992)"),
    ("nuclear_norm", "X", "U Vᵀ", "Watson (1992)"),
    ("largest_eigenvalue", "A", "v₃ v₃ᵀ", "MC 67: v vᵀ, for a symmetric matrix of order 3"),
    ("largest_entry", "x", "e₂", "BV 3.2.3: e_i for the largest entry x_i; here it is the last"),
    ("mahalanobis", "x", "M r/√(rᵀ M r)", "MC 86, by the chain rule: M is symmetric by construction"),
    # Regression
    ("least_squares", "w", "Xᵀ r", "B 3.13 for ½‖Xw − y‖²"),
    ("residual_norm", "w", "2·Xᵀ (X w − y)", "MC 84 with W = I"),
    ("residual_norm", "X", "2·(X w − y) wᵀ", "MC 88 with W = I"),
    ("mean_squared_error", "w", "1/2·Xᵀ (X w − y)", "GBC 4.3 over n"),
    ("multivariate_least_squares", "W", "2·Xᵀ (X W − Y)", "MC 119"),
    ("weighted_least_squares", "w", "2·Xᵀ (weights ⊙ r)", "B exercise 3.3"),
    ("ridge", "w", "2·(Xᵀ r + lam·w)", "B 3.27: 2 Xᵀ(Xw − y) + 2λw"),
    ("ridge_in_one_line", "w", "2·(Xᵀ (X w − y) + lam·w)", "B 3.27"),
    ("lasso", "w", "1/4·Xᵀ (X w − y) + lam·sign(w)", "R. Tibshirani, Regression shrinkage and selection (1996)"),
    ("logistic_regression", "w", "−Xᵀ (σ(−margins) ⊙ y)", "GBC 6.2.2, with labels ±1"),
    ("binary_cross_entropy", "w", "Xᵀ (p − y)", "B 4.91"),
    ("logistic_by_logaddexp", "w", "Xᵀ (σ(z) − y)", "B 4.91"),
    ("softmax_regression", "W", "1/4·Xᵀ (softmax(scores) − onehot(labels))", "B 4.109 over n"),
    ("softmax_regression", "b", "1/4·(softmax(scores) − onehot(labels))ᵀ 𝟏", "B 4.109 with φ = 1"),
    ("softmax_by_hand", "W", "1/4·Xᵀ (probs − onehot(labels))", "B 4.109 over n"),
    ("softmax_of_matrix", "W", "Xᵀ (diag(Y 𝟏) P − Y)", "B 4.109, rows of Y with any sum; Xᵀ(P − Y) where it is 1"),
    ("cross_entropy", "W", "(p − e₀) xᵀ", "the notes"),
    ("cross_entropy", "x", "Wᵀ (p − e₀)", "the notes"),
    ("poisson_regression", "w", "Xᵀ (e^eta − y)", "P. McCullagh and J. Nelder, Generalized Linear Models (1989)"),
    ("svm", "w", "w − C·Xᵀ ([1 − margins > 0] ⊙ y)", "S. Shalev-Shwartz et al., Pegasos (2007)"),
    ("hinge_of_sample", "w", "−[1 − y·wᵀ x > 0]·y·x", "Pegasos (2007)"),
    ("squared_hinge", "w", "−2·Xᵀ (max(0, 1 − y ⊙ (X w)) ⊙ y)", "O. Chapelle, SVMs in the primal (2007)"),
    ("log_barrier", "x", "Aᵀ (1/(b + 20 − A x))", "BV 11.2"),
    # Likelihoods
    ("multivariate_gaussian", "mu", "−1/2·(Sigma⁻¹ + Sigma⁻ᵀ) r", "MC 86; −Σ⁻¹(x − μ) where Σ is symmetric"),
    ("multivariate_gaussian", "Sigma", "(Sigma⁻ᵀ − Sigma⁻ᵀ r rᵀ Sigma⁻ᵀ)/2", "MC 57 and 61"),
    ("gaussian_of_factor", "mu", "−Sigma⁻¹ r", "MC 86: Σ is symmetric by construction"),
    ("gaussian_of_precision", "Lambda", "(r rᵀ − Lambda⁻ᵀ)/2", "MC 57 and 72"),
    ("stein_loss", "Sigma", "Sigma⁻ᵀ − Sigma⁻ᵀ Sᵀ Sigma⁻ᵀ", "MC 57 and 124"),
    ("log_sum_exp", "s", "softmax(s)", "BV 3.1.5"),
    ("log_sum_exp_by_hand", "s", "softmax(s)", "BV 3.1.5"),
    ("log_of_sum", "x", "𝟏/(Σ x)", "the chain rule"),
    ("softmax_times_vector", "s", "p ⊙ (v − vᵀ p)", "B 4.106: (diag(p) − p pᵀ) v"),
    ("entropy_of_probabilities", "p", "−log(p) − 1", "BV 3.1.5"),
    ("kl_divergence", "q", "−p/q", "BV 3.1.5"),
    ("kl_divergence", "p", "log(p) − log(q) + 1", "BV 3.1.5"),
    ("cross_entropy_of_distributions", "q", "−p/q", "GBC 3.13"),
    # Components, factors, kernels
    ("pca", "X", "2·(X − X W Wᵀ) (I − W Wᵀ)", "MC 119"),
    ("pca", "W", "−2·((X − X W Wᵀ)ᵀ X + Xᵀ (X − X W Wᵀ)) W", "B. Yang, Subspace tracking (1995)"),
    ("matrix_factorization", "U", "−2·(R − U Vᵀ) V", "Y. Koren et al., Matrix factorization techniques (2009)"),
    ("matrix_factorization", "V", "−2·(R − U Vᵀ)ᵀ U", "Koren et al. (2009)"),
    ("regularized_factorization", "U", "2·(lam·U − E V)", "Koren et al. (2009)"),
    ("linear_network", "W1", "Xᵀ (X W1 W2 − Y) W2ᵀ", "A. Saxe et al., Deep linear networks (2014)"),
    ("linear_network", "W2", "W1ᵀ Xᵀ (X W1 W2 − Y)", "Saxe et al. (2014)"),
    ("rayleigh_quotient", "w", "((S + Sᵀ) w − 2·L·w)/‖w‖²", "Trefethen and Bau, Numerical Linear Algebra (1997) 27"),
    ("orthogonality", "W", "4·W (Wᵀ W − I)", "MC 119 and 108"),
    ("cosine_similarity", "x", "(y − xᵀ y/‖x‖²·x)/(‖x‖·‖y‖)", "y/(‖x‖‖y‖) − cos x/‖x‖², MC 129"),
    ("gaussian_kernel", "x", "−2·k·gamma·(x − y)", "C. Rasmussen and C. Williams, Gaussian Processes (2006)"),
    ("kernel_sum", "X", "e^(−D/2) Y − diag(e^(−D/2) 𝟏) X", "the same, summed: a graph Laplacian"),
    ("polynomial_kernel", "x", "3·(xᵀ y + c)²·y", "the chain rule"),
    # Functions of each entry
    ("sum_of_tanh", "x", "1 − tanh(x)²", "Abramowitz and Stegun (1964) 4.5"),
    ("sum_of_sigmoids", "x", "σ(x) ⊙ (1 − σ(x))", "B 4.88"),
    ("softplus_by_hand", "x", "σ(x)", "GBC 3.10"),
    ("sum_of_swish", "x", "σ(x) ⊙ (x ⊙ (1 − σ(x)) + 1)", "P. Ramachandran et al., Swish (2017)"),
    ("sum_of_gelu", "x", "Φ(x) + 0.3989·x ⊙ e^(−x²/2)", "D. Hendrycks and K. Gimpel, GELU (2016): Φ(x) + x φ(x)"),
    ("sum_of_cubes", "x", "3·x²", "Abramowitz and Stegun"),
    ("huber_regression", "delta", "[r > delta]ᵀ r − delta·(Σ [r > delta])", "P. Huber (1964): Σ (r − δ) where r > δ"),
    ("product_of_entries", "x", "prod(x)/x", "Π x / x"),
    # Networks
    ("mlp", "W2", "1/4·Hᵀ (out − Y)", "GBC 6.5"),
    ("mlp", "W1", "1/4·Xᵀ ((1 − H ⊙ H) ⊙ ((out − Y) W2ᵀ))", "GBC 6.5"),
    ("relu_network", "W2", "Hᵀ (softmax(H W2) − onehot(labels))", "GBC 6.5"),
    ("attention", "V", "2·Aᵀ A V", "A. Vaswani et al., Attention is all you need (2017): O = A V"),
    ("attention_of_query", "q", "Kᵀ (a ⊙ (V v − aᵀ V v))", "Kᵀ (diag(a) − a aᵀ) V v"),
    ("attention_of_query", "K", "(a ⊙ (V v − aᵀ V v)) qᵀ", "(diag(a) − a aᵀ) V v qᵀ"),
    ("rms_norm_of_vector", "x", "(v − vᵀ x/(3·r²)·x)/r", "B. Zhang and R. Sennrich, RMSNorm (2019)"),
    ("layer_norm", "beta", "yᵀ 𝟏", "J. Ba et al., Layer normalization (2016)"),
    ("layer_norm_of_vector", "x", "(v − vᵀ xhat/3·xhat − (Σ v)/3)/sigma", "(v − mean(v) − x̂ mean(v ⊙ x̂))/σ"),
    ("layer_norm_of_vector", "mu", "−(Σ v)/sigma", "S. Ioffe and C. Szegedy, Batch normalization (2015): −Σ v/σ"),
    ("gaussian_process", "C", "diag(diag(C))⁻¹ − C⁻ᵀ z zᵀ", "C⁻ᵀ z (C⁻¹ y)ᵀ, where z = C⁻¹ y"),
]
# fmt: on


def explained(name, seed=0, **sizes):
    f = FUNCTIONS[name]
    return cr.explain(f.f)(**f.arguments(seed, **sizes))


def closed_form(name, argument):
    return next(c.formula for c in explained(name).closed_forms if unicode(c.name).endswith(f"/∂{argument}"))


@pytest.mark.parametrize(
    ("name", "argument", "expected", "source"), LITERATURE, ids=[f"{name}-{x}" for name, x, _, _ in LITERATURE]
)
def test_closed_form_is_what_the_literature_writes(name, argument, expected, source):
    assert unicode(closed_form(name, argument)) == expected, source


LATEX = [
    ("determinant", "X", r"\operatorname{det}\left(X\right) \cdot X^{-\top}"),
    ("inverse_between_vectors", "X", r"-X^{-\top} a b^{\top} X^{-\top}"),
    ("quadratic_form", "x", r"\left(B + B^{\top}\right) x"),
    ("residual_norm", "w", r"2 \cdot X^{\top} \left(X w - y\right)"),
    ("frobenius_norm", "X", r"\frac{X}{\left\|X\right\|}"),
    ("multivariate_gaussian", "Sigma", r"\frac{\Sigma^{-\top} - \Sigma^{-\top} r r^{\top} \Sigma^{-\top}}{2}"),
    ("logistic_by_logaddexp", "w", r"X^{\top} \left(\sigma\left(z\right) - y\right)"),
    ("mahalanobis", "x", r"\frac{M r}{\sqrt{r^{\top} M r}}"),
    ("largest_eigenvalue", "A", r"v_{3} v_{3}^{\top}"),
    ("spectral_norm", "X", r"u_{1} v_{1}^{\top}"),
    ("nuclear_norm", "X", r"U V^{\top}"),
    ("trace_of_cube", "X", r"3 \cdot \left(X^{2}\right)^{\top}"),
]


@pytest.mark.parametrize(("name", "argument", "expected"), LATEX)
def test_latex_is_what_the_literature_writes(name, argument, expected):
    assert latex(closed_form(name, argument)).replace(r"\det", r"\operatorname{det}") == expected


SIZES = [{}, {"n": 2, "d": 5, "m": 3, "k": 4, "h": 2}, {"n": 5, "d": 2, "m": 4, "k": 2, "h": 3}]
"""Shapes to evaluate at, no two of which are the same, so that a missing transpose does not fit."""


def vectors(name, arguments):
    """U, V, u₁, …: the vectors of the decompositions that formulas refer to."""
    if name in ("spectral_norm", "nuclear_norm"):
        U, _, Vh = np.linalg.svd(arguments["X"], full_matrices=False)
        return {"U": U, "V": Vh.T, "u₁": U[:, 0], "v₁": Vh[0]}
    if name == "largest_eigenvalue":
        _, V = np.linalg.eigh(arguments["B"] + arguments["B"].T)
        return {f"v{'₀₁₂₃₄₅₆'[len(V)]}": V[:, -1]}
    return {}


def told(name, sizes, seed):
    """Each printed closed form, its value by the reader of formulas, and the gradient."""
    explanation = explained(name, seed, **sizes)
    names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
    names |= vectors(name, FUNCTIONS[name].arguments(seed, **sizes))
    gradients = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
    for form in explanation.closed_forms:
        label, text = unicode(form.name), unicode(form.formula)
        try:
            yield label, text, value_of_formula(text, names, gradients[label].shape), gradients[label]
        except UnknownNotationError:
            yield label, text, None, gradients[label]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_printed_closed_form_has_the_value_of_the_gradient(name):
    for seed, sizes in enumerate(SIZES):
        if name in FIXED and sizes:
            continue
        for label, text, value, gradient in told(name, sizes, seed):
            if value is not None:
                # numbers are printed with four digits
                np.testing.assert_allclose(value, gradient, rtol=2e-3, atol=1e-9, err_msg=f"{label} = {text}")


FIXED = {"joined", "layer_of_dict"}
"""Functions whose sizes go together in a way that other sizes break."""


def test_what_is_in_the_table_can_all_be_read():
    for name, argument, _, _ in LITERATURE:
        readable = [value is not None for label, _, value, _ in told(name, {}, 0) if label.endswith(f"/∂{argument}")]
        assert readable == [True], (name, argument)


def test_the_table_has_at_least_sixty_functions():
    assert len({name for name, _, _, _ in LITERATURE}) >= 60


def test_a_long_loop_has_no_closed_form_of_its_first_input():
    def loss(x, W):
        for _ in range(30):
            x = np.tanh(W @ x)
        return np.sum(x**2)

    explanation = cr.explain(loss)(np.ones(3), np.eye(3))
    texts = {unicode(c.name): unicode(c.formula) for c in explanation.closed_forms}
    assert "∂L/∂x" not in texts
    assert texts["∂L/∂x31"] == "2·x31"
    assert max(map(len, texts.values())) < 200


def test_a_constant_gradient_is_a_vector_of_ones():
    def loss(x):
        return np.sum(x)

    (form,) = cr.explain(loss)(np.ones(3)).closed_forms
    assert unicode(form.formula) == "𝟏"


def gradient_of_x(loss):
    rng = np.random.default_rng(0)
    explanation = cr.explain(loss)(rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=4))
    return next(unicode(c.formula) for c in explanation.closed_forms if unicode(c.name) == "∂L/∂x")


def test_a_multiple_of_a_named_sum_is_written_by_its_name():
    def loss(x, A, b):
        r = A @ x - b
        return (r - b) @ (A @ x)

    assert gradient_of_x(loss) == "2·Aᵀ r"  # Aᵀ (r − b) + Aᵀ A x


def test_what_is_no_multiple_of_a_named_sum_keeps_its_terms():
    def loss(x, A, b):
        r = A @ x - b
        return (r + 3 * b) @ (A @ x)

    assert gradient_of_x(loss) == "2·Aᵀ (A x + b)"


def test_a_stack_of_inverses_of_products_is_no_inverse_of_one_matrix():
    explanation = cr.explain(lambda x, y: np.sum(np.linalg.inv(x * y)))(np.eye(3) + 1, np.eye(3)[None] + 1)
    assert [unicode(c.name) for c in explanation.closed_forms] == ["∂L/∂x", "∂L/∂y"]
    assert all("(x ⊙ y)⁻¹" in unicode(c.formula) for c in explanation.closed_forms)


@pytest.mark.parametrize(("exponent", "written"), [(np.inf, "inf·x^inf"), (np.nan, "nan·x^nan")])
def test_a_power_whose_exponent_is_no_number_is_explained_as_it_is(exponent, written):
    with np.errstate(all="ignore"):
        (form,) = cr.explain(lambda x: np.sum(x**exponent))(np.array([2.0])).closed_forms
    assert unicode(form.formula) == written


OF_EXTREME_NUMBERS = {
    "a cube": (lambda x: np.sum((x * 1e-200) ** 3), 1e200),
    "squares": (lambda x: np.sum((x * 1e-200) ** 2) * 1e-100, 1e200),
    "large squares": (lambda x: np.sum((x * 1e200) ** 2), 1e-200),
    "two factors": (lambda x: np.sum((1e-200 * x) * (1e-200 * x)), 1e200),
    "both extremes": (lambda x: np.sum((1e200 * x) * (1e-200 * x * x)), 1.0),
    "a sum of small terms": (lambda x: np.sum(1e-13 * x + 1e-13 * x), 1.0),
}
"""Functions whose numbers, put together, over- or underflow, and the size of an argument at which they do not."""


@pytest.mark.parametrize("name", OF_EXTREME_NUMBERS)
def test_numbers_that_together_over_or_underflow_stay_apart(name):
    f, size = OF_EXTREME_NUMBERS[name]
    x = size * np.array([1.0, 2.0])
    explanation = cr.explain(f)(x)
    value, gradient = cr.value_and_grad(f)(x)
    assert np.all((gradient != 0) & np.isfinite(gradient))
    exec(compile(explanation.code(), "<code>", "exec"), written := {})
    for found, wanted in zip(written["loss_and_gradient"](x), (value, gradient), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    (form,) = (c for c in explanation.closed_forms if unicode(c.name) == "∂L/∂x")
    names = {unicode(step.name): step.value for step in explanation.forward}
    np.testing.assert_allclose(value_of_formula(unicode(form.formula), names, x.shape), gradient, rtol=2e-3)


@pytest.mark.parametrize("name", ["kernel_sum", "gelu_layer"])
def test_exponentials_of_rows_are_written(name):
    written = [*told(name, {"n": 1, "m": 2, "d": 3, "h": 2, "k": 3}, 0)]
    assert written
    for label, text, value, gradient in written:
        if value is not None:
            np.testing.assert_allclose(value, gradient, rtol=2e-3, atol=1e-9, err_msg=f"{label} = {text}")
