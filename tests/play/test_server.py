"""Whom the server answers, and how much it takes."""

import http.client
import json

import pytest

EXPLAIN = {"do": "explain", "text": "L = 2*x", "given": {"x": "3"}, "offered": {}}


@pytest.fixture
def send(server):
    def send_request(method="POST", path="/compute", body=None, **headers):
        here = f"127.0.0.1:{server.port}"
        told = {"host": here, "origin": f"http://{here}", "x-chainrule-token": server.token}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        data = body if isinstance(body, bytes) else json.dumps(EXPLAIN if body is None else body).encode()
        for name, value in told.items():
            if value is not None:
                connection.putheader(name, value)
        if method == "POST":
            connection.putheader("content-length", str(len(data)))
        connection.endheaders(data if method == "POST" else None)
        try:
            response = connection.getresponse()
            text = response.read().decode()
        except ConnectionResetError:  # refused before its body was read: the answer may be lost with the connection
            return 400, "", None
        connection.close()
        return response.status, text, response

    return send_request


def test_a_request_of_the_page_is_answered(send):
    status, text, _ = send()
    assert status == 200
    answer = json.loads(text)
    assert answer["values"] == {"x": "3"}
    assert answer["story"]["steps"][answer["story"]["loss"]]["value"]["numbers"] == [6.0]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "", None],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_host_is_refused(send, server, host, method):
    host = host and host.format(port=server.port)
    path = "/" if method == "GET" else "/compute"
    status, text, _ = send(method, path, host=host, origin=f"http://{host}")
    assert status in (400, 421)
    assert "story" not in text
    assert "<html" not in text


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_another_page_is_refused(send, server, origin):
    assert send(origin=origin and origin.format(port=server.port))[0] == 403


@pytest.mark.parametrize("token", [None, "", "another", "thé"])
def test_another_token_is_refused(send, token):
    status, text, _ = send(x_chainrule_token=token and token.encode("utf-8").decode("latin-1"))
    assert status == 403
    assert "token" in json.loads(text)["error"]


def test_a_large_request_is_refused(send):
    assert send(body=b" " * 300_001)[0] == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"[]",
        b"{}",
        {**EXPLAIN, "do": "run"},
        {**EXPLAIN, "do": "save", "as": "/etc/passwd"},
        {**EXPLAIN, "text": 3},
        {**EXPLAIN, "given": {"x": 3}},
        {**EXPLAIN, "given": []},
        {**EXPLAIN, "more": 1},
    ],
)
def test_a_request_of_another_form_is_refused(send, body):
    assert send(body=body)[0] == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/compute"), ("POST", "/"), ("PUT", "/"), ("GET", "/../etc/passwd")]
)
def test_there_are_two_places_only(send, method, path):
    assert send(method, path)[0] in (404, 405)


def test_files_are_not_read(send):
    _, text, _ = send(body={**EXPLAIN, "given": {"x": "@/etc/passwd"}})
    assert "reads no files" in json.loads(text)["error"]


def test_the_page_may_be_framed_by_nobody_and_runs_its_own_scripts_only(send):
    status, text, response = send("GET", "/")
    assert status == 200
    policy = response.getheader("content-security-policy")
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert scripts.count("sha256-") == text.count("<script>")
    assert "frame-ancestors 'none'" in policy
    assert response.getheader("x-frame-options") == "DENY"
    assert response.getheader("access-control-allow-origin") is None
    assert response.getheader("cache-control") == "no-store"


def test_it_listens_on_this_computer_only():
    pytest.importorskip("uvicorn")
    from chainrule.play.server import _socket

    with _socket(None) as found:
        assert found.getsockname()[0] == "127.0.0.1"
