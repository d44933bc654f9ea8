"""What the page is made of, and what it may do."""

import hashlib
import json
import re

import numpy as np

import chainrule as cr
from chainrule.explain.page import asset


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_bundled_layout_is_the_file_that_its_origin_names():
    origin, text = json.loads(asset("dagre/ORIGIN.json")), asset("dagre/dagre.min.js")
    assert digest(text) == origin["sha256"]
    assert digest(text[:-1] + origin["line_left_out"] + "\n") == origin["sha256_of_the_original"]
    assert f'"{origin["version"]}"' in text


def test_the_content_security_policy_precedes_scripts_and_styles():
    explanation = cr.explain(lambda x: np.sum(x * x))(np.ones(2))
    for text in (explanation.html(), cr.explain(lambda x: x * x)(2.0)._repr_mimebundle_()["text/html"]):
        policy = re.search(r"default-src (?:'|&#x27;)none(?:'|&#x27;)[^>]*?&?gt;?|default-src 'none'[^>]*>", text)
        assert policy is not None
        assert "http:" not in policy[0]
        assert "https:" not in policy[0]
        assert "eval" not in policy[0]
    page = explanation.html()
    first = min(page.index(tag) for tag in ("<script", "<style", "<link", "<title"))
    assert page.index("Content-Security-Policy") < first


def test_the_page_has_no_handlers_in_its_markup_and_evaluates_no_text():
    page = cr.explain(lambda x: x * x)(2.0).html()
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", page.partition("<script")[0])
    assert not re.search(r"\beval\(|new Function\(", page)
