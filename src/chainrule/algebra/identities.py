"""The identities: one line each. The left side is replaced by the right side.

Tables group them by what they preserve:
- EXACT preserves value, NaN, infinities and signed zeros, up to rounding.
- STABLE does too, but where the left side over- or underflows, or cancels, the right side has the mathematically
  correct value.
- PRODUCTS are those of STABLE about factors of a product. They apply wherever these factors occur in a product, in the
  sums of products of `simplify` and in those of closed forms.
- REAL holds for real numbers only: for formulas to be read, not for computation.

Each line is tested on random values, with its gradient. The builder accepts a right side only if it has the shape and
dtype of the left. Identities apply to real operands only.
"""

from chainrule.algebra.patterns import identities

__all__ = ["EXACT", "PRODUCTS", "REAL", "STABLE"]

EXACT = identities("""
    x * 1 = x
    x / 1 = x
    x - 0 = x
    x + -0.0 = x                     # not x + 0: that makes +0 of −0
    x * -1 = -x
    x / -1 = -x
    x ** 1 = x
    x ** 2 = square(x)
    x ** -1 = 1 / x
    reciprocal(x) = 1 / x
    positive(x) = x
    -(-x) = x
    -x * -y = x * y
    -x / -y = x / y
    x + -y = x - y
    x - -y = x + y
    x * x = square(x)
    square(-x) = square(x)
    square(abs(x)) = square(x)
    abs(-x) = abs(x)
    abs(abs(x)) = abs(x)
    maximum(x, x) = x
    minimum(x, x) = x
    exp(log_softmax(x, axis=a)) = softmax(x, axis=a)
    exp(-softplus(x)) = sigmoid(-x)
    relu(relu(x)) = relu(x)
    cos(-x) = cos(x)
    flip(flip(x, axis=a), axis=a) = x
""")

PRODUCTS = identities("""
    x / (1 + exp(y)) = x * sigmoid(-y)
    exp(x) * sigmoid(-x) = sigmoid(x)
    exp(x) / sum(exp(x), axis=a, keepdims=True) = softmax(x, axis=a)
""")

STABLE = [
    *PRODUCTS,
    # Tails of exponentials and logarithms. Source: M. Mächler, Accurately computing log(1 − exp(−|a|)) (2012).
    *identities("""
    log(1 + exp(x)) = softplus(x)
    log1p(exp(x)) = softplus(x)
    logaddexp(0, x) = softplus(x)
    log(exp(x) + exp(y)) = logaddexp(x, y)
    log(sigmoid(x)) = -softplus(-x)
    log(1 - sigmoid(x)) = -softplus(x)
    log1p(-sigmoid(x)) = -softplus(x)
    softplus(x) - x = softplus(-x)
    log(sum(exp(x), axis=a, keepdims=k)) = logsumexp(x, axis=a, keepdims=k)
    log(softmax(x, axis=a)) = log_softmax(x, axis=a)
    log(getitem(softmax(x, axis=a), key=k)) = getitem(log_softmax(x, axis=a), key=k)
    log(getitem(sigmoid(x), key=k)) = getitem(-softplus(-x), key=k)
    log(getitem(softmax(x, axis=a), label, key=k)) = getitem(log_softmax(x, axis=a), label, key=k)
    log(getitem(sigmoid(x), label, key=k)) = getitem(-softplus(-x), label, key=k)
    cross_entropy_loss(softmax(x, axis=-1), label) = softmax_cross_entropy(x, label)
    log(exp(x)) = x
    sqrt(square(x)) = abs(x)
    """),
    # Cancellation: only where nothing else uses the left side, so that no second exponential is computed.
    *identities(
        """
    1 - sigmoid(x) = sigmoid(-x)
    1 - square(tanh(x)) = 4 * (sigmoid(2 * x) * sigmoid(-2 * x))   # 1 / cosh(x)²
    log(1 + x) = log1p(x)
    exp(x) - 1 = expm1(x)
    """,
        once=True,
    ),
]

REAL = identities("""
    exp(log(x)) = x
    (1 - x) * (1 + x) = 1 - square(x)
""")
