"""The server of the playground. It accepts requests only from this computer, and only from its own page.

Any web page in the browser can send requests to 127.0.0.1, and its domain name may resolve there (DNS rebinding). So
every request must name this server as its host. A request that computes must also come from this server's page, and
carry a token, which is part of the address that is opened when the server starts.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from chainrule.errors import ChainruleError
from chainrule.explain.page import page_of
from chainrule.play.bounded import Bounded, CutOff, Limits
from chainrule.play.examples import EXAMPLES

__all__ = ["PORT", "PlayError", "application", "linked", "serve"]

HOST = "127.0.0.1"
PORT = 8642
"""The port that is used if it is free, so that shared links keep their address."""
TOKEN = "x-chainrule-token"
TO_SAVE = ("page", "latex", "notebook", "python", "picture")


class PlayError(ChainruleError):
    """The playground cannot be started."""


def serve(linked: str = "", port: int | None = None, show: bool = True) -> None:
    """Serve the playground until Ctrl-C, and open it in the browser.

    Parameters
    ----------
    linked : the first content of the editor, in the form of a link: `linked(text, values)`.
    port : None for `PORT`, or any free one if that is taken.
    show : whether to open the browser; the address is printed in any case.
    """
    uvicorn = _libraries()
    listening = _socket(port)
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}/?token={token}{linked}"
    print(f"The playground is at {address}\nCtrl-C ends it.", flush=True)
    if show:
        threading.Timer(0.3, webbrowser.open, (address,)).start()
    config = uvicorn.Config(
        application(port, token),
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=64,
    )
    uvicorn.Server(config).run([listening])


def _libraries() -> Any:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise PlayError(f"the playground needs {error.name}: pip install 'chainrule[play]'") from None
    return uvicorn


def _socket(port: int | None) -> socket.socket:
    """A socket of this computer only."""
    for wanted in (PORT, 0) if port is None else (port,):
        found = socket.socket()
        if os.name == "posix":  # allows a port that was closed a moment ago; on Windows two programs could share it
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, wanted))
            found.listen()  # so that a browser that is faster than the server waits
        except OSError as error:
            found.close()
            reason = error.strerror
        else:
            return found
    raise PlayError(f"port {wanted} cannot be used: {reason}; without --port a free one is taken")


def linked(text: str, values: Mapping[str, str]) -> str:
    """The fragment of a link: the text, and the values by name. Browsers do not send it to a server.

    If the text is a link already, its fragment is returned.

    >>> linked("L = a*x", {"x": "[1, 2]"})
    '#L%20=%20a*x&x=[1,%202]'
    >>> linked("http://127.0.0.1:8642/#x**2", {"x": "3"})
    '#x**2&x=3'
    """
    is_link = text.startswith(("http://", "https://"))
    start = text.partition("#")[2] if is_link else quote(text, safe="=*+-/()[],@.;:")
    pairs = (f"&{quote(name)}={quote(value, safe='[],*+-.()')}" for name, value in values.items())
    return f"#{start}{''.join(pairs)}" if start else ""


# The application -----------------------------------------------------------------------------------------------------


def application(port: int, token: str, limits: Limits | None = None) -> Any:
    """The ASGI application of the server on a port."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    limits = limits or Limits()
    bounded = Bounded(limits)

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        bounded.start()
        yield
        await bounded.stop()

    def refused(why: str, status: int) -> Response:
        return JSONResponse({"error": why}, status)

    async def show(request: Request) -> Response:
        return HTMLResponse(_page(), headers={"content-security-policy": _policy()})

    async def compute(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get(TOKEN, "").encode(), token.encode()):
            return refused(
                "this page has no token, or that of another run; open the address that chainrule play prints", 403
            )
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > limits.request:
                return refused(f"a request may have {limits.request:,} bytes", 413)
        if (asked := _request(body)) is None:
            return refused("the request cannot be read", 400)
        try:
            return Response(await bounded.ask(asked), media_type="application/json")
        except CutOff as error:
            return JSONResponse({"error": str(error)})

    routes = [Route("/", show), Route("/compute", compute, methods=["POST"])]
    return _OnlyFromHere(Starlette(routes=routes, lifespan=lifespan), port)


def _request(body: bytes) -> dict[str, Any] | None:
    """What is asked; None unless it has the form that `answer` takes."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or asked.keys() - {"do", "as", "text", "given", "offered"}:
        return None
    values = [asked.get("given"), asked.get("offered")]
    known = asked.get("do") == "explain" or (asked.get("do") == "save" and asked.get("as") in TO_SAVE)
    texts = isinstance(asked.get("text"), str) and all(isinstance(x, dict) and _of_texts(x) for x in values)
    return asked if known and texts else None


def _of_texts(x: dict[Any, Any]) -> bool:
    return all(isinstance(value, str) for value in x.values())


HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class _OnlyFromHere:
    """Refuses requests to another host, and those that change or compute something from another page."""

    def __init__(self, app: Any, port: int):
        self.app = app
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        app = self.app
        if scope["type"] != "http" or host not in self.hosts:
            app = PlainTextResponse("this server is 127.0.0.1 and no other\n", 421)
        elif scope["method"] not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            app = PlainTextResponse("this server answers only its own page\n", 403)

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        await app(scope, receive, send_with_headers)


# The page ------------------------------------------------------------------------------------------------------------


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _page() -> str:
    """The page of an explanation, with an editor and no content yet."""
    examples = json.dumps(EXAMPLES, ensure_ascii=False).replace("<", "\\u003c")
    options = "".join(f'<option value="{i}">{escape(e["title"])}</option>' for i, e in enumerate(EXAMPLES))
    return page_of(
        title="chainrule play",
        story=f'<script id="examples" type="application/json">{examples}</script>',
        editor=_asset("editor.html").replace("{{options}}", options),
        requests=" connect-src 'self';",
        style=_asset("play.css"),
        script=_asset("play.js"),
    )


@cache
def _policy() -> str:
    """The content security policy: as the page's own, but only scripts with known digests may run."""
    scripts = re.findall(r"<script>(.*?)</script>", _page(), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return (
        f"default-src 'none'; script-src {' '.join(f'{chr(39)}sha256-{d}{chr(39)}' for d in digests)}; "
        "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
