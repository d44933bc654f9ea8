"""Functions whose derivations and code are tested: what textbooks differentiate, and what Python code does besides.

Each is written as its source writes it, over NumPy, with arguments by the names that the literature gives them. The
shapes are letters, so a test can draw sizes: `X="n d"` is an n×d matrix of random numbers, `"spd d"` a symmetric
positive definite d×d matrix, `"labels n k"` n classes out of k, and a number stands for itself.

>>> from explain.functions import FUNCTIONS
>>> least_squares = FUNCTIONS["least_squares"]
>>> {name: x.shape for name, x in least_squares.arguments().items()}
{'X': (4, 3), 'w': (3,), 'y': (4,)}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

import chainrule as cr

SIZES = {"n": 4, "d": 3, "m": 2, "k": 3, "h": 2}
"""Samples, dimensions, outputs, classes, hidden units."""


@dataclass(frozen=True)
class Function:
    """A function with arguments to call it with.

    Attributes
    ----------
    name : of the function.
    f : the function, of scalar value.
    source : where its gradient is worked out, or what it shows.
    spec : for each argument its kind and sizes, as text, or the value itself.
    """

    name: str
    f: Callable[..., Any]
    source: str
    spec: Mapping[str, Any]

    def arguments(self, seed: int = 0, **sizes: int) -> dict[str, Any]:
        """Random arguments by name; the same for the same seed and sizes."""
        rng = np.random.default_rng(seed)
        sizes = SIZES | sizes
        return {name: _random(rng, what, sizes) if isinstance(what, str) else what for name, what in self.spec.items()}


FUNCTIONS: dict[str, Function] = {}


def function(source: str, **spec: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[f.__name__] = Function(f.__name__, f, source, spec)
        return f

    return add


def _random(rng: np.random.Generator, what: str, sizes: Mapping[str, int]) -> Any:
    kind, *rest = what.split()
    if kind in sizes or kind.isdigit() or kind == "scalar":
        kind, rest = "real", what.replace("scalar", "").split()
    shape = tuple(sizes[s] if s in sizes else int(s) for s in rest)
    match kind:
        case "real":
            x = rng.normal(size=shape)
        case "positive":
            x = rng.uniform(0.5, 2.0, size=shape)
        case "signs":
            return rng.choice([-1.0, 1.0], size=shape)
        case "counts":
            x = rng.integers(0, 5, size=shape).astype(float)
        case "probabilities":
            x = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        case "labels":
            return rng.integers(0, shape[-1], size=shape[:-1])
        case "spd" | "invertible":
            A = rng.normal(size=(shape[0], shape[0]))
            x = A @ A.T + shape[0] * np.eye(shape[0]) if kind == "spd" else A + 2 * shape[0] * np.eye(shape[0])
        case _:
            raise ValueError(f"no arguments of kind {kind}")
    return float(x) if x.ndim == 0 else x


# The notes ---------------------------------------------------------------------------------------------------


@function("the notes: a computation graph", x=1.0, y=2.0, z=3.0)
def circuit(x, y, z):
    a = 2 * x
    b = 3 * y
    c = a + b
    return c * z


@function("the notes: softmax and cross-entropy", W="k d", x="d", label=0)
def cross_entropy(W, x, label):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, label)


@function("the notes: hinge loss", W="k d", x="d", label=0)
def hinge(W, x, label):
    s = W @ x
    t = s - s[label] + 1
    return np.sum(np.maximum(t, 0)) - 1


# The Matrix Cookbook (Petersen and Pedersen), by the number of the equation ----------------------------------


@function("Matrix Cookbook 49", X="invertible d")
def determinant(X):
    return np.linalg.det(X)


@function("Matrix Cookbook 51", A="invertible d", X="invertible d", B="invertible d")
def determinant_of_product(A, X, B):
    return np.linalg.det(A @ X @ B)


@function("Matrix Cookbook 57", X="spd d")
def log_determinant(X):
    _, logabsdet = np.linalg.slogdet(X)
    return logabsdet


@function("Matrix Cookbook 61", a="d", X="invertible d", b="d")
def inverse_between_vectors(a, X, b):
    return a @ np.linalg.inv(X) @ b


@function("Matrix Cookbook 124", A="d d", X="invertible d", B="d d")
def trace_of_inverse(A, X, B):
    return np.trace(A @ np.linalg.inv(X) @ B)


@function("Matrix Cookbook 70", a="n", X="n d", b="d")
def bilinear_form(a, X, b):
    return a @ X @ b


@function("Matrix Cookbook 72", a="d", X="d d")
def same_vector_twice(a, X):
    return a @ X @ a


@function("Matrix Cookbook 77", b="d", X="n d", c="d")
def bilinear_form_of_gram(b, X, c):
    return b @ X.T @ X @ c


@function("Matrix Cookbook 81", x="d", B="d d")
def quadratic_form(x, B):
    return x @ B @ x


@function("Matrix Cookbook 84", x="n", A="n d", s="d", W="spd n")
def weighted_residual(x, A, s, W):
    r = x - A @ s
    return r @ W @ r


@function("Matrix Cookbook 100", A="d n", X="n d")
def trace_of_product(A, X):
    return np.trace(A @ X)


@function("Matrix Cookbook 101", A="d n", X="n m", B="m d")
def trace_of_three(A, X, B):
    return np.trace(A @ X @ B)


@function("Matrix Cookbook 108", X="n d", B="n n")
def trace_of_quadratic_form(X, B):
    return np.trace(X.T @ B @ X)


@function("Matrix Cookbook 121", X="d d")
def trace_of_cube(X):
    return np.trace(X @ X @ X)


@function("Matrix Cookbook 129", x="d", a="d")
def distance(x, a):
    return np.linalg.norm(x - a)


@function("Matrix Cookbook 132", X="n d")
def squared_frobenius_norm(X):
    return np.sum(X**2)


@function("Petersen and Pedersen, 10.4", X="n d")
def frobenius_norm(X):
    return np.linalg.norm(X)


@function("u₁ v₁ᵀ of the singular value decomposition", X="n d")
def spectral_norm(X):
    return np.linalg.norm(X, 2)


@function("U Vᵀ of the singular value decomposition", X="n d")
def nuclear_norm(X):
    return np.linalg.norm(X, "nuc")


# Regression --------------------------------------------------------------------------------------------------


@function("Xᵀ(Xw − y)", X="n d", w="d", y="n")
def least_squares(X, w, y):
    r = X @ w - y
    return 0.5 * np.sum(r**2)


@function("ridge regression", X="n d", w="d", y="n", lam=0.1)
def ridge(X, w, y, lam):
    r = X @ w - y
    return np.sum(r**2) + lam * np.sum(w**2)


@function("lasso", X="n d", w="d", y="n", lam=0.1)
def lasso(X, w, y, lam):
    return 0.5 * np.mean((X @ w - y) ** 2) + lam * np.sum(np.abs(w))


@function("weighted least squares", X="n d", w="d", y="n", weights="positive n")
def weighted_least_squares(X, w, y, weights):
    r = X @ w - y
    return np.sum(weights * r**2)


@function("logistic regression, labels ±1", X="n d", w="d", y="signs n")
def logistic_regression(X, w, y):
    margins = y * (X @ w)
    return np.sum(np.log(1 + np.exp(-margins)))


@function("logistic regression, labels 0 and 1", X="n d", w="d", b="scalar", y="probabilities n")
def binary_cross_entropy(X, w, b, y):
    p = cr.sigmoid(X @ w + b)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


@function("softmax regression", X="n d", W="d k", b="k", labels="labels n k")
def softmax_regression(X, W, b, labels):
    scores = X @ W + b
    return np.mean(cr.softmax_cross_entropy(scores, labels))


@function("softmax regression by hand", X="n d", W="d k", labels="labels n k")
def softmax_by_hand(X, W, labels):
    scores = X @ W
    exps = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs = exps / np.sum(exps, axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(len(labels)), labels]))


@function("Poisson regression", X="n d", w="d", y="counts n")
def poisson_regression(X, w, y):
    eta = X @ w
    return np.sum(np.exp(eta) - y * eta)


@function("probit regression", X="n d", w="d", y="signs n")
def probit_regression(X, w, y):
    return -np.sum(scipy.special.log_ndtr(y * (X @ w)))


@function("Huber's loss", X="n d", w="d", y="n", delta=0.5)
def huber_regression(X, w, y, delta):
    r = np.abs(X @ w - y)
    return np.sum(np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta)))


@function("support vector machine", X="n d", w="d", b="scalar", y="signs n", C=1.5)
def svm(X, w, b, y, C):
    margins = y * (X @ w + b)
    return 0.5 * w @ w + C * np.sum(np.maximum(0, 1 - margins))


@function("squared hinge loss", X="n d", w="d", y="signs n")
def squared_hinge(X, w, y):
    return np.sum(np.maximum(0, 1 - y * (X @ w)) ** 2)


@function("sum of angles", x="n")
def arctangents(x):
    return np.sum(np.arctan(x))


@function("sum of lengths of points in the plane", x="n", y="n")
def lengths(x, y):
    return np.sum(np.hypot(x, y))


@function("sum of angles of points in the plane", x="n", y="n")
def angles(x, y):
    return np.sum(np.arctan2(y, x))


# Components, likelihoods, distances --------------------------------------------------------------------------


@function("principal components by reconstruction", X="n d", W="d m")
def pca(X, W):
    return np.sum((X - X @ W @ W.T) ** 2)


@function("Rayleigh quotient", w="d", S="spd d")
def rayleigh_quotient(w, S):
    return (w @ S @ w) / (w @ w)


@function("matrix factorisation", R="n d", U="n m", V="d m")
def matrix_factorization(R, U, V):
    return np.sum((R - U @ V.T) ** 2)


@function("Gaussian likelihood, one variable", x="n", mu="scalar", log_sigma="scalar")
def gaussian(x, mu, log_sigma):
    z = (x - mu) / np.exp(log_sigma)
    return np.sum(0.5 * z**2 + log_sigma + 0.5 * np.log(2 * np.pi))


@function("Gaussian likelihood, Matrix Cookbook 8.1", x="d", mu="d", Sigma="spd d")
def multivariate_gaussian(x, mu, Sigma):
    r = x - mu
    _, logabsdet = np.linalg.slogdet(Sigma)
    return 0.5 * logabsdet + 0.5 * r @ np.linalg.solve(Sigma, r)


@function("marginal likelihood of a Gaussian process", K="spd n", y="n")
def gaussian_process(K, y):
    C = np.linalg.cholesky(K)
    z = np.linalg.solve(C, y)
    return 0.5 * z @ z + np.sum(np.log(np.diagonal(C)))


@function("mixture of Gaussians", x="n", mu="m", weights="m")
def mixture(x, mu, weights):
    joint = cr.log_softmax(weights) - 0.5 * (x[:, None] - mu) ** 2
    return -np.sum(cr.logsumexp(joint, axis=1))


@function("beta distribution", x="probabilities n", a="positive", b="positive")
def beta_likelihood(x, a, b):
    return n_log_beta(x, a, b) - np.sum((a - 1) * np.log(x) + (b - 1) * np.log1p(-x))


def n_log_beta(x, a, b):
    return len(x) * scipy.special.betaln(a, b)


@function("entropy of a softmax", s="k")
def entropy(s):
    p = cr.softmax(s)
    return -np.sum(p * np.log(p))


@function("Kullback-Leibler divergence", p="probabilities k", q="probabilities k")
def kl_divergence(p, q):
    return np.sum(p * (np.log(p) - np.log(q)))


@function("cosine similarity", x="d", y="d")
def cosine_similarity(x, y):
    return (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y))


@function("contrastive loss (InfoNCE)", Z="n d", Y="n d", tau=0.5)
def contrastive(Z, Y, tau):
    Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    Y = Y / np.linalg.norm(Y, axis=1, keepdims=True)
    scores = Z @ Y.T / tau
    return np.mean(cr.softmax_cross_entropy(scores, np.arange(len(scores))))


@function("pairwise distances", X="n d", Y="m d")
def kernel_sum(X, Y):
    D = np.sum((X[:, None, :] - Y[None, :, :]) ** 2, axis=-1)
    return np.sum(np.exp(-0.5 * D))


@function("Rosenbrock's valley", x="d")
def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


# Networks ----------------------------------------------------------------------------------------------------


@function("perceptron with one hidden layer", X="n d", W1="d h", b1="h", W2="h m", b2="m", Y="n m")
def mlp(X, W1, b1, W2, b2, Y):
    H = np.tanh(X @ W1 + b1)
    out = H @ W2 + b2
    return np.mean((out - Y) ** 2)


@function("the same with parameters in a dictionary", params={"W": np.eye(3, 2), "b": np.zeros(2)}, X="n 3")
def layer_of_dict(params, X):
    return np.sum(cr.relu(X @ params["W"] + params["b"] + 0.1))


@function("two layers of rectifiers", X="n d", W1="d h", W2="h k", labels="labels n k")
def relu_network(X, W1, W2, labels):
    H = np.maximum(X @ W1, 0)
    return np.sum(cr.softmax_cross_entropy(H @ W2, labels))


@function("the transformer's feed-forward layer", X="n d", W1="d h", W2="h d")
def gelu_layer(X, W1, W2):
    return np.sum((X + cr.gelu(X @ W1) @ W2) ** 2)


@function("scaled dot-product attention", Q="n d", K="m d", V="m h")
def attention(Q, K, V):
    scores = Q @ K.T / np.sqrt(K.shape[-1])
    A = cr.softmax(scores)
    return np.sum((A @ V) ** 2)


@function("layer norm, by hand", x="n d", gamma="d", beta="d")
def layer_norm_by_hand(x, gamma, beta):
    mu = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return np.sum((gamma * xhat + beta) ** 2)


@function("layer norm as one block", x="n d", gamma="d", beta="d", y="n d")
def layer_norm(x, gamma, beta, y):
    return np.sum(y * cr.layer_norm(x, gamma, beta))


@function("RMS norm", x="n d", g="d", y="n d")
def rms_norm(x, g, y):
    r = x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6)
    return np.sum(y * g * r)


@function("batch norm", X="n d", gamma="d", beta="d", Y="n d")
def batch_norm(X, gamma, beta, Y):
    Xhat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-5)
    return np.mean((gamma * Xhat + beta - Y) ** 2)


@function("convolution, pooling, linear layer", x="1 6 6", kernel="2 1 3 3", W="k 8", label=1)
def convolution(x, kernel, W, label):
    h = cr.relu(cr.conv2d(x, kernel))
    pooled = cr.max_pool2d(h, 2)
    return cr.softmax_cross_entropy(W @ pooled.ravel(), label)


@function("moving average with np.convolve", x="8", kernel="3", y="6")
def filter_fit(x, kernel, y):
    return np.sum((np.convolve(x, kernel, mode="valid") - y) ** 2)


@function("embedding and mean", E="k d", words="labels n k", w="d")
def embedding(E, words, w):
    x = E[words]
    return np.tanh(np.mean(x, axis=0) @ w)


@function("recurrent network, unrolled", xs="n d", Wx="h d", Wh="h h", b="h")
def recurrent(xs, Wx, Wh, b):
    h = np.zeros(len(b))
    for x in xs:
        h = np.tanh(Wx @ x + Wh @ h + b)
    return np.sum(h**2)


# More of the textbooks' gradients, and other ways to write the same function ---------------------------------


@function("Matrix Cookbook 99", X="d d")
def trace(X):
    return np.trace(X)


@function("Matrix Cookbook 106", X="d d")
def trace_of_square(X):
    return np.trace(X @ X)


@function("Matrix Cookbook 115, written as a trace", X="n d")
def trace_of_gram(X):
    return np.trace(X.T @ X)


@function("the same by einsum", X="n d")
def gram_by_einsum(X):
    return np.einsum("ij,ij->", X, X)


@function("the same by np.linalg.norm", X="n d")
def square_of_norm(X):
    return np.linalg.norm(X) ** 2


@function("the same by a method", X="n d")
def sum_of_squares(X):
    return (X * X).sum()


@function("Matrix Cookbook 109, B symmetric by construction", X="n d", M="n n")
def symmetric_trace(X, M):
    B = M + M.T
    return np.trace(X.T @ B @ X)


@function("Matrix Cookbook 63, X⁻¹ alone", X="invertible d", A="d d")
def trace_with_inverse(X, A):
    return np.trace(np.linalg.inv(X) @ A)


@function("Matrix Cookbook 61, by solving", a="d", X="invertible d", b="d")
def solved_between_vectors(a, X, b):
    return a @ np.linalg.solve(X, b)


@function("Matrix Cookbook 57, log of the determinant", X="spd d")
def log_of_determinant(X):
    return np.log(np.linalg.det(X))


@function("Matrix Cookbook 55", X="8 d")
def determinant_of_gram(X):
    return np.linalg.slogdet(X.T @ X)[1]


@function("Matrix Cookbook 97, A symmetric by construction", x="d", M="d d")
def symmetric_quadratic_form(x, M):
    A = M + M.T
    return x @ A @ x


@function("Matrix Cookbook 69", a="d", x="d")
def inner_product(a, x):
    return a @ x


@function("Boyd and Vandenberghe, Convex Optimization, A.4", A="spd d", b="d", x="d")
def quadratic_function(A, b, x):
    return 0.5 * x @ A @ x - b @ x


@function("least squares as a squared norm", X="n d", w="d", y="n")
def residual_norm(X, w, y):
    return np.linalg.norm(X @ w - y) ** 2


@function("mean squared error", X="n d", w="d", y="n")
def mean_squared_error(X, w, y):
    return np.mean((X @ w - y) ** 2)


@function("least squares with several outputs", X="n d", W="d m", Y="n m")
def multivariate_least_squares(X, W, Y):
    return np.sum((X @ W - Y) ** 2)


@function("ridge in one line", X="n d", w="d", y="n", lam=0.1)
def ridge_in_one_line(X, w, y, lam):
    return np.sum((X @ w - y) ** 2) + lam * w @ w


@function("logistic regression, labels 0 and 1, by logaddexp", X="n d", w="d", y="probabilities n")
def logistic_by_logaddexp(X, w, y):
    z = X @ w
    return np.sum(np.logaddexp(0, z) - y * z)


@function("softmax regression with one-hot rows Y", X="n d", W="d k", Y="probabilities n k")
def softmax_of_matrix(X, W, Y):
    P = cr.softmax(X @ W)
    return -np.sum(Y * np.log(P))


@function("a vector times softmax: its Jacobian is diag(p) − p pᵀ", s="k", v="k")
def softmax_times_vector(s, v):
    p = cr.softmax(s)
    return v @ p


@function("log-sum-exp", s="k")
def log_sum_exp(s):
    return cr.logsumexp(s)


@function("log-sum-exp by hand", s="k")
def log_sum_exp_by_hand(s):
    return np.log(np.sum(np.exp(s)))


@function("logarithm of a sum", x="positive d")
def log_of_sum(x):
    return np.log(np.sum(x))


@function("Boyd and Vandenberghe: log barrier", A="n d", x="d", b="positive n")
def log_barrier(A, x, b):
    return -np.sum(np.log(b + 20 - A @ x))


@function("entropy of probabilities", p="probabilities k")
def entropy_of_probabilities(p):
    return -np.sum(p * np.log(p))


@function("Gaussian likelihood in the precision matrix", x="d", mu="d", Lambda="spd d")
def gaussian_of_precision(x, mu, Lambda):
    r = x - mu
    return 0.5 * r @ Lambda @ r - 0.5 * np.linalg.slogdet(Lambda)[1]


@function("Gaussian likelihood, covariance symmetric by construction", x="d", mu="d", B="invertible d")
def gaussian_of_factor(x, mu, B):
    Sigma = B @ B.T
    r = x - mu
    return 0.5 * r @ np.linalg.solve(Sigma, r)


@function("distance of Mahalanobis", x="d", mu="d", B="d d")
def mahalanobis(x, mu, B):
    M = B @ B.T
    r = x - mu
    return np.sqrt(r @ M @ r)


@function("squared distance", x="d", y="d")
def squared_distance(x, y):
    return np.sum((x - y) ** 2)


@function("Gaussian kernel", x="d", y="d", gamma=0.4)
def gaussian_kernel(x, y, gamma):
    k = np.exp(-gamma * np.sum((x - y) ** 2))
    return 1.0 * k


@function("polynomial kernel", x="d", y="d", c=1.0)
def polynomial_kernel(x, y, c):
    return (x @ y + c) ** 3


@function("norm of a vector", x="d")
def vector_norm(x):
    return np.linalg.norm(x)


@function("norm of a vector by hand", x="d")
def norm_by_hand(x):
    return np.sqrt(x @ x)


@function("1-norm of a vector", x="d")
def one_norm(x):
    return np.sum(np.abs(x))


@function("largest entry", x="d")
def largest_entry(x):
    return np.max(x)


@function("largest eigenvalue of a matrix that is symmetric by construction", B="spd d")
def largest_eigenvalue(B):
    A = B + B.T
    return np.linalg.eigvalsh(A)[-1]


@function("sum of tanh", x="d")
def sum_of_tanh(x):
    return np.sum(np.tanh(x))


@function("sum of sigmoids", x="d")
def sum_of_sigmoids(x):
    return np.sum(1 / (1 + np.exp(-x)))


@function("softplus by hand", x="d")
def softplus_by_hand(x):
    return np.sum(np.log(1 + np.exp(x)))


@function("swish", x="d")
def sum_of_swish(x):
    return np.sum(x * cr.sigmoid(x))


@function("gelu", x="d")
def sum_of_gelu(x):
    return np.sum(cr.gelu(x))


@function("product of all entries", x="positive d")
def product_of_entries(x):
    return np.prod(x)


@function("a power of each entry", x="positive d")
def sum_of_cubes(x):
    return np.sum(x**3)


@function("two linear layers", X="n d", W1="d h", W2="h m", Y="n m")
def linear_network(X, W1, W2, Y):
    return 0.5 * np.sum((X @ W1 @ W2 - Y) ** 2)


@function("matrix factorisation with weights decayed", R="n d", U="n m", V="d m", lam=0.1)
def regularized_factorization(R, U, V, lam):
    E = R - U @ V.T
    return np.sum(E**2) + lam * np.sum(U**2) + lam * np.sum(V**2)


@function("layer norm of one vector", x="d", v="d")
def layer_norm_of_vector(x, v):
    mu = np.mean(x)
    sigma = np.sqrt(np.mean((x - mu) ** 2))
    xhat = (x - mu) / sigma
    return v @ xhat


@function("RMS norm of one vector", x="d", v="d")
def rms_norm_of_vector(x, v):
    r = np.sqrt(np.mean(x**2))
    return v @ (x / r)


@function("attention of one query", q="d", K="n d", V="n h", v="h")
def attention_of_query(q, K, V, v):
    a = cr.softmax(K @ q)
    return v @ (V.T @ a)


@function("hinge loss of one sample", w="d", x="d", y=1.0)
def hinge_of_sample(w, x, y):
    return np.maximum(0, 1 - y * (w @ x))


@function("total variation of neighbours by a matrix", D="n d", x="d")
def graph_smoothness(D, x):
    return x @ D.T @ D @ x


@function("Stein's loss of a covariance", S="spd d", Sigma="spd d")
def stein_loss(S, Sigma):
    return np.trace(np.linalg.inv(Sigma) @ S) + np.linalg.slogdet(Sigma)[1]


@function("cross-entropy of two distributions", p="probabilities k", q="probabilities k")
def cross_entropy_of_distributions(p, q):
    return -np.sum(p * np.log(q))


@function("orthogonality penalty", W="n d")
def orthogonality(W):
    return np.sum((W.T @ W - np.eye(W.shape[1])) ** 2)


# What Python code does ---------------------------------------------------------------------------------------


@function("a loop: Newton's square root", a=2.0)
def newton_root(a):
    x = 1.0
    for _ in range(4):
        x = 0.5 * (x + a / x)
    return x


@function("a loop: power iteration", A="spd d", v="d")
def power_iteration(A, v):
    for _ in range(3):
        v = A @ v
        v = v / np.sqrt(v @ v)
    return v @ A @ v


@function("a branch on a value", x="d", t=0.3)
def branch(x, t):
    s = np.sum(x)
    if s > t:
        return s**2
    return t * np.sum(np.abs(x))


@function("entries written into an array", x="positive d")
def powers_in_place(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] ** i
    return np.sum(out * x)


@function("an update in place", x="d", W="d d")
def in_place(x, W):
    y = W @ x
    y[0] *= 2
    y += x
    return np.sum(y**2)


@function("slices and steps", x="n d")
def slices(x):
    return np.sum(x[1:, 0] * x[:-1, -1]) + np.sum(x[::2] ** 3)


@function("a mask", x="n d")
def masked(x):
    return np.sum(x[x > 0] ** 2)


@function("sorting", x="n", w="n")
def sorted_sum(x, w):
    return np.sort(x) @ w


@function("largest entries", X="n d")
def maxima(X):
    return np.sum(X.max(axis=1) - X.min(axis=0)[0]) + np.max(X)


@function("running sums", x="positive n")
def running_sums(x):
    return np.sum(np.log(np.cumsum(x)) * np.cumprod(x))


@function("joined arrays", x="d", y="m", W="k 5")
def joined(x, y, W):
    z = np.concatenate([x, y, [1.0]])[: W.shape[1]]
    z = np.pad(z, (0, max(0, W.shape[1] - len(z))))
    return np.sum(np.tanh(W @ z))


@function("rows stacked and shaped", x="d", y="d")
def stacked(x, y):
    Z = np.stack([x, y, x * y])
    return np.linalg.norm(Z.T.reshape(-1)[::-1] * np.arange(1.0, 3 * len(x) + 1))


@function("sums of products by letters", A="n d", B="d m", C="m n")
def einsum(A, B, C):
    return np.einsum("ij,jk,ki->", A, B, C)


@function("a triple product of tensors", T="n d m", u="n", v="d", w="m")
def tensor_form(T, u, v, w):
    return np.einsum("ijk,i,j,k->", T, u, v, w)


@function("a constant from outside", x="d")
def captured_constant(x):
    return np.sum(SCALE[: len(x)] * np.sin(x))


SCALE = np.linspace(0.3, 1.7, 10)


@function("the spectrum of a signal", x="8")
def spectrum(x):
    return np.sum(np.abs(np.fft.rfft(x)) ** 2)


@function("special functions", x="positive n")
def special_functions(x):
    return np.sum(scipy.special.gammaln(x) + scipy.special.erf(x) * scipy.special.expit(x))


@function("quantities of trigonometry", theta="scalar", x="2")
def rotation(theta, x):
    R = np.stack([np.stack([np.cos(theta), -np.sin(theta)]), np.stack([np.sin(theta), np.cos(theta)])])
    y = R @ x
    return y[0] * y[1]


@function("many values used twice: a tree would double at each step", x="scalar")
def doubling(x):
    y = 1 + np.sin(x)
    for _ in range(12):
        y = np.sin(y) + y * y / (1 + y * y)
    return y
