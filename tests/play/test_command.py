"""The command: what it prints, and what it says where its libraries are missing."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from chainrule.cli import main


def test_without_the_libraries_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["play", "--no-open"]) == 1
    assert "pip install 'chainrule[play]'" in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error(capsys):
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["play", "--no-open", "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot be used" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way on Windows")
def test_it_prints_the_address_answers_and_ends_with_ctrl_c():
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    command = [sys.executable, "-m", "chainrule", "play", "--no-open", "--port", "0", "L = a*x", "x=[1, 2]"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            address_answers(running.stdout.readline())
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=30)
        finally:
            running.kill()
        assert running.returncode in (0, 130)
        assert "Traceback" not in errors


def address_answers(line):
    """The address in a line of the command leads to a server that computes."""
    found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=([\w-]{20,})#L%20=%20a\*x&x=", line)
    assert found is not None
    here, token = found.groups()
    request = urllib.request.Request(
        f"{here}/compute",
        json.dumps({"do": "explain", "text": "L = 2*x", "given": {"x": "4"}, "offered": {}}).encode(),
        {"origin": here, "x-chainrule-token": token, "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.load(response)["values"] == {"x": "4"}
