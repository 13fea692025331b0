"""Puts the console into the API's app: pages, form posts, styles and sounds."""

import hashlib
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui

from api.accounts import singlesignon
from api.console import (
    account_detail,
    account_page,
    account_posts,
    accounts_page,
    alert_page,
    alerts_page,
    audit_page,
    facilities_page,
    facility_page,
    login_page,
    nonces,
    own_page,
    own_posts,
    places_page,
    recovery_page,
    rule_page,
    rules_page,
    texts,
)
from api.console.consoles import Consoles
from api.console.guard import Unframed
from api.console.handover import Handover
from api.console.imports import detail as import_detail
from api.console.imports import page as imports_page
from api.console.layout import FAVICON, STYLE_PATH, html_lang
from api.console.opening import Pages
from api.console.persons import home_page, person_page
from api.console.persons import page as persons_page
from api.console.registry import device_page, phonebook_page, plan_page, queue_page, tree_page
from api.console.session import add_routes
from api.console.sounds import tone
from api.console.visit import language_of
from api.console.webhooks import detail as webhook_detail
from api.console.webhooks import page as webhooks_page
from api.services import Services
from linli.i18n import Text
from linli.model import Severity

_PAGES = (
    account_page,
    accounts_page,
    account_detail,
    alerts_page,
    alert_page,
    facilities_page,
    facility_page,
    places_page,
    rules_page,
    rule_page,
    queue_page,
    phonebook_page,
    tree_page,
    device_page,
    plan_page,
    persons_page,
    home_page,
    person_page,
    imports_page,
    import_detail,
    webhooks_page,
    webhook_detail,
    audit_page,
    own_page,
)
STATIC = Path(__file__).parent / "static"
_FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}


def mount(app: FastAPI, services: Services) -> None:
    """Add the console to `app`: everything that no route of `app` takes by now becomes NiceGUI's.

    So it comes last. NiceGUI is one for a process: mount once. Nothing of NiceGUI's own storage is used, so it has no
    secret and keeps no files.
    """
    consoles = Consoles(services)
    handover = Handover(services.clock)
    add_routes(app, services, consoles, handover)
    account_posts.add_routes(app, services, handover)
    own_posts.add_routes(app, services)
    singlesignon.install(app, services)
    _add_files(app)
    _add_error_pages(services)
    pages = Pages(services, consoles)
    for page in _PAGES:
        page.add(pages)
    login_page.add(services)
    recovery_page.add(services, handover)
    nicegui_app.add_middleware(Unframed)
    nonces.install()
    nicegui_app.on_startup(consoles.start)
    nicegui_app.on_shutdown(consoles.stop)
    style = (STATIC / "console.css").read_bytes()
    ui.add_head_html(
        f'<link rel="stylesheet" href="{STYLE_PATH}?{hashlib.sha256(style).hexdigest()[:12]}">', shared=True
    )
    ui.run_with(
        app,
        title=texts.BRAND.of(services.settings.language),
        favicon=FAVICON,
        dark=None,
        tailwind=False,
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )


def _add_files(app: FastAPI) -> None:
    @app.get(STYLE_PATH, include_in_schema=False)
    async def style() -> FileResponse:
        return FileResponse(STATIC / "console.css", headers=_FOR_A_DAY)

    @app.get("/console/sounds/{severity}.wav", include_in_schema=False)
    async def sound(severity: Severity) -> Response:
        return Response(tone(severity), media_type="audio/wav", headers=_FOR_A_DAY)


def _add_error_pages(services: Services) -> None:
    """Our own pages for what is not there and for what failed, in the reader's language, without NiceGUI's."""

    def answer(request: Request, status: int, text: Text) -> HTMLResponse:
        language = language_of(services, request, None)
        return HTMLResponse(
            f'<!doctype html><html lang="{html_lang(language)}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{texts.BRAND.of(language)}</title>"
            f'<link rel="stylesheet" href="{STYLE_PATH}"><body><div class="gate"><div class="panel stack">'
            f'<h1>{text.of(language)}</h1><a class="btn" href="/">{texts.HOME.of(language)}</a></div></div>',
            status,
        )

    @nicegui_app.exception_handler(404)
    async def not_found(request: Request, _error: Exception) -> Response:
        return answer(request, 404, texts.NO_SUCH_PAGE)

    @nicegui_app.exception_handler(500)
    async def failed(request: Request, _error: Exception) -> Response:
        return answer(request, 500, texts.SERVER_FAILED)
