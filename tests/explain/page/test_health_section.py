"""Health on the page."""

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)


def test_findings_and_numbers_are_those_of_the_report(opened):
    def loss(X, W, b):
        h = cr.relu(X @ W + b)
        return np.mean(h**2)

    explanation = cr.explain(loss)(RNG.standard_normal((9, 4)), RNG.standard_normal((4, 3)), np.array([-100.0, 0, 0]))
    health = explanation.health()
    page = opened(explanation)
    assert page.locator("#health .findings li").all_inner_texts() == list(health.findings)
    assert page.locator("#health tbody tr").count() == len(health.vitals)
    assert page.locator("#health circle.gradient").count() == len(health.vitals)
    row = page.locator("#health tbody tr", has_text="relu").inner_text()
    assert "1 of 3 units dead" in row
    page.locator("#health tbody tr", has_text="relu").get_by_role("button").click()
    assert "relu" in page.inner_text("#panel h2")


def test_numbers_that_are_not_finite_are_shown(opened):
    with np.errstate(all="ignore"):
        explanation = cr.explain(lambda x: np.sum(np.log(x)))(np.array([1.0, -1.0]))
    page = opened(explanation)
    assert "first NaN of the forward pass" in page.inner_text("#health")
    assert "1 NaN" in page.inner_text("#health tbody")


def test_a_sound_function_has_nothing_to_say(opened):
    page = opened(cr.explain(lambda x: x * x)(2.0))
    assert "All numbers are finite" in page.inner_text("#health")
