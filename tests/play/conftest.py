"""The server of the playground in a thread, and its page in a browser."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

TOKEN = "the-token-of-the-tests"


@pytest.fixture(scope="session")
def server():
    """A running server: its port, its token and the address of its page."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    pytest.importorskip("starlette", reason="Starlette is not installed")
    from chainrule.play.bounded import Limits
    from chainrule.play.server import application

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = application(port, TOKEN, Limits(seconds=5))
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    while not running.started and thread.is_alive():
        time.sleep(0.02)
    yield SimpleNamespace(port=port, token=TOKEN, address=f"http://127.0.0.1:{port}/?token={TOKEN}")
    running.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def playground(browser, server):
    """Opens the playground. What the console says, an error, or a request to elsewhere makes the test fail."""
    contexts, troubles = [], []

    def open_page(fragment="", token=server.token, width=1280, height=800, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        here = (f"http://127.0.0.1:{server.port}/", "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(here) else troubles.append(r.url))
        page.goto(f"http://127.0.0.1:{server.port}/{f'?token={token}' if token else ''}{fragment}")
        page.troubles = troubles
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
