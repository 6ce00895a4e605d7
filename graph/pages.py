"""GraphiQL from our own files: its page, its assets, and the embedded form's session for it."""

import base64
import inspect
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from graph.headers import SAFE, SAFE_PAGE

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


def graphiql_routes(issue_token: IssueToken | None = None) -> list[BaseRoute]:
    """The routes of `/`, `/graphiql` and what the page asks for.

    `issue_token` gives a JWT (with `sub` and `exp`) of the sample buyer, with which the page opens; without it (in
    production) `/graphiql/session` is 404 and the page sends the headers that its user types.
    """
    page = (BUILT / "index.html").read_text(encoding="utf-8")
    assets = {path.name: (path, MEDIA_TYPES[path.suffix]) for path in (BUILT / "assets").iterdir()}

    async def index(request: Request) -> Response:
        return HTMLResponse(page, headers=SAFE_PAGE)

    async def root(request: Request) -> Response:
        return RedirectResponse("/graphiql", status_code=307)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets:
            return _refusal(404, "There is no such asset.")
        path, media_type = assets[name]
        cached = {"Cache-Control": f"public, max-age={CACHE_SECONDS}, immutable"}
        return FileResponse(path, media_type=media_type, headers=SAFE | cached)

    async def session(request: Request) -> Response:
        if issue_token is None:
            return _refusal(404, "This server grants no session: send an Authorization header of your own.")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return _refusal(403, "A session is for this server's own page.")
        issued = issue_token()
        token = await issued if inspect.isawaitable(issued) else issued
        return JSONResponse(_session(token), headers=SAFE | {"Cache-Control": "no-store"})

    return [
        Route("/", root),
        Route("/graphiql", index),
        Route("/graphiql/session", session),
        Route("/graphiql/assets/{name}", asset),
    ]


def _session(token: str) -> dict[str, str | int]:
    """What the page needs: the token, its remaining life in seconds, and whose it is."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"token": token, "expiresIn": int(claims["exp"] - time.time()), "viewer": claims["sub"]}


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=SAFE | {"Cache-Control": "no-store"})
