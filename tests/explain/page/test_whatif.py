"""What if: numbers changed on the page lead to what Python computes for them."""

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.explain.page import asset, story
from chainrule.explain.values import short

RNG = np.random.default_rng(1)
A = RNG.standard_normal((2, 3))
V = np.array([0.5, -0.5])
W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def cross_entropy(W, x):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, 0)


def loop(x, w):
    for _ in range(4):
        x = np.tanh(w * x) + x
    return np.sum(x)


FUNCTIONS = {
    "cross entropy": (cross_entropy, W, V),
    "circuit": (lambda x, y, z: (2 * x + 3 * y) * z, 1.0, 2.0, 3.0),
    "hinge": (lambda W, x: cr.hinge_loss(W @ x, 0), W, V),
    "softmax cross-entropy": (lambda s: np.mean(cr.softmax_cross_entropy(s, np.array([0, 1]))), A),
    "layer norm": (lambda s: np.sum(cr.layer_norm(s) ** 2 * s), A),
    "attention": (lambda q, k, v: np.sum(cr.scaled_dot_product_attention(q, k, v)), A, A + 1, A - 1),
    "activations": (lambda s: np.sum(cr.gelu(s) + cr.sigmoid(s) * cr.silu(s) + cr.softplus(s) + cr.relu(s)), A),
    "loop": (loop, V, np.array([0.3, 0.7])),
    "norm": (lambda x: np.linalg.norm(x) / np.mean(x + 2), V),
    "standard deviation": (lambda s: np.sum(np.std(s, axis=0) * np.var(s, axis=0)), A),
    "kinks": (lambda s: np.max(s) + np.sum(np.clip(s, -0.5, 0.5) + np.abs(s) + np.maximum(s, 0.1)), A),
    "indices": (lambda s: s[0, 1] * np.sum(s[:, ::-1] * s) + np.prod(s[1]) + s[-1, [0, 2]].sum(), A),
    "where": (lambda s: np.sum(np.where(s > 0, s**2, np.sin(s))), A),
    "joining": (lambda a, b: np.sum(np.concatenate([a, b]) ** 2 * np.arange(4.0)), V, V + 1),
    "products": (lambda a, b: np.sum(np.outer(a, b) ** 2) + np.einsum("i,i->", a, b) + a @ b, V, V + 2),
    "matrices": (lambda M: np.linalg.det(M) + np.trace(np.linalg.inv(M) @ M.T), np.eye(2) + 0.1),
    "cumulative sums": (lambda s: np.sum(np.cumsum(s, axis=1) ** 2), A),
    "powers": (lambda s, t: np.sum(np.abs(s) ** t), A, A + 2),
    "log sum exp": (lambda s: np.sum(np.log(np.sum(np.exp(s), axis=1))), A),
    "error function": (lambda s: np.sum(special.erf(s) * special.expit(s)), A),
}


def moved(x):
    x = np.asarray(x)
    return (x + 0.05 * np.cos(np.arange(x.size).reshape(x.shape) + 1)).astype(x.dtype)[()]


def write(page, numbers):
    page.evaluate(
        """numbers => {
            const fields = [...document.querySelectorAll("#what-if .fields input")];
            fields.forEach((field, i) => { field.value = String(numbers[i]); });
            fields[0].dispatchEvent(new Event("input"));
        }""",
        [float(x) for x in numbers],
    )


def numbers_of(array):
    return None if array is None else array.get("numbers")


def compare(got, expected, rtol):
    """All numbers of two stories: values, gradients, what each way contributes, local gradients."""
    compared = 0
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        pairs = [(ours["value"], theirs["value"]), (ours.get("gradient"), theirs.get("gradient"))]
        for a, b in zip(ours["ways"], theirs["ways"], strict=True):
            pairs += [(a["value"], b["value"]), (a.get("matrix"), b.get("matrix"))]
        for a, b in pairs:
            if numbers_of(b) is not None:
                a, b = (np.array(x["numbers"], dtype=float) for x in (a, b))
                np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=ours["name"]["t"])
                compared += 1
    assert compared > len(got)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_new_inputs_change_all_numbers_as_a_new_explanation_does(opened, name):
    f, *inputs = FUNCTIONS[name]
    page = opened(cr.explain(f)(*inputs))
    new = [moved(x) for x in inputs]
    write(page, np.concatenate([np.ravel(x) for x in new]))
    compare(page.evaluate("chainrule.steps"), story(cr.explain(f)(*new))["steps"], 1e-12)
    page.click("#what-if >> text=The recorded numbers")
    compare(page.evaluate("chainrule.steps"), story(cr.explain(f)(*inputs))["steps"], 1e-12)


def test_single_precision_stays_single(opened):
    def f(x):
        return np.sum(np.tanh(x) * np.exp(-(x**2)))

    x = V.astype(np.float32)
    page = opened(cr.explain(f)(x))
    write(page, moved(x))
    compare(page.evaluate("chainrule.steps"), story(cr.explain(f)(moved(x)))["steps"], 1e-6)


def test_typing_into_a_field_changes_the_page(opened):
    page = opened(cr.explain(FUNCTIONS["circuit"][0])(1.0, 2.0, 3.0))
    page.get_by_label("z", exact=True).fill("5")
    assert "40" in page.inner_text("#what-if .result")
    assert "40" in page.inner_text("#summary")
    page.get_by_label("z", exact=True).fill("")
    assert "not a number" in page.inner_text("#what-if .result")


def test_where_a_rule_decides_otherwise_the_page_says_so(opened):
    """The rule of a norm looks whether it is 0."""
    page = opened(cr.explain(lambda x: np.linalg.norm(x))(V))
    write(page, [0.0, 0.0])
    assert "cannot be computed" in page.inner_text("#what-if .result")
    write(page, [3.0, 4.0])
    assert "5" in page.inner_text("#what-if .result")


@pytest.mark.parametrize(
    ("f", "x"),
    [(lambda x: np.sum(x**2), np.ones(200)), (lambda A: np.sum(np.linalg.svd(A)[1] ** 3), A), (np.median, V)],
    ids=["large", "decomposition", "order"],
)
def test_what_the_page_cannot_compute_has_no_fields(opened, f, x):
    page = opened(cr.explain(f)(x))
    assert page.locator("#what-if").count() == 0


ARRAYS = {"x": A, "y": RNG.standard_normal((3, 2)), "v": RNG.standard_normal(3), "t": RNG.standard_normal((2, 2, 3))}
CALLS = [
    *[
        (f"np.{f}", (A,), {})
        for f in "exp expm1 sin cos tan tanh arctan sinh negative sign square floor rint cbrt".split()
    ],
    *[(f"np.{f}", (np.abs(A) + 0.1,), {}) for f in "log log1p log2 log10 sqrt reciprocal".split()],
    *[(f"np.{f}", (A, A[0]), {}) for f in "maximum minimum arctan2 hypot logaddexp less equal".split()],
    *[
        (f"np.{f}", (A,), kwargs)
        for f in "sum prod max min mean var std any all argmax argmin".split()
        for kwargs in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})
    ],
    ("np.matmul", (ARRAYS["t"], ARRAYS["y"]), {}),
    ("np.matmul", (ARRAYS["v"], ARRAYS["y"]), {}),
    ("np.transpose", (ARRAYS["t"], (2, 0, 1)), {}),
    ("np.moveaxis", (ARRAYS["t"], 0, -1), {}),
    ("np.sum", (ARRAYS["t"],), {"axis": (0, 2)}),
    ("np.einsum", ("...ij,kj->...ik", ARRAYS["t"], A), {}),
    ("np.einsum", ("ij->", A), {}),
    ("np.cumsum", (A,), {"axis": 0}),
    ("np.flip", (A,), {}),
    ("np.linalg.inv", (RNG.standard_normal((2, 3, 3)),), {}),
    ("np.linalg.det", (RNG.standard_normal((2, 3, 3)),), {}),
    ("special.erf", (3 * A,), {}),
    ("special.erfc", (3 * A,), {}),
    ("special.ndtr", (3 * A,), {}),
]


def test_the_pages_numpy_is_numpy(browser):
    page = browser.new_page()
    results = page.evaluate(
        "([source, calls]) => {"
        "  const numpy = new Function(`${source}; return numpy;`)();"
        "  const array = (x) => (x && x.data ? numpy.array(x.shape, x.data, x.dtype) : x);"
        "  return calls.map(([name, args, kwargs]) => {"
        "    const { shape, data, dtype } = numpy.find(name)(args.map(array), kwargs);"
        "    return { shape, data: [...data], dtype };"
        "  });"
        "}",
        [asset("numpy.js"), [[name, [_told(x) for x in args], kwargs] for name, args, kwargs in CALLS]],
    )
    page.close()
    for (name, args, kwargs), got in zip(CALLS, results, strict=True):
        expected = np.asarray(_function(name)(*args, **kwargs))
        assert (got["shape"], got["dtype"]) == (list(expected.shape), expected.dtype.name), name
        data = np.array(got["data"]).reshape(expected.shape)
        np.testing.assert_allclose(data, expected.astype(float), rtol=1e-13, atol=1e-15, err_msg=name)


def _function(name):
    found = {"np": np, "special": special}[name.split(".")[0]]
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def _told(x):
    if isinstance(x, np.ndarray):
        return {"shape": list(x.shape), "data": x.ravel().tolist(), "dtype": x.dtype.name}
    return list(x) if isinstance(x, tuple) else x


def panel(page, name):
    page.evaluate("name => chainrule.select({ step: chainrule.byName.get(name) })", name)
    return page.inner_text("#panel")


def test_sentences_follow_the_numbers(opened):
    def f(x):
        h = cr.relu(x)
        m = np.max(h)
        L = m**2
        return L

    page = opened(cr.explain(f)(np.array([1.0, -1.0, 3.0])))
    assert "(2 of 3 entries)" in panel(page, "h")
    write(page, [1.0, -1.0, -3.0])
    assert "(1 of 3 entries)" in panel(page, "h")
    assert "(1 of 3 entries)" in panel(page, "m")
    write(page, [-1.0, -1.0, -3.0])
    assert "(0 of 3 entries)" in panel(page, "h")
    assert "routes the gradient" not in panel(page, "m")  # three share the maximum, 0
    page.click("#what-if >> text=The recorded numbers")
    assert "(2 of 3 entries)" in panel(page, "h")
    assert "routes the gradient to what was chosen" in panel(page, "m").lower()


def test_a_slope_follows_the_number(opened):
    def f(x):
        s = np.tanh(x)
        L = s * 2
        return L

    page = opened(cr.explain(f)(0.5))
    assert f"here {1 - np.tanh(0.5) ** 2:.4g}" in panel(page, "s")
    write(page, [2.0])
    assert f"here {1 - np.tanh(2.0) ** 2:.4g}" in panel(page, "s")


def test_health_follows_the_numbers(opened):
    def network(X, W):
        h = cr.relu(X @ W)
        r = np.sqrt(h + 1)
        L = np.sum(r**2 * r)
        return L

    X, W = np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])
    page = opened(cr.explain(network)(X, W))
    assert "All numbers are finite" in page.inner_text("#health")
    changed = np.array([[1.0, -1.0], [1.0, -2.0]])
    write(page, [*X.ravel(), *changed.ravel()])
    new = cr.explain(network)(X, changed)
    assert "1 of 2 units of h (relu) is 0 for every sample" in page.inner_text("#health .findings")
    assert any("1 of 2 units of h (relu" in finding for finding in new.health().findings)
    shown = page.locator("#health tbody tr").evaluate_all("all => all.map(r => [...r.cells].map(c => c.innerText))")
    names = page.locator("#health tbody tr th").evaluate_all("all => all.map(e => e.textContent)")
    vitals = {v.name.text: v for v in new.health().vitals}
    for name, row in zip(names, shown, strict=True):
        assert row[3:5] == [short(vitals[name].value.norm), short(vitals[name].value.rms)]
        assert row[7] == short(vitals[name].gradient.rms)
    page.click("#what-if >> text=The recorded numbers")
    assert "All numbers are finite" in page.inner_text("#health")


def test_health_on_the_page_finds_an_infinity_at_changed_inputs(opened):
    page = opened(cr.explain(lambda x, y: x / y)(1.0, 2.0))
    write(page, [1.0, 0.0])
    assert "The first Inf of the forward pass is in" in page.inner_text("#health")


def test_fields_show_all_digits(opened):
    page = opened(cr.explain(lambda x, y: x * np.exp(y))(0.1 + 0.2, -1.2345678901234567e-100))
    fields = page.locator("#what-if .fields input").evaluate_all(
        "all => all.map(e => [e.value, e.scrollWidth <= e.clientWidth])"
    )
    assert fields == [["0.30000000000000004", True], ["-1.2345678901234567e-100", True]]


def test_wide_numbers_are_laid_out_anew(opened):
    page = opened(cr.explain(FUNCTIONS["circuit"][0])(1.0, 2.0, 3.0))
    page.get_by_label("z", exact=True).fill("-0.00012345678")
    page.get_by_label("x", exact=True).fill("-123456.789")
    overlaps = page.evaluate(
        """() => { const boxes = [...document.querySelectorAll('.item')].map(e => e.getBoundingClientRect());
        return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right - 1 && b.left < a.right - 1
            && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length; }"""
    )
    assert overlaps == 0


def test_one_gradient_step_is_predicted_and_taken(opened):
    def loss(w, x):
        return np.sum((w * x - 1) ** 2)

    w, x = np.array([0.5, 2.0]), np.array([1.0, 3.0])
    page = opened(cr.explain(loss)(w, x))
    page.uncheck("[aria-label='move x']")
    page.fill("[aria-label='size of the step']", "0.01")
    page.click("text=Take one step")
    gradient = 2 * (w * x - 1) * x
    new = w - 0.01 * gradient
    predicted, real = -0.01 * np.sum(gradient**2), loss(new, x) - loss(w, x)
    told = page.locator("#what-if .step").evaluate("e => e.textContent").replace("−", "-")
    assert f"={short(predicted)}," in told
    assert told.endswith(f"={short(real)}")
    np.testing.assert_allclose(page.evaluate("chainrule.steps[0].value.numbers"), new, rtol=1e-15)
    np.testing.assert_allclose(page.evaluate("chainrule.steps[1].value.numbers"), x)


def test_a_step_that_is_too_large_is_told(opened):
    page = opened(cr.explain(lambda w: w**2)(1.0))
    page.fill("[aria-label='size of the step']", "5")
    page.click("#what-if >> text=Take one step")
    assert page.text_content("#what-if .step").endswith("η is too large, the loss grew")


def test_a_step_that_cannot_be_taken_tells_no_numbers(opened):
    page = opened(cr.explain(lambda w: w**2)(1.0))
    page.fill("[aria-label='size of the step']", "1e308")
    page.click("#what-if >> text=Take one step")
    page.click("#what-if >> text=Take one step")  # no number is left
    told = page.locator("#what-if .result").first
    assert told.text_content().endswith("has a field that is not a number.")
    assert page.text_content("#what-if .step") == ""
    assert "wrong" in told.get_attribute("class")
    page.click("#what-if >> text=The recorded numbers")
    assert "wrong" not in told.get_attribute("class")


def test_the_ring_around_a_field_in_use_is_not_cut(opened):
    page = opened(cr.explain(FUNCTIONS["circuit"][0])(1.0, 2.0, 3.0))
    page.focus("#what-if .fields input")
    room, ring = page.evaluate(
        """() => { const field = document.querySelector('#what-if .fields input'), box = field.closest('.scroll');
        const inner = field.getBoundingClientRect(), outer = box.getBoundingClientRect();
        const style = getComputedStyle(field);
        return [Math.min(inner.left - outer.left, inner.top - outer.top),
                parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset)]; }"""
    )
    assert room >= ring > 0
