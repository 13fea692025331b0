"""What every answer tells the browser."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nicegui import client
from starlette.datastructures import MutableHeaders

from api.app import _Guarded
from api.console.nonces import own_style, with_nonces
from api.http.gate import RequestCounts
from api.http.headers import API_POLICY, HSTS, harden, page_policy
from api.http.problems import install


def _directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split("; "))}


def _hardened(path: str, scheme: str = "http") -> MutableHeaders:
    headers = MutableHeaders()
    harden(headers, {"type": "http", "path": path, "scheme": scheme}, "nonce")
    return headers


@pytest.mark.parametrize("policy", [API_POLICY, page_policy("n0nce")])
def test_what_asvs_asks_of_every_policy(policy: str) -> None:
    """ASVS 5.0 V3.4.3 and V3.4.6; and no script that is not ours by address or nonce."""
    said = _directives(policy)
    for directive in ("object-src", "base-uri", "frame-ancestors", "default-src"):
        assert said[directive] == ["'none'"]
    assert "'unsafe-inline'" not in policy
    assert "*" not in policy
    assert "http" not in policy


def test_a_page_may_run_what_has_its_nonce() -> None:
    """And Vue's templates, which are compiled in the browser: nothing else that is loosened."""
    said = _directives(page_policy("n0nce"))
    assert said["script-src"] == ["'self'", "'nonce-n0nce'", "'unsafe-eval'"]
    assert said["style-src"] == ["'self'", "'nonce-n0nce'"]


@pytest.mark.parametrize("path", ["/", "/login", "/api/v1/alerts", "/api", "/console/console.css", "/none"])
def test_every_answer_has_them(path: str) -> None:
    """Pages, data and files alike: V3.4.4, V3.4.5."""
    headers = _hardened(path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert ("sandbox" in headers["content-security-policy"]) == path.startswith("/api")


def test_hsts_is_said_under_tls_alone() -> None:
    """For a year and every subdomain (V3.4.1); over plain HTTP browsers ignore it, and so does who tries Linli out."""
    assert _hardened("/", "https")["strict-transport-security"] == HSTS
    assert "strict-transport-security" not in _hardened("/")


def test_even_an_answer_to_an_unexpected_error_has_them() -> None:
    """It is made outside of every middleware that is added."""
    counts = RequestCounts()
    app = _Guarded(counts)
    install(app, "en")

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("a secret of the inside")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://linli") as browser:
            return await browser.get("/api/v1/broken")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == API_POLICY
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert counts.all() == {("GET", 500): 1}


def test_every_script_of_nicegui_gets_the_nonce() -> None:
    """An update of NiceGUI that writes one which we do not see shows here, not as a console that stays white."""
    source, _, _ = client.templates.env.loader.get_source(client.templates.env, "index.html")  # type: ignore[union-attr]
    made = with_nonces(source)
    for tag in ("<script", "<style"):
        assert made.count(tag) == made.count(f'{tag} nonce="{{{{ request.state.csp_nonce }}}}"') > 0
    assert 'style="' not in made
    assert "own_style(request.state.csp_nonce)" in made
    assert with_nonces(made) == made


@given(st.text())
def test_nothing_that_stands_in_a_page_gets_one(text: str) -> None:
    """Only the style block that NiceGUI begins the body with does."""
    rest = f"</style>{text}<style>x</style><script>x</script>"
    assert own_style(f"<style>{rest}", "n") == f'<style nonce="n">{rest}'
    assert own_style(f" {rest}", "n") == f" {rest}"
