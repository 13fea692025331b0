"""Recovery codes, shown once, after the post that made them."""

import asyncio

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import Client, ui

from api.console import account_texts, texts
from api.console.handover import Handover
from api.console.layout import Node, html_lang
from api.console.session import RECOVERY_PATH
from api.console.visit import home, language_of
from api.http.session_cookie import session_token
from api.services import Services


def add(services: Services, handover: Handover) -> None:
    """Add the page."""

    @ui.page(RECOVERY_PATH)
    async def recovery(request: Request, client: Client) -> RedirectResponse | None:
        token = session_token(request)
        person = await asyncio.to_thread(services.people.by_session, token) if token else None
        if person is None:
            return RedirectResponse("/login", 303)
        shown = handover.get(token)
        if shown is None:
            return RedirectResponse(home(person), 303)
        language = language_of(services, request, person)
        client.title = f"{texts.BRAND.of(language)} · {account_texts.RECOVERY_TITLE.of(language)}"
        ui.run_javascript(f"document.documentElement.lang = '{html_lang(language)}'")
        with (
            Node("div", classes="gate"),
            Node("div", classes="gate-col"),
            Node("form", method="post", action=RECOVERY_PATH),
        ):
            Node("h1", account_texts.RECOVERY_TITLE.of(language))
            Node("p", account_texts.RECOVERY_HELP.of(language), "muted")
            with Node("ul", classes="codes", data_test="codes"):
                for code in shown.codes:
                    with Node("li"):
                        Node("code", code)
            Node("button", account_texts.KEPT_THEM.of(language), "btn btn-main", type="submit", data_test="kept")
        return None
