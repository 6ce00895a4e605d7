"""GraphiQL from our own files: its page, its assets, and the embedded form's session for it."""

import base64
import inspect
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from graph.errors import Code
from graph.headers import SAFE, SAFE_PAGE
from graph.request import JSON, Refused

IssueToken = Callable[[], str | Awaitable[str]]

BUILT = Path(__file__).parent / "static" / "graphiql"
CACHE_SECONDS = 365 * 24 * 60 * 60

# The machine's own table of media types may lack fonts, and nosniff makes a wrong type fatal.
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}

LOCAL = re.compile(r"(localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1])(:\d+)?")
PORT = re.compile(r":\d+$")
OTHER_HOST = (
    "Nobody is signed in here: open GraphiQL as localhost, send an Authorization header of your own, "
    "or name this host in BOOKSTALL_SESSION_HOSTS."
)


def graphiql_routes(issue_token: IssueToken | None = None, hosts: Collection[str] = ()) -> list[BaseRoute]:
    """The routes of `/graphiql`, of what the page asks for, and of the addresses that lead to it.

    `issue_token` gives a JWT (with `sub` and `exp`) of the sample buyer, with which the page opens; without it (in
    production) `/graphiql/session` is 404 and the page sends the headers that its user types. It is for whoever opens
    the page under a name of this machine or one of `hosts`.
    """
    page = (BUILT / "index.html").read_text(encoding="utf-8")
    assets = {path.name: (path, MEDIA_TYPES[path.suffix]) for path in (BUILT / "assets").iterdir()}

    async def index(request: Request) -> Response:
        return HTMLResponse(page, headers=SAFE_PAGE)

    async def to_the_page(request: Request) -> Response:
        return RedirectResponse("/graphiql", status_code=307)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets:
            return Refused(404, Code.NOT_FOUND, "There is no such asset.").response(JSON)
        path, media_type = assets[name]
        cached = {"Cache-Control": f"public, max-age={CACHE_SECONDS}, immutable"}
        return FileResponse(path, media_type=media_type, headers=SAFE | cached)

    async def session(request: Request) -> Response:
        if issue_token is None:
            message = "This server grants no session: send an Authorization header of your own."
            return Refused(404, Code.NOT_FOUND, message).response(JSON)
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return Refused(403, Code.FORBIDDEN, "A session is for this server's own page.").response(JSON)
        # A name that somebody else owns may lead here too: then a page of theirs is of the same origin.
        if not _is_ours(request, hosts):
            return Refused(403, Code.FORBIDDEN, OTHER_HOST).response(JSON)
        issued = issue_token()
        token = await issued if inspect.isawaitable(issued) else issued
        return JSONResponse(_session(token))

    return [
        Route("/", to_the_page),
        Route("/graphiql", index),
        Route("/graphiql/", to_the_page),
        Route("/graphiql/session", session),
        Route("/graphiql/assets/{name}", asset),
    ]


def _session(token: str) -> dict[str, str | int]:
    """What the page needs: the token, its remaining life in seconds, and whose it is."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"token": token, "expiresIn": int(claims["exp"] - time.time()), "viewer": claims["sub"]}


def _is_ours(request: Request, hosts: Collection[str]) -> bool:
    """Whether the client knows this server as this machine, or by one of these names, with or without its port."""
    named = request.headers.getlist("host")
    host = named[0].lower() if len(named) == 1 else ""
    return LOCAL.fullmatch(host) is not None or host in hosts or PORT.sub("", host) in hosts
