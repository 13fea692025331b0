"""The sign-in page."""

import asyncio
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import Client, ui

from api.console import texts
from api.console.consoles import Consoles
from api.console.layout import Node, html_lang, language_switch
from api.console.visit import SESSION_COOKIE, home, language_of, local_path
from api.services import Services

_FAULTS = {"wrong": texts.WRONG_PASSWORD, "busy": texts.TOO_MANY_TRIES, "ended": texts.SIGNED_OUT}


def add(services: Services, _consoles: Consoles) -> None:
    """Add the page."""

    @ui.page("/login")
    async def login(request: Request, client: Client, fault: str = "") -> RedirectResponse | None:
        token = request.cookies.get(SESSION_COOKIE, "")
        person = await asyncio.to_thread(services.people.by_session, token) if token else None
        if person is not None:
            return RedirectResponse(home(person), 303)
        language = language_of(services, request, None)
        wanted = local_path(request.query_params.get("next", ""))
        client.title = f"{texts.BRAND.of(language)} · {texts.SIGN_IN.of(language)}"
        ui.run_javascript(f"document.documentElement.lang = '{html_lang(language)}'")
        with Node("div", classes="gate"), Node("div", classes="gate-col"):
            with Node("form", method="post", action="/login"):
                _heading(language)
                if fault in _FAULTS:
                    Node("div", _FAULTS[fault].of(language), "fault-line", role="alert")
                _field(texts.NAME.of(language), "name", "text", "username")
                _field(texts.PASSWORD.of(language), "password", "password", "current-password")
                Node("input", type="hidden", name="wanted", value=wanted)
                Node("button", texts.SIGN_IN.of(language), "btn btn-main", type="submit", data_test="sign-in")
            with Node("div", classes="lang"):
                language_switch(language, "/login" + (f"?next={quote(wanted)}" if wanted else ""))
        return None


def _heading(language: str) -> None:
    with Node("div"):
        with Node("div", classes="brand"):
            Node("span", classes="brand-mark", aria_hidden="true")
            Node("h1", texts.BRAND.of(language), "brand")
        Node("p", texts.TAGLINE.of(language), "muted")


def _field(label: str, name: str, kind: str, autocomplete: str) -> None:
    with Node("label", classes="field"):
        Node("span", label)
        Node(
            "input",
            name=name,
            type=kind,
            autocomplete=autocomplete,
            autocapitalize="none",
            spellcheck="false",
            required=True,
        )
