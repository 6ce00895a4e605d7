"""GraphiQL's routes: strict headers, right types, and a session that only its own page gets."""

import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection

import pytest
from httpx import ASGITransport, AsyncClient

from graph.application import application
from graph.pages import BUILT, graphiql_routes

LIFE_SECONDS = 3600


def client(issue_token: Callable[[], str | Awaitable[str]] | None = None, hosts: Collection[str] = ()) -> AsyncClient:
    app = application(graphiql_routes(issue_token, hosts))
    return AsyncClient(transport=ASGITransport(app), base_url="http://localhost")


def sample_token() -> str:
    claims = {"sub": "sample-buyer", "exp": int(time.time()) + LIFE_SECONDS}
    parts = ({"alg": "EdDSA"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".s"


async def sample_token_later() -> str:
    return sample_token()


@pytest.mark.parametrize("address", ["/", "/graphiql/"])
async def test_the_root_and_a_slash_too_many_lead_to_graphiql(address: str) -> None:
    response = await client().get(address, headers={"Host": "elsewhere.test"})
    assert (response.status_code, response.headers["location"]) == (307, "/graphiql")


async def test_the_page_allows_nothing_from_elsewhere_and_no_frame() -> None:
    response = await client().get("/graphiql")
    policy = dict(directive.split(" ", 1) for directive in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["connect-src"] == policy["font-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["cache-control"] == "no-cache"
    assert "<script>" not in response.text


async def test_everything_the_page_names_is_served() -> None:
    async with client() as browser:
        page = (await browser.get("/graphiql")).text
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        answers = [await browser.get(address) for address in named]
    assert named
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".woff2", "font/woff2"),
        (".ttf", "font/ttf"),
        (".svg", "image/svg+xml"),
    ],
)
async def test_an_asset_has_its_own_type_and_is_kept_for_a_year(suffix: str, media_type: str) -> None:
    asset = next(path for path in (BUILT / "assets").iterdir() if path.suffix == suffix)
    response = await client().get(f"/graphiql/assets/{asset.name}")
    assert response.content == asset.read_bytes()
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["none.js", "..%2findex.html", "%2e%2e%2f%2e%2e%2f%2e%2e%2fpages.py"])
async def test_no_other_file_can_be_had_as_an_asset(name: str) -> None:
    response = await client().get(f"/graphiql/assets/{name}")
    assert response.status_code == 404


@pytest.mark.parametrize("issue_token", [sample_token, sample_token_later])
async def test_a_session_tells_whose_token_it_is_and_how_long_it_lives(
    issue_token: Callable[[], str | Awaitable[str]],
) -> None:
    response = await client(issue_token).get("/graphiql/session", headers={"Sec-Fetch-Site": "same-origin"})
    session = response.json()
    assert session["viewer"] == "sample-buyer"
    assert LIFE_SECONDS - 60 < session["expiresIn"] <= LIFE_SECONDS
    assert session["token"].count(".") == 2
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_gets_no_session(site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Origin": "https://elsewhere.test"}
    response = await client(sample_token).get("/graphiql/session", headers=headers)
    assert response.status_code == 403
    assert "token" not in response.json()
    assert not [name for name in response.headers if name.startswith("access-control-")]


LOCAL = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000", "shop.localhost:80"]
STRANGE = [
    "elsewhere.test", "elsewhere.test:8000", "localhost.elsewhere.test", "127.0.0.1.elsewhere.test", "notlocalhost",
    "127.0.0.2", "192.168.1.2:8000", "[::2]", "[::1", "::1", "localhost@elsewhere.test", "elsewhere.test@localhost",
    "localhost/elsewhere.test", "localhost,elsewhere.test", "localhost:8000:9", "localhost.", "", " ", "[localhost]",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
async def test_a_session_is_for_a_page_that_is_opened_on_this_machine(host: str) -> None:
    response = await client(sample_token).get("/graphiql/session", headers={"Host": host})
    assert (response.status_code, response.json()["viewer"]) == (200, "sample-buyer")


@pytest.mark.parametrize("host", STRANGE)
@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_a_session_is_not_for_a_page_whose_name_leads_here(host: str, site: str) -> None:
    headers = {"Host": host, "Sec-Fetch-Site": site}
    response = await client(sample_token).get("/graphiql/session", headers=headers)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]) == (403, {"code": "FORBIDDEN"})
    assert "BOOKSTALL_SESSION_HOSTS" in error["message"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("shop.example", 200), ("SHOP.example:8443", 200), ("10.0.0.7:80", 200), ("10.0.0.7:81", 403), ("10.0.0.7", 403),
     ("[fd00::7]:80", 200), ("[fd00::7]", 200), ("other.shop.example", 403), ("none", 403), ("localhost", 200)],
)  # fmt: skip
async def test_a_session_is_also_for_hosts_that_a_setting_names(host: str, status: int) -> None:
    hosts = {"shop.example", "10.0.0.7:80", "[fd00::7]"}
    response = await client(sample_token, hosts).get("/graphiql/session", headers={"Host": host})
    assert response.status_code == status


async def test_a_session_cannot_be_read_across_origins() -> None:
    response = await client(sample_token).get("/graphiql/session", headers={"Origin": "https://elsewhere.test"})
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_production_grants_no_session() -> None:
    response = await client(None).get("/graphiql/session")
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"
