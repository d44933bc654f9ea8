"""The identities: one line each. The left side is replaced by the right side.

They are in tables by what they keep:
- EXACT keeps value, NaN, infinities and signed zeros, up to rounding.
- STABLE keeps them too, but where the left side over- or underflows, or cancels, the right side has the value that
  mathematics has.
- PRODUCTS are those of STABLE that are about factors of a product. They are used wherever these stand in a product, in
  the sums of products of `simplify` and in those of closed forms.
- REAL holds for real numbers only, so it is for formulas that are read, not for numbers.

Each line is tested on random values, with its gradient. Shape and dtype are kept by the builder, which takes a right
side only where both are those of the left. They are for real operands; complex ones are left alone.
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
    log(gather(softmax(x, axis=a), label, key=k)) = gather(log_softmax(x, axis=a), label, key=k)
    log(gather(sigmoid(x), label, key=k)) = gather(-softplus(-x), label, key=k)
    cross_entropy_loss(softmax(x, axis=-1), label) = softmax_cross_entropy(x, label)
    log(exp(x)) = x
    sqrt(square(x)) = abs(x)
    """),
    # Cancellation: only where the left side goes away, so that no second exponential is paid for.
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
